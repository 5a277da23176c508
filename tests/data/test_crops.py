import numpy as np
import pytest

from inklings.data.crops import anywhere, centres, cut, holding, resize_image, resize_mask
from inklings.data.intensity import ZScore
from inklings.geometry import Region
from inklings.supervision.base import Target

IMAGE = np.arange(3 * 30 * 40, dtype=np.float32).reshape(3, 30, 40)
VALUE = np.zeros((1, 30, 40), np.uint8)
KNOWN = np.ones((30, 40), np.bool_)
PLAIN = (np.zeros((1, 1, 1), np.float32), np.ones((1, 1, 1), np.float32))


def test_a_crop_holds_the_samples_of_its_region() -> None:
    sample = cut(IMAGE, Target(VALUE, KNOWN), Region((5, 7), (8, 8)), PLAIN)
    np.testing.assert_array_equal(sample.inputs, IMAGE[:, 5:13, 7:15])
    assert sample.valid.all()


def test_an_image_smaller_than_the_crop_is_padded_by_zeros_that_are_not_valid() -> None:
    sample = cut(IMAGE, Target(VALUE + 255, KNOWN), Region((0, 0), (64, 64)), ZScore().scale(IMAGE))
    assert sample.valid.sum() == 30 * 40
    assert sample.valid[:30, :40].all()
    for array in (sample.inputs, sample.value):
        assert not array[:, ~sample.valid].any()
    assert not sample.known[:, ~sample.valid].any()


def test_random_crops_reach_every_place_and_never_leave_the_image() -> None:
    rng = np.random.default_rng(0)
    starts = np.array([anywhere((30, 40), 16, rng).start for _ in range(2000)])
    assert starts.min(0).tolist() == [0, 0]
    assert starts.max(0).tolist() == [14, 24]
    assert np.allclose(starts.mean(0), [7, 12], atol=0.5)


@pytest.mark.parametrize("index", [(0, 0), (29, 39), (15, 20)])
def test_a_crop_that_holds_a_sample_shows_it_in_every_place_that_the_image_allows(
    index: tuple[int, int],
) -> None:
    rng = np.random.default_rng(0)
    regions = [holding(index, (30, 40), 16, rng) for _ in range(2000)]
    starts = np.array([region.start for region in regions])
    expected = [
        set(range(max(0, i - 15), min(i, n - 16) + 1)) for i, n in zip(index, (30, 40), strict=True)
    ]
    assert [set(column.tolist()) for column in starts.T] == expected


def test_a_crop_larger_than_the_image_starts_with_it() -> None:
    assert holding((3, 5), (10, 40), 16, np.random.default_rng(0)).start[0] == 0


def test_centres_are_the_known_positives() -> None:
    value, known = VALUE.copy(), KNOWN.copy()
    value[0, 3, 4] = value[0, 5, 6] = 255
    value[0, 7, 8] = 100
    known[5, 6] = False
    assert centres(Target(value, known)).tolist() == [3 * 40 + 4]


def test_centres_of_a_large_mask_are_thinned_evenly() -> None:
    found = centres(Target(np.full((1, 400, 400), 255, np.uint8), np.ones((400, 400), np.bool_)))
    assert 10_000 < len(found) <= 20_000
    assert len(set(np.diff(found).tolist())) == 1


def test_resizing_a_mask_makes_no_new_values_and_keeps_shares() -> None:
    mask = np.zeros((100, 80), np.uint8)
    mask[25:75, 20:60] = 255
    small = resize_mask(mask, 32)
    assert set(np.unique(small)) == {0, 255}
    assert small.mean() == pytest.approx(mask.mean(), rel=0.03)
    assert resize_mask(mask > 0, 32).dtype == np.bool_


def test_image_and_mask_are_resized_to_the_same_place() -> None:
    mask = np.zeros((120, 160), np.uint8)
    mask[30:90, 40:120] = 255
    image = resize_image(mask[None], 64)[0]
    assert image.dtype == np.uint8
    assert ((image >= 128) != (resize_mask(mask, 64) >= 128)).mean() < 0.01


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.float32])
def test_resizing_keeps_the_type_and_the_values_of_other_images(kind: type) -> None:
    image = np.full((1, 50, 50), -300 if kind != np.uint16 else 40_000).astype(kind)
    small = resize_image(image, 20)
    assert small.dtype == kind
    np.testing.assert_array_equal(small, image[:, :20, :20])
