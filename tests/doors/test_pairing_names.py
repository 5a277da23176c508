"""Names as other programs and systems give them: pairs, endings, brackets, alphabets."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.datasets.pairing import pairs
from inklings.errors import DataError, SpecError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def paired(
    root: Path, images: str, masks: str, *templates: str
) -> dict[str, tuple[str, str | None]]:
    rule = (templates[0], templates[1]) if templates else None
    found = pairs(str(root / images), str(root / masks), templates=rule)
    return {p.id: (p.image.name, p.mask.name if p.mask else None) for p in found}


TEMPLATES = [
    ("{name}_0000", "{name}_cp_masks", "a_0000.png", "a_cp_masks.png"),
    ("{name}", "{name}_cp_masks", "a.png", "a_cp_masks.tif"),
    ("{name}", "{name}.labels", "a.tif", "a.labels.tif"),
    ("im_{name}", "lab_{name}", "im_a.png", "lab_a.png"),
    ("{name}-image", "{name}-labelled", "a-image.jpg", "a-labelled.png"),
    ("{name} (raw)", "{name} [mask]", "a (raw).png", "a [mask].png"),
    ("{name}", "{name}_cp_masks", "a.ome.tif", "a_cp_masks.ome.tif"),
]


@pytest.mark.parametrize(("image", "mask", "first", "second"), TEMPLATES)
@pytest.mark.parametrize("apart", [True, False])
def test_pairs_can_be_given(
    tmp_path: Path, image: str, mask: str, first: str, second: str, apart: bool
) -> None:
    where = "m" if apart else "i"
    touch(tmp_path, f"i/{first}", f"{where}/{second}")
    assert paired(tmp_path, "i/*", f"{where}/*", image, mask) == {"a": (first, second)}


@pytest.mark.parametrize("template", ["x", "{name}{name}", "*_mask"])
def test_a_template_without_one_name_says_how_to_write_it(tmp_path: Path, template: str) -> None:
    touch(tmp_path, "i/a.png", "m/a.png")
    with pytest.raises(SpecError, match=r"--pair: expected names like '\{name\}_0000'"):
        paired(tmp_path, "i/*", "m/*", template, "{name}")


def test_names_that_do_not_fit_the_template_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "i/a_0000.png", "i/other.png", "m/a.png")
    with pytest.raises(DataError, match=r"other\.png: its name does not match the --pair"):
        paired(tmp_path, "i/*", "m/*", "{name}_0000", "{name}")


def test_two_images_of_one_mask_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "i/a_image.png", "i/a.png", "m/a.png")
    with pytest.raises(DataError, match=r"several images are called 'a' \(a.png, a_image.png\)"):
        paired(tmp_path, "i/*", "m/*")


@pytest.mark.parametrize("ending", [".PNG", ".Png", ".TIF", ".Tiff", ".JPG", ".JPEG", ".BMP"])
def test_endings_in_any_case(tmp_path: Path, ending: str) -> None:
    touch(tmp_path, f"i/a{ending}", f"i/b{ending.lower()}", "m/a_mask.PNG", "m/b_mask.png")
    wanted = {"a": (f"a{ending}", "a_mask.PNG"), "b": (f"b{ending.lower()}", "b_mask.png")}
    assert paired(tmp_path, f"i/*{ending.lower()}", "m/*.png") == wanted
    assert paired(tmp_path, "i", "m") == wanted


@pytest.mark.parametrize("name", ["Study [1]", "a[b]c", "what?", "star*", "[!x]", "[]"])
@pytest.mark.parametrize("how", ["{}", "{}/*.png", "{}/*", "{}/**/*.png"])
def test_brackets_in_names_of_folders_are_brackets(tmp_path: Path, name: str, how: str) -> None:
    touch(tmp_path, f"{name}/i/a.png", f"{name}/m/a.png", "Study 1/i/b.png", "b/i/c.png")
    images, masks = (how.format(f"{name}/{part}") for part in "im")
    assert paired(tmp_path, images, masks) == {"a": ("a.png", "a.png")}


@pytest.mark.parametrize(
    "name",
    [".a.png", "._b.png", ".b.png.part", "b.png.part", "~b.png", "b.png~", "Thumbs.db",
     ".DS_Store", "b.PNG.crdownload", "__MACOSX/._b.png", ".cache/b.png", "desktop.ini"],
)  # fmt: skip
def test_hidden_and_temporary_files_are_no_data(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "i/a.png", "m/a.png", f"i/{name}", f"m/{name}")
    for way in ("i", "i/*", "i/**/*"):
        assert paired(tmp_path, way, way.replace("i", "m", 1)) == {"a": ("a.png", "a.png")}


NAMES = {
    "Präparat 3": "Präparat_3", "患者一": "患者一", "образец": "образец", "δείγμα-2": "δείγμα-2",
    "échantillon": "échantillon", "عينة": "عينة", "a&b": "a_b", "#1": "_1",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_letters_of_every_alphabet_stay(tmp_path: Path, name: str, form: str) -> None:
    image = unicodedata.normalize(form, name)
    mask = unicodedata.normalize("NFD" if form == "NFC" else "NFC", name)
    touch(tmp_path, f"i/{image}.png", f"m/{mask}_mask.png")
    (found,) = pairs(str(tmp_path / "i"), str(tmp_path / "m"))
    assert found.id == NAMES[name]
    assert found.mask is not None


def test_an_import_with_pairs_brackets_and_alphabets_works_to_the_end(tmp_path: Path) -> None:
    root = tmp_path / "Färbung [1]"
    grey = np.arange(96, dtype=np.uint8).reshape(8, 12)
    (root / "all").mkdir(parents=True)
    for name in ("Probe ä", "患者"):
        Pillow.fromarray(grey).save(root / "all" / f"{name}_0000.PNG")
        Pillow.fromarray((grey > 50) * np.uint8(1)).save(root / "all" / f"{name}_cp_masks.png")
    (root / "all" / "._Probe ä_0000.PNG").write_bytes(b"x")
    out = tmp_path / "out"
    arguments = ["import", "folder", "--images", str(root / "all" / "*.png"), "--masks",
                 str(root / "all" / "*_cp_masks.png"), "--pair", "{name}_0000", "{name}_cp_masks",
                 "--instances", "--out", str(out)]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert [case.id for case in Cohort.read(out)] == ["Probe_ä", "患者"]
    assert all(case.labels for case in Cohort.read(out))
    assert CliRunner().invoke(app, ["check", str(out)]).exit_code == 0
    shown = CliRunner().invoke(app, ["show", str(out)])
    assert shown.exit_code == 0, shown.output
