from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from inklings.data.examples import Examples
from inklings.losses import LOSSES
from inklings.spec import Experiment
from inklings.tasks.pixels import learn
from inklings.training.monitor import History, Monitor

Spec = Callable[..., Experiment]


def test_rows_of_one_step_become_one_and_come_back_up_to_a_step(tmp_path: Path) -> None:
    history = History(tmp_path / "metrics.csv")
    for step in (10, 20, 30):
        history.add(step, {"loss": 1 / step})
    history.add(30, {"val_dice": 0.5})
    history.write()
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert len(lines) == 4
    again = History(tmp_path / "metrics.csv")
    again.read(last_step=20)
    assert [row["step"] for row in again.rows] == [10, 20]
    assert again.rows[0]["loss"] == pytest.approx(0.1)


def test_a_run_that_calls_everything_negative_is_warned_about(
    spec: Spec, discs: Examples, capsys: pytest.CaptureFixture[str]
) -> None:
    model = {"name": "unet", "width": 4, "depth": 2, "prior": 0.001}
    trained = learn(spec(model=model, learning_rate=1e-9, steps=8), discs)
    assert "collapsed to all-negative" in trained.warnings[0]
    assert "warning: the run collapsed" in capsys.readouterr().err
    assert trained.history[-1]["predicted_positive"] == 0
    assert trained.history[-1]["labelled_positive"] > 0.05


def test_a_run_that_calls_everything_positive_is_warned_about(spec: Spec, discs: Examples) -> None:
    model = {"name": "unet", "width": 4, "depth": 2, "prior": 0.999}
    trained = learn(spec(model=model, learning_rate=1e-9, steps=8), discs)
    assert "collapsed to all-positive" in trained.warnings[0]


@pytest.mark.parametrize(("loss", "warnings"), [("bce", 1), ("mse", 0), ("cox", 0)])
def test_numbers_and_times_are_never_called_collapsed(loss: str, warnings: int) -> None:
    history = History(None)
    history.add(10, {"predicted_positive": 0.0, "labelled_positive": 0.5})
    monitor = Monitor(history)
    learner = SimpleNamespace(loss=LOSSES.build(loss, {}), skipped=0)
    monitor.on_train_end(SimpleNamespace(global_step=10), learner)  # type: ignore[arg-type]
    assert len(monitor.warnings) == warnings


def test_the_share_of_clipped_decisions_of_nnpu_is_logged(spec: Spec, discs: Examples) -> None:
    trained = learn(spec(loss={"name": "nnpu", "prior": 0.9}, steps=20), discs)
    shares = [row["clipped"] for row in trained.history]
    assert all(0 <= share <= 1 for share in shares)
    assert max(shares) > 0
    assert "clipped" not in learn(spec(steps=2), discs).history[-1]


def test_speed_and_time_are_logged(spec: Spec, discs: Examples) -> None:
    trained = learn(spec(steps=8), discs)
    assert [row["step"] for row in trained.history] == [2, 4, 6, 8]
    seconds = [row["seconds"] for row in trained.history]
    assert seconds == sorted(seconds)
    assert all(row["images_per_second"] > 0 for row in trained.history)
