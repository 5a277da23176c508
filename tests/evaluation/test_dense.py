import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, GeometryError, SpecError
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.evaluation.scores import Scores
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head
from inklings.testing.folders import discs, write_cohort, write_predictions


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    return write_cohort(tmp_path / "cohort")


@pytest.fixture
def predictions(tmp_path: Path, cohort: Path) -> Path:
    return write_predictions(tmp_path / "predictions", cohort, shift=1)


def dice_of(case: int, shift: int) -> float:
    true = discs(case) > 0
    said = np.roll(true, shift, 0)
    return 2 * np.count_nonzero(true & said) / (2 * np.count_nonzero(true))


def test_headline_is_the_test_part_and_its_dice_is_what_the_shift_costs(
    predictions: Path, cohort: Path
) -> None:
    table = evaluate(predictions, cohort)
    assert table.head["split"] == "test"
    assert table["dice"].n == 3
    assert [c["case"] for c in table.cases] == ["case3", "case4", "case5"]
    expected = np.mean([dice_of(k, 1) for k in (3, 4, 5)])
    assert table["dice"].value == pytest.approx(expected, abs=0.03)  # the blur rounds the rims
    assert table["dice"].low <= table["dice"].value <= table["dice"].high


def test_perfect_predictions_score_one_everywhere(tmp_path: Path, cohort: Path) -> None:
    table = evaluate(write_predictions(tmp_path / "p", cohort, shift=0), cohort)
    assert table["f1_0.50"].value == 1
    assert table["dice"].value > 0.97
    assert table["hd95"].value <= 1


def test_patients_that_the_run_learnt_from_are_refused_unless_told_otherwise(
    tmp_path: Path, cohort: Path
) -> None:
    everything = write_predictions(tmp_path / "p", cohort, split="all")
    assert evaluate(everything, cohort)["dice"].n == 3
    with pytest.raises(SpecError, match=r"trained on 3 of the patients .*--allow-seen"):
        evaluate(everything, cohort, Settings(split="all"))
    table = evaluate(everything, cohort, Settings(split="all", allow_seen=True))
    assert (table["dice"].n, table.head["seen"]) == (6, 3)


def test_a_cohort_without_splits_is_scored_as_a_whole(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "c", [None, None, None])
    table = evaluate(write_predictions(tmp_path / "p", cohort, split="all"), cohort)
    assert (table.head["split"], table["dice"].n) == ("all", 3)


def test_intervals_are_over_patients_and_not_over_cases(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "c", ["test"] * 6, per_patient=3)
    table = evaluate(write_predictions(tmp_path / "p", cohort), cohort)
    assert (table["dice"].n, table["dice"].patients) == (6, 2)


def test_one_patient_has_no_interval(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "c", ["test"] * 2, per_patient=2)
    table = evaluate(write_predictions(tmp_path / "p", cohort), cohort)
    assert np.isnan(table["dice"].low)
    assert table.records()[0]["low"] is None


def test_cases_of_another_cohort_are_named(tmp_path: Path, predictions: Path) -> None:
    small = write_cohort(tmp_path / "small", ["train", "val", "train", "test"])
    with pytest.raises(DataError, match=r"2 of 3 predicted cases are not in .*\(case4, case5\)"):
        evaluate(predictions, small)


def test_cases_that_are_not_predicted_are_a_warning(predictions: Path, cohort: Path) -> None:
    (predictions / "cases" / "case4.npz").unlink()
    table = evaluate(predictions, cohort)
    assert table.head["warnings"] == ["1 of 3 test cases are not predicted"]


@pytest.mark.parametrize("bare", [("case4",), ("case3", "case5"), ("case3", "case4", "case5")])
def test_cases_without_annotations_are_left_out_and_named(
    bare: tuple[str, ...], predictions: Path, cohort: Path
) -> None:
    whole = evaluate(predictions, cohort)
    read = Cohort.read(cohort)
    cases = [dataclasses.replace(c, labels=()) if c.id in bare else c for c in read]
    dataclasses.replace(read, cases=tuple(cases)).write(cohort)
    said = rf"{len(bare)} of 3 test cases have no annotation .*{', '.join(bare)}"
    if len(bare) == 3:
        with pytest.raises(DataError, match=said):
            evaluate(predictions, cohort)
        return
    table = evaluate(predictions, cohort)
    assert re.match(said, table.head["warnings"][0])
    kept = [row["dice"] for row in whole.cases if row["case"] not in bare]
    assert [row["dice"] for row in table.cases] == kept
    assert table["dice"].value == pytest.approx(np.mean(kept))


