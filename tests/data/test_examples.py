from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.cohort import Cohort
from inklings.data.batches import Batches
from inklings.data.examples import Examples, from_masks, gather, resized, with_background
from inklings.errors import DataError, GeometryError, SpecError
from inklings.geometry import Geometry
from inklings.spec import Component, Sampling
from inklings.supervision.base import Target
from inklings.supervision.full import Full

IMAGE = np.zeros((3, 10, 12), np.uint8)
MASK = np.zeros((10, 12), np.bool_)


def test_masks_become_quantised_targets() -> None:
    soft = from_masks([IMAGE], [np.full((2, 10, 12), 0.5, np.float32)])
    assert soft.targets[0].value.shape == (2, 10, 12)
    assert set(np.unique(soft.targets[0].value)) == {128}
    hard = from_masks([IMAGE], [~MASK], known=[MASK])
    assert (hard.targets[0].value == 255).all()
    assert not hard.judges


def test_images_and_targets_must_lie_on_one_grid() -> None:
    with pytest.raises(GeometryError, match="target on the same grid"):
        from_masks([IMAGE], [MASK.T])
    with pytest.raises(SpecError, match="as many targets"):
        Examples((IMAGE,), (), ("a",))
    with pytest.raises(DataError, match=r"one number of channels, got \[1, 3\]"):
        from_masks([IMAGE, IMAGE[:1]], [MASK, MASK])


def test_background_is_certain_where_no_class_is_and_nowhere_unknown() -> None:
    mask, known = MASK.copy(), ~MASK
    mask[2, 3] = True
    known[5, 5] = False
    (target,) = with_background(from_masks([IMAGE], [mask], [known])).targets
    assert target.value[0, 2, 3] == 0
    assert target.value[0, 0, 0] == 255
    assert target.value[0, 5, 5] == 0
    assert (target.value.sum(0, dtype=int)[known] == 255).all()


def test_resizing_moves_image_value_and_known_alike() -> None:
    mask = MASK.copy()
    mask[:5] = True
    small = resized(from_masks([IMAGE], [mask], [mask]), 6)
    assert small.images[0].shape == (3, 6, 6)
    np.testing.assert_array_equal(small.targets[0].value > 0, small.targets[0].known)
    assert small.targets[0].known.mean() == 0.5


@pytest.mark.parametrize("code", ["LSP", "PSL", "RAI"])
def test_turning_volumes_takes_all_that_is_said_of_them_along(code: str) -> None:
    rng = np.random.default_rng(0)
    marks = rng.random((2, 3, 4, 5)) < 0.5
    value = marks.astype(np.uint8) * 255
    target = Target(value, marks[0], marks[1])
    identity = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    grid = Geometry((3, 4, 5), (3.0, 2.0, 1.0), (0.0, 0.0, 0.0), identity)
    turned = Examples((value,), (target,), ("a",), geometries=(grid,)).turned(code)
    (after,) = turned.targets
    assert after.assumed is not None
    assert not np.array_equal(after.value, value)
    np.testing.assert_array_equal(after.value, turned.images[0])
    np.testing.assert_array_equal(np.squeeze(after.known), turned.images[0][0] > 0)
    np.testing.assert_array_equal(np.squeeze(after.assumed), turned.images[0][1] > 0)


def test_a_cohort_is_decoded_with_its_targets(cohort: Path) -> None:
    train = gather(Cohort.read(cohort).part("train"), Full(("disc",)))
    assert train.ids == tuple(f"case{i}" for i in range(6))
    assert train.channels == 3
    assert train.judges
    for image, target in zip(train.images, train.targets, strict=True):
        bright = image.mean(0) > 105
        assert ((target.value[0] > 0) == bright).mean() > 0.98


def test_the_memory_budget_is_named_when_nothing_can_be_mapped(
    cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = Cohort.read(cohort).part("train")
    monkeypatch.setenv("INKLINGS_MEMORY_GB", "0.00002")
    with pytest.raises(DataError, match="INKLINGS_MEMORY_GB"):
        gather(cases, Full(("disc",)))
    monkeypatch.setenv("INKLINGS_MEMORY_GB", "much")
    with pytest.raises(SpecError, match="expected a number of GB, got 'much'"):
        gather(cases, Full(("disc",)))


def test_a_background_is_known_only_where_every_class_is_known() -> None:
    value = np.zeros((2, 3, 4), np.uint8)
    value[0, 0] = 255
    known = np.ones((2, 3, 4), np.bool_)
    known[1, :, :2] = False
    (told,) = with_background(Examples([IMAGE[:, :3, :4]], [Target(value, known)], ["a"])).targets
    np.testing.assert_array_equal(told.known, np.concatenate([known[1:], known]))
    np.testing.assert_array_equal(told.value[0] == 255, known[1] & (value[0] == 0))
    np.testing.assert_array_equal(told.value[1:], value)


def test_classes_known_apart_stay_so_through_crops_sizes_and_changes() -> None:
    """Each channel of the target is known where the picture, which moves with it, shows it."""
    rng = np.random.default_rng(0)
    masks = rng.random((2, 1, 6, 6)) < 0.5
    masks = masks.repeat(8, -1).repeat(8, -2)
    known = masks[:, 0]
    picture = np.concatenate([known, ~known[:1]]).astype(np.float32)
    whole = Target(np.zeros((2, 48, 48), np.uint8), np.ones((48, 48), np.bool_))
    told = [Target(known * np.uint8(255), known), whole]
    given = Examples([picture] * 2, told, ["a", "b"])
    changes = tuple(Component(name=name) for name in ("flips", "quarter_turns", "transpose"))
    as_is = Component(name="window", options={"low": 0, "high": 1})
    batch = Batches(given, Sampling(size=32, augment=changes), as_is, 4, 0).batch(0)
    assert batch.known.shape == (4, 2, 32, 32)
    apart = [bool((~row).any()) for row in batch.known]
    assert 0 < sum(apart) < 4
    for inputs, row in zip(batch.inputs, batch.known, strict=True):
        if bool((~row).any()):
            assert bool((row == (inputs[:2] > 0)).all())
    small = resized(given, 24).targets[0]
    np.testing.assert_array_equal(small.known, small.value > 0)
    alike = Batches(given.with_targets([whole] * 2), Sampling(size=32), as_is, 4, 0).batch(0)
    assert alike.known.shape == (4, 1, 32, 32)


def test_a_target_whose_classes_are_known_apart_is_judged_by_those_that_are_known() -> None:
    known = np.zeros((2, 10, 12), np.bool_)
    value = np.zeros((2, 10, 12), np.uint8)
    kinds = [(known, False), (known | [[[True]], [[False]]], True)]
    half = known.copy()
    half[0, :5] = True
    for mask, judges in [*kinds, (half, False)]:
        assert Examples([IMAGE], [Target(value, mask)], ["a"]).judges is judges
