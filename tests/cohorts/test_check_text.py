from dataclasses import replace
from pathlib import Path

import numpy as np

from inklings.cohorts.annotated import with_annotated
from inklings.cohorts.check_text import text
from inklings.cohorts.checks import examine


def test_errors_come_with_their_repairs_and_a_verdict(make_cohort, tmp_path: Path) -> None:
    pictures = {f"c{i:02d}": np.full((40, 48, 3), 50, np.uint8) + i for i in range(25)}
    masks = {name: np.ones((9, 9), np.uint16) for name in pictures}
    cohort = make_cohort(pictures, masks)
    lines = text(examine(cohort, tmp_path), cohort, tmp_path).splitlines()
    assert lines[0] == "error: mismatch, 25 findings"
    assert lines[2] == f"    repair: inklings split {tmp_path} --exclude c00"
    assert "  and 5 more in checks.json" in lines
    assert "25 cases, 25 findings that would spoil a training" in lines


def test_what_nobody_looked_for_is_said(make_cohort, tmp_path: Path) -> None:
    cohort = make_cohort({"c0": np.zeros((40, 48, 3), np.uint8)}, {})
    cohort = replace(cohort, classes=("nucleus", "vessel"))
    said = "annotated: 1 nucleus, 0 vessel, of 1 cases; nobody looked for vessel"
    told = with_annotated(cohort, "nucleus")
    assert said in text(examine(told, tmp_path), told, tmp_path).splitlines()
    assert "annotated" not in text(examine(cohort, tmp_path), cohort, tmp_path)
