"""Batches of bags."""

from pathlib import Path

import numpy as np
import pytest
import torch

from inklings.data.bag_batches import BagBatches, taken
from inklings.data.bag_examples import BagExamples, gather_bags
from inklings.errors import SpecError
from inklings.simulation.phantoms.bags import vector_bags
from inklings.spec import Bags, Component


@pytest.fixture
def examples(tmp_path: Path) -> BagExamples:
    cohort = vector_bags(tmp_path / "c")
    return gather_bags(cohort.cases, cohort.classes, "binary")


def test_a_batch_depends_on_the_seed_and_its_number_alone(examples: BagExamples) -> None:
    noise = Bags(augment=(Component(name="noise"),), max_instances=3)
    one, other = (BagBatches(examples, noise, 8, seed=5) for _ in range(2))
    other.batch(0)
    assert torch.equal(one.batch(7).inputs, other.batch(7).inputs)
    assert not torch.equal(one.batch(7).inputs[:2], one.batch(8).inputs[:2])


def test_labels_travel_with_their_instances_however_bags_are_shuffled(
    examples: BagExamples,
) -> None:
    source = BagBatches(examples, Bags(), 10, seed=1)
    for number in range(12):
        batch = source.batch(number)
        bags = batch.inputs.split(batch.valid.sum(1).tolist())
        highest = torch.stack([bag[:, 0].max() for bag in bags])
        assert ((highest > 2.5) == (batch.value[:, 0] > 0.5)).float().mean() >= 0.8


def test_every_bag_comes_once_an_epoch(examples: BagExamples) -> None:
    source = BagBatches(examples, Bags(), 10, seed=1)
    seen = [source._order.at(place) for place in range(60)]
    assert sorted(seen) == list(range(60))


def test_nothing_is_padded_before_the_encoder(examples: BagExamples) -> None:
    batch = BagBatches(examples, Bags(), 16, seed=0).batch(0)
    assert len(batch.inputs) == int(batch.valid.sum())
    assert batch.valid.shape[1] == int(batch.valid.sum(1).max())


def test_large_bags_are_sampled_without_replacement_and_anew_each_time(
    examples: BagExamples,
) -> None:
    source = BagBatches(examples, Bags(max_instances=2), 60, seed=0)
    first, second = source.batch(0), source.batch(1)
    assert int(first.valid.sum(1).max()) == 2
    assert len(np.unique(first.inputs.numpy(), axis=0)) == len(first.inputs)
    assert sorted(map(tuple, first.inputs.tolist())) != sorted(map(tuple, second.inputs.tolist()))


def test_large_bags_are_sampled_with_replacement_where_asked(examples: BagExamples) -> None:
    most = max(examples.instances.counts) - 1
    large = next(i for i, n in enumerate(examples.instances.counts) if n > most)
    source = BagBatches(examples, Bags(max_instances=most, replacement=True), 60, seed=0)
    own = {tuple(row) for row in examples.instances.take(large).tolist()}
    drawn = [source._instances(large, np.random.default_rng(i)).tolist() for i in range(40)]
    assert all(len(rows) == most and set(map(tuple, rows)) <= own for rows in drawn)
    distinct = np.mean([len(set(map(tuple, rows))) for rows in drawn])
    # Of n draws from n + 1, (n + 1) (1 - (n / (n + 1)) ** n) differ on average.
    assert distinct == pytest.approx((most + 1) * (1 - (most / (most + 1)) ** most), rel=0.1)


def test_a_cap_on_bags_shortens_the_epoch_and_leaves_nobody_out(examples: BagExamples) -> None:
    capped = Bags(max_bags=20)
    assert [capped.epoch(60), capped.epoch(7), Bags().epoch(60)] == [20, 7, 60]
    source = BagBatches(examples, capped, 10, seed=1)
    assert {source._order.at(place) for place in range(60)} == set(range(60))


def test_processes_share_a_batch_without_overlap(examples: BagExamples) -> None:
    whole = BagBatches(examples, Bags(), 8, seed=3).batch(2)
    parts = [BagBatches(examples, Bags(), 8, 3, rank, 2).batch(2) for rank in range(2)]
    assert sum(len(p.inputs) for p in parts) == len(whole.inputs)
    with pytest.raises(SpecError, match="multiple of the 3 devices"):
        BagBatches(examples, Bags(), 8, 3, 0, 3)


def test_places() -> None:
    assert taken([2, 1]).tolist() == [[True, True], [True, False]]
