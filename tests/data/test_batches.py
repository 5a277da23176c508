import numpy as np
import pytest
import torch

from inklings.data import TRANSFORMS
from inklings.data.batches import Batches, Crop, CropBatches
from inklings.data.examples import Examples, from_masks
from inklings.errors import SpecError
from inklings.spec import Component, Sampling

SAMPLING = Sampling(size=32)
ZSCORE = Component(name="zscore")


def batches(examples: Examples, sampling: Sampling = SAMPLING, **options: int) -> Batches:
    return Batches(examples, sampling, ZSCORE, **{"batch_size": 4, "seed": 3, **options})


def test_a_batch_is_a_function_of_seed_and_number_alone(discs: Examples) -> None:
    one, two = batches(discs), batches(discs)
    for _ in range(5):
        one.batch(0)  # what was asked for before does not matter
    np.testing.assert_array_equal(one.batch(7).inputs, two.batch(7).inputs)
    np.testing.assert_array_equal(one.batch(7).value, two.batch(7).value)
    assert not torch.equal(one.batch(7).inputs, one.batch(8).inputs)
    assert not torch.equal(one.batch(7).inputs, batches(discs, seed=4).batch(7).inputs)


def test_batches_cut_ahead_in_threads_are_the_same_in_the_same_order(discs: Examples) -> None:
    mine = batches(discs)
    stream = mine.from_number(5)
    for number in range(5, 12):
        got = next(stream)
        assert got.number == number
        assert torch.equal(got.inputs, mine.batch(number).inputs)
    stream.close()


def test_every_epoch_sees_every_image_once() -> None:
    images = [np.full((1, 32, 32), i, np.uint8) for i in range(10)]
    numbered = from_masks(images, [np.full((32, 32), i / 255, np.float32) for i in range(10)])
    mine = batches(numbered, Sampling(size=32, augment=()), batch_size=5)
    seen = [mine.batch(k).value[:, 0, 0, 0].tolist() for k in range(6)]
    epochs = [seen[k] + seen[k + 1] for k in (0, 2, 4)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(10))
    assert epochs[0] != epochs[1]


def test_processes_share_a_batch_without_overlap(discs: Examples) -> None:
    whole = batches(discs).batch(3)
    parts = [batches(discs, rank=rank, world=2).batch(3) for rank in (0, 1)]
    rebuilt = torch.stack([p.inputs for p in parts], 1).reshape(whole.inputs.shape)
    assert torch.equal(rebuilt, whole.inputs)


def test_an_uneven_share_is_refused(discs: Examples) -> None:
    with pytest.raises(SpecError, match="expected a multiple of the 3 devices, got 4"):
        batches(discs, world=3)


def test_inputs_lie_channels_last_and_values_in_zero_to_one(discs: Examples) -> None:
    numbered = batches(discs).batch(0)
    assert numbered.inputs.is_contiguous(memory_format=torch.channels_last)
    batch = numbered.to(torch.device("cpu"))
    assert set(batch.value.unique().tolist()) == {0.0, 1.0}
    assert batch.valid is None
    assert batch.known.shape == (4, 1, 32, 32)


def test_images_smaller_than_the_crop_are_padded_and_marked(discs: Examples) -> None:
    batch = batches(discs, Sampling(size=80)).batch(0)
    assert batch.valid is not None
    assert batch.valid.sum((1, 2, 3)).tolist() == [64 * 64] * 4
    assert not batch.inputs[~batch.valid.expand_as(batch.inputs)].any()
    assert not (batch.known & ~batch.valid).any()


def test_asked_for_positives_are_held_by_their_crops() -> None:
    mask = np.zeros((256, 256), np.bool_)
    mask[200, 100] = True
    one = from_masks([np.zeros((1, 256, 256), np.uint8)], [mask])
    hits = {
        share: np.mean(
            [
                batches(one, Sampling(size=32, foreground=share)).batch(k).value.any().item()
                for k in range(40)
            ]
        )
        for share in (0.0, 1.0)
    }
    assert hits[1.0] == 1.0
    assert hits[0.0] < 0.4


def test_target_and_image_stay_together_through_all_augmentations(discs: Examples) -> None:
    names = ("flips", "quarter_turns", "affine", "brightness_contrast")
    sampling = Sampling(size=48, augment=tuple(Component(name=n) for n in names))
    for number in range(10):
        batch = batches(discs, sampling).batch(number)
        bright = batch.inputs.mean(1)
        for image, mask in zip(bright, batch.value[:, 0] > 0, strict=True):
            if mask.any():
                assert image[mask].mean() > image[~mask].mean() + 0.8


def test_crops_that_a_function_draws_are_shared_and_numbered_like_others() -> None:
    def draw(rng: np.random.Generator) -> Crop:
        return rng.random((1, 4, 4), np.float32), np.ones(1, np.float32), np.ones(1, np.bool_)

    whole = CropBatches(draw, 4, seed=1).batch(5)
    parts = [CropBatches(draw, 4, 1, rank, 2).batch(5) for rank in range(2)]
    assert torch.equal(whole.inputs[::2], parts[0].inputs)
    assert torch.equal(whole.inputs[1::2], parts[1].inputs)
    assert whole.to(torch.device("cpu")).value.tolist() == [[1.0]] * 4  # no 255ths
    with pytest.raises(SpecError, match="multiple of the 3 devices"):
        CropBatches(draw, 4, 1, 0, 3)


@pytest.mark.parametrize("name", sorted(TRANSFORMS["pictures"]))
def test_every_augmentation_that_is_asked_for_reaches_the_batch(discs: Examples, name: str) -> None:
    whole = {"size": 64}  # as large as the images, so that all crops are alike
    plain = batches(discs, Sampling(**whole, augment=()), batch_size=1)
    asked = batches(discs, Sampling(**whole, augment=(Component(name=name),)), batch_size=1)
    changed = [not torch.equal(plain.batch(k).inputs, asked.batch(k).inputs) for k in range(24)]
    assert any(changed)
