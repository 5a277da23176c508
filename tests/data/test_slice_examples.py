"""Planes of volumes as examples; what is drawn, how often, and at which intensity."""

from __future__ import annotations

from collections import Counter

import balls
import numpy as np
import pytest

from inklings.data import INTENSITIES
from inklings.data.batches import Batches
from inklings.data.intensity import Percentiles, apply
from inklings.data.slice_examples import sliced
from inklings.data.volumes import require_volumes_possible
from inklings.errors import LabelError, SpecError
from inklings.spec import Component, Sampling, Volumes
from inklings.weak.corrected import correct

PERCENTILES = INTENSITIES.build("percentiles", {})
EXAMPLES = balls.ball_examples(range(3))
NAMED = Component(name="percentiles")


def batches(examples, sampling, **more):
    return Batches(examples, sampling, NAMED, 4, 0, **more)


def test_a_plane_is_scaled_like_its_whole_volume() -> None:
    planes = sliced(EXAMPLES, Volumes(), PERCENTILES)
    whole = Percentiles()(EXAMPLES.images[1])
    at = planes.ids.index("v1:5")
    np.testing.assert_allclose(apply(planes.images[at], planes.scales[at]), whole[:, 5], atol=1e-6)


def test_neighbours_are_scaled_alike() -> None:
    planes = sliced(EXAMPLES, Volumes(view="2.5d", context=2), PERCENTILES)
    whole = Percentiles()(EXAMPLES.images[0])
    got = apply(planes.images[4], planes.scales[4])
    np.testing.assert_allclose(got, whole[0, 2:7], atol=1e-6)


@pytest.mark.parametrize("organ", [0.5, 0.7, 0.9])
def test_planes_that_show_the_organ_are_seen_as_often_as_asked(organ: float) -> None:
    planes = sliced(EXAMPLES, Volumes(foreground=organ), PERCENTILES)
    shows = [bool(target.value.any()) for target in planes.targets]
    assert 0.2 < np.mean(shows) < 0.6
    mine = batches(planes, Sampling(size=24, augment=()))
    drawn = [int(i) for epoch in range(40) for i in mine._order.epoch(epoch)]
    assert np.mean([shows[i] for i in drawn]) == pytest.approx(organ, abs=0.03)
    assert set(Counter(drawn)) == set(range(len(planes)))


def test_at_one_planes_without_the_organ_are_left_out_and_none_takes_all_alike() -> None:
    only = sliced(EXAMPLES, Volumes(foreground=1), PERCENTILES)
    assert all(target.value.any() for target in only.targets)
    assert sliced(EXAMPLES, Volumes(foreground=None), PERCENTILES).weights == ()
    assert len(sliced(EXAMPLES, Volumes(foreground=None), PERCENTILES)) == 24


def test_planes_that_nobody_annotated_are_left_to_losses_that_look_at_them() -> None:
    weak = balls.partly_known(EXAMPLES, 4)
    assert len(sliced(weak, Volumes(), PERCENTILES)) == 6
    assert len(sliced(weak, Volumes(), PERCENTILES, unlabelled=True)) == 24
    nothing = balls.partly_known(EXAMPLES, 100)
    with pytest.raises(LabelError, match="annotated to train on"):
        sliced(nothing, Volumes(foreground=1), PERCENTILES)


def test_patches_have_the_sides_asked_for_and_hold_what_they_are_centred_on() -> None:
    sampling = Sampling(size=12, foreground=1.0, augment=())
    batch = batches(EXAMPLES, sampling, patch=(4, 12, 16)).batch(0)
    assert batch.inputs.shape == (4, 1, 4, 12, 16)
    assert batch.value.shape == (4, 1, 4, 12, 16)
    assert batch.known.shape == (4, 1, 4, 12, 16)
    assert batch.value.amax((1, 2, 3, 4)).tolist() == [255] * 4
    assert batch.valid is None


def test_patches_larger_than_the_volume_are_padded_and_marked() -> None:
    batch = batches(EXAMPLES, Sampling(size=32)).batch(0)
    assert batch.valid is not None
    assert batch.valid.sum((1, 2, 3, 4)).tolist() == [8 * 24 * 28] * 4
    assert not (batch.known & ~batch.valid).any()


def test_image_and_mask_stay_together_in_planes_and_patches() -> None:
    names = ("flips", "quarter_turns", "transpose", "brightness_contrast")
    sampling = Sampling(size=24, augment=tuple(Component(name=n) for n in names))
    planes = sliced(EXAMPLES, Volumes(view="2.5d"), PERCENTILES)
    for examples, channel in ((planes, 1), (EXAMPLES, 0)):
        batch = batches(examples, sampling, patch=(8, 24, 24)).batch(1)
        for image, mask in zip(batch.inputs[:, channel], batch.value[:, 0] > 0, strict=True):
            if mask.any():
                assert image[mask].mean() > image[~mask].mean() + 0.4


def test_volumes_are_corrected_plane_by_plane_and_unknown_planes_stay() -> None:
    weak = balls.partly_known(EXAMPLES, 2)
    cleaned = correct(weak, None, Component(name="auto"), ("ball",))
    for before, after in zip(weak.targets, cleaned.train.targets, strict=True):
        np.testing.assert_array_equal(before.known, after.known)
        assert after.value.shape == before.value.shape
        assert not after.value[~after.known].any()
    assert cleaned.evidence


def test_what_does_not_fit_volumes_is_said_before_training(spec) -> None:
    turned = {"size": 16, "augment": ["quarter_turns"]}
    volumes = {"view": "3d", "patch": [8, 16, 12]}
    with pytest.raises(SpecError, match="no quarter_turns where planes of a patch are 16 x 12"):
        require_volumes_possible(spec(sampling=turned, volumes=volumes))
    with pytest.raises(SpecError, match=r"volumes\.spacing_mm"):
        require_volumes_possible(spec(sampling={"size": 16, "resize": True}))
