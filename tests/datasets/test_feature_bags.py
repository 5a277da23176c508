"""Features of other tools."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inklings.bags.task import class_of, presence
from inklings.cohorts.bags import spans
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.splits import strata
from inklings.datasets.feature_bags import FeatureBags
from inklings.datasets.importing import run
from inklings.errors import DataError, LabelError, SpecError
from inklings.labels.kinds import SurvivalLabel, ValueLabel
from inklings.readers.bag_files import write
from inklings.reports.bag_show import bag_lines


@pytest.fixture
def features(tmp_path: Path) -> Path:
    for i, name in enumerate(("s1", "s2", "s3")):
        write(tmp_path / "h5" / f"{name}.h5", np.zeros((2 + i, 4), np.float16))
    return tmp_path / "h5"


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines))
    return path


def imported(features: Path, table: Path, out: Path, **options: Any) -> Cohort:
    return run(FeatureBags(features, table, **options), out, workers=1).cohort


def test_slides_of_a_patient_make_one_bag_and_share_a_split(features: Path, tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.csv", "slide,patient,label,part", "s1.svs,p,isup 3,train",
        "s2.svs,p,isup 3,train", "s3,q,isup 0,test",
    )  # fmt: skip
    cohort = imported(features, path, tmp_path / "c", patient="patient", split="part", ordered=True)
    assert cohort.classes == ("isup 0", "isup 3")
    assert [sum(map(len, spans(case))) for case in cohort] == [5, 4]
    assert [case.split for case in cohort] == ["train", "test"]
    assert [class_of(case, cohort.classes) for case in cohort] == [1, 0]


def test_columns_of_zeros_and_ones_are_questions_of_their_own(
    features: Path, tmp_path: Path
) -> None:
    path = table(tmp_path / "t.csv", "slide,tumour,necrosis", "s1,1,0", "s2,0,", "s3,1,1")
    cohort = imported(features, path, tmp_path / "c", label=("tumour", "necrosis"))
    assert cohort.facts["task"] == "multilabel"
    assert np.isnan(presence(cohort.cases[1], cohort.classes)[1])


def test_a_number_a_time_and_an_event_are_labels(features: Path, tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.csv", "slide,patient,age,os,dead", "s1,p,61.5,12,1", "s2,p,61.5,12,dead",
        "s3,q,,NA,",
    )  # fmt: skip
    made = run(
        FeatureBags(features, path, patient="patient", value="age"), tmp_path / "v", workers=1
    )
    assert [case.labels for case in Cohort.read(tmp_path / "v")] == [(ValueLabel("age", 61.5),), ()]
    assert made.cohort.facts["task"] == "regression"
    assert any("age: 1 of 3 without a label ('')" in word for word in made.words)
    cohort = imported(features, path, tmp_path / "s", patient="patient", time="os", event="dead")
    assert (cohort.classes, cohort.facts["task"]) == (("os",), "survival")
    assert cohort.cases[0].labels == (SurvivalLabel("os", 12.0, True),)
    assert strata(cohort.cases, {})[cohort.cases[0].id] == "os: event"
    assert bag_lines(cohort)[-1] == (
        "bag labels: os 12 to 12 (median 12) in 1, 1 with the event, 1 without a label"
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("s1,old,1,1", "row 2, column 'age': expected a number, got 'old'"),
        ("s1,5,-3,1", "row 2, column 'os': expected a time of 0 or more, got -3"),
        ("s1,5,3,maybe", "row 2, column 'dead': expected 1 or 0"),
        ("s1,5,,1", "row 2, column 'os': expected a time and an event, got only one of them"),
        ("s1,5,3,0", "at least one event, got 1 censored"),
    ],
)
def test_what_is_no_number_time_or_event_is_refused(
    features: Path, tmp_path: Path, row: str, said: str
) -> None:
    path = table(tmp_path / "t.csv", "slide,age,os,dead", row)
    options = {"value": "age"} if "age" in said else {"time": "os", "event": "dead"}
    with pytest.raises(LabelError, match=re.escape(said)):
        imported(features, path, tmp_path / "c", **options)


def test_classes_and_numbers_exclude_one_another(features: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "slide,label,age,os", "s1,1,5,3")
    for options in ({"time": "os"}, {"value": "age", "label": ("label", "os")}):
        with pytest.raises(SpecError, match="expected --"):
            imported(features, path, tmp_path / "c", **options)


def test_what_does_not_fit_together_is_refused(features: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "slide,label", "other,1")
    with pytest.raises(DataError, match="none of the 1 slides"):
        imported(features, path, tmp_path / "c")
    path = table(tmp_path / "t.csv", "slide,patient,label", "s1,p,1", "s2,p,0")
    with pytest.raises(DataError, match="one label and one split"):
        imported(features, path, tmp_path / "c", patient="patient")
    write(features / "s2.h5", np.zeros((2, 9), np.float16))
    path = table(tmp_path / "t.csv", "slide,label", "s1,1", "s2,0")
    with pytest.raises(DataError, match="one encoder for all"):
        imported(features, path, tmp_path / "c")
    with pytest.raises(DataError, match="expected columns"):
        imported(features, path, tmp_path / "c", label=("grade",))
