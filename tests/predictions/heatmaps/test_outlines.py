import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label

from inklings.predictions.heatmaps.outlines import Outlines, RegionOutline, signed_area


def swept(codes: np.ndarray, heights: list[int], smallest: int = 1) -> list[RegionOutline]:
    """All outlines of a map that comes in bands of the given heights, then in the rest."""
    sweep = Outlines(codes.shape[1], smallest)

    def run() -> Iterator[RegionOutline]:
        y = 0
        for height in [*heights, len(codes)]:
            band = codes[y : y + height]
            if len(band):
                yield from sweep.push(band) if band.any() else sweep.skip(len(band))
            y += height
        yield from sweep.close()

    return list(run())


def drawn(outlines: list[RegionOutline], shape: tuple[int, int]) -> np.ndarray:
    """Rings filled by the even-odd rule: crossings of a ring to the left of each sample."""
    codes = np.zeros(shape, np.uint8)
    for outline in outlines:
        crossings = np.zeros((shape[0], shape[1] + 1), int)
        for ring in outline.rings:
            for (y0, x0), (y1, x1) in itertools.pairwise(ring):
                if x0 == x1:
                    crossings[min(y0, y1) : max(y0, y1), x0] += 1
        inside = np.cumsum(crossings, axis=1)[:, :-1] % 2 == 1
        assert not codes[inside].any()
        codes[inside] = outline.code
    return codes


def blobs(shape: tuple[int, int], classes: int, smooth: float, seed: int) -> np.ndarray:
    fields = np.random.default_rng(seed).normal(size=(classes + 1, *shape))
    smoothed = [ndimage.gaussian_filter(field, smooth) for field in fields]
    return np.argmax(smoothed, axis=0).astype(np.uint8)


@pytest.mark.parametrize("heights", [[], [1] * 60, [7] * 10, [16, 1, 30], [33]])
@pytest.mark.parametrize(("classes", "smooth"), [(1, 0.0), (1, 2.0), (3, 0.0), (3, 3.0)])
def test_filled_outlines_are_the_map_again_whatever_the_bands(
    heights: list[int], classes: int, smooth: float
) -> None:
    codes = blobs((60, 47), classes, smooth, seed=classes)
    outlines = swept(codes, heights)
    np.testing.assert_array_equal(drawn(outlines, codes.shape), codes)
    regions = label(codes, background=0, connectivity=1)
    assert len(outlines) == regions.max()
    assert sorted(o.samples for o in outlines) == sorted(np.bincount(regions.ravel())[1:])


@pytest.mark.parametrize("seed", range(3))
def test_area_within_the_rings_is_the_number_of_samples_and_rings_are_simple(seed: int) -> None:
    for outline in swept(blobs((80, 90), 2, 0.7, seed), [11] * 8):
        areas = [signed_area(ring) for ring in outline.rings]
        assert areas[0] > 0
        assert all(area < 0 for area in areas[1:])
        assert sum(areas) == outline.samples
        for ring in outline.rings:
            assert (ring[0] == ring[-1]).all()
            assert len(np.unique(ring[:-1], axis=0)) == len(ring) - 1


def test_a_region_leaves_when_the_sweep_has_passed_it_and_none_is_kept() -> None:
    sweep = Outlines(50)
    square = np.zeros((20, 50), np.uint8)
    square[3:9, 4:10] = 2
    assert [o.code for o in sweep.push(square)] == [2]
    open_ = np.zeros((20, 50), np.uint8)
    open_[15:, 30:] = 1
    assert list(sweep.push(open_)) == []
    (last,) = sweep.close()
    assert last.rings[0].min(axis=0).tolist() == [35, 30]
    assert last.rings[0].max(axis=0).tolist() == [40, 50]
    assert len(sweep._corners) == 0


def test_specks_are_counted_and_not_outlined() -> None:
    codes = np.zeros((30, 30), np.uint8)
    codes[2, 2] = codes[5, 5] = 1
    codes[10:20, 10:20] = 1
    sweep = Outlines(30, smallest=4)
    found = [*sweep.push(codes), *sweep.close()]
    assert [outline.samples for outline in found] == [100]
    assert sweep.left_out == 2


def test_a_ring_that_touches_itself_becomes_an_outline_with_a_hole() -> None:
    codes = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]], np.uint8)
    (outline,) = swept(codes, [1, 1])
    assert [abs(signed_area(ring)) for ring in outline.rings] == [8, 1]
