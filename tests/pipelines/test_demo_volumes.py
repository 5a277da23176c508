from collections.abc import Iterator
from pathlib import Path

import pytest

from inklings import progress
from inklings.cli.demo import _command
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.pipelines import demo_volumes as module
from inklings.pipelines.demo_volumes import COHORTS, Plan, demo_volumes, table
from inklings.predictions.dense import DensePrediction
from inklings.spec import Experiment
from inklings.tasks import task_of

PLAN = Plan(patients=10, shape=(10, 32, 32), keep=0.3, steps=2)


@pytest.fixture(autouse=True)
def _loud() -> Iterator[None]:
    yield
    progress.silence(False)


def test_the_experiment_of_the_demo_is_valid() -> None:
    task_of(spec := Experiment.check({"cohort": "cohort", **module.EXPERIMENT}, "demo")).check(spec)


@pytest.mark.slow
def test_it_goes_from_dicom_folders_to_scores_in_mm_and_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module.EXPERIMENT, "model", {"name": "unet", "width": 4, "depth": 2})
    results = demo_volumes(tmp_path, PLAN, _command)
    assert [result.labels for result in results] == list(COHORTS.values())
    lines = list(table(results))
    assert len(lines) == len(COHORTS) + 2
    assert "phantoms" in lines[-1]
    for name in COHORTS:
        case = Cohort.read(tmp_path / name).part("test")[0].id
        assert DensePrediction.read(tmp_path / "predictions" / name, case).geometry is not None
        page = (tmp_path / "runs" / name / "report.html").read_text(encoding="utf-8")
        assert page.count("<svg") > 3
    again = demo_volumes(tmp_path, PLAN, _command)
    assert [r.scores for r in again] == [r.scores for r in results]
    with pytest.raises(DataError, match="holds another demo"):
        demo_volumes(tmp_path, Plan(patients=11), _command)
