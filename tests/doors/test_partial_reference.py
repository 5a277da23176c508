"""A reference that speaks of some samples: scored there, under names of its own."""

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
from inklings.errors import DataError, SpecError
from inklings.evaluation.evaluate import evaluate, score
from inklings.evaluation.family import Settings
from inklings.evaluation.head_lines import judged_lines
from inklings.evaluation.metric import Options
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.evaluation.scores import Scores
from inklings.labels.kinds import Extent, MaskLabel
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance
from inklings.readers import open_image

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


ANNOTATED = {
    "dice_annotated": 2 * 3 / (2 * 3 + 1 + 1),
    "precision_annotated": 3 / 4,
    "recall_annotated": 3 / 4,
    "share_predicted": (3 + 1 + 64) / 512,
    "accuracy_annotated": 14 / 16,
    "share_judged": 16 / 512,
}


def test_strokes_are_scored_under_names_of_their_own_and_no_other() -> None:
    table = score([pair("a", strokes() < 255)], options=Options(unit="mm"))
    # TP 3, FP 1, FN 1, TN 11; 64 samples of a plane that nobody drew on are predicted too.
    assert {row.metric: row.value for row in table} == pytest.approx(ANNOTATED)


def known(name: str) -> NDArray[np.bool_]:
    """What a way of annotating says of `disc`."""
    y, x = np.indices((64, 64))
    disc_, line = disc(), (y == 32) | (y == 2)
    ways = {
        "strokes": line,
        "points": np.hypot(y - 32, x - 32) < 4,
        "positives": disc_,
        "two rows of ten": y % 10 < 2,
        "all but a band": ~((x > 2) & (x < 10)),
    }
    return ways[name]


def disc() -> NDArray[np.bool_]:
    """Of radius 12 in the middle of 64 x 64."""
    y, x = np.indices((64, 64))
    return np.asarray(np.hypot(y - 32, x - 32) < 12)


@pytest.mark.parametrize(
    ("way", "names"),
    [
        ("strokes", set(ANNOTATED)),
        ("two rows of ten", set(ANNOTATED)),
        ("points", {"recall_annotated", "share_predicted", "share_judged"}),
        ("positives", {"recall_annotated", "share_predicted", "share_judged"}),
    ],
)
def test_of_every_way_to_annotate_only_what_it_can_tell_is_given(way: str, names: set[str]) -> None:
    predicted = np.roll(disc(), 5, 1)
    one = Pair("a", "a", Segmentation.of(predicted), Segmentation.of(disc()), known(way))
    table = score([one])
    assert {row.metric for row in table} == names
    judged = known(way)
    hit, marked = (predicted & disc() & judged).sum(), (disc() & judged).sum()
    assert table["recall_annotated"].value == pytest.approx(hit / marked)
    assert table["share_predicted"].value == pytest.approx(predicted.mean())
    if "dice_annotated" in names:
        called = (predicted & judged).sum()
        assert table["dice_annotated"].value == pytest.approx(2 * hit / (called + marked))


def test_a_reference_with_a_band_left_out_is_one_of_the_rest() -> None:
    where = known("all but a band")
    one = Pair("a", "a", Segmentation.of(disc()), Segmentation.of(disc()), where)
    assert "dice" in score([one])
    boxed = Pair("a", "a", Segmentation.of(disc()), Segmentation.of(disc()), where, boxed=True)
    assert "dice" not in score([boxed])


def test_strokes_and_masks_in_one_cohort_have_rows_of_their_own_cases() -> None:
    table = score([pair("a", strokes() < 255), pair("b", None), pair("c", None)])
    assert (table["dice"].n, table["dice_annotated"].n) == (2, 1)
    assert table.head["empty"]["counts"]["foreground"] == {
        "both": 0,
        "reference": 0,
        "predicted": 0,
    }


def test_a_metric_that_strokes_cannot_have_is_refused_with_one_that_they_can() -> None:
    with pytest.raises(SpecError, match=r"hd95 is of dense references.* take dice_annotated"):
        score([pair("a", strokes() < 255)], ["hd95"])
    with pytest.raises(SpecError, match="dice_annotated is of sparse references"):
        score([pair("a", None)], ["dice_annotated"])


def test_a_case_without_a_stroke_of_the_class_is_not_counted() -> None:
    where = strokes() == 0
    nothing = Segmentation.of(np.zeros_like(where))
    table = score([Pair("a", "a", nothing, nothing, where), pair("b", strokes() < 255)])
    assert table["dice_annotated"].n == 1
    assert table["share_judged"].n == 2


@pytest.mark.parametrize("metric", WHOLE)
def test_what_needs_the_whole_is_not_given(metric: str) -> None:
    options = Options(unit="mm")
    whole = score([pair("a", None)], [metric], options=options)
    assert metric in whole
    part = np.arange(512).reshape((SIDE,) * 3) > 20
    assert metric not in score([pair("a", part)], [metric, "dice"], options=options)
    both = score([pair("a", None), pair("b", part)], [metric], options=options)
    assert both[metric].n == 1
    assert both[metric].value == pytest.approx(whole[metric].value)


