from collections import Counter

import numpy as np
import pytest

from inklings.data.batches import Batches
from inklings.data.examples import Examples, from_masks
from inklings.data.sampler import Sampler
from inklings.errors import SpecError
from inklings.spec import Component, Sampling

ZSCORE = Component(name="zscore")


def tiles(counts: dict[str, tuple[int, int]]) -> Examples:
    """For each case so many tiles with the class and so many without."""
    masks, groups = [], []
    for name, (positive, negative) in counts.items():
        masks += [np.ones((8, 8), bool)] * positive + [np.zeros((8, 8), bool)] * negative
        groups += [name] * (positive + negative)
    images = [np.full((3, 8, 8), i % 250, np.uint8) for i in range(len(masks))]
    made = from_masks(images, masks)
    return Examples(made.images, made.targets, made.ids, tuple(groups))


def seen(examples: Examples, epochs: int = 4, **sampling: object) -> Counter[int]:
    order = Sampler(examples, Sampling(size=8, **sampling), seed=1)
    return Counter(int(i) for e in range(epochs) for i in order.epoch(e))


def test_without_wishes_an_epoch_is_every_image_once() -> None:
    examples = tiles({"a": (2, 9), "b": (1, 1)})
    order = Sampler(examples, Sampling(), seed=0)
    assert sorted(order.epoch(0)) == sorted(order.epoch(1)) == list(range(13))
    assert list(order.epoch(0)) != list(order.epoch(1))
    assert list(order.epoch(5)) == list(Sampler(examples, Sampling(), seed=0).epoch(5))


def test_by_case_a_slide_of_many_tiles_is_seen_as_often_as_one_of_few() -> None:
    examples = tiles({"large": (0, 90), "small": (0, 10)})
    counts = seen(examples, by_case=True)
    assert sum(counts[i] for i in range(90)) == pytest.approx(200, abs=4)


def test_by_class_rare_tumour_is_half_of_an_epoch() -> None:
    examples = tiles({"a": (5, 95), "b": (5, 15)})
    counts = seen(examples, by_class=True)
    positive = [i for i, t in enumerate(examples.targets) if t.value.any()]
    assert sum(counts[i] for i in positive) == pytest.approx(240, abs=4)
    assert max(counts[i] for i in positive) - min(counts[i] for i in positive) <= 4


def test_by_class_and_case_together_balance_both() -> None:
    examples = tiles({"a": (1, 59), "b": (30, 10)})
    counts = seen(examples, by_class=True, by_case=True)
    assert counts[0] == pytest.approx(100, abs=4)  # the one positive tile of a
    assert sum(counts[i] for i in range(1, 60)) == pytest.approx(100, abs=4)


@pytest.mark.parametrize("count", [1, 3, 40])
def test_bags_come_from_one_case_and_small_cases_repeat_their_tiles(count: int) -> None:
    examples = tiles({"p": (count, 0), "n": (0, 17), "m": (0, 30)})
    batches = Batches(examples, Sampling(size=8, bag=4), ZSCORE, 8, seed=0)
    order = Sampler(examples, Sampling(size=8, bag=4), seed=0)
    assert order.length % 4 == 0
    kinds = []
    for epoch in range(6):
        places = order.epoch(epoch).reshape(-1, 4)
        for bag in places:
            assert len({examples.groups[i] for i in bag}) == 1
            assert len(set(bag.tolist())) >= min(4, count)
        kinds += [examples.groups[bag[0]] == "p" for bag in places]
    assert np.mean(kinds) == pytest.approx(0.5, abs=0.1)
    # Batches that cross the end of an epoch are of whole bags too.
    for number in range(20):
        value = batches.batch(number).value.flatten(1).amax(1).view(-1, 4)
        assert (value == value[:, :1]).all()


def test_processes_share_whole_bags() -> None:
    examples = tiles({"p": (9, 0), "n": (0, 9)})
    how = (examples, Sampling(size=8, bag=4, augment=()), ZSCORE, 16, 0)
    whole = Batches(*how).batch(2).value
    parts = [Batches(*how, rank, 2).batch(2).value for rank in (0, 1)]
    assert (np.concatenate(parts) == whole.numpy()).all()


def test_bags_of_pictures_are_refused_with_the_remedy() -> None:
    examples = from_masks([np.zeros((3, 8, 8), np.uint8)], [np.zeros((8, 8), bool)])
    with pytest.raises(SpecError, match="expected tiles of slides, got pictures; give tiles:"):
        Sampler(examples, Sampling(bag=2), 0)


def test_a_batch_that_is_not_of_whole_bags_is_refused() -> None:
    with pytest.raises(SpecError, match=r"multiple of sampling\.bag \(4\)"):
        Batches(tiles({"p": (9, 0)}), Sampling(size=8, bag=4), ZSCORE, 6, 0)
