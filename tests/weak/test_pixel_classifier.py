import numpy as np
import pytest
from scipy import ndimage

from inklings.data.examples import Examples, from_masks
from inklings.errors import LabelError, SpecError
from inklings.spec import PixelClassifier
from inklings.supervision.base import Target
from inklings.weak.filter_responses import Cases, rows_and_ranks
from inklings.weak.pixel_classifier import ThinningForest

QUICK = PixelClassifier(pixels=20_000, trees=30, false_positive_rate=(0.01, 0.002))


def thinned_by_forest(
    labels: Examples, spec: PixelClassifier, classes: tuple[str, ...], seed: int
) -> list[Target]:
    return ThinningForest(labels, spec, classes, seed).targets()


def fields(count: int = 9, side: int = 256, part: int = 8) -> tuple[Examples, list[np.ndarray]]:
    """Smooth noise, and in two of three images a patch of grain; its half is what is outlined."""
    images, masks, halves = [], [], []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        mask = np.zeros((side, side), bool)
        if seed % 3:
            size = side // part
            y, x = rng.integers(4, side // 2 - size - 4, 2)
            mask[y : y + size, x : x + size] = True
        smooth = ndimage.gaussian_filter(rng.normal(size=(side, side)), 4) * 8
        grain = rng.choice([-1.0, 1.0], (side // 2, side // 2)).repeat(2, 0).repeat(2, 1)
        grey = 120 + 20 * np.where(mask, grain, smooth)
        images.append(np.clip(np.stack([grey] * 3), 0, 255).astype(np.uint8))
        masks.append(mask)
        halves.append((np.arange(side)[None] < side // 2) & np.full_like(mask, mask.any()))
    return from_masks(images, halves), masks


def quality(targets: list[Target], truth: list[np.ndarray]) -> tuple[float, float]:
    """Share of what is told to be positive that lies within a filter's reach of it; and recall."""
    told = [t.positive(0) for t in targets]
    near = [ndimage.binary_dilation(mask, iterations=20) for mask in truth]
    right, said, found, there = (
        sum(int(m.sum()) for m in masks)
        for masks in (
            [a & b for a, b in zip(told, near, strict=True)],
            told,
            [a & b for a, b in zip(told, truth, strict=True)],
            truth,
        )
    )
    return right / max(said, 1), found / there


def test_of_wide_outlines_the_part_that_looks_different_is_kept() -> None:
    labels, truth = fields()
    assert quality(list(labels.targets), truth)[0] < 0.15
    precision, recall = quality(thinned_by_forest(labels, QUICK, ("patch",), 0), truth)
    assert precision > 0.6
    assert recall > 0.95


def test_labels_of_slides_are_thinned_as_outlines_are() -> None:
    labels, truth = fields(part=4)  # ranks hide what is rare and stands out by one feature
    masks = [np.full_like(mask, mask.any()) for mask in truth]
    slides = from_masks(labels.images, masks)
    precision, recall = quality(thinned_by_forest(slides, QUICK, ("patch",), 0), truth)
    assert precision > 0.7
    assert recall > 0.75


def test_nothing_outside_is_touched_and_what_is_in_doubt_is_left_out() -> None:
    labels, _ = fields()
    thinned = thinned_by_forest(labels, QUICK, ("patch",), 0)
    unsure = 0
    for told, made in zip(labels.targets, thinned, strict=True):
        outside = told.value[0] < 128
        assert made.known[0][outside].all()
        assert not made.value[0][outside].any()
        assert not made.value[~made.known].any()
        unsure += int((~made.known).sum())
    assert unsure > 0
    assert thinned[0] is labels.targets[0]  # nothing is inside


def test_a_case_is_marked_by_trees_that_did_not_see_it() -> None:
    """Blocks of noise, half of them inside: only what is known by heart could be kept."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (3, 96, 96)).astype(np.uint8) for _ in range(6)]
    masks = [rng.random((6, 6)).repeat(16, 0).repeat(16, 1) < 0.5 for _ in range(6)]
    labels = from_masks(images, masks)
    made = thinned_by_forest(
        labels, QUICK.model_copy(update={"false_positive_rate": (0.02,)}), ("x",), 0
    )
    kept = sum(int(t.value[0].astype(bool).sum()) for t in made)
    assert kept < 0.06 * sum(int(mask.sum()) for mask in masks)


def test_where_everything_looks_alike_nothing_is_kept() -> None:
    blank = [np.full((3, 64, 64), 200, np.uint8)] * 6
    half = np.arange(64)[None] < np.full((64, 1), 32)
    thinned = thinned_by_forest(from_masks(blank, [half] * 6), QUICK, ("x",), 0)
    assert not any(target.value.any() for target in thinned)


def test_trees_that_would_see_one_kind_only_keep_nothing() -> None:
    """The only negative case is the one that its fold's trees must not see."""
    labels, _ = fields(4, side=64)
    masks = [np.full((64, 64), i != 0) for i in range(4)]
    thinned = thinned_by_forest(from_masks(labels.images, masks), QUICK, ("x",), 0)
    assert not any(target.value.any() for target in thinned)


def test_tiles_of_one_case_are_marked_by_the_same_trees() -> None:
    labels, _ = fields(6)
    groups = ("a", "a", "b", "b", "b", "b")
    grouped = Examples(labels.images, labels.targets, labels.ids, groups)
    assert len(thinned_by_forest(grouped, QUICK, ("patch",), 0)) == 6
    alone = Examples(labels.images, labels.targets, labels.ids, ("a",) * 6)
    with pytest.raises(LabelError, match="at least 2 cases with patch in the training part"):
        thinned_by_forest(alone, QUICK, ("patch",), 0)


def test_an_image_larger_than_a_piece_is_marked_all_over() -> None:
    labels, truth = fields(4, side=600)
    precision, recall = quality(thinned_by_forest(labels, QUICK, ("patch",), 0), truth)
    assert precision > 0.6
    assert recall > 0.9


def test_the_seed_decides() -> None:
    labels, _ = fields(6, side=128)
    first, again, other = (thinned_by_forest(labels, QUICK, ("patch",), seed) for seed in (0, 0, 1))
    assert all((a.value == b.value).all() for a, b in zip(first, again, strict=True))
    assert any((a.value != b.value).any() for a, b in zip(first, other, strict=True))


def test_each_class_is_thinned_by_trees_of_its_own() -> None:
    labels, truth = fields()
    both = [np.stack([t.value[0] >= 128, np.roll(t.value[0] >= 128, 1)]) for t in labels.targets]
    two = from_masks(labels.images, both)
    thinned = thinned_by_forest(two, QUICK, ("a", "b"), 0)
    for k in range(2):
        one = [Target(t.value[k : k + 1], t.known) for t in thinned]
        assert quality(one, truth)[0] > 0.7


def test_volumes_are_refused_in_one_line() -> None:
    volume = np.zeros((1, 4, 8, 8), np.uint8)
    labels = Examples((volume,), (Target(volume, np.ones((4, 8, 8), bool)),), ("v",))
    with pytest.raises(SpecError, match="pictures or tiles, got volumes; leave it out"):
        thinned_by_forest(labels, QUICK, ("x",), 0)


def test_glass_says_nothing_and_is_never_kept() -> None:
    """Outlines that reach over the rim, and a case of nothing but glass, whose label is wrong."""
    labels, truth = fields(8)
    glass = np.full((3, 256, 256), 246, np.uint8)
    wide = [np.concatenate([image, glass], axis=1) for image in labels.images]
    told = [np.pad(t.value[0] >= 128, ((0, 256), (0, 0)), mode="edge") for t in labels.targets]
    empty = np.concatenate([glass, glass], axis=1)
    both = from_masks([*wide, empty], [*told, np.ones((512, 256), bool)])
    made = thinned_by_forest(both, QUICK, ("patch",), 0)
    assert not any(target.value[0, 270:].any() for target in made)
    assert not made[-1].value.any()
    tissue = [target.at(slice(256)) for target in made[:-1]]
    precision, recall = quality(tissue, truth)
    assert precision > 0.6
    assert recall > 0.9


def test_a_cohort_of_glass_is_refused_in_one_line() -> None:
    images = [np.full((3, 64, 64), 246, np.uint8)] * 4
    labels = from_masks(images, [np.ones((64, 64), bool)] * 2 + [np.zeros((64, 64), bool)] * 2)
    with pytest.raises(LabelError, match="expected tissue in the training part, got only glass"):
        thinned_by_forest(labels, QUICK, ("x",), 0)


def test_cases_that_no_tree_saw_are_marked_as_those_that_were_held_out() -> None:
    labels, _ = fields()
    more, truth = fields(18)
    others = Examples(more.images[9:], more.targets[9:], more.ids[9:])
    marked = ThinningForest(labels, QUICK, ("patch",), 0).targets_of(others)
    for target, told in zip(marked, others.targets, strict=True):
        assert target.known[told.value < 128].all()
    assert 0.001 < 1 - np.mean([target.known.mean() for target in marked]) < 0.3
    precision, recall = quality(marked, truth[9:])
    assert precision > 0.6
    assert recall > 0.9


def test_of_very_many_pieces_some_of_each_case_are_looked_at() -> None:
    labels, _ = fields(2)
    boxes = [
        (slice(y, y + 32), slice(x, x + 32)) for y in range(0, 256, 32) for x in range(0, 256, 32)
    ]
    tiles = Examples(
        tuple(image[:, *box] for image in labels.images for box in boxes),
        tuple(t.at(box) for t in labels.targets for box in boxes),
        tuple(f"{name}:{n}" for name in labels.ids for n in range(len(boxes))),
        groups=tuple(name for name in labels.ids for _ in boxes),
    )
    cases = Cases.of(tiles, dict.fromkeys(labels.ids, 0), 4)
    some, ranks = rows_and_ranks(cases, 128 * 20, seed=0)
    assert some is not None
    assert set(ranks) == set(labels.ids)
    assert 1000 < len(some.features) <= 128 * 20  # of 20 pieces of 128
    every, _ = rows_and_ranks(cases, 128 * 1000, seed=0)
    assert every is not None
    assert len(every.features) > 5 * len(some.features)
