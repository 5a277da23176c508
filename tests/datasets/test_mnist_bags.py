"""Bags of digits."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inklings.bags.instances import Instances
from inklings.cohorts.bags import spans
from inklings.cohorts.cohort import Cohort
from inklings.datasets.labelled_pictures import pictures
from inklings.datasets.mnist_bags import BagPlan, mnist_bags
from inklings.errors import DataError, SpecError
from inklings.evaluation.instance_truth import instance_truth

REAL = Path(__file__).parents[2] / ".." / "shared" / "data" / "mnist"


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """1,000 pictures, each of which tells its own number; labels as in MNIST."""
    labels = np.random.default_rng(0).integers(0, 10, 1000).astype(np.uint8)
    images = np.zeros((1000, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1], images[:, 0, 2] = (
        np.arange(1000) // 100, np.arange(1000) % 100, labels,
    )  # fmt: skip
    folder = tmp_path / "idx"
    folder.mkdir()
    for name, data in (("images-idx3", images), ("labels-idx1", labels)):
        head = struct.pack(">HBB", 0, 8, data.ndim) + struct.pack(f">{data.ndim}I", *data.shape)
        (folder / f"train-{name}-ubyte.gz").write_bytes(gzip.compress(head + data.tobytes()))
    return folder


def numbers(cohort: Cohort, part: str) -> list[list[int]]:
    bags = Instances([spans(case) for case in cohort if case.split == part], 10**9)
    images = [bags.take(i)[:, 0, 0].astype(int) for i in range(len(bags))]
    return [(rows[:, 0] * 100 + rows[:, 1]).tolist() for rows in images]


def test_no_digit_is_in_two_parts_or_two_bags(numbered: Path, tmp_path: Path) -> None:
    cohort = mnist_bags(str(numbered), tmp_path / "c")
    parts = {
        part: [n for bag in numbers(cohort, part) for n in bag] for part in ("train", "val", "test")
    }
    together = [n for part in parts.values() for n in part]
    assert len(together) == len(set(together)) > 950
    assert max(parts["train"]) < 700 <= min(parts["val"])
    sizes = {len(bag) for part in parts for bag in numbers(cohort, part)}
    assert sizes == {3, 4, 5, 6, 7}


def test_a_bag_is_positive_if_the_digit_is_in_it_and_truth_lies_apart(
    numbered: Path, tmp_path: Path
) -> None:
    cohort = mnist_bags(str(numbered), tmp_path / "c", BagPlan(target=3))
    truth = instance_truth(tmp_path / "c")
    labels = pictures(str(numbered)).labels
    for part in ("train", "val", "test"):
        cases = [case for case in cohort if case.split == part]
        for case, bag in zip(cases, numbers(cohort, part), strict=True):
            assert case.labels[0].present == (labels[bag] == 3).any()  # type: ignore[union-attr]
            assert truth[case.id].tolist() == (labels[bag] == 3).tolist()
            assert set(case.facts) == {"rows"}  # nothing that tells how many, or which


def test_shares_sizes_and_seeds_are_as_asked(numbered: Path, tmp_path: Path) -> None:
    plan = BagPlan(
        9, "10~2", (40, 0, 20), "balanced", "again", seed=1, test_seed=0, positives_a_bag=1
    )
    one = mnist_bags(str(numbered), tmp_path / "a", plan)
    truth = instance_truth(tmp_path / "a")
    assert sorted(int(truth[c.id].sum()) for c in one) == [0] * 30 + [1] * 30
    assert 9 < np.mean([len(t) for t in truth.values()]) < 11
    other = mnist_bags(
        str(numbered), tmp_path / "b", BagPlan(9, "10~2", (40, 0, 20), "balanced", "again", seed=2,
                                            test_seed=0, positives_a_bag=1)
    )  # fmt: skip
    assert numbers(one, "test") == numbers(other, "test")
    assert numbers(one, "train") != numbers(other, "train")


def test_the_public_loaders_are_reproduced_draw_for_draw(numbered: Path, tmp_path: Path) -> None:
    plan = BagPlan(9, "10~2", (6, 0, 0), draw="loader", parts=(1000, 0, 0), seed=1)
    drawn = numbers(mnist_bags(str(numbered), tmp_path / "a", plan), "train")
    legacy = np.random.RandomState(1)
    for bag in drawn:
        size = int(legacy.normal(10, 2, 1)[0])
        assert bag == legacy.randint(0, 1000, size).tolist()
    plan = BagPlan(9, "10~2", (20, 0, 0), draw="balanced_loader", parts=(1000, 0, 0), seed=1)
    cohort = mnist_bags(str(numbered), tmp_path / "b", plan)
    said = [case.labels[0].present for case in cohort]  # type: ignore[union-attr]
    assert said == [True, False] * 10


def test_mistakes_are_explained(numbered: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="or import 'digits'"):
        mnist_bags(str(tmp_path), tmp_path / "c")
    with pytest.raises(DataError, match="enough for"):
        mnist_bags(str(numbered), tmp_path / "c", BagPlan(bags=(9999, 0, 0)))
    with pytest.raises(SpecError, match="3-7"):
        mnist_bags(str(numbered), tmp_path / "c", BagPlan(size="about 5"))
    (numbered / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b damaged")
    with pytest.raises(DataError, match="whole IDX file"):
        mnist_bags(str(numbered), tmp_path / "c")


def test_a_folder_for_each_class_will_do_and_colours_stay(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number, name in enumerate(("tumour", "stroma", "fat")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(30):
            image = rng.integers(0, 255, (12, 10, 3), np.uint8)
            image[..., 1] = number
            Image.fromarray(image).save(tmp_path / "pictures" / name / f"{i}.png")
    plan = BagPlan("tumour", "2-4", (20, 0, 10), draw="again")
    cohort = mnist_bags(str(tmp_path / "pictures"), tmp_path / "c", plan)
    assert cohort.classes == ("tumour",)
    bags = Instances([spans(case) for case in cohort], 10**9)
    truth = instance_truth(tmp_path / "c")
    for i, case in enumerate(cohort):
        instances = bags.take(i)
        assert instances.shape[1:] == (3, 12, 10)
        assert (truth[case.id] == (instances[:, 1, 0, 0] == 0)).all()
    with pytest.raises(SpecError, match="fat, stroma, tumour"):
        mnist_bags(str(tmp_path / "pictures"), tmp_path / "d", BagPlan("lymph", "2-4"))
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "pictures" / "fat" / "0.png")
    with pytest.raises(DataError, match="of one size"):
        mnist_bags(str(tmp_path / "pictures"), tmp_path / "d", plan)


def test_digits_need_no_file(tmp_path: Path) -> None:
    cohort = mnist_bags("digits", tmp_path / "c", BagPlan(bags=(20, 5, 10), draw="again"))
    assert len(cohort) == 35
    assert Instances([spans(cohort.cases[0])], 10**9).take(0).shape[1:] == (1, 8, 8)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no MNIST files at {REAL}")
def test_real_digits_are_60000() -> None:
    found = pictures(str(REAL))
    assert found.images.shape == (60_000, 1, 28, 28)
    assert np.bincount(found.labels)[9] == 5949
