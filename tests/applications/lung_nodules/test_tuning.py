import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from inklings.applications.lung_nodules import tuning
from inklings.applications.lung_nodules.stages import Cascade
from inklings.applications.lung_nodules.tuning import require_validation, tune
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.findings.finding import Finding
from inklings.labels.kinds import BallLabel
from inklings.predictions.findings import Findings

THERE = ((0.0, 0.0, 0.0), (40.0, 0.0, 0.0))
AWAY = (0.0, 40.0, 0.0)


@pytest.fixture
def searched(tmp_path, monkeypatch):
    """Two nodules and one false alarm, which the detector likes best and the classifier least."""
    (tmp_path / "a.mhd").touch()
    labels = tuple(
        BallLabel("ct", "nodule", place, 10.0, malignant)
        for place, malignant in zip(THERE, (True, False), strict=True)
    )
    cases = (Case("a", "p", {"ct": tmp_path / "a.mhd"}, labels, "val"),)
    Cohort("chests", cases, ("nodule",)).write(tmp_path / "cohort")
    rows = ((THERE[0], 0.6, 0.9, 0.4), (THERE[1], 0.5, 0.7, 0.2), (AWAY, 0.9, 0.01, 0.3))
    found = tuple(
        Finding(
            "nodule", said, place, 10.0,
            {
                "malignancy_probability": malignant, "detector_score": said,
                "classifier_score": again,
            },
        )
        for place, said, again, malignant in rows
    )  # fmt: skip
    Findings("a", found).write(tmp_path / "out")
    record = SimpleNamespace(trained_on=("q",), split_hash="another")
    stage = SimpleNamespace(record=record, folder=tmp_path, task="detection")
    cascade = Cascade(stage, classifier=stage)  # type: ignore[arg-type]
    monkeypatch.setattr(tuning.Cascade, "load", lambda _: cascade)
    return tmp_path


def test_thresholds_and_weight_are_those_that_do_best_on_validation(searched) -> None:
    line = tune(searched / "out", searched / "cohort", searched)
    said = json.loads((searched / "cascade.json").read_text())
    # Any weight of .5 and more ranks both nodules first; of these .5 is the nearest to one half.
    assert said["weight"] == 0.5
    # Logits (0.405 + 2.197) / 2 = 1.30, (0 + 0.847) / 2 = 0.424 and (2.197 - 4.595) / 2 = -1.20:
    # the cut lies halfway between the probabilities .604 and .232.
    assert said["threshold"] == pytest.approx(0.418, abs=0.001)
    assert said["suspicious"] == pytest.approx(0.3)
    assert said["chosen_on"]["scans"] == 1
    assert "chosen on 1 validation scans" in line


def test_a_classifier_that_was_not_asked_is_not_weighed(searched) -> None:
    found = Findings.read(searched / "out", "a")
    unasked = tuple(
        replace(f, attributes={k: v for k, v in f.attributes.items() if k != "classifier_score"})
        for f in found
    )
    replace(found, found=unasked).write(searched / "out")
    with pytest.raises(DataError, match="1 of 1 scans searched without it"):
        tune(searched / "out", searched / "cohort", searched)
    assert not (searched / "cascade.json").exists()


def test_nothing_is_chosen_on_test_scans(searched) -> None:
    require_validation([searched / "cohort"], "val")
    for inputs, split in (([searched / "cohort"], "test"), ([searched / "cohort"], None)):
        with pytest.raises(DataError, match="validation scans only"):
            require_validation(inputs, split)
    with pytest.raises(DataError, match="expected one cohort"):
        require_validation([searched / "a.mhd"], "val")
