"""Training on bags, through the same Trainer, folders and resumption as everything else."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from inklings.bags.instance_truth import INSTANCE_TRUTH, keep_instance_truth
from inklings.bags.instances import Instances
from inklings.crossval.cross_validate import cross_validate
from inklings.crossval.joint import Plan
from inklings.data.bag_examples import BagExamples, gather_bags
from inklings.errors import SpecError
from inklings.labels.kinds import BagLabel
from inklings.readers.bag_files import Span, write
from inklings.runs.run import Run, RunRecord
from inklings.simulation.phantoms.bags import vector_bags
from inklings.spec import Experiment
from inklings.tasks.bags import learn
from inklings.tasks.train import train
from inklings.testing.bags import bag_experiment as experiment
from inklings.training.bag_validation import BagValidator, cut


def weights(run: Path) -> dict[str, torch.Tensor]:
    return Run.load(run).model.state_dict()


def test_bags_are_learnt_and_the_run_says_how(tmp_path: Path) -> None:
    vector_bags(tmp_path / "c", 120)
    train(experiment(tmp_path / "c", 80, training__validate_every=40), tmp_path / "run")
    record, run = RunRecord.read(tmp_path / "run"), Run.load(tmp_path / "run")
    assert run.model_config.task == "binary"
    assert record.facts["images"] == 80
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert float(rows[-1].split(",")[rows[0].split(",").index("val_auc")]) > 0.9
    assert 0 < record.thresholds[0] < 1


def test_labels_of_instances_cannot_change_a_weight(tmp_path: Path) -> None:
    for name in ("a", "b"):
        cohort = vector_bags(tmp_path / name)
        if name == "b":  # truth that is wrong, and then truth that is no file at all
            rng = np.random.default_rng(1)
            keep_instance_truth(
                tmp_path / name,
                {c.id: rng.integers(0, 2, 3).astype(np.uint8) for c in cohort},
            )
            assert pq.read_table(tmp_path / name / INSTANCE_TRUTH).num_rows == 60
            (tmp_path / name / INSTANCE_TRUTH).write_bytes(b"no table")
        train(experiment(tmp_path / name, 6), tmp_path / f"run-{name}")
    one, other = weights(tmp_path / "run-a"), weights(tmp_path / "run-b")
    assert all(torch.equal(one[k], other[k]) for k in one)


def test_an_interrupted_run_has_the_weights_of_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vector_bags(tmp_path / "c")
    spec = experiment(tmp_path / "c", 12, training__checkpoint_every=4, training__batch_size=4)
    train(spec, tmp_path / "whole")

    class Killed(Exception):
        pass

    from inklings.data.bag_batches import BagBatches

    whole = BagBatches.batch

    def fails(self: BagBatches, number: int) -> object:
        if number == 10:
            raise Killed
        return whole(self, number)

    monkeypatch.setattr(BagBatches, "batch", fails)
    with pytest.raises(Killed):
        train(spec, tmp_path / "cut")
    monkeypatch.setattr(BagBatches, "batch", whole)
    train(spec, tmp_path / "cut")
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(one[k], other[k]) for k in one)


def test_held_out_bags_are_never_augmented(tmp_path: Path) -> None:
    cohort = vector_bags(tmp_path / "c")
    val = gather_bags(cohort.part("val"), cohort.classes, "binary")
    train = gather_bags(cohort.part("train"), cohort.classes, "binary")
    noise = [{"name": "noise", "sigma": 5.0}]
    spec = experiment(tmp_path / "c", 4, bags__augment=noise)
    trained = learn(spec, train, val, classes=("hit",), task="binary")
    one, other = (BagValidator(val).logits(trained.model) for _ in range(2))
    assert np.array_equal(one, other)


def test_classes_that_exclude_each_other_need_a_loss_that_knows(tmp_path: Path) -> None:
    cohort = vector_bags(tmp_path / "c")
    train = gather_bags(cohort.part("train"), cohort.classes, "binary")
    spec = experiment(tmp_path / "c", 2, loss="cross_entropy")
    with pytest.raises(SpecError, match="loss bag suits every task"):
        learn(spec, train, None, classes=("hit",), task="binary")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model__pooling": "atention"}, "did you mean 'attention'"),
        ({"model__encoder": "lenett"}, "did you mean 'lenet'"),
        ({"bags__augment": ["afine"]}, "did you mean 'affine'"),
        ({"model__pooling": {"name": "lse", "sharp": 3}}, "sharp"),
    ],
)
def test_misspelt_parts_are_found_before_any_data_are_opened(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    spec: Experiment = experiment(tmp_path / "nowhere", 2, **change)
    with pytest.raises(SpecError, match=message):
        train(spec, tmp_path / "run")


def test_the_threshold_lies_in_the_middle_of_the_widest_gap() -> None:
    logits = np.array([-3.0, -1.0, 2.0, 2.2])
    assert cut(logits, np.array([False, False, True, True])) == pytest.approx(
        1 / (1 + np.exp(-0.5))
    )
    assert cut(logits, np.array([True] * 4)) == 0.5
    noisy = np.array([False, True, False, True])
    assert 0 < cut(logits, noisy) < 1


def test_bags_without_a_label_teach_a_loss_that_reads_them_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cohort = vector_bags(tmp_path / "c", 60)
    positive = [case.id for case in cohort if case.labels == (BagLabel(cohort.classes[0], True),)]
    hidden = [
        case if case.split != "train" or case.id in positive[:10] else replace(case, labels=())
        for case in cohort
    ]
    replace(cohort, cases=tuple(hidden)).write(tmp_path / "c")
    count, left = (
        len(cohort.part("train")),
        sum(c.id in positive[:10] for c in cohort.part("train")),
    )
    risk = {"name": "nnpu", "prior": 0.5, "unlabelled": "rest"}
    train(experiment(tmp_path / "c", 4, loss=risk), tmp_path / "pu")
    assert RunRecord.read(tmp_path / "pu").facts["images"] == count
    assert "have no label" not in capsys.readouterr().err
    train(experiment(tmp_path / "c", 4), tmp_path / "pn")
    assert RunRecord.read(tmp_path / "pn").facts["images"] == left
    assert f"{count - left} training bags have no label" in capsys.readouterr().err
    with pytest.raises(SpecError, match="loss nnpu: learns from bags without a label"):
        cross_validate(experiment(tmp_path / "c", 4, loss=risk), tmp_path / "cv", Plan(2, 1))


@pytest.mark.parametrize(
    ("encoder", "side", "fine"),
    [("lenet", 1, False), ("lenet", 8, False), ("lenet", 28, True), ("small_cnn", 8, True)],
)
def test_an_encoder_says_before_the_first_step_that_pictures_are_too_small(
    tmp_path: Path, encoder: str, side: int, fine: bool
) -> None:
    rng = np.random.default_rng(0)
    for k in range(4):
        write(tmp_path / f"{k}.h5", rng.random((3, 1, side, side)).astype(np.float32))
    spans = [(Span(tmp_path / f"{k}.h5", 0, 3),) for k in range(4)]
    value, known = np.array([[0.0], [1.0]] * 2, np.float32), np.ones((4, 1), bool)
    held = BagExamples(Instances(spans, 10**6), value, known, (1, side, side), tuple("abcd"))
    spec = experiment(tmp_path / "c", 1, model__encoder=encoder)
    small = pytest.raises(SpecError, match=r"^[^\n]*(does not take|expected)[^\n]*$")
    with nullcontext() if fine else small:
        learn(spec, held, None, classes=("hit",), task="binary")
