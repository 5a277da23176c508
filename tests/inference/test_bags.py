"""Bags are predicted and reported through the same commands as images."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.evaluation.evaluate import evaluate
from inklings.inference.predict import predict
from inklings.predictions.bags import BagPrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head
from inklings.readers.bag_files import write
from inklings.runs.run import Run
from inklings.simulation.phantoms.bags import vector_bags
from inklings.tasks.train import train
from inklings.testing.bags import bag_experiment as experiment


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bags")
    vector_bags(folder / "c", 120)
    train(experiment(folder / "c", 120, model__pooling="noisy_or"), folder / "run")
    return folder


def test_the_diagnosis_and_the_instance_that_carries_it(trained: Path, tmp_path: Path) -> None:
    predict(trained / "run", [trained / "c"], tmp_path / "p", split="test")
    assert len(list(PredictionFolder.open(tmp_path / "p").cases)) == 20
    runner = CliRunner()
    done = runner.invoke(app, ["evaluate", str(tmp_path / "p"), "--cohort", str(trained / "c")])
    assert done.exit_code == 0, done.output
    assert "Instance AUC" in done.output
    done = runner.invoke(app, ["report", str(trained / "run")])
    assert done.exit_code == 0, done.output
    page = (trained / "run" / "report.html").read_text()
    assert "Report of a diagnosis from bags" in page
    assert "data:image/png" in page
    said = BagPrediction.read(tmp_path / "p", PredictionFolder.open(tmp_path / "p").cases[0])
    p = 1 / (1 + np.exp(-said.instances[:, 0].astype(float)))
    assert said.probability[0] == pytest.approx(1 - np.prod(1 - p), abs=1e-5)


def test_scores_of_instances_become_probabilities_by_held_out_bags(tmp_path: Path) -> None:
    vector_bags(tmp_path / "c", 400)
    train(experiment(tmp_path / "c", 120, model__pooling="gated_attention"), tmp_path / "run")
    run = Run.load(tmp_path / "run")
    assert run.record.facts["instance_scale"][0][0] > 0
    predict(tmp_path / "run", [tmp_path / "c"], tmp_path / "p", split="test")
    head = Head.read(tmp_path / "p")
    assert "fitted to the labels of held-out bags" in head.settings["evidence"]
    table = evaluate(tmp_path / "p", tmp_path / "c")
    assert table["instance_ece"].value < 0.1


def test_predicting_again_does_nothing_and_a_bad_bag_fails_alone(
    trained: Path, tmp_path: Path
) -> None:
    write(tmp_path / "good.h5", np.zeros((3, 4), np.float32))
    write(tmp_path / "wide.h5", np.zeros((3, 9), np.float32))
    inputs = [tmp_path / "good.h5", tmp_path / "wide.h5"]
    summary = predict(trained / "run", inputs, tmp_path / "p")
    assert (summary.finished, list(summary.failed)) == (1, ["wide"])
    assert "as the run learnt from" in summary.failed["wide"]
    again = predict(trained / "run", inputs[:1], tmp_path / "p")
    assert (again.finished, again.skipped) == (0, 1)


def test_bags_of_any_size_are_predicted_and_size_does_not_matter(
    trained: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(9001, 4)).astype(np.float32)
    values[:, 0] = np.where(np.arange(9001) == 77, 6.0, -3.0)
    for name, count in (("one", 1), ("many", 9001)):
        write(tmp_path / f"{name}.h5", values[:count])
    predict(trained / "run", [tmp_path / "one.h5", tmp_path / "many.h5"], tmp_path / "p")
    many = BagPrediction.read(tmp_path / "p", "many")
    assert len(many.instances) == 9001
    assert many.instances[:, 0].argmax() == 77
    assert Head.read(tmp_path / "p").settings["evidence"]


def test_a_model_whose_instances_speak_to_one_another_says_so(tmp_path: Path) -> None:
    vector_bags(tmp_path / "c")
    train(experiment(tmp_path / "c", 3, model__pooling="transmil"), tmp_path / "run")
    predict(tmp_path / "run", [tmp_path / "c"], tmp_path / "p", split="test")
    head = Head.read(tmp_path / "p")
    assert head.settings["warning"].startswith("Attention is not evidence")
    said = BagPrediction.read(tmp_path / "p", PredictionFolder.open(tmp_path / "p").cases[0])
    assert said.attention is not None
    assert said.attention.sum() == pytest.approx(1, abs=1e-5)
    assert len(said.instances) == len(said.attention)
    assert Run.load(tmp_path / "run").model_config.task == "binary"


def test_failures_of_bags_that_nobody_asked_for_now_are_kept(trained: Path, tmp_path: Path) -> None:
    for name in ("wide", "wider"):
        write(tmp_path / f"{name}.h5", np.zeros((3, 9), np.float32))
    write(tmp_path / "good.h5", np.zeros((3, 4), np.float32))
    every = [tmp_path / f"{name}.h5" for name in ("good", "wide", "wider")]
    predict(trained / "run", every, tmp_path / "p")
    again = predict(trained / "run", every[:2], tmp_path / "p")
    assert (again.skipped, list(again.failed)) == (1, ["wide"])
    assert set(PredictionFolder.open(tmp_path / "p").failed) == {"wide", "wider"}


@pytest.mark.slow
def test_workers_predict_bags(trained: Path, tmp_path: Path) -> None:
    write(tmp_path / "wide.h5", np.zeros((3, 9), np.float32))
    inputs = [trained / "c", tmp_path / "wide.h5"]
    one = predict(trained / "run", inputs, tmp_path / "one")
    many = predict(trained / "run", inputs, tmp_path / "many", workers=2)
    assert (many.finished, many.failed) == (one.finished, one.failed)
    for case in PredictionFolder.open(tmp_path / "one").cases:
        a, b = (BagPrediction.read(tmp_path / name, case) for name in ("one", "many"))
        np.testing.assert_allclose(a.logits, b.logits, atol=1e-5)
