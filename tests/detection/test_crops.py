import dataclasses

import numpy as np

from inklings.data.boxes import cut_cube
from inklings.detection.crops import DetectorCrops, LabelledScan
from inklings.detection.scan import prepare
from inklings.detection.targets import Truth


def test_turned_crops_take_their_objects_along(phantom, lungs) -> None:
    """The heat is highest where the crop is brightest: at the one object of an empty scan."""
    scan = prepare(phantom.image, phantom.geometry, lungs)
    grey = np.zeros_like(scan.grey)
    place = tuple(n // 2 for n in grey.shape)
    grey[tuple(slice(c - 2, c + 3) for c in place)] = 255
    one = LabelledScan("a", dataclasses.replace(scan, grey=grey), (Truth(place, 8.0),))
    settings = lungs.model_copy(update={"side": 32, "foreground": 1.0, "noise": 0.0})
    draw = DetectorCrops([one], settings)
    seen = set()
    for seed in range(20):
        inputs, value, _ = draw(np.random.default_rng(seed))
        if value[0].max() < 1:  # the object is at the edge
            continue
        peak = np.array(np.unravel_index(value[0].argmax(), value[0].shape)) * 2
        bright = np.argwhere(inputs[0] > 0.5).mean(0)
        assert np.abs(bright - peak).max() <= 2
        seen.add(tuple(peak))
    assert len(seen) > 5


def test_slices_stay_slices(phantom, lungs) -> None:
    """A scan is coarser along z: lying on its side it is no scan that anybody takes."""
    scan = prepare(phantom.image, phantom.geometry, lungs)
    ramp = np.broadcast_to(np.arange(len(scan.grey))[:, None, None], scan.grey.shape)
    one = LabelledScan("a", dataclasses.replace(scan, grey=ramp.astype(np.uint8)), ())
    draw = DetectorCrops([one], lungs.model_copy(update={"side": 8, "noise": 0.0}))
    for seed in range(20):
        inputs, _, _ = draw(np.random.default_rng(seed))
        assert np.ptp(inputs[0], axis=(1, 2)).max() < 1e-5


def test_crops_beyond_the_border_repeat_it() -> None:
    grey = np.full((8, 8, 8), 51, np.uint8)
    assert (cut_cube(grey, np.array([-4, -4, 6]), 8) == 51).all()


def test_the_same_seed_draws_the_same_crop(phantom, lungs) -> None:
    scan = prepare(phantom.image, phantom.geometry, lungs)
    places = [scan.geometry.to_indices(n.centre_mm) for n in phantom.nodules]
    nodules = tuple(
        Truth(tuple(p), n.diameter_mm) for p, n in zip(places, phantom.nodules, strict=True)
    )
    settings = lungs.model_copy(update={"side": 32, "foreground": 1.0})
    draw = DetectorCrops([LabelledScan("a", scan, nodules)], settings)
    one, other = (draw(np.random.default_rng(5)) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
    assert one[0].shape == (1, 32, 32, 32)
    assert sum(draw(np.random.default_rng(k))[1][0].max() > 0.9 for k in range(20)) > 10
