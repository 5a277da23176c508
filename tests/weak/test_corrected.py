import numpy as np
import pytest
from scipy import ndimage

from inklings.data.examples import Examples, from_masks
from inklings.errors import SpecError
from inklings.spec import Component
from inklings.supervision.channels import core
from inklings.weak.corrected import correct

Y, X = np.mgrid[:96, :96]
DISC = np.hypot(Y - 48, X - 48) <= 15
WIDE = np.hypot(Y - 48, X - 48) <= 22
AUTO = Component(name="auto")


def examples(mask: np.ndarray, count: int = 3, known: bool = True, cores: bool = False) -> Examples:
    rng = np.random.default_rng(0)
    clean = ndimage.gaussian_filter(20 + 180 * DISC.astype(float), 1)
    images = [
        np.clip(clean + rng.normal(0, 4, DISC.shape), 0, 255).astype(np.uint8)[None]
        for _ in range(count)
    ]
    value = np.stack([mask, core(mask.astype(np.int32))]) if cores else mask[None]
    where = np.ones_like(mask) if known else mask
    return from_masks(images, [value] * count, [where] * count, [f"case-{i}" for i in range(count)])


def test_without_correction_the_very_same_examples_come_back() -> None:
    train = examples(WIDE)
    cleaned = correct(train, None, Component(name="none"), ("cell",))
    assert cleaned.train is train
    assert cleaned.evidence == []


def test_wide_outlines_of_both_parts_shrink_to_the_object() -> None:
    cleaned = correct(examples(WIDE), examples(WIDE, 2), AUTO, ("cell",))
    assert cleaned.val is not None
    for target in (*cleaned.train.targets, *cleaned.val.targets):
        assert (target.value[0] > 0).sum() == pytest.approx(DISC.sum(), rel=0.1)
    assert cleaned.evidence[0]["class"] == "cell"
    assert cleaned.evidence[0]["action"] == "shrunk"
    assert cleaned.evidence[0]["images"] == 5


def test_cores_follow_the_corrected_outlines() -> None:
    cleaned = correct(examples(WIDE, cores=True), None, AUTO, ("cell",))
    value = cleaned.train.targets[0].value
    np.testing.assert_array_equal(value[1] > 0, core((value[0] > 0).astype(np.int32)))


def test_right_outlines_and_incomplete_labels_stay_the_same_objects() -> None:
    right, partial = examples(DISC), examples(WIDE, known=False)
    for given in (right, partial):
        cleaned = correct(given, None, AUTO, ("cell",))
        for before, after in zip(given.targets, cleaned.train.targets, strict=True):
            assert after is before


def test_exact_cases_keep_their_labels_and_unknown_names_are_refused() -> None:
    given = examples(WIDE)
    exact = Component(name="auto", options={"trusted": ["case-1"]})
    cleaned = correct(given, None, exact, ("cell",))
    assert cleaned.train.targets[1] is given.targets[1]
    with pytest.raises(SpecError, match="expected cases of the train or val part, got case-9"):
        correct(given, None, Component(name="auto", options={"trusted": ["case-9"]}), ("cell",))
