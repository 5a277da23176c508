import json
import math
from pathlib import Path

import pytest

from inklings.evaluation.scores import Row, Scores
from inklings.files import write_json
from inklings.reports import plots
from inklings.reports.label_sections import labels
from inklings.reports.material import gather
from inklings.reports.run import run_report
from inklings.reports.sections import headlines, origin, results
from inklings.testing.folders import write_cohort, write_predictions, write_run

BINS = {"confidence": [0.2, 0.8], "frequency": [0.1, 0.9], "samples": [10, 10]}


def table(*classes: str) -> Scores:
    rows = [
        Row(metric, 0.5 + 0.1 * k, math.nan, math.nan, 4, 4, "", name, metric)
        for k, name in enumerate(classes)
        for metric in ("dice", "dice_pooled", "ap")
    ]
    return Scores(tuple(rows), (), curves={name: {"reliability": BINS} for name in classes})


def test_headlines_of_one_class_are_all_that_are_there() -> None:
    assert [h["note"] for h in headlines(table("liver"))] == [
        "mean of cases",
        "all samples pooled",
        "IoU 0.5 to 0.95",
    ]


def test_headlines_of_several_classes_say_whose_they_are_and_leave_none_out() -> None:
    shown = [(h["row"].value, h["note"]) for h in headlines(table("liver", "spleen"))]
    assert shown == [(0.5, "liver, mean of cases"), (0.6, "spleen, mean of cases")]


def test_calibration_says_of_which_class() -> None:
    drawn = "".join(chart.picture for chart in results(table("liver", "spleen"))["figures"])
    assert drawn.count("Calibration of liver</text>") == 1
    assert drawn.count("Calibration of spleen</text>") == 1


@pytest.mark.parametrize("most", [3, 10, 18, 30, 31, 95, 1000])
def test_every_bar_of_objects_stands_for_as_many_whole_numbers(most: int) -> None:
    """Bars of a width that is no whole number hold one count here and two there."""
    counts = list(range(most + 1))
    drawn = plots.sizes([(64, 64)] * len(counts), counts, ["images"] * len(counts))
    bars = [patch for patch in drawn.axes[1].patches if patch.get_height()]
    assert sum(bar.get_height() for bar in bars) == len(counts)
    assert len(bars) <= 32
    assert len({bar.get_height() for bar in bars[:-1]}) == 1
    first = int(drawn.axes[1].get_xlabel().split("last bar: ")[1].split()[0])
    if most >= 10:
        assert bars[-1].get_height() == sum(count >= first for count in counts)


def test_labels_that_were_learnt_from_are_those_of_the_training_part(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", write_cohort(tmp_path / "cohort"))
    shown = labels(gather(run))
    assert shown is not None
    assert shown["kinds"] == {"complete masks of instances": 2}


def test_settings_that_nobody_set_are_not_listed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", write_cohort(tmp_path / "cohort"))
    record = json.loads((run / "run.json").read_text())
    record["prior"] = {"value": 0.25, "low": None, "labelled": 0.5}
    write_json(run / "run.json", record)
    assert origin(gather(run))["facts"]["Prior"] == "value 0.25, labelled 0.5"


def test_a_report_on_one_patient_says_why_there_are_no_intervals(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort", ("train", "train", "val", "val", "test", "test"), 2)
    predictions = write_predictions(tmp_path / "predictions", cohort)
    text = run_report(write_run(tmp_path / "run", cohort, predictions)).read_text()
    assert "2 test cases of 1 patient not used" in text
    assert "1 patients" not in text
    assert "There are no intervals" in text
    assert "In brackets" not in text
