import shutil
from pathlib import Path

import pytest
from pyarrow import parquet

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.labels.kinds import BagLabel, BoxLabel, MaskLabel, PointLabel, PolygonLabel


def full(folder: Path) -> Cohort:
    """A cohort with every kind of label."""
    image = folder / "images" / "a.png"
    labels = (
        MaskLabel(folder / "labels" / "a.png", "image", "instances", ("cell",), "partial"),
        BoxLabel("image", "cell", (1.5, 2.0), (3.0, 4.5)),
        PointLabel("image", "cell", (7.0, 8.0), 3.5),
        PolygonLabel("image", "cell", ((0.0, 0.0), (0.0, 5.5), (4.0, 2.0))),
        BagLabel("cell", True),
    )
    cases = (
        Case("b", "p2", {"ct": folder.parent / "elsewhere" / "b.png"}),
        Case("a", "p1", {"image": image}, labels, "test", {"site": "x"}),
    )
    return Cohort("study", cases, ("cell",), {"licence": "CC0", "fractions": [0.7, 0.3]})


def test_a_cohort_reads_back_equal_and_in_order(tmp_path: Path) -> None:
    cohort = full(tmp_path / "c")
    cohort.write(tmp_path / "c")
    back = Cohort.read(tmp_path / "c")
    assert back.cases == (cohort.cases[1], cohort.cases[0])
    assert (back.name, back.classes, back.facts) == (cohort.name, cohort.classes, cohort.facts)


@pytest.mark.parametrize("cases", [0, 1, 2, 7])
def test_a_cohort_of_more_text_than_is_written_at_once_reads_back_equal(
    cases: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inklings.cohorts.cohort._AT_ONCE", 900)
    ring = tuple((float(k), float(k * k)) for k in range(20))
    label = PolygonLabel("image", "cell", ring)
    every = tuple(
        Case(f"c{k}", "p", {"image": tmp_path / "x.png"}, (label,) * k) for k in range(cases)
    )
    Cohort("s", every, ("cell",)).write(tmp_path)
    assert Cohort.read(tmp_path).cases == every
    groups = parquet.ParquetFile(tmp_path / "cases.parquet").num_row_groups
    assert groups == {0: 0, 1: 1, 2: 1, 7: 5}[cases]


def test_a_moved_cohort_finds_its_files(tmp_path: Path) -> None:
    full(tmp_path / "c").write(tmp_path / "c")
    shutil.move(tmp_path / "c", tmp_path / "moved")
    case = Cohort.read(tmp_path / "moved").cases[0]
    assert case.images["image"] == tmp_path / "moved" / "images" / "a.png"
    (mask, *_) = case.labels
    assert isinstance(mask, MaskLabel)
    assert mask.path == tmp_path / "moved" / "labels" / "a.png"


def test_the_split_hash_knows_who_is_where_and_nothing_else(tmp_path: Path) -> None:
    def cohort(*splits: str, facts: dict[str, str] | None = None) -> Cohort:
        cases = tuple(
            Case(f"c{i}", f"p{i}", {"image": tmp_path / "x.png"}, (), s, facts or {})  # type: ignore[arg-type]
            for i, s in enumerate(splits)
        )
        return Cohort("s", cases, ("cell",))

    first = cohort("train", "val", "test")
    assert first.is_split
    assert first.split_hash == cohort("train", "val", "test", facts={"a": "b"}).split_hash
    assert first.split_hash != cohort("train", "test", "val").split_hash
    assert Cohort("s", first.cases[::-1], ("cell",)).split_hash == first.split_hash
    unsplit = full(tmp_path)
    assert unsplit.split_hash is None
    assert not unsplit.is_split


def test_parts_and_choices_keep_order(tmp_path: Path) -> None:
    cohort = full(tmp_path)
    assert [case.id for case in cohort.part("test")] == ["a"]
    assert [case.id for case in cohort.where(lambda case: case.patient == "p2")] == ["b"]
    assert len(cohort) == 2


def test_an_id_may_stand_once_only_and_must_name_a_file(tmp_path: Path) -> None:
    case = Case("a", "p", {"image": tmp_path})
    with pytest.raises(DataError, match="expected unique case ids, got 'a' twice"):
        Cohort("s", (case, case), ())
    with pytest.raises(DataError, match="it names files"):
        Case("a/b", "p", {})


def test_what_is_no_cohort_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got no such folder; make one with 'inklings import'"):
        Cohort.read(tmp_path / "none")
    with pytest.raises(DataError, match=r"got no cohort\.yaml in it"):
        Cohort.read(tmp_path)


@pytest.mark.parametrize("keep", [0, 40, 400])
def test_a_truncated_table_is_explained(tmp_path: Path, keep: int) -> None:
    full(tmp_path).write(tmp_path)
    table = tmp_path / "cases.parquet"
    table.write_bytes(table.read_bytes()[:keep])
    with pytest.raises(DataError, match="is damaged") as error:
        Cohort.read(tmp_path)
    assert "\n" not in str(error.value)
