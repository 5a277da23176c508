"""Bags in memory: one label a bag, and what each instance has to do with it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import inklings as ik
from inklings.simulation.phantoms.bags import survival_bags, value_bags

SMALL: dict[str, Any] = {
    "task": "bags",
    "model": {"name": "bags", "pooling": "noisy_or"},
    "loss": "bag",
    "training": {"steps": 80, "batch_size": 8, "learning_rate": 0.1, "loggers": []},
}


def drawn(count: int) -> tuple[list[np.ndarray], list[bool]]:
    """Bags of four features; one instance of a positive bag is far from the others."""
    rng = np.random.default_rng(0)
    bags, labels = [], []
    for number in range(count):
        bag = rng.normal(0, 1, (int(rng.integers(3, 7)), 4)).astype(np.float32)
        if number % 2:
            bag[1] += 6
        bags.append(bag)
        labels.append(bool(number % 2))
    return bags, labels


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ik.Run:
    bags, labels = drawn(32)
    out = tmp_path_factory.mktemp("bags")
    cohort = ik.import_dataset(
        "bags", out=out / "cohort", bags=bags, labels=labels, class_name="tumour",
        fractions=(0.5, 0.25, 0.25),
    )  # fmt: skip
    assert cohort.classes == ("tumour",)
    experiment = ik.Experiment.check({"cohort": "below", **SMALL}, "test")
    return ik.train(experiment, cohort=cohort, out=out / "run")


def test_a_bag_has_a_probability_and_so_has_each_instance(run: ik.Run) -> None:
    bags, _ = drawn(2)
    calm, loud = (ik.predict(run, bag) for bag in bags)
    assert loud.probability.shape == loud.mask.shape == (1,)
    assert loud.probability.dtype == np.float32
    assert calm.probability[0] < loud.probability[0] - 0.3
    assert (calm.mask.tolist(), loud.mask.tolist()) == ([0], [1])
    assert loud.instances is not None
    assert loud.instances.shape == (len(bags[1]), 1)
    assert loud.instances[:, 0].argmax() == 1
    assert loud.geometry is None


def test_bags_are_scored_and_exported(run: ik.Run, tmp_path: Path) -> None:
    assert run.experiment is not None
    cohort = ik.Cohort.read(run.experiment.cohort)
    found = ik.predict(run, cohort, split="test")
    assert len(found) == 8
    assert ik.evaluate(found, cohort)["auc"].value > 0.9
    assert (ik.export(found, "csv", out=tmp_path / "csv") / "bags.csv").is_file()


@pytest.mark.parametrize(("task", "loss"), [("regression", "huber"), ("survival", "cox")])
def test_numbers_of_bags_are_said_by_name_and_in_their_unit(
    task: str, loss: str, tmp_path: Path
) -> None:
    {"regression": value_bags, "survival": survival_bags}[task](tmp_path / "c", 24)
    cohort = ik.Cohort.read(tmp_path / "c")
    few = {**SMALL["training"], "steps": 3}
    small = {**SMALL, "loss": loss, "model": {"name": "bags", "pooling": "mean"}, "training": few}
    experiment = ik.Experiment.check({"cohort": "below", **small}, "test")
    found = ik.predict(ik.train(experiment, cohort=cohort, out=tmp_path / "r"), cohort)
    bag, table = found[0], ik.export(found, "json", out=tmp_path / "j")
    row = next(row for row in json.loads(table.read_text())["bags"] if row["case"] == bag.case)
    assert bag.probability.shape == bag.mask.shape == (0,)
    assert bag.values
    assert bag.values == pytest.approx({name: row[name] for name in bag.values})
    assert bag.instances is not None
    if task == "regression":  # the mean of instances is the bag, in the unit of the label
        assert bag.instances.mean() == pytest.approx(bag.values["score"], rel=1e-3)
    assert next(iter(bag.values)) in repr(bag)


def test_a_mask_of_a_bag_is_not_saved(run: ik.Run, tmp_path: Path) -> None:
    with pytest.raises(ik.InklingsError, match="expected a mask of pixels"):
        ik.predict(run, drawn(2)[0][0]).save(tmp_path / "mask.png")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bags": [np.zeros((2, 3))], "labels": [True, False]}, "labels: expected one for each"),
        ({"bags": [np.zeros(3)] * 2, "labels": [True, False]}, r"expected bags \(N, D\)"),
        ({"bags": [np.zeros((2, 3)), np.zeros((2, 4))], "labels": [True, False]}, "one kind"),
    ],
)
def test_bags_that_cannot_be_are_refused(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ik.InklingsError, match=message):
        ik.import_dataset("bags", out=tmp_path / "c", **options)
