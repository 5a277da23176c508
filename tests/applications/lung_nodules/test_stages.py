from dataclasses import replace

import pytest

from inklings.applications.lung_nodules.stages import Cascade
from inklings.errors import DataError


def test_thresholds_are_kept_beside_the_runs(runs) -> None:
    cascade = replace(Cascade.load(runs), threshold=0.3, suspicious=0.7, weight=0.4)
    cascade.write(runs)
    again = Cascade.load(runs)
    assert (again.threshold, again.suspicious, again.weight) == (0.3, 0.7, 0.4)
    (runs / "cascade.json").rename(runs / "chain.json")  # as version 0.1 called it
    assert Cascade.load(runs).weight == 0.4
    (runs / "chain.json").unlink()


def test_a_cascade_without_a_detector_is_refused(runs) -> None:
    with pytest.raises(DataError, match=r"expected a detector or a segmenter, .* task malignancy"):
        Cascade.load(runs / "malignancy")


def test_stages_are_known_by_the_names_of_their_folders(runs, segmenter, tmp_path) -> None:
    assert Cascade.load(segmenter).segments
    (tmp_path / "segmenter").symlink_to(segmenter)
    for name in ("classifier", "classifier_2", "classifier_old"):
        (tmp_path / name).symlink_to(runs / "classifier")
    cascade = Cascade.load(tmp_path)
    assert list(cascade.stages) == ["segmenter", "classifier", "classifier_2"]
    assert len(cascade.runs("classifier")) == 2
    assert [one.name for one in cascade.stage_trainings] == [
        "stage segmenter", "stage classifier", "stage classifier_2",
    ]  # fmt: skip
    assert (cascade.weight, Cascade.load(runs).weight) == (1.0, 0.5)
    (tmp_path / "malignancy").symlink_to(runs / "classifier")
    with pytest.raises(DataError, match=r"expected a malignancy, .* got a run of task candidates"):
        Cascade.load(tmp_path)
    (tmp_path / "detector").symlink_to(runs / "detector")
    with pytest.raises(DataError, match="a detector or a segmenter, got both"):
        Cascade.load(tmp_path)
