from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inklings import progress
from inklings.benchmark.demo import run_demo
from inklings.benchmark.demos import volumes
from inklings.cli.demo import _command
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.predictions.dense import DensePrediction
from inklings.spec import Experiment
from inklings.tasks import task_of

DEMO = volumes(patients=10, shape=(10, 32, 32), keep=0.3, steps=2)
COHORTS = [arm.cohort for arm in DEMO.arms]


@pytest.fixture(autouse=True)
def _loud() -> Iterator[None]:
    yield
    progress.silence(False)


def test_the_experiment_of_the_demo_is_valid() -> None:
    task_of(
        spec := Experiment.check({"cohort": "cohort", **DEMO.experiments["liver"]}, "demo")
    ).check(spec)


@pytest.mark.slow
def test_it_goes_from_dicom_folders_to_scores_in_mm_and_on_where_it_stopped(
    tmp_path: Path,
) -> None:
    tiny = {**DEMO.experiments["liver"], "model": {"name": "unet", "width": 4, "depth": 2}}
    demo = replace(DEMO, experiments={"liver": tiny})
    lines = list(run_demo(demo, tmp_path, _command))
    assert [line[:28].strip() for line in lines[2:4]] == [arm.labels for arm in DEMO.arms]
    assert "100.0 %" in lines[2]  # two steps find nothing, and a surface of nothing has no distance
    assert "phantoms" in lines[-2]
    for name in COHORTS:
        case = Cohort.read(tmp_path / name).part("test")[0].id
        assert DensePrediction.read(tmp_path / "predictions" / name, case).geometry is not None
        page = (tmp_path / "runs" / name / "report.html").read_text(encoding="utf-8")
        assert page.count("<svg") > 3
    assert list(run_demo(demo, tmp_path, _command)) == lines
    with pytest.raises(DataError, match="holds another demo"):
        run_demo(volumes(patients=11), tmp_path, _command)
