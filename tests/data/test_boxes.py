import numpy as np
import pytest

from inklings.data.boxes import BoxTransforms, Offset, cut_box, middle_of
from inklings.errors import SpecError
from inklings.geometry import Geometry
from inklings.spec import Component

SIDES = (16, 16, 16)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _grey(hu: np.ndarray) -> np.ndarray:
    return np.rint(np.clip((hu + 1000) / 1400 * 255, 0, 255))


def _ball(side: int = 24) -> np.ndarray:
    grid = np.indices((side,) * 3) - (side - 1) / 2
    return np.where((grid**2).sum(0) < 9, 255, 0).astype(np.uint8)


def test_without_changes_the_middle_comes_back_as_it_is(rng) -> None:
    cube = rng.integers(0, 256, (24, 24, 24)).astype(np.uint8)
    assert np.allclose(BoxTransforms([])(cube, SIDES, rng), middle_of(cube, SIDES) / 255)


def test_offset_moves_the_crop_unlike_the_reference_whose_offset_was_thrown_away(rng) -> None:
    moved = BoxTransforms([Component(name="offset", options={"share": 0.5})])(_ball(), SIDES, rng)
    centre = np.array([(moved * g).sum() / moved.sum() for g in np.indices(SIDES)])
    assert np.abs(centre - 7.5).max() > 0.5
    matrix = Offset(0.5).matrix(rng, SIDES)
    assert (matrix[:3, 3] != 0).all()
    assert (matrix[3] == [0, 0, 0, 1]).all()


@pytest.mark.parametrize("name", ["flips", "offset", "scale", "rotate", "noise"])
def test_every_change_that_is_asked_for_changes_the_crop(name) -> None:
    """The reference's settings never reached its training set."""
    cube = np.random.default_rng(1).integers(0, 256, (24, 24, 24)).astype(np.uint8)
    plain = middle_of(cube, SIDES) / 255
    change = BoxTransforms([Component(name=name)])
    results = [change(cube, SIDES, np.random.default_rng(k)) for k in range(4)]
    assert max(np.abs(one - plain).mean() for one in results) > 0.005


def test_scale_keeps_a_ball_round_and_centred(rng) -> None:
    seen = (
        BoxTransforms([Component(name="scale", options={"share": 0.3})])(_ball(), SIDES, rng) > 0.5
    )
    extents = [np.ptp(axis) for axis in np.nonzero(seen)]
    assert max(extents) - min(extents) <= 1


def test_unknown_changes_and_options_are_refused() -> None:
    with pytest.raises(SpecError, match="did you mean"):
        BoxTransforms([Component(name="rotat")])
    with pytest.raises(SpecError, match="sigma"):
        BoxTransforms([Component(name="noise", options={"sigma": 3})])


def test_boxes_are_sized_in_millimetres_whatever_the_slices() -> None:
    """A ball of 12 mm is as large on thick slices as on thin ones."""
    sizes = []
    for spacing in ((1.0, 1.0, 1.0), (2.5, 0.7, 0.7)):
        shape = tuple(round(60 / mm) for mm in spacing)
        geometry = Geometry(shape, spacing, (0.0, 0.0, 0.0))
        points = geometry.to_points(np.moveaxis(np.indices(shape), 0, -1))
        values = np.where(np.linalg.norm(points - 30, axis=-1) < 6, 0, -1000).astype(np.int16)
        cube = _grey(cut_box(values, geometry, (30.0, 30.0, 30.0), (32, 32, 32), 1.25))
        sizes.append((cube > 90).sum() * 1.25**3)
        centre = [(g * (cube > 90)).sum() / (cube > 90).sum() for g in np.indices(cube.shape)]
        assert centre == pytest.approx([15.5] * 3, abs=0.4)
    assert sizes[0] == pytest.approx(np.pi / 6 * 12**3, rel=0.12)
    assert sizes[1] == pytest.approx(sizes[0], rel=0.12)


def test_voxels_are_taken_as_they_are(rng) -> None:
    values = rng.integers(-1000, 400, (40, 60, 60)).astype(np.int16)
    geometry = Geometry(values.shape, (2.5, 0.7, 0.7), (0.0, 0.0, 0.0))
    cube = _grey(cut_box(values, geometry, geometry.to_points((20, 30, 30)), (8, 12, 12), "voxels"))
    part = values[16:24, 24:36, 24:36].astype(float)
    assert np.abs(cube - np.rint((part + 1000) / 1400 * 255)).max() <= 1


@pytest.mark.parametrize("name", ["flips", "offset", "scale", "rotate"])
def test_planes_and_their_mask_move_alike_and_each_plane_in_itself(name: str) -> None:
    mask = np.zeros((60, 60), bool)
    mask[20:34, 26:37] = True
    inputs = np.stack([1000.0 * c + 500 * mask for c in range(7)]).astype(np.float32)
    change = BoxTransforms([Component(name=name)])
    moved = set()
    for k in range(6):
        shown, found = change.planes(inputs, mask, (32, 32), np.random.default_rng(k))
        assert shown.shape == (7, 32, 32)
        flat = shown - 1000 * np.arange(7)[:, None, None]
        assert np.abs(flat - flat[0]).max() < 0.1
        assert ((flat[3] > 250.05) <= found).all()
        assert (found <= (flat[3] > 249.95)).all()
        moved.add(found.tobytes())
    assert len(moved) > 1
