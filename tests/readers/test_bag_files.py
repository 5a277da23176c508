"""Files of instances: ours, and those of other tools."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from inklings.bags.instances import Instances
from inklings.cohorts.bags import common_shape, spans
from inklings.cohorts.case import Case
from inklings.errors import DataError
from inklings.readers.bag_files import Span, head, read, read_coords, write


def test_what_is_written_is_read_back_with_its_places(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float16).reshape(4, 3)
    coords = np.array([[0, 5], [7, 1], [2, 2], [9, 9]])
    write(tmp_path / "a.h5", values, coords, {"encoder": "x"})
    assert head(tmp_path / "a.h5").shape == (3,)
    assert head(tmp_path / "a.h5").attributes["encoder"] == "x"
    assert (read(Span(tmp_path / "a.h5", 1, 3)) == values[1:3]).all()
    assert (read_coords(Span(tmp_path / "a.h5", 0, 4)) == coords).all()


@pytest.mark.parametrize(("name", "leading"), [("features", 0), ("features", 1), ("feats", 0)])
def test_features_of_clam_trident_and_stamp_are_read(
    tmp_path: Path, name: str, leading: int
) -> None:
    values = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file[name] = values[None] if leading else values
        file["coords"] = np.stack([np.arange(5), np.zeros(5, int)], 1)  # x, y
    assert head(tmp_path / "a.h5").count == 5
    assert np.array_equal(read(Span(tmp_path / "a.h5", 1, 4)), values[1:4])
    coords = read_coords(Span(tmp_path / "a.h5", 0, 5))
    assert coords is not None
    assert (coords[:, 1] == np.arange(5)).all()


def test_several_slides_of_a_patient_are_one_bag(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", np.zeros((2, 3), np.float32))
    write(tmp_path / "b.h5", np.ones((4, 3), np.float32))
    case = Case("p", "p", {"a": tmp_path / "a.h5", "b": tmp_path / "b.h5"})
    instances = Instances([spans(case)], budget=10**6)
    assert instances.counts == (6,)
    assert instances.take(0)[:, 0].tolist() == [0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("budget", [10**6, 0])
def test_bags_are_the_same_from_memory_and_from_disk(tmp_path: Path, budget: int) -> None:
    values = np.arange(20, dtype=np.float32).reshape(10, 2)
    write(tmp_path / "a.h5", values)
    bags = [(Span(tmp_path / "a.h5", 0, 3),), (Span(tmp_path / "a.h5", 3, 10),)]
    instances = Instances(bags, budget)
    assert instances.in_memory == (budget > 0)
    assert np.array_equal(instances.take(1), values[3:])
    assert np.array_equal(instances.take(1, np.array([0, 6])), values[[3, 9]])


def test_empty_bags_wrong_files_and_mixed_shapes_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", np.zeros((2, 3), np.float32))
    write(tmp_path / "b.h5", np.zeros((2, 5), np.float32))
    (tmp_path / "c.h5").write_text("no")
    with pytest.raises(DataError, match="at least one instance"):
        spans(Case("x", "x", {"a": tmp_path / "a.h5"}, facts={"rows": "1:1"}))
    with pytest.raises(DataError, match="one shape"):
        common_shape([Case("x", "x", {"a": tmp_path / "a.h5", "b": tmp_path / "b.h5"})])
    with pytest.raises(DataError, match="HDF5"):
        head(tmp_path / "c.h5")
    with pytest.raises(DataError, match="expected 9 instances, got 2"):
        read(Span(tmp_path / "a.h5", 0, 9))
