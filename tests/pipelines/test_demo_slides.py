from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from inklings import progress
from inklings.cli.demo import _command
from inklings.errors import DataError
from inklings.pipelines import demo_slides as module
from inklings.pipelines.demo_slides import LEARNERS, Plan, demo_slides, table
from inklings.spec import Experiment

PLAN = Plan(slides=8, size=(1400, 1000), steps=2)


@pytest.fixture(autouse=True)
def _loud() -> Iterator[None]:
    yield
    progress.silence(False)


@pytest.mark.slow
def test_it_goes_from_slides_to_scores_and_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = {"name": "unet", "width": 4, "depth": 1}
    monkeypatch.setitem(module._COMMON, "model", tiny)
    monkeypatch.setitem(LEARNERS["weak"][2], "teacher", {"steps": 2})
    monkeypatch.setattr("inklings.weak.teacher._MORE", -1.0)  # two steps teach nothing
    monkeypatch.setitem(module._COMMON, "inference", {"threshold": 0.5, "window": 128})
    results = demo_slides(tmp_path, PLAN, _command)
    assert [result.learner for result in results] == list(LEARNERS)
    lines = list(table(results))
    assert len(lines) == len(LEARNERS) + 2
    assert "phantoms" in lines[-1]
    for name in LEARNERS:
        run = yaml.safe_load((tmp_path / "runs" / name / "model.json").read_text())
        assert run["spacing_um"] == 2.0
        assert (tmp_path / "predictions" / name / "metrics.csv").is_file()
    assert (tmp_path / "runs" / "weak" / "teacher.json").is_file()
    capsys.readouterr()
    again = demo_slides(tmp_path, PLAN, _command)
    assert [r.dice.value for r in again] == [r.dice.value for r in results]
    with pytest.raises(DataError, match="holds another demo"):
        demo_slides(tmp_path, Plan(slides=9), _command)


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_the_experiments_of_the_demo_are_valid(name: str) -> None:
    record = {"cohort": "cohort", **module._COMMON, **LEARNERS[name][2]}
    assert (Experiment.check(record, name).teacher is not None) == (name == "weak")
