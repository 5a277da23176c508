from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.annotated import with_annotated
from inklings.cohorts.check_text import text
from inklings.cohorts.checks import examine


def test_errors_come_with_their_repairs_and_a_verdict(make_cohort, tmp_path: Path) -> None:
    pictures = {f"c{i:02d}": np.full((40, 48, 3), 50, np.uint8) + i for i in range(25)}
    masks = {name: np.ones((9, 9), np.uint16) for name in pictures}
    cohort = make_cohort(pictures, masks)
    lines = text(examine(cohort, tmp_path), cohort, tmp_path).splitlines()
    assert lines[0] == "error: mismatch, 25 findings"
    assert "  and 5 more in checks.json" in lines
    assert not any("--exclude" in line for line in lines)
    repair = next(line for line in lines if "repair" in line)
    assert repair.startswith("    repair: 25 of 25 cases have it, so look for one cause")
    assert "25 cases, 25 findings that would spoil a training" in lines


@pytest.mark.parametrize("fault", ["mismatch", "gone", "damaged", "empty"])
@pytest.mark.parametrize(("bad", "cases"), [(1, 6), (3, 6), (4, 6), (6, 6), (2, 2), (1, 1), (2, 3)])
def test_what_most_cases_have_is_one_cause_and_no_reason_to_leave_them_out(
    make_cohort, tmp_path: Path, fault: str, bad: int, cases: int
) -> None:
    rng = np.random.default_rng(0)
    pictures = {f"c{i}": rng.integers(0, 255, (40, 48, 3), np.uint8) for i in range(cases)}
    masks = {name: np.ones((40, 48), np.uint16) for name in pictures}
    for name in list(pictures)[:bad]:
        masks[name] = {"mismatch": np.ones((9, 9)), "empty": np.zeros((40, 48))}.get(
            fault, np.ones((40, 48))
        ).astype(np.uint16)  # fmt: skip
    cohort = make_cohort(pictures, masks)
    for case in list(cohort)[:bad]:
        if fault == "gone":
            case.images["image"].unlink()
        if fault == "damaged":
            case.images["image"].write_bytes(b"\x89PNG\r\n\x1a\nno more")
    lines = text(examine(cohort, tmp_path), cohort, tmp_path).splitlines()
    left_out = [line.split()[-1] for line in lines if "--exclude" in line]
    if bad > cases / 2 and bad > 1 and bad >= min(3, cases):
        assert left_out == []
        assert sum("look for one cause" in line for line in lines) == 1
    else:
        assert left_out == [f"c{i}" for i in range(bad)]


def test_what_nobody_looked_for_is_said(make_cohort, tmp_path: Path) -> None:
    cohort = make_cohort({"c0": np.zeros((40, 48, 3), np.uint8)}, {})
    cohort = replace(cohort, classes=("nucleus", "vessel"))
    said = "annotated: 1 nucleus, 0 vessel, of 1 cases; nobody looked for vessel"
    told = with_annotated(cohort, "nucleus")
    assert said in text(examine(told, tmp_path), told, tmp_path).splitlines()
    assert "annotated" not in text(examine(cohort, tmp_path), cohort, tmp_path)
