import numpy as np

from inklings.detection.crops import DetectorCrops, LabelledScan, cut, turned
from inklings.detection.scan import prepare
from inklings.detection.targets import Truth


def test_turned_crops_take_their_objects_along(rng) -> None:
    for _ in range(20):
        cube = np.zeros((16, 16, 16), np.float32)
        place = tuple(rng.integers(1, 15, 3))
        cube[place] = 1
        shown, moved = turned(cube, [Truth(tuple(map(float, place)), 5.0)], np.zeros(3, int), rng)
        assert shown[tuple(int(v) for v in moved[0].place)] == 1


def test_slices_stay_slices(rng) -> None:
    """A scan is coarser along z: lying on its side it is no scan that anybody takes."""
    ramp = np.broadcast_to(np.arange(8.0)[:, None, None], (8, 8, 8)).astype(np.float32)
    for _ in range(20):
        shown, _ = turned(ramp, [], np.zeros(3, int), rng)
        assert np.ptp(shown, axis=(1, 2)).max() == 0


def test_crops_beyond_the_border_repeat_it() -> None:
    grey = np.full((8, 8, 8), 51, np.uint8)
    assert np.allclose(cut(grey, np.array([-4, -4, 6]), 8), 0.2)


def test_the_same_seed_draws_the_same_crop(phantom, lungs) -> None:
    scan = prepare(phantom.image, phantom.geometry, lungs)
    places = [scan.geometry.to_indices(n.centre_mm) for n in phantom.nodules]
    nodules = tuple(
        Truth(tuple(p), n.diameter_mm) for p, n in zip(places, phantom.nodules, strict=True)
    )
    settings = lungs.model_copy(update={"side": 32, "positives": 1.0})
    draw = DetectorCrops([LabelledScan("a", scan, nodules)], settings)
    one, other = (draw(np.random.default_rng(5)) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
    assert one[0].shape == (1, 32, 32, 32)
    assert sum(draw(np.random.default_rng(k))[1][0].max() > 0.9 for k in range(20)) > 10
