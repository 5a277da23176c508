from pathlib import Path

import pytest

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.split_files import split_cohort
from inklings.cohorts.split_text import text
from inklings.cohorts.splits import SplitOptions


@pytest.mark.usefixtures("noisy")
def test_the_table_counts_cases_and_groups(tmp_path: Path) -> None:
    lines = text(split_cohort(tmp_path, SplitOptions((0.5, 0.0, 0.5)))).splitlines()
    assert lines[0].split() == ["train", "val", "test"]
    assert lines[1].split() == ["cases", "3", "(50.0%)", "0", "(0.0%)", "3", "(50.0%)"]
    assert lines[-1] == f"split hash {Cohort.read(tmp_path).split_hash}"
