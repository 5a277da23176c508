from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from inklings.calibration.evidence import HeldOut, Question
from inklings.calibration.fitting import fit
from inklings.calibration.record import Calibration
from inklings.errors import DataError
from inklings.reports.calibration import calibration


def test_a_report_shows_held_out_patients_before_and_after(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    said = rng.normal(0, 3, 6000)
    truth = (rng.random(said.size) < expit(said / 3)).astype(np.float64)
    asked = Question(said, truth, 1 - truth, np.repeat(np.arange(6), 1000))
    cases = tuple("abcdef")
    held_out = HeldOut(
        ("gland", "duct"), (asked, asked), cases, {"duct": "it was drawn in strokes"}
    )
    classes = fit(held_out, {case: case for case in cases})
    Calibration(classes, cases, "split", "weights").write(tmp_path)
    shown = calibration(tmp_path, "weights")
    assert shown is not None
    assert shown["patients"] == 6
    (gland, numbers), (duct, none) = shown["rows"]
    assert (gland.name, duct.name, none) == ("gland", "duct", [])
    assert [name for name, _, _ in numbers] == ["ECE", "Brier score", "Log loss"]
    assert all(float(after.split()[0]) < float(before.split()[0]) for _, before, after in numbers)
    before, after = shown["figures"]
    gaps = [
        np.nanmax(
            np.abs(np.subtract(one.numbers["confidence"], one.numbers["frequency"], dtype=float))
        )
        for one in (before, after)
    ]
    assert gaps[1] < gaps[0] / 2
    assert "<svg" in before.__html__()


def test_a_run_without_a_calibration_has_no_section_and_that_of_others_is_refused(
    tmp_path: Path,
) -> None:
    assert calibration(tmp_path, "weights") is None
    Calibration((), (), None, "others").write(tmp_path)
    with pytest.raises(DataError, match="calibration of these weights"):
        calibration(tmp_path, "weights")
