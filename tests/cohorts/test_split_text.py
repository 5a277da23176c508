from pathlib import Path

import pytest

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.split_files import split_cohort
from inklings.cohorts.split_text import text
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
