"""What of a file is meant can be said to every command that opens files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.inference.items import gather

RNG = np.random.default_rng(0)


def show(path: Path, *options: str) -> tuple[int, str]:
    out = path.with_name("shown.png")
    result = CliRunner().invoke(app, ["show", str(path), "--out", str(out), *options])
    assert "unexpected" not in result.output
    return result.exit_code, result.output


FILES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "time": ((3, 24, 32), {"imagej": True, "metadata": {"axes": "TYX"}}),
    "depth": ((3, 24, 32), {"metadata": {"axes": "ZYX"}}),
    "pages": ((3, 24, 32), {"metadata": None}),
    "ome": ((3, 24, 32), {"ome": True, "metadata": {"axes": "TYX"}}),
}


@pytest.mark.parametrize("kind", FILES)
def test_show_names_what_has_to_be_chosen_and_takes_it(tmp_path: Path, kind: str) -> None:
    shape, said = FILES[kind]
    path = tmp_path / "a.tif"
    array = RNG.integers(0, 4000, shape).astype(np.uint16)
    tifffile.imwrite(path, array, photometric="minisblack", **said)
    code, text = show(path)
    assert code == 2
    assert len(text.strip().splitlines()) == 1
    assert "--page 0 to --page 2" in text
    code, text = show(path, "--page", "1")
    assert code == 0
    assert f"mean {array[1].mean():.4g}" in text
    code, text = show(path, "--project", "max")
    assert code == 0
    assert f"mean {array.max(0).mean():.4g}" in text
    assert show(path, "--page", "7")[0] == 2
    assert show(path, "--project", "median")[0] == 2


def test_show_takes_scenes_and_channels(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    arrays = [RNG.integers(0, 4000, (2, 24, 32)).astype(np.uint16) for _ in range(2)]
    with tifffile.TiffWriter(path, ome=True) as file:
        for name, array in zip(("left", "right"), arrays, strict=True):
            head = {"axes": "CYX", "Name": name, "Channel": {"Name": ["DAPI", "GFP"]}}
            file.write(array, photometric="minisblack", metadata=head)
    code, text = show(path)
    assert code == 2
    assert "--scene 0 to --scene 1" in text
    code, text = show(path, "--scene", "right", "--channel", "GFP")
    assert code == 0
    assert "channels: GFP" in text


def test_show_tells_what_was_turned_and_what_a_mask_in_jpeg_needs(tmp_path: Path) -> None:
    marked = np.zeros((40, 60), np.uint8)
    marked[10:30, 20:50] = 255
    exif = Pillow.Exif()
    exif[274] = 6
    Pillow.fromarray(marked).save(tmp_path / "a.jpg", exif=exif)
    code, text = show(tmp_path / "a.jpg")
    assert code == 0
    assert "orientation 6" in text
    assert "--threshold 128" in text
    assert "size: 60 x 40 samples" in text


def test_show_tells_a_size_of_pixels_that_is_not_believed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 9), np.uint8), resolution=(72, 72),
                     resolutionunit="inch")  # fmt: skip
    code, text = show(tmp_path / "a.tif")
    assert code == 0
    assert "72 dpi" in text


def test_predict_opens_what_was_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    array = RNG.integers(0, 4000, (3, 24, 32)).astype(np.uint16)
    tifffile.imwrite(path, array, imagej=True, metadata={"axes": "TYX"})
    (item,) = gather([path], choice="page=2")
    with item.open() as image:
        np.testing.assert_array_equal(image.read(image.geometry.full)[0], array[2])
    Cohort("c", (Case("a", "a", {"image": path}, ()),), ("x",)).write(tmp_path)
    with pytest.raises(SpecError, match="leave the option out"):
        gather([tmp_path], choice="page=2")
    helped = CliRunner().invoke(app, ["predict", "--help"], env={"COLUMNS": "200"}).output
    for option in ("--page", "--channel", "--scene", "--project"):
        assert option in helped
