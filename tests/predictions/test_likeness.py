"""Distances from training images: against a library, and by how often they are wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from inklings.errors import DataError
from inklings.predictions.likeness import FILE, Likeness, mahalanobis, shrunk_covariance

NAMES = ("spacing 1", "side 1", "side 2", "low 1", "centre 1", "high 1", "grain 1")


@pytest.mark.parametrize(("n", "p"), [(4, 30), (30, 4), (30, 30), (200, 3)])
def test_the_covariance_is_that_of_ledoit_and_wolf(n: int, p: int) -> None:
    rng = np.random.default_rng(n)
    rows = rng.normal(size=(n, p)) @ rng.normal(size=(p, p))
    rows -= rows.mean(0)
    assert shrunk_covariance(rows) == pytest.approx(ledoit_wolf(rows, assume_centered=True)[0])


def test_a_distance_counts_deviations_and_not_directions() -> None:
    rng = np.random.default_rng(0)
    fit = rng.normal(size=(20000, 2)) * [1, 10]
    found = mahalanobis(fit, np.array([[3.0, 0], [0, 30], [0, 0]]))
    assert found * np.sqrt(2) == pytest.approx([3, 3, 0], abs=0.1)


def drawn(rng: np.random.Generator, n: int, mixing: NDArray[np.float64]) -> NDArray[np.float32]:
    """Images whose intensities and features go together, some more than others."""
    hidden = rng.normal(size=(n, 6))
    base = [1.0, 5.0, 5.0, 10.0, 100.0, 200.0, -3.0]
    sizes = np.array([0, 0, 0.1, 3, 20, 20, 0.2])
    first = base + sizes * (hidden @ mixing[:, :7] + 0.3 * rng.normal(size=(n, 7)))
    others = np.maximum(hidden @ mixing[:, 7:] + 0.5 * rng.normal(size=(n, len(mixing[0]) - 7)), 0)
    return np.concatenate([first, others], 1).astype(np.float32)


def likeness(values: NDArray[np.float32], held_out: int) -> Likeness:
    patients = tuple(f"p{k}" for k in range(len(values)))
    last = np.arange(len(values)) >= len(values) - held_out
    return Likeness(NAMES, values, patients, last, "layer", "w")


@pytest.mark.parametrize(("train", "val"), [(30, 30), (25, 0), (8, 0)])
def test_as_many_images_like_them_are_called_unlike_as_is_said(train: int, val: int) -> None:
    rng = np.random.default_rng([train, val])
    rates = []
    for _ in range(20):
        mixing = rng.normal(size=(6, 7 + 40))
        known = likeness(drawn(rng, train + val, mixing), val)
        rates.append(np.mean([one.unlike for one in known.judge(drawn(rng, 60, mixing))]))
    assert np.mean(rates) <= 0.07


@pytest.mark.parametrize(("train", "val"), [(30, 30), (30, 5), (8, 0)])
def test_what_is_far_is_called_unlike_and_by_what(train: int, val: int) -> None:
    rng = np.random.default_rng([train, val])
    mixing = rng.normal(size=(6, 7 + 40))
    known = likeness(drawn(rng, train + val, mixing), val)
    spaced, seen = drawn(rng, 30, mixing), drawn(rng, 30, mixing)
    spaced[:, 0] += np.log(10)
    seen[:, 7:] = 20 * seen[:, :6:-1]
    for one in known.judge(spaced):
        assert (one.unlike, one.by, one.nearer) == (True, "spacing 1", one.of)
    assert {(one.unlike, one.by) for one in known.judge(seen)} == {(True, "network")}


def test_images_of_one_patient_are_not_each_other_s_neighbours() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(6, 7 + 40))
    values = np.repeat(drawn(rng, 12, mixing), 3, 0)
    values += rng.normal(0, 1e-3, values.shape).astype(np.float32)
    alone = likeness(values, 0)
    together = replace(alone, patients=tuple(f"p{k // 3}" for k in range(36)))
    others = drawn(rng, 200, mixing)
    wrong = [np.mean([one.unlike for one in known.judge(others)]) for known in (alone, together)]
    assert wrong[1] <= 0.1 < wrong[0]


def test_images_that_are_all_one_are_like_themselves_and_another_is_not() -> None:
    values = np.repeat(drawn(np.random.default_rng(0), 1, np.ones((6, 47))), 25, 0)
    other = values[:1] + np.float32(1)
    same, far = likeness(values, 0).judge(np.concatenate([values[:1], other]))
    assert (same.unlike, far.unlike) == (False, True)


def test_it_comes_back_as_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = drawn(rng, 10, rng.normal(size=(6, 47)))
    likeness(values, 3).write(tmp_path)
    found = Likeness.read(tmp_path, "w")
    assert found is not None
    assert found.judge(values) == likeness(values, 3).judge(values)
    assert Likeness.read(tmp_path / "old", "w") is None


def test_what_is_damaged_or_of_other_weights_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    known = likeness(drawn(rng, 10, rng.normal(size=(6, 47))), 3)
    known.write(tmp_path)
    with pytest.raises(DataError, match="got those of others"):
        Likeness.read(tmp_path, "x")
    replace(known, patients=("p",)).write(tmp_path)
    with pytest.raises(DataError, match="do not fit together"):
        Likeness.read(tmp_path, "w")
    (tmp_path / FILE).write_bytes(b"PK")
    with pytest.raises(DataError, match="damaged"):
        Likeness.read(tmp_path, "w")
