"""Slides as scanners write them: levels, spacing and pixels are those of the written arrays."""

from pathlib import Path

import fuzz
import numpy as np
import openslide
import pytest
from PIL import Image as Pillow
from slide_files import described, dicom_level, dicom_slide, leica, philips, picture, tiled
from typer.testing import CliRunner

from inklings.cli import app
from inklings.errors import ReaderError, SpecError
from inklings.geometry import Region
from inklings.inference.items import gather
from inklings.readers import open_image
from inklings.readers.openslide import OpenSlideLevels
from inklings.readers.pyramid import Pyramid

SHARED = Path(__file__).parents[2] / ".." / "shared" / "cases"
PIXELS = picture(192, 256)
UID = "1.2.826.0.1.3680043.8.498.1"


def opened(path: Path, choice: str | None = None) -> Pyramid:
    image = open_image(path, choice=choice)
    assert isinstance(image, Pyramid)
    return image


def whole(image: Pyramid) -> np.ndarray:
    return np.moveaxis(image.read(image.geometry.full), 0, -1)


@pytest.mark.parametrize("names", ["{}.dcm", "{}", "IM_{}.DCM"])
@pytest.mark.parametrize("shape", [(192, 256), (120, 160), (33, 47)])
def test_a_folder_of_a_dicom_slide_is_the_slide(
    tmp_path: Path, names: str, shape: tuple[int, int]
) -> None:
    pixels = picture(*shape)
    folder = dicom_slide(tmp_path / "slide", pixels, UID, names=names)
    image = opened(folder)
    assert image.geometry.shape == shape
    assert image.geometry.spacing == pytest.approx((0.0005, 0.0005))
    assert len(image.levels.shapes) == 2
    np.testing.assert_array_equal(whole(image), pixels)


@pytest.mark.parametrize("name", ["a.dcm", "b.dcm", "c.dcm", "d.dcm"])
def test_any_file_of_a_dicom_slide_opens_all_of_it(tmp_path: Path, name: str) -> None:
    image = opened(dicom_slide(tmp_path, PIXELS, UID) / name)
    assert image.downsamples == (1.0, 2.0)
    np.testing.assert_array_equal(whole(image), PIXELS)


def test_two_dicom_slides_in_one_folder_are_told_apart_by_series(tmp_path: Path) -> None:
    dicom_slide(tmp_path, PIXELS, UID + ".1", names="x{}.dcm")
    dicom_slide(tmp_path, 255 - PIXELS, UID + ".2", names="y{}.dcm")
    with pytest.raises(ReaderError, match=r"expected one slide, got 2: xb.dcm .*; yb.dcm"):
        open_image(tmp_path)
    for choice in (UID + ".2", "series=yb"):
        np.testing.assert_array_equal(whole(opened(tmp_path, choice)), 255 - PIXELS)
    np.testing.assert_array_equal(whole(opened(tmp_path / "xa.dcm")), PIXELS)


def test_a_choice_that_a_slide_does_not_have_is_refused(tmp_path: Path) -> None:
    folder = dicom_slide(tmp_path, PIXELS, UID)
    with pytest.raises(SpecError, match="has no page"):
        open_image(folder, choice="page=2")


def test_a_dicom_slide_without_its_finest_level_says_so(tmp_path: Path) -> None:
    (dicom_slide(tmp_path, PIXELS, UID) / "b.dcm").unlink()
    image = opened(tmp_path)
    assert image.geometry.shape == (96, 128)
    assert [note.kind for note in image.notes] == ["levels"]
    assert image.geometry.spacing == pytest.approx((0.001, 0.001))


def test_a_label_alone_is_no_slide(tmp_path: Path) -> None:
    dicom_level(tmp_path / "c.dcm", PIXELS[:32, :32], UID, ("ORIGINAL", "PRIMARY", "LABEL", "NONE"))
    with pytest.raises(ReaderError, match="only labels and overviews"):
        open_image(tmp_path)
    with pytest.raises(ReaderError, match="cannot open this slide"):
        open_image(tmp_path / "c.dcm")


@pytest.mark.parametrize("name", ["a.tiff", "a.tif", "a.svs"])
def test_philips_goes_through_openslide_with_its_levels_and_its_missing_tiles(
    tmp_path: Path, name: str
) -> None:
    path = philips(tmp_path / name, [PIXELS, PIXELS[::2, ::2]], missing=5)
    assert openslide.OpenSlide.detect_format(path) == "philips"
    image = opened(path)
    assert isinstance(image.levels, OpenSlideLevels)
    assert image.downsamples == (1.0, 2.0)
    assert image.geometry.spacing == pytest.approx((0.00025, 0.00025))
    found = whole(image)
    assert (found[64:128, 64:128] == 255).all()  # the tile that is not stored
    there = np.ones(PIXELS.shape[:2], bool)
    there[64:128, 64:128] = False
    assert np.abs(found[there].astype(int) - PIXELS[there]).mean() < 2


