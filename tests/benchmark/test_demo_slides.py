from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from inklings import progress
from inklings.benchmark.demo import run_demo
from inklings.benchmark.demos import slides
from inklings.cli.demo import _command
from inklings.errors import DataError
from inklings.spec import Experiment

DEMO = slides(8, (1400, 1000), steps=2)
NAMES = sorted(DEMO.experiments)


@pytest.fixture(autouse=True)
def _loud() -> Iterator[None]:
    yield
    progress.silence(False)


@pytest.mark.slow
def test_it_goes_from_slides_to_scores_and_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("inklings.weak.teacher._MORE", -1.0)  # two steps teach nothing
    tiny = {"model": {"name": "unet", "width": 4, "depth": 1}}
    tiny["inference"] = {"threshold": 0.5, "window": 128}
    experiments = {name: {**record, **tiny} for name, record in DEMO.experiments.items()}
    experiments["weak"]["teacher"] = {"steps": 2}
    demo = replace(DEMO, experiments=experiments)
    lines = list(run_demo(demo, tmp_path, _command))
    assert [line[30:42].strip() for line in lines[2:5]] == ["strong", "naive", "weak"]
    assert "phantoms" in lines[-2]
    for name in NAMES:
        run = yaml.safe_load((tmp_path / "runs" / name / "model.json").read_text())
        assert run["spacing_um"] == 2.0
        assert (tmp_path / "predictions" / name / "metrics.csv").is_file()
    assert (tmp_path / "runs" / "weak" / "teacher.json").is_file()
    capsys.readouterr()
    assert list(run_demo(demo, tmp_path, _command)) == lines
    with pytest.raises(DataError, match="holds another demo"):
        run_demo(slides(9), tmp_path, _command)


@pytest.mark.parametrize("name", NAMES)
def test_the_experiments_of_the_demo_are_valid(name: str) -> None:
    record = {"cohort": "cohort", **DEMO.experiments[name]}
    assert (Experiment.check(record, name).teacher is not None) == (name == "weak")
