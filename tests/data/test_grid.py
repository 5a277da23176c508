"""Which tiles are kept: those of the reference's rule, and the strips that it loses."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import slides

from inklings.cohorts.case import Case
from inklings.data.grid import TileBoxes, boxes, shares, starts, tile_slide
from inklings.data.tile_index import TileHead
from inklings.labels.kinds import BagLabel, PolygonLabel

SHAPE = (1400, 1130)  # neither a multiple of a tile nor of a level


def head(method: str = "mask", size: int = 256, least: float = 0.25, **grid: float) -> TileHead:
    settings = {"method": method, "min_tissue": least, "without_mask": "stained"}
    return TileHead(
        Path("cohort"),
        size,
        size,
        classes=("benign", "cancer"),
        settings=settings,
        **(grid or {"factor": 1}),
    )


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return slides.blobs(SHAPE, 4)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, codes: np.ndarray) -> Case:
    return slides.write(tmp_path_factory.mktemp("slides"), "a", codes)


def reference(codes: np.ndarray, size: int) -> set[tuple[int, int]]:
    """Tiles that the reference keeps: less than 75 % of zeros, whole tiles only."""
    height, width = codes.shape
    return {
        (y, x)
        for y in range(0, height - size, size)
        for x in range(0, width - size, size)
        if np.count_nonzero(codes[y : y + size, x : x + size] == 0) < 0.75 * size * size
    }


def kept(columns: dict) -> set[tuple[int, int]]:
    return set(zip(columns["y"].tolist(), columns["x"].tolist(), strict=True))


def test_the_reference_rule_keeps_the_same_whole_tiles(case: Case, codes: np.ndarray) -> None:
    tiles = kept(tile_slide(case, head()))
    expected = reference(codes, 256)
    assert len(expected) >= 4
    assert {(y, x) for y, x in tiles if y % 256 == 0 and x % 256 == 0} == expected


def test_no_strip_at_the_right_or_the_bottom_is_lost(case: Case, codes: np.ndarray) -> None:
    covered = np.zeros(SHAPE, bool)
    columns = tile_slide(case, head(least=0.0))
    for y, x in kept(columns):
        covered[y : y + 256, x : x + 256] = True
    assert covered[codes > 0].all()
    assert covered[-1].any()
    assert covered[:, -1].any()
    lost = np.ones(SHAPE, bool)
    for y, x in reference(codes, 256):
        lost[y : y + 256, x : x + 256] = False
    assert (codes[lost] > 0).any()


def test_a_tile_without_any_background_is_kept(tmp_path: Path) -> None:
    full = slides.write(tmp_path, "full", np.full((600, 600), 2, np.uint8))
    columns = tile_slide(full, head())
    assert len(columns["y"]) == 9
    assert (columns["tissue"] == 1).all()
    assert (columns["label:cancer"] == 1).all()


def test_shares_of_classes_are_counted_sample_by_sample(case: Case, codes: np.ndarray) -> None:
    columns = tile_slide(case, head(least=0.0))
    for k, (y, x) in enumerate(zip(columns["y"], columns["x"], strict=True)):
        tile = codes[y : y + 256, x : x + 256]
        assert columns["label:benign"][k] == pytest.approx((tile == 1).mean(), abs=1e-6)
        assert columns["label:cancer"][k] == pytest.approx((tile == 2).mean(), abs=1e-6)
        assert columns["tissue"][k] == pytest.approx((tile > 0).mean(), abs=1e-6)
    assert (columns["known"] == 1).all()


def test_tissue_of_the_picture_agrees_with_the_mask(case: Case) -> None:
    by_mask, by_picture = (tile_slide(case, head(method)) for method in ("mask", "stained"))
    both = kept(by_mask) & kept(by_picture)
    assert len(both) >= 0.8 * max(len(kept(by_mask)), len(kept(by_picture)))
    place = {at: k for k, at in enumerate(zip(by_mask["y"], by_mask["x"], strict=True))}
    for k, at in enumerate(zip(by_picture["y"], by_picture["x"], strict=True)):
        if at in place:
            assert by_picture["tissue"][k] == pytest.approx(by_mask["tissue"][place[at]], abs=0.08)


def test_a_coarser_grid_is_counted_in_its_own_samples(case: Case) -> None:
    fine = tile_slide(case, head(size=256))
    coarse = tile_slide(case, head(size=64, factor=4))
    aligned = {(y // 4, x // 4) for y, x in kept(fine) if y % 256 == 0 and x % 256 == 0}
    assert aligned <= kept(coarse)
    assert max(y for y, _ in kept(coarse)) <= SHAPE[0] // 4 - 64 + 1


def test_a_case_without_a_mask_is_tiled_by_tissue_and_known_nowhere(case: Case) -> None:
    bare = dataclasses.replace(case, labels=(BagLabel("cancer", True),))
    columns = tile_slide(bare, head("mask"))
    assert len(columns["y"]) > 3
    assert not columns["known"].any()
    assert not columns["label:cancer"].any()


def test_outlines_are_labels_and_not_tissue(case: Case) -> None:
    corners = ((100.0, 100.0), (100.0, 500.0), (700.0, 500.0), (700.0, 100.0))
    drawn = dataclasses.replace(case, labels=(PolygonLabel("slide", "cancer", corners),))
    columns = tile_slide(drawn, head("mask", least=0.0))
    assert kept(columns) == kept(tile_slide(case, head("stained", least=0.0)))
    inside = [k for k in range(len(columns["y"])) if columns["label:cancer"][k] == 1]
    assert {(columns["y"][k], columns["x"][k]) for k in inside} <= {(256, 256)}
    assert (columns["known"] == 1).all()


def test_everywhere_keeps_all_tiles(case: Case) -> None:
    columns = tile_slide(case, head("everywhere"))
    assert len(columns["y"]) == 6 * 5


@pytest.mark.parametrize(("length", "size", "stride"), [(10, 4, 4), (12, 4, 4), (4, 4, 4)])
def test_tiles_cover_an_axis_to_its_end(length: int, size: int, stride: int) -> None:
    found = starts(length, size, stride)
    assert found[-1] + size == length
    assert (np.diff(found) <= stride).all()


def test_a_slide_smaller_than_a_tile_is_one_tile() -> None:
    tiles = boxes((300, 200), 512, 512)
    assert (tiles.y.tolist(), tiles.x.tolist()) == ([0], [0])
    assert tiles.area.tolist() == [300 * 200]


def test_shares_of_a_coarse_mask_are_areas() -> None:
    mask = np.zeros((10, 10), bool)
    mask[2:5, 3:9] = True
    fine = np.kron(mask, np.ones((7, 7)))
    rng = np.random.default_rng(0)
    y, x = rng.integers(0, 50, (2, 40))
    found = shares(mask, TileBoxes(y, x, 23, (70, 70)))
    expected = [fine[b : b + 23, a : a + 23].mean() for b, a in zip(y, x, strict=True)]
    assert found == pytest.approx(expected)


def test_runs_hold_neighbours_and_stay_small() -> None:
    tiles = boxes((1000, 40_000), 500, 500)
    tiles = tiles.where(tiles.x != 5000)
    runs = list(tiles.runs())
    assert sum(which.stop - which.start for _, which in runs) == len(tiles)
    for region, which in runs:
        assert set(tiles.y[which]) == {region.start[0]}
        assert region.stop[1] == tiles.x[which][-1] + 500
        assert region.size[0] * region.size[1] <= 1 << 22
