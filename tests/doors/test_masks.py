"""Masks as other programs write them: their numbers come in whatever they look like, or words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.labels.files import read_mask
from inklings.labels.kinds import MaskLabel
from inklings.readers import open_image

SHARED = Path(__file__).parents[2] / ".." / "shared" / "cases"
SHAPE = (32, 40)
DRAWN = np.zeros(SHAPE, np.uint8)
DRAWN[4:12, 6:20], DRAWN[18:30, 10:16] = 1, 2


def write_image(root: Path, name: str = "f", array: NDArray[Any] | None = None) -> None:
    (root / "images").mkdir(parents=True, exist_ok=True)
    (root / "masks").mkdir(exist_ok=True)
    grey = np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8)
    Pillow.fromarray(grey if array is None else array).save(root / "images" / f"{name}.png")


def run(root: Path, *options: str) -> tuple[int, str]:
    """Exit code, and what was printed, of an import of ``root``."""
    arguments = ["import", "folder", "--images", str(root / "images"), "--masks",
                 str(root / "masks"), *options, "--out", str(root / "out"),
                 "--workers", "1"]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert "unexpected" not in result.output
    return result.exit_code, result.output


def label(root: Path, case: str = "f") -> tuple[MaskLabel, NDArray[Any]]:
    (found,) = next(c for c in Cohort.read(root / "out") if c.id == case).labels
    assert isinstance(found, MaskLabel)
    return found, read_mask(found.path)


def findings(root: Path) -> dict[str, int]:
    record = json.loads((root / "out" / "import_findings.json").read_text())
    return {row["kind"]: row["count"] for row in record["summary"]}


def tiff(**said: Any) -> Callable[[Path, NDArray[Any]], None]:
    def write(path: Path, array: NDArray[Any]) -> None:
        tifffile.imwrite(path.with_suffix(".tif"), array, **said)

    return write


def png_1_bit(path: Path, array: NDArray[Any]) -> None:
    Pillow.fromarray(array > 0).save(path.with_suffix(".png"))


def bmp(path: Path, array: NDArray[Any]) -> None:
    Pillow.fromarray(array.astype(np.uint8)).save(path.with_suffix(".bmp"))


TWO_LEVELS = {
    "bool of tifffile": (tiff(), bool),
    "1 bit, black is zero": (tiff(photometric="minisblack"), bool),
    "white is zero, 8 bits": (tiff(photometric="miniswhite"), np.uint8),
    "white is zero, tiled": (tiff(photometric="miniswhite", tile=(16, 16)), np.uint8),
    "white is zero, 16 bits, big": (tiff(photometric="miniswhite", byteorder=">"), np.uint16),
    "ImageJ": (tiff(imagej=True), np.uint8),
    "float32": (tiff(), np.float32),
    "float64": (tiff(), np.float64),
    "int32 of StarDist": (tiff(compression="zlib"), np.int32),
    "int64": (tiff(), np.int64),
    "1 bit PNG": (png_1_bit, np.uint8),
    "BMP": (bmp, np.uint8),
}  # fmt: skip


@pytest.mark.parametrize("kind", TWO_LEVELS)
def test_the_larger_number_is_what_was_marked(tmp_path: Path, kind: str) -> None:
    write, dtype = TWO_LEVELS[kind]
    write_image(tmp_path)
    marked = DRAWN > 0
    write(tmp_path / "masks" / "f", (marked if dtype is bool else marked * dtype(255)))
    code, said = run(tmp_path, "--yes")
    assert code == 0, said
    assert ((label(tmp_path)[1] > 0) == marked).all()


def voc(path: Path) -> None:
    """Palette indices with 255 as the border, as PASCAL VOC and labelme save them."""
    picture = Pillow.new("P", SHAPE[::-1])
    colours = np.zeros((256, 3), np.uint8)
    colours[[1, 2, 255]] = [128, 0, 0], [0, 128, 0], [224, 224, 192]
    picture.putpalette(colours.ravel().tolist())
    numbers = DRAWN.copy()
    numbers[0] = 255
    picture.putdata(numbers.ravel().tolist())
    picture.save(path)


def test_indices_of_a_palette_stay_and_their_colours_are_shown(tmp_path: Path) -> None:
    write_image(tmp_path)
    voc(tmp_path / "masks" / "f.png")
    code, said = run(tmp_path)
    assert code == 2
    assert [line.split() for line in said.splitlines() if line.split()[:1] == ["255"]] == [
        ["255", "1/1", "40", "3.12%", "#e0e0c0"]
    ]
    code, said = run(tmp_path, "--values", "0=background,1=cat,2=dog,255=ignore")
    assert code == 0, said
    found, mask = label(tmp_path)
    assert found.extent == "partial"
    assert (mask == np.where(np.arange(32)[:, None] == 0, 255, DRAWN)).all()


def test_a_palette_in_a_tiff_keeps_its_numbers(tmp_path: Path) -> None:
    write_image(tmp_path)
    table = np.random.default_rng(0).integers(0, 65536, (3, 256)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "masks" / "f.tif", DRAWN, photometric="palette", colormap=table)
    assert run(tmp_path, "--values", "0=background,1=a,2=b")[0] == 0
    assert (label(tmp_path)[1] == DRAWN).all()


@pytest.mark.parametrize("void", ["255=unlabelled", "255=unlabeled", "255=ignore"])
def test_a_void_value_goes_with_instances(tmp_path: Path, void: str) -> None:
    write_image(tmp_path)
    voc(tmp_path / "masks" / "f.png")
    code, said = run(tmp_path, "--instances", "--values", void)
    assert code == 0, said
    found, mask = label(tmp_path)
    assert (found.kind, found.extent) == ("instances", "partial")
    assert np.unique(mask).tolist() == [0, 1, 2, 65535]
    assert (mask[0] == 65535).all()
    assert next(iter(Cohort.read(tmp_path / "out"))).facts["objects"] == "2"


def test_classes_do_not_go_with_instances(tmp_path: Path) -> None:
    write_image(tmp_path)
    voc(tmp_path / "masks" / "f.png")
    code, said = run(tmp_path, "--instances", "--values", "1=cat")
    assert code == 2
    assert "unlabelled" in said


@pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.int64, np.uint64, np.float64])
@pytest.mark.parametrize("first", [70_001, 2**24 + 5, 2**31 - 9])
def test_large_numbers_are_the_objects_they_are(tmp_path: Path, dtype: Any, first: int) -> None:
    write_image(tmp_path)
    numbers = np.where(DRAWN > 0, DRAWN.astype(np.int64) + first, 0).astype(dtype)
    tifffile.imwrite(tmp_path / "masks" / "f.tif", numbers)
    code, said = run(tmp_path, "--instances")
    assert code == 0, said
    assert (label(tmp_path)[1] == DRAWN).all()


def test_more_objects_than_16_bits_can_number_are_kept(tmp_path: Path) -> None:
    numbers = np.arange(1, 1 + 264 * 264, dtype=np.uint32).reshape(264, 264)
    write_image(tmp_path, array=np.zeros((264, 264), np.uint8))
    tifffile.imwrite(tmp_path / "masks" / "f.tif", numbers)
    assert run(tmp_path, "--instances")[0] == 0
    assert (label(tmp_path)[1] == numbers).all()


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.float32])
def test_numbers_below_0_are_unlabelled_and_told(tmp_path: Path, dtype: Any) -> None:
    write_image(tmp_path)
    numbers = DRAWN.astype(dtype)
    numbers[:2] = -1
    tifffile.imwrite(tmp_path / "masks" / "f.tif", numbers)
    code, said = run(tmp_path, "--instances")
    assert code == 0
    assert "negative numbers" in said
    found, mask = label(tmp_path)
    assert found.extent == "partial"
    assert np.unique(mask).tolist() == [0, 1, 2, 65535]
    assert (mask[:2] == 65535).all()
    assert findings(tmp_path) == {"negative numbers": 80}


def test_a_number_below_0_can_be_named(tmp_path: Path) -> None:
    write_image(tmp_path)
    numbers = DRAWN.astype(np.int16)
    numbers[:2] = -1
    tifffile.imwrite(tmp_path / "masks" / "f.tif", numbers)
    code, said = run(tmp_path, "--values", "0=background,1=a,2=b")
    assert code == 2
    assert "no meaning to -1" in said
    assert run(tmp_path, "--values", "0=background,1=a,2=b,-1=ignore")[0] == 0
    assert (label(tmp_path)[1][:2] == 255).all()


def test_fractions_are_named(tmp_path: Path) -> None:
    write_image(tmp_path)
    numbers = DRAWN.astype(np.float32)
    numbers[0, :3] = 0.25
    tifffile.imwrite(tmp_path / "masks" / "f.tif", numbers)
    code, said = run(tmp_path, "--yes")
    assert code == 2
    assert "0.25 (in 3 samples)" in said
    assert "--threshold" in said
    assert run(tmp_path, "--yes", "--threshold", "0.5")[0] == 0
    assert ((label(tmp_path)[1] > 0) == (DRAWN > 0)).all()


def test_no_number_at_all_is_named(tmp_path: Path) -> None:
    write_image(tmp_path)
    numbers = DRAWN.astype(np.float32)
    numbers[0, 0] = np.nan
    tifffile.imwrite(tmp_path / "masks" / "f.tif", numbers)
    code, said = run(tmp_path, "--yes")
    assert code == 2
    assert "nan (in 1 samples)" in said


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("colour", [False, True])
def test_masks_that_were_compressed_with_loss_are_refused_with_the_threshold(
    tmp_path: Path, suffix: str, colour: bool
) -> None:
    write_image(tmp_path)
    marked = DRAWN > 0
    grey = marked * np.uint8(255)
    array = np.repeat(grey[..., None], 3, -1) if colour else grey
    path = tmp_path / "masks" / f"f{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, array, compression="jpeg", compressionargs={"level": 60},
                         photometric="rgb" if colour else "minisblack", tile=(16, 16))  # fmt: skip
    else:
        Pillow.fromarray(array).save(path, quality=60)
    code, said = run(tmp_path, "--yes")
    assert code == 2
    (word,) = {w for w in said.replace("(", " ").split() if w.isdigit() and 100 < int(w) < 160}
    assert f"--threshold {word}" in said
    code, said = run(tmp_path, "--yes", "--threshold", word)
    assert code == 0, said
    assert np.mean((label(tmp_path)[1] > 0) == marked) > 0.99


def test_one_mask_with_loss_among_others_sets_its_case_aside(tmp_path: Path) -> None:
    for name in "fg":
        write_image(tmp_path, name)
    Pillow.fromarray(DRAWN * np.uint8(127)).save(tmp_path / "masks" / "f.png")
    Pillow.fromarray(DRAWN * np.uint8(127)).save(tmp_path / "masks" / "g.jpg")
    code, _said = run(tmp_path, "--values", "0=background,127=a,254=b")
    assert code == 3
    assert [case.id for case in Cohort.read(tmp_path / "out")] == ["f"]
    assert "threshold" in (tmp_path / "out" / "import_findings.csv").read_text()


def rgba(colours: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    return np.dstack([np.broadcast_to(colours, (*SHAPE, 3)), alpha]).astype(np.uint8)


def test_of_one_colour_the_object_lies_in_the_alpha(tmp_path: Path) -> None:
    write_image(tmp_path)
    alpha = (DRAWN > 0) * np.uint8(255)
    Pillow.fromarray(rgba(np.array([255, 0, 255]), alpha)).save(tmp_path / "masks" / "f.png")
    code, said = run(tmp_path, "--values", "0=background,255=nucleus")
    assert code == 0
    assert "mask in the alpha" in said
    assert ((label(tmp_path)[1] > 0) == (DRAWN > 0)).all()


def test_alpha_beside_colours_is_told_and_dropped(tmp_path: Path) -> None:
    write_image(tmp_path)
    table = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], np.uint8)
    alpha = (DRAWN > 0) * np.uint8(200)
    Pillow.fromarray(rgba(table[DRAWN], alpha)).save(tmp_path / "masks" / "f.png")
    code, _said = run(tmp_path, "--values", "0=background,#ff0000=a,#00ff00=b")
    assert code == 0
    assert findings(tmp_path) == {"alpha": 1}
    assert (label(tmp_path)[1] == DRAWN).all()


def test_alpha_that_hides_a_colour_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path)
    colours = np.where(DRAWN[..., None] == 2, [0, 255, 0], [255, 0, 0])
    alpha = (DRAWN > 0) * np.uint8(255)
    Pillow.fromarray(rgba(colours, alpha)).save(tmp_path / "masks" / "f.png")
    code, said = run(tmp_path, "--values", "#ff0000=a,#00ff00=b")
    assert code == 2
    assert "#ff0000" in said
    assert "alpha" in said


@pytest.mark.parametrize("full", [1, 255])
@pytest.mark.parametrize("said", [{}, {"metadata": None}, {"imagej": True}])
def test_one_page_an_object(tmp_path: Path, full: int, said: dict[str, Any]) -> None:
    write_image(tmp_path)
    pages = np.stack([DRAWN == 1, DRAWN == 2, np.zeros(SHAPE, bool)])
    pages[0, 20:24, 10:16] = True  # over a part of the second
    write_image(tmp_path / "again")
    for root in (tmp_path, tmp_path / "again"):
        tifffile.imwrite(root / "masks" / "f.tif", pages * np.uint8(full), **said,
                         photometric="minisblack")  # fmt: skip
    code, text = run(tmp_path, "--instances")
    assert code == 0, text
    mask = label(tmp_path)[1]
    assert (mask == DRAWN).all()
    assert findings(tmp_path) == {"overlap": 24, "empty mask": 1}
    code, text = run(tmp_path / "again", "--yes")
    assert code == 3
    text = (tmp_path / "again" / "out" / "import_findings.csv").read_text()
    assert "3 pages" in text
    assert "--instances" in text


def test_pages_of_several_numbers_are_no_objects(tmp_path: Path) -> None:
    write_image(tmp_path)
    tifffile.imwrite(tmp_path / "masks" / "f.tif", np.stack([DRAWN, DRAWN]),
                     photometric="minisblack")  # fmt: skip
    code, _said = run(tmp_path, "--instances")
    assert code == 3
    text = (tmp_path / "out" / "import_findings.csv").read_text()
    assert "page 0 of 2 with 2 numbers" in text


@pytest.mark.parametrize("orientation", range(1, 9))
def test_image_and_mask_lie_on_each_other_however_they_are_stored(
    tmp_path: Path, orientation: int
) -> None:
    upright = (DRAWN > 0) * np.uint8(200)
    exif = Pillow.Exif()
    exif[274] = orientation
    turns = {1: lambda a: a, 2: np.fliplr, 3: lambda a: a[::-1, ::-1], 4: np.flipud,
             5: np.transpose, 6: lambda a: np.rot90(a, 1), 7: lambda a: a[::-1, ::-1].T,
             8: lambda a: np.rot90(a, -1)}  # fmt: skip
    lying = np.ascontiguousarray(turns[orientation](upright))
    for name in "fg":
        write_image(tmp_path, name, upright)
    Pillow.fromarray(lying).save(tmp_path / "images" / "f.png", exif=exif)
    Pillow.fromarray(upright).save(tmp_path / "masks" / "f.png")
    tifffile.imwrite(
        tmp_path / "masks" / "g.tif", lying, extratags=[(274, 3, 1, orientation, True)]
    )
    code, said = run(tmp_path, "--values", "0=background,200=a", "--in-place")
    assert code == 0, said
    for name in "fg":
        assert ((label(tmp_path, name)[1] > 0) == (DRAWN > 0)).all()
    assert findings(tmp_path) == ({} if orientation == 1 else {"orientation": 2})


def test_a_mask_of_16_bit_colours_is_read_where_they_are_of_8(tmp_path: Path) -> None:
    write_image(tmp_path)
    table = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], np.uint16)
    path = tmp_path / "masks" / "f.png"
    path.write_bytes(imagecodecs.png_encode(257 * table[DRAWN]))
    assert run(tmp_path, "--values", "0=background,#ff0000=a,#00ff00=b")[0] == 0
    assert (label(tmp_path)[1] == DRAWN).all()


def test_a_stack_and_its_mask_are_a_volume(tmp_path: Path) -> None:
    write_image(tmp_path)
    (tmp_path / "images" / "f.png").unlink()
    stack = np.random.default_rng(0).integers(0, 4000, (3, *SHAPE)).astype(np.uint16)
    numbers = np.stack([DRAWN, 0 * DRAWN, DRAWN[::-1]])
    tifffile.imwrite(tmp_path / "images" / "f.tif", stack, imagej=True, resolution=(2, 2),
                     metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"})  # fmt: skip
    tifffile.imwrite(tmp_path / "masks" / "f.tif", numbers, photometric="minisblack")
    code, said = run(tmp_path, "--instances")
    assert code == 0, said
    assert (label(tmp_path)[1] == numbers).all()
    again = tmp_path / "classes"
    (tmp_path / "images").rename(again.with_name("images2"))
    again.mkdir()
    (tmp_path / "images2").rename(again / "images")
    (tmp_path / "masks").rename(again / "masks")
    code, said = run(again, "--values", "0=background,1=a,2=b")
    assert code == 0, said
    assert (label(again)[1] == numbers).all()
    found = next(iter(Cohort.read(again / "out")))
    with open_image(found.images["image"]) as image:
        assert image.geometry.spacing == pytest.approx((0.002, 0.0005, 0.0005))


def test_a_threshold_tells_no_objects_apart(tmp_path: Path) -> None:
    write_image(tmp_path)
    Pillow.fromarray(DRAWN).save(tmp_path / "masks" / "f.png")
    code, said = run(tmp_path, "--instances", "--threshold", "1")
    assert code == 2
    assert "--threshold" in said


def test_a_page_is_kept_in_the_cohort(tmp_path: Path) -> None:
    write_image(tmp_path)
    (tmp_path / "images" / "f.png").unlink()
    stack = np.random.default_rng(0).integers(0, 4000, (3, *SHAPE)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "images" / "f.tif", stack, imagej=True, metadata={"axes": "TYX"})
    Pillow.fromarray(DRAWN).save(tmp_path / "masks" / "f.png")
    code, said = run(tmp_path, "--instances")
    assert code == 3
    assert "--page 0 to --page 2" in (tmp_path / "out" / "import_findings.csv").read_text()
    assert "--page 0 to --page 2" in said
    out = tmp_path / "again"
    result = CliRunner().invoke(app, [
        "import", "folder", "--images", str(tmp_path / "images"), "--masks",
        str(tmp_path / "masks"), "--instances", "--page", "2", "--out", str(out)])  # fmt: skip
    assert result.exit_code == 0, result.output
    assert dict(next(iter(Cohort.read(out))).choices) == {"image": "page=2"}
    assert CliRunner().invoke(app, ["check", str(out)]).exit_code == 0


def test_a_number_that_is_none_is_filled_in_a_picture_and_told(tmp_path: Path) -> None:
    write_image(tmp_path)
    (tmp_path / "images" / "f.png").unlink()
    grey = np.ones(SHAPE, np.float32)
    grey[3, 4] = np.nan
    tifffile.imwrite(tmp_path / "images" / "f.tif", grey)
    Pillow.fromarray(DRAWN).save(tmp_path / "masks" / "f.png")
    assert run(tmp_path, "--instances")[0] == 0
    assert findings(tmp_path) == {"not finite": 1}


SHARED_CASES = [
    ("a-mask-of-one-page-an-object", ["--instances"], {"f": (9, 735)}),
    ("a-masks-where-white-is-zero", ["--yes"], {"bool": (1, 669), "imagej": (1, 669)}),
    ("a-numbers-of-objects", ["--instances"], {"large": (9, 703), "minus": (9, 681)}),
    ("a-mask-in-the-alpha", ["--values", "0=background,255=nucleus"], {"f": (1, 670)}),
]


@pytest.mark.parametrize(("name", "options", "wanted"), SHARED_CASES)
def test_shared_masks(
    tmp_path: Path, name: str, options: list[str], wanted: dict[str, tuple[int, int]]
) -> None:
    source = SHARED / name
    if not source.is_dir():
        pytest.skip("cases are not in ../shared")
    out = tmp_path / "out"
    arguments = ["import", "folder", "--images", str(source / "images"), "--masks",
                 str(source / "masks"), *options, "--out", str(out)]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    for case, (objects, marked) in wanted.items():
        found, mask = label(tmp_path, case)
        void = np.iinfo(mask.dtype).max if found.extent == "partial" else 0
        numbers = mask[(mask > 0) & (mask != void)]
        assert (len(np.unique(numbers)), numbers.size) == (objects, marked)
        if case == "minus":
            assert np.count_nonzero(mask == void) == 640


def test_shared_lying_photograph(tmp_path: Path) -> None:
    source = SHARED / "a-lying-photograph"
    if not source.is_dir():
        pytest.skip("cases are not in ../shared")
    for options in ([], ["--in-place"]):
        out = tmp_path / f"out{len(options)}"
        arguments = ["import", "folder", "--images", str(source / "images"), "--masks",
                     str(source / "masks"), "--yes", *options, "--out", str(out)]  # fmt: skip
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0
        assert "orientation" in result.output
        (case,) = Cohort.read(out)
        (mask,) = case.labels
        assert isinstance(mask, MaskLabel)
        with open_image(case.images["image"]) as image:
            grey = image.read(image.geometry.full).mean(0)
        marked = read_mask(mask.path) > 0
        assert grey[marked].mean() - grey[~marked].mean() == pytest.approx(153.3, abs=0.05)
        checked = CliRunner().invoke(app, ["check", str(out), "--json"])
        (found,) = json.loads(checked.stdout)["findings"]
        assert (found["kind"], found["severity"], found["repair"]) == ("orientation", "note", "")
