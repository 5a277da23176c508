import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.split_files import exclude, split_cohort
from inklings.cohorts.splits import SplitOptions
from inklings.errors import DataError, SpecError


def noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 255, (40, 48, 3), np.uint8)


@pytest.fixture
def twins(make_cohort) -> Cohort:
    """Ten pairs of copies, each of two patients, and ten single cases."""
    pairs = {f"{side}{i}": noise(i) for i in range(10) for side in "ab"}
    return make_cohort({**pairs, **{f"s{i}": noise(100 + i) for i in range(10)}})


@pytest.mark.usefixtures("twins")
def test_copies_share_a_split_unless_told_otherwise(tmp_path: Path) -> None:
    split_cohort(tmp_path, SplitOptions())
    split = {case.id: case.split for case in Cohort.read(tmp_path)}
    assert all(split[f"a{i}"] == split[f"b{i}"] for i in range(10))
    split_cohort(tmp_path, SplitOptions(), ignore_duplicates=True)
    split = {case.id: case.split for case in Cohort.read(tmp_path)}
    assert any(split[f"a{i}"] != split[f"b{i}"] for i in range(10))


@pytest.mark.usefixtures("twins")
def test_the_record_says_how_and_what(tmp_path: Path) -> None:
    outcome = split_cohort(tmp_path, SplitOptions((0.6, 0.2, 0.2), seed=3))
    record = json.loads((tmp_path / "split.json").read_text())
    assert record["hash"] == Cohort.read(tmp_path).split_hash == outcome.cohort.split_hash
    assert (record["fractions"], record["seed"]) == ([0.6, 0.2, 0.2], 3)
    assert record["counts"] == {"train": 18, "val": 6, "test": 6}
    assert len(record["groups"]) == 10


@pytest.mark.usefixtures("twins")
def test_splitting_again_names_the_split_it_replaces(tmp_path: Path) -> None:
    first = split_cohort(tmp_path, SplitOptions())
    assert first.replaced is None
    assert split_cohort(tmp_path, SplitOptions()).replaced is None
    assert split_cohort(tmp_path, SplitOptions(seed=1)).replaced == first.cohort.split_hash


def test_what_cannot_be_split_is_left_as_it_was(make_cohort, tmp_path: Path) -> None:
    make_cohort({"a": noise(0), "b": noise(1)})
    before = (tmp_path / "cases.parquet").read_bytes()
    with pytest.raises(DataError, match="independent groups"):
        split_cohort(tmp_path, SplitOptions())
    assert (tmp_path / "cases.parquet").read_bytes() == before
    assert not (tmp_path / "split.json").exists()


def test_an_excluded_case_leaves_the_others_where_they_were(twins: Cohort, tmp_path: Path) -> None:
    split_cohort(tmp_path, SplitOptions())
    before = {case.id: case.split for case in Cohort.read(tmp_path)}
    image = twins.cases[0].images["image"]
    after = exclude(tmp_path, ["a0"])
    assert {case.id: case.split for case in Cohort.read(tmp_path)} == {
        name: split for name, split in before.items() if name != "a0"
    }
    record = json.loads((tmp_path / "split.json").read_text())
    assert record["hash"] == after.split_hash
    assert len(record["groups"]) == 9
    assert [row["id"] for row in json.loads((tmp_path / "excluded.json").read_text())] == ["a0"]
    assert image.is_file()
    assert len(exclude(tmp_path, ["a0"])) == 29


@pytest.mark.usefixtures("twins")
def test_an_unknown_case_to_exclude_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean"):
        exclude(tmp_path, ["a99"])


@pytest.mark.usefixtures("twins")
def test_a_split_that_came_with_the_data_is_replaced_on_request_alone(tmp_path: Path) -> None:
    cohort = Cohort.read(tmp_path)
    parts = ("train", "val", "test")
    cases = [dataclasses.replace(c, split=parts[k % 3]) for k, c in enumerate(cohort)]  # type: ignore[arg-type]
    dataclasses.replace(cohort, cases=tuple(cases)).write(tmp_path)
    with pytest.raises(SpecError, match="its split came with the data"):
        split_cohort(tmp_path, SplitOptions())
    assert Cohort.read(tmp_path).cases == tuple(cases)
    split_cohort(tmp_path, SplitOptions(), replace=True)
    split_cohort(tmp_path, SplitOptions(seed=1))  # the second is one of ours, and no question


@pytest.mark.usefixtures("twins")
@pytest.mark.parametrize("seed", range(4))
def test_official_test_cases_and_their_copies_are_never_trained_on(
    tmp_path: Path, seed: int
) -> None:
    cohort = Cohort.read(tmp_path)
    official = {f"a{k}" for k in range(4)}
    cases = [dataclasses.replace(c, split="test") if c.id in official else c for c in cohort]
    dataclasses.replace(cohort, cases=tuple(cases)).write(tmp_path)
    outcome = split_cohort(tmp_path, SplitOptions((0.8, 0.2, 0.0), seed=seed))
    assert outcome.kept == 4
    tested = {case.id for case in outcome.cohort.part("test")}
    assert tested == official | {f"b{k}" for k in range(4)}
    # Dealt anew, also after cases were taken out, they stay what they came as.
    exclude(tmp_path, ["a0", "s0"])
    again = split_cohort(tmp_path, SplitOptions((0.5, 0.5, 0.0), seed=seed + 1))
    assert again.kept == 3
    assert {f"a{k}" for k in range(1, 4)} <= {case.id for case in again.cohort.part("test")}
    assert again.replaced is not None
    free = split_cohort(tmp_path, SplitOptions((0.8, 0.2, 0.0), seed=seed), replace=True)
    assert free.kept == 0
    assert not free.cohort.part("test")
    assert split_cohort(tmp_path, SplitOptions(seed=seed)).kept == 0