def test_nothing_predicted_of_the_part_says_how_to_choose_another(
    predictions: Path, cohort: Path
) -> None:
    with pytest.raises(DataError, match=r"none of the 1 val cases .* --split"):
        evaluate(predictions, cohort, Settings(split="val"))


def test_another_shape_is_one_line_that_names_the_case(predictions: Path, cohort: Path) -> None:
    DensePrediction("case4", Path("x"), np.zeros((1, 5, 6), np.uint8)).write(predictions)
    with pytest.raises(GeometryError, match=r"case case4: predicted on a grid of \(5, 6\)"):
        evaluate(predictions, cohort)


def test_another_class_is_one_line_that_names_it(predictions: Path, cohort: Path) -> None:
    dataclasses.replace(Head.read(predictions), classes=("tumour",)).write(predictions)
    with pytest.raises(DataError, match=r"'tumour' is not annotated .*classes: nucleus"):
        evaluate(predictions, cohort)


def test_positives_only_have_no_precision(predictions: Path, cohort: Path) -> None:
    there = Cohort.read(cohort)
    cases = tuple(
        dataclasses.replace(
            case, labels=tuple(dataclasses.replace(k, extent="positives") for k in case.labels)
        )  # type: ignore[type-var]
        for case in there
    )
    dataclasses.replace(there, cases=cases).write(cohort)
    names = evaluate(predictions, cohort).names
    assert names == ["recall_annotated", "share_predicted", "share_judged"]


def test_a_changed_split_is_a_warning_that_names_both(tmp_path: Path, predictions: Path) -> None:
    other = write_cohort(tmp_path / "other", ["train", "val", "train", "test", "test", "test"])
    table = evaluate(predictions, other)
    assert "run made-up was trained on split" in table.head["warnings"][0]


def test_workers_find_the_same_numbers(predictions: Path, cohort: Path) -> None:
    alone = evaluate(predictions, cohort)
    together = evaluate(predictions, cohort, Settings(workers=2))
    assert together.records() == alone.records()


def test_predictions_without_objects_get_connected_components(
    predictions: Path, cohort: Path
) -> None:
    expected = evaluate(predictions, cohort)["f1_0.50"].value
    for case in ("case3", "case4", "case5"):
        whole = DensePrediction.read(predictions, case)
        dataclasses.replace(whole, instances=None).write(predictions)
    assert evaluate(predictions, cohort)["f1_0.50"].value == pytest.approx(expected)


def test_an_empty_truth_with_something_found_counts_zero(predictions: Path, cohort: Path) -> None:
    path = cohort / "labels" / "case3.png"
    Image.fromarray(np.zeros((64, 80), np.uint16)).save(path)
    table = evaluate(predictions, cohort)
    assert table.cases[0]["dice"] == 0
    assert table.head["empty"]["counts"]["nucleus"] == {"both": 0, "reference": 1, "predicted": 0}
    assert table["hd95"].n == 2


def test_comparison_is_paired_over_the_common_cases(
    tmp_path: Path, predictions: Path, cohort: Path
) -> None:
    worse = write_predictions(tmp_path / "worse", cohort, shift=3)
    (worse / "cases" / "case5.npz").unlink()
    table = evaluate(predictions, cohort, compare=worse)
    change = next(c for c in table.changes if c.metric == "dice")
    assert table["dice"].n == 2
    assert change.value == pytest.approx(change.first - change.second)
    assert change.low < 0 < change.high  # two patients show nothing
    assert change.p == pytest.approx(0.5)
    assert table.records()[0]["change"]["value"] == change.value


def test_a_table_read_back_is_the_table_written(predictions: Path, cohort: Path) -> None:
    table = evaluate(predictions, cohort)
    table.write(predictions)
    assert Scores.read(predictions).records() == table.records()
    lines = (predictions / "cases.csv").read_text().splitlines()
    assert lines[0].startswith("case,patient,predicted_samples,reference_samples,dice")
    assert len(lines) == 1 + 3
    assert (predictions / "metrics.csv").read_text().startswith("metric,value,low,high,n,")