def test_the_share_that_is_judged_is_said_in_words_and_in_numbers(tmp_path: Path) -> None:
    table = score([pair("a", strokes() < 255), pair("b", None)])
    assert table.head["judged"] == {
        "partial_cases": 1,
        "sparse_cases": 1,
        "positives_only": 0,
        "share": 16 / 512,
    }
    line = "partial reference in 1 of 2 cases: 3.12% of their samples are judged"
    assert line in table.text()
    assert judged_lines(table.head)[0].startswith(line)
    assert all(record["judged"]["share"] == 16 / 512 for record in table.records())
    table.write(tmp_path)
    rows = list(csv.DictReader((tmp_path / "cases.csv").open()))
    assert [float(row["share_judged"]) for row in rows] == [16 / 512, 1]
    assert Scores.read(tmp_path).head["judged"]["partial_cases"] == 1


def test_a_whole_reference_says_nothing_of_shares() -> None:
    table = score([pair("a", None), pair("b", np.ones((SIDE,) * 3, bool))])
    assert "judged" not in table.head
    assert "partial reference" not in table.text()
    assert "share_judged" not in table.cases[0]


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
    assert "Dice on annotated pixels" in done.output
    assert "Dice, mean" not in done.output
    assert " ml" not in done.output
    assert "Hausdorff" not in done.output
    asked = ["evaluate", str(predictions), "--cohort", str(cohort), "--json", "--quiet"]
    rows = json.loads(CliRunner().invoke(app, asked).stdout)
    assert {row["judged"]["share"] for row in rows} == {16 / 512}
    assert not set(WHOLE) & {row["metric"] for row in rows}


def test_positives_alone_give_recall_and_the_share_predicted(tmp_path: Path) -> None:
    predictions, cohort = volumes(tmp_path, "positives")
    codes = np.where(strokes() == 1, 1, 0).astype(np.uint8)
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    nib.save(nib.Nifti1Image(codes.transpose(2, 1, 0), affine), tmp_path / "a_mask.nii.gz")
    table = evaluate(predictions, cohort, Settings(split="all"))
    # Three of the four marked samples; 68 of 512 are called.
    assert {row.metric: row.value for row in table} == pytest.approx(
        {"recall_annotated": 3 / 4, "share_predicted": 68 / 512, "share_judged": 4 / 512}
    )
    assert "nothing can be called wrong" in table.text()


def dense_beside(root: Path, sure: int = 255) -> Path:
    """The same volume with an outline of two planes, or with strokes again."""
    codes = np.zeros((SIDE,) * 3, np.uint8)
    codes[3:5] = 1
    codes[0] = sure if sure == 255 else 0
    codes = strokes() if sure == 0 else codes
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    nib.save(nib.Nifti1Image(codes.transpose(2, 1, 0), affine), root / "a_dense.nii.gz")
    label = MaskLabel(root / "a_dense.nii.gz", "image", "classes", ("organ",), "partial")
    case = Case("a", "a", {"image": root / "a.nii.gz"}, (label,))
    Cohort("outlines", (case,), ("organ",)).write(root / "dense")
    return root / "dense"


def test_a_dense_cohort_stands_beside_strokes_in_one_table(tmp_path: Path) -> None:
    predictions, cohort = volumes(tmp_path, "partial")
    how = ["evaluate", str(predictions), "--cohort", str(cohort), "--quiet"]
    how += ["--dense", str(dense_beside(tmp_path)), "--json"]
    done = CliRunner().invoke(app, how)
    assert done.exit_code == 0, done.output
    rows = {row["metric"]: row for row in json.loads(done.stdout)}
    assert rows["dice_annotated"]["value"] == pytest.approx(ANNOTATED["dice_annotated"])
    # The outline has two planes of 64: one is predicted and 3 samples of the other, 1 elsewhere.
    true, called, both = 128, 68, 67
    assert rows["dice"]["value"] == pytest.approx(2 * both / (true + called))
    assert rows["dice"]["dense"]["cohort"] == "outlines"
    read = Scores.read(predictions)
    assert "dense reference outlines: 1 of these cases" in read.text()
    assert {"dice_annotated", "dice", "share_judged"} <= set(read.names)
    line = read.cases[0]
    assert line["share_judged"] == pytest.approx(16 / 512)
    assert line["dice"] == pytest.approx(2 * both / (true + called))


def test_strokes_beside_strokes_or_masks_beside_masks_are_refused(tmp_path: Path) -> None:
    predictions, cohort = volumes(tmp_path, "partial")
    with pytest.raises(DataError, match="--dense: expected dense references, got 1 sparse"):
        evaluate(predictions, cohort, dense=dense_beside(tmp_path, sure=0))
    dense = dense_beside(tmp_path)
    with pytest.raises(SpecError, match="--dense: expected sparse references beside it"):
        evaluate(predictions, dense, dense=dense)


def test_check_says_which_share_is_annotated(tmp_path: Path) -> None:
    _, cohort = volumes(tmp_path, "partial")
    done = CliRunner().invoke(app, ["check", str(cohort)])
    assert "a_mask.nii.gz: 3.12% of the samples are annotated" in done.output
