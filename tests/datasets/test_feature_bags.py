"""Features of other tools."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inklings.bags.task import class_of, presence
from inklings.cohorts.bags import spans
from inklings.cohorts.cohort import Cohort
from inklings.datasets.feature_bags import FeatureBags
from inklings.datasets.importing import run
from inklings.errors import DataError
from inklings.readers.bag_files import write


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