def test_leica_lies_on_its_glass_and_notes_where_the_scan_begins(tmp_path: Path) -> None:
    path = leica(tmp_path / "a.scn", PIXELS, corner=(300, 500), glass=(1024, 2048))
    image = opened(path)
    assert isinstance(image.levels, OpenSlideLevels)
    assert image.geometry.shape == (1024, 2048)
    assert image.corner == (300, 500)
    assert [note.kind for note in image.notes] == ["bounds"]
    assert "(500, 300)" in image.notes[0].text
    found = np.moveaxis(image.read(Region((300, 500), PIXELS.shape[:2])), 0, -1)
    np.testing.assert_array_equal(found, PIXELS)


@pytest.mark.parametrize("suffix", [".ndpi", ".svs", ".scn", ".bif", ".tif", ".TIFF"])
def test_a_plain_pyramid_opens_under_any_name(tmp_path: Path, suffix: str) -> None:
    image = opened(tiled(tmp_path / f"a{suffix}", PIXELS))
    np.testing.assert_array_equal(whole(image), PIXELS)


def test_a_plain_pyramid_counts_from_its_first_pixel(tmp_path: Path) -> None:
    image = opened(tiled(tmp_path / "a.tif", PIXELS))
    assert not isinstance(image.levels, OpenSlideLevels)
    assert (image.corner, image.notes) == ((0, 0), ())


@pytest.mark.parametrize("name", ["a.mrxs", "a.vms", "a.vmu"])
def test_an_index_without_its_slide_is_no_picture(tmp_path: Path, name: str) -> None:
    Pillow.fromarray(PIXELS).save(tmp_path / name, format="JPEG")  # as mrxs begins
    with pytest.raises(ReaderError, match="only the index of a slide"):
        open_image(tmp_path / name)


def test_the_shared_dicom_slide_has_the_sums_that_openslide_has() -> None:
    folder = SHARED / "c-slide-of-dicom" / "slide"
    if not folder.is_dir():
        pytest.skip("the shared cases are not here")
    for path in (folder, folder / "level1.dcm", folder / "label.dcm"):
        image = opened(path)
        assert image.geometry.shape == (120, 160)
        assert whole(image).sum((0, 1)).tolist() == [2600100, 2700200, 2650000]


def test_a_cut_off_level_is_refused_in_words(tmp_path: Path) -> None:
    folder = dicom_slide(tmp_path / "s", PIXELS, UID)
    data = (folder / "b.dcm").read_bytes()
    (folder / "b.dcm").write_bytes(data[: len(data) // 2])
    with pytest.raises(ReaderError, match=r"cannot (open|decode)"):
        whole(opened(folder))


def test_a_folder_of_dicom_slides_is_predicted_slide_by_slide(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    dicom_slide(one, PIXELS, UID + ".1")
    dicom_slide(two, PIXELS, UID + ".1", names="x{}.dcm")
    dicom_slide(two, PIXELS, UID + ".2", names="y{}.dcm")
    assert [item.case for item in gather([one])] == ["one"]
    assert [item.case for item in gather([two])] == ["xb", "yb"]


def test_show_takes_the_folder_of_a_dicom_slide(tmp_path: Path) -> None:
    folder = dicom_slide(tmp_path / "slide", PIXELS, UID)
    result = CliRunner().invoke(app, ["show", str(folder), "--out", str(tmp_path / "a.png")])
    assert result.exit_code == 0, result.output
    assert "192 x 256 pixels, with levels of 1/2" in result.output


def test_the_command_takes_what_it_promises(tmp_path: Path) -> None:
    leica(tmp_path / "a.scn", PIXELS, corner=(300, 500), glass=(1024, 2048))
    Pillow.fromarray(np.zeros((1024, 2048), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "a.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    words = [
        "import", "slides", "--images", str(tmp_path / "*.scn"), "--out", str(tmp_path / "c"),
        "--annotations", str(tmp_path / "*.geojson"), "--origin", "slide", "--names", "T=tumour",
        "--masks", str(tmp_path / "*.png"), "--values", "0=background,255=tumour,9=ignore",
        "--spacing-um", "0.3",
    ]  # fmt: skip
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "spacing disagrees" in result.output
    assert "bounds" in result.output
    wrong = CliRunner().invoke(app, [*words[:5], str(tmp_path / "d"), "--masks", "x"])
    assert wrong.exit_code == 2
    assert wrong.output.strip().splitlines()[-1].startswith("inklings: say what the codes")


SCANNED = {
    "plain.tif": lambda path: tiled(path, PIXELS),
    "philips.tiff": lambda path: philips(path, [PIXELS, PIXELS[::2, ::2]]),
    "leica.scn": lambda path: leica(path, PIXELS, corner=(300, 500), glass=(1024, 2048)),
    "level.dcm": lambda path: described(dicom_level(path, PIXELS, UID)),
}


@pytest.mark.parametrize("name", SCANNED)
def test_fuzzed_slides_are_shown_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    SCANNED[name](path)
    fuzz.hold(path, lambda _: fuzz.command("show", path, "--out", tmp_path / "x.png"), tmp_path)
