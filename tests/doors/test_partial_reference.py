"""A reference that speaks of some samples: scored there, the share is said, it has no size."""

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import LabelError
from inklings.evaluation.evaluate import evaluate, score
from inklings.evaluation.family import Settings
from inklings.evaluation.metric import Options
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.evaluation.scores import Scores
from inklings.labels.kinds import Extent, MaskLabel
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance
from inklings.readers import open_image
from inklings.reports.run import judged_lines

SIDE = 8
WHOLE = ("volume_ml", "reference_ml", "assd", "hd95", "nsd", "ravd", "chaos_assd", "chaos_mssd")


def strokes() -> NDArray[np.uint8]:
    """Of 512 samples 4 are organ, 12 background; the others are not annotated."""
    codes = np.full((SIDE,) * 3, 255, np.uint8)
    codes[4, 4, 2:6] = 1
    codes[1, 1, :] = 0
    codes[6, 6, :4] = 0
    return codes


def said() -> NDArray[np.bool_]:
    """Three of the four samples, one of the background, and 64 where nobody drew."""
    mask = np.zeros((SIDE,) * 3, bool)
    mask[4, 4, 2:5] = True
    mask[1, 1, 0] = True
    mask[3] = True
    return mask


def pair(case: str, known: NDArray[np.bool_] | None) -> Pair:
    reference = strokes() == 1
    return Pair(
        case, case, Segmentation.of(said()), Segmentation.of(reference), known, (2.0, 1.0, 1.0)
    )


def test_only_what_is_annotated_counts() -> None:
    table = score([pair("a", strokes() < 255)], options=Options(unit="mm"))
    # TP 3, FP 1, FN 1, TN 11; the 64 samples of a plane that nobody drew on are not counted.
    assert table["dice"].value == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert table["iou_pooled"].value == pytest.approx(3 / 5)
    assert table["precision"].value == pytest.approx(3 / 4)
    assert table["specificity"].value == pytest.approx(11 / 12)


@pytest.mark.parametrize("metric", WHOLE)
def test_what_needs_the_whole_is_not_given(metric: str) -> None:
    options = Options(unit="mm")
    whole = score([pair("a", None)], [metric], options=options)
    assert metric in whole
    assert metric not in score([pair("a", strokes() < 255)], [metric], options=options)
    both = score([pair("a", None), pair("b", strokes() < 255)], [metric], options=options)
    assert both[metric].n == 1
    assert both[metric].value == pytest.approx(whole[metric].value)


def test_the_share_that_is_judged_is_said_in_words_and_in_numbers(tmp_path: Path) -> None:
    table = score([pair("a", strokes() < 255), pair("b", None)])
    assert table.head["judged"] == {"partial_cases": 1, "share": 16 / 512}
    line = "partial reference in 1 of 2 cases: 3.12% of their samples are judged"
    assert line in table.text()
    assert judged_lines(table.head)[0].startswith(line)
    assert all(record["judged"]["share"] == 16 / 512 for record in table.records())
    table.write(tmp_path)
    rows = list(csv.DictReader((tmp_path / "cases.csv").open()))
    assert [float(row["judged"]) for row in rows] == [16 / 512, 1]
    assert Scores.read(tmp_path).head["judged"]["partial_cases"] == 1


def test_a_whole_reference_says_nothing_of_shares() -> None:
    table = score([pair("a", None), pair("b", np.ones((SIDE,) * 3, bool))])
    assert "judged" not in table.head
    assert "partial reference" not in table.text()
    assert "judged" not in table.cases[0]


def volumes(root: Path, extent: Extent) -> tuple[Path, Path]:
    """A cohort of one volume with strokes, and its prediction."""
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    image = np.random.default_rng(0).normal(size=(SIDE,) * 3).astype(np.float32)
    nib.save(nib.Nifti1Image(image.transpose(2, 1, 0), affine), root / "a.nii.gz")
    nib.save(nib.Nifti1Image(strokes().transpose(2, 1, 0), affine), root / "a_mask.nii.gz")
    label = MaskLabel(root / "a_mask.nii.gz", "image", "classes", ("organ",), extent)
    case = Case("a", "a", {"image": root / "a.nii.gz"}, (label,))
    Cohort("strokes", (case,), ("organ",)).write(root / "cohort")
    Head(("organ",), (0.5,), Provenance("r", "", None, "0")).write(root / "said")
    with open_image(root / "a.nii.gz") as opened:
        grid = opened.geometry
    dense = said().astype(np.uint8)[None] * 255
    DensePrediction("a", root / "a.nii.gz", dense, None, grid).write(root / "said")
    return root / "said", root / "cohort"


def test_the_command_says_the_share_and_no_volume(tmp_path: Path) -> None:
    predictions, cohort = volumes(tmp_path, "partial")
    done = CliRunner().invoke(app, ["evaluate", str(predictions), "--cohort", str(cohort)])
    assert done.exit_code == 0, done.output
    assert "partial reference in 1 of 1 cases: 3.12% of their samples are judged" in done.output
    assert "Dice" in done.output
    assert " ml" not in done.output
    assert "Hausdorff" not in done.output
    asked = ["evaluate", str(predictions), "--cohort", str(cohort), "--json", "--quiet"]
    rows = json.loads(CliRunner().invoke(app, asked).stdout)
    assert {row["judged"]["share"] for row in rows} == {16 / 512}
    assert not set(WHOLE) & {row["metric"] for row in rows}


def test_positives_alone_are_no_reference(tmp_path: Path) -> None:
    predictions, cohort = volumes(tmp_path, "positives")
    codes = np.where(strokes() == 1, 1, 0).astype(np.uint8)
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    nib.save(nib.Nifti1Image(codes.transpose(2, 1, 0), affine), tmp_path / "a_mask.nii.gz")
    with pytest.raises(LabelError, match="labels that never say where nothing is"):
        evaluate(predictions, cohort, Settings(split="all"))


def test_check_says_which_share_is_annotated(tmp_path: Path) -> None:
    _, cohort = volumes(tmp_path, "partial")
    done = CliRunner().invoke(app, ["check", str(cohort)])
    assert "a_mask.nii.gz: 3.12% of the samples are annotated" in done.output
