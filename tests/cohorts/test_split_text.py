import dataclasses
from pathlib import Path

import pytest

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.split_files import split_cohort
from inklings.cohorts.split_text import text, thin_parts
from inklings.cohorts.splits import SplitOptions
from inklings.testing.folders import write_cohort


@pytest.mark.usefixtures("noisy")
def test_the_table_counts_cases_and_groups(tmp_path: Path) -> None:
    lines = text(split_cohort(tmp_path, SplitOptions((0.5, 0.0, 0.5)))).splitlines()
    assert lines[0].split() == ["train", "val", "test"]
    assert lines[1].split() == ["cases", "3", "(50.0%)", "0", "(0.0%)", "3", "(50.0%)"]
    assert lines[-1] == f"split hash {Cohort.read(tmp_path).split_hash}"


@pytest.mark.parametrize(("per_patient", "lone"), [(3, True), (1, False)])
def test_a_test_part_of_one_patient_is_told(tmp_path: Path, per_patient: int, lone: bool) -> None:
    """Its scores have no intervals, which one would else see after the training."""
    write_cohort(tmp_path, [None] * 6, per_patient)
    options = SplitOptions((0.5, 0.0, 0.5))
    told = text(split_cohort(tmp_path, options, ignore_duplicates=True)).splitlines()
    half = str(3 // per_patient)
    assert told[2].split() == ["patients", half, "0", half]
    assert any("test is one patient" in line for line in told) == lone


@pytest.mark.parametrize("bare", ["train", "val", "test"])
def test_a_part_of_which_nothing_is_annotated_is_told(tmp_path: Path, bare: str) -> None:
    write_cohort(tmp_path, ["train", "train", "val", "val", "test", "test"])
    whole = Cohort.read(tmp_path)
    assert thin_parts(whole) == []
    cases = tuple(dataclasses.replace(c, labels=()) if c.split == bare else c for c in whole)
    told = thin_parts(dataclasses.replace(whole, cases=cases))
    assert [line.split(",")[0] for line in told] == [f"no case of {bare} is annotated"]
    none = tuple(dataclasses.replace(c, labels=()) for c in whole)
    assert thin_parts(dataclasses.replace(whole, cases=none)) == []


def test_one_annotated_patient_in_test_is_told(tmp_path: Path) -> None:
    write_cohort(tmp_path, ["train", "val", "test", "test", "test", "test"])
    whole = Cohort.read(tmp_path)
    bare = {case.id for case in whole.part("test")[1:]}
    cases = tuple(dataclasses.replace(c, labels=()) if c.id in bare else c for c in whole)
    told = thin_parts(dataclasses.replace(whole, cases=cases))
    assert [line.split(",")[0] for line in told] == ["test is one annotated patient"]
