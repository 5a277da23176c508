from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.exports.export import export
from inklings.labels.files import read_mask
from inklings.labels.kinds import MaskLabel
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance

ONE, TWO = np.zeros((6, 8), np.uint8), np.zeros((6, 8), np.uint8)
ONE[1:4, 1:5], TWO[2:6, 3:7] = 180, 220


def predicted(root: Path, apart: bool) -> Path:
    """Two classes, and the image that they were predicted of; ``apart`` they share no pixel."""
    (root / "images").mkdir()
    Image.fromarray(np.full((6, 8, 3), 90, np.uint8)).save(root / "images" / "a.png")
    folder = root / "predictions"
    Head(("gland", "tumour 3"), (0.5, 0.5), Provenance("run", "0" * 64, None, "0")).write(folder)
    dense = np.stack([ONE * (TWO == 0) if apart else ONE, TWO])
    DensePrediction("a", root / "images" / "a.png", dense).write(folder)
    return folder


@pytest.mark.parametrize(
    ("order", "shared"), [("probable", 2), ("gland,tumour 3", 1), ("tumour 3, gland", 2)]
)
def test_where_classes_overlap_the_order_that_was_said_decides(
    tmp_path: Path, order: str, shared: int
) -> None:
    out = export(predicted(tmp_path, False), "masks", tmp_path / "out", options={"order": order})
    made = np.asarray(Image.open(out.path / "a.png"))
    wanted = np.where(TWO > 0, 2, np.where(ONE > 0, 1, 0))
    wanted[(ONE > 0) & (TWO > 0)] = shared
    np.testing.assert_array_equal(made, wanted)


def test_overlaps_without_an_order_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    folder = predicted(tmp_path, False)
    with pytest.raises(DataError, match=r"\(gland, tumour 3\) in 4 pixels; say which counts"):
        export(folder, "masks", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(SpecError, match="all of gland, tumour 3"):
        export(folder, "masks", tmp_path / "out", options={"order": "gland"})


def test_the_folder_is_imported_as_it_is_and_gives_the_same_classes(tmp_path: Path) -> None:
    out = export(predicted(tmp_path, True), "masks", tmp_path / "next")
    words = ["import", "folder", "--images", str(tmp_path / "images"), "--masks", str(out.path)]
    result = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "cohort")])
    assert result.exit_code == 0, result.output
    assert "taken: 0=background,1=gland,2=tumour 3" in result.output
    cohort = Cohort.read(tmp_path / "cohort")
    assert cohort.classes == ("gland", "tumour 3")
    (label,) = cohort.cases[0].labels
    assert isinstance(label, MaskLabel)
    np.testing.assert_array_equal(read_mask(label.path), np.asarray(Image.open(out.path / "a.png")))
