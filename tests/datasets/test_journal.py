from __future__ import annotations

from pathlib import Path

import pytest

from inklings.datasets.journal import NAME, Journal
from inklings.errors import DataError

HEAD = {"dataset": "d", "source": "s"}


def test_a_line_that_was_cut_short_is_dropped_and_written_anew(tmp_path: Path) -> None:
    with Journal(tmp_path / "out", HEAD) as journal:
        journal.append({"id": "a", "stamp": "1"})
        journal.append({"id": "b", "stamp": "1"})
    path = tmp_path / "out" / NAME
    path.write_bytes(path.read_bytes()[:-5])
    with Journal(tmp_path / "out", HEAD) as journal:
        assert list(journal.records) == ["a"]
        journal.append({"id": "b", "stamp": "2"})
    with Journal(tmp_path / "out", HEAD) as journal:
        assert journal.records["b"]["stamp"] == "2"


def test_a_journal_killed_before_its_first_line_starts_afresh(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / NAME).write_bytes(b'{"form')
    with Journal(tmp_path / "out", HEAD) as journal:
        assert journal.records == {}
    assert (tmp_path / "out" / NAME).read_bytes().count(b"\n") == 1


def test_complete_holds_until_something_is_added(tmp_path: Path) -> None:
    with Journal(tmp_path / "out", HEAD) as journal:
        journal.append({"id": "a", "stamp": "1"})
        journal.close_books("all")
    with Journal(tmp_path / "out", HEAD) as journal:
        assert journal.complete == "all"
        journal.append({"id": "b", "stamp": "1"})
    with Journal(tmp_path / "out", HEAD) as journal:
        assert journal.complete is None


def test_a_journal_with_a_damaged_line_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / NAME).write_bytes(b"\x00\x00\n")
    with pytest.raises(DataError, match="delete the folder and import again"):
        Journal(tmp_path / "out", HEAD)


@pytest.mark.parametrize("key", ["dataset", "source"])
def test_another_head_is_another_import(tmp_path: Path, key: str) -> None:
    with Journal(tmp_path / "out", HEAD) as journal:
        journal.append({"id": "a", "stamp": "1"})
    with pytest.raises(DataError, match=f"holds another import \\({key}"):
        Journal(tmp_path / "out", {**HEAD, key: "other"})


def test_a_head_without_cases_may_be_replaced(tmp_path: Path) -> None:
    with Journal(tmp_path / "out", HEAD):
        pass
    with Journal(tmp_path / "out", {**HEAD, "source": "other"}) as journal:
        journal.append({"id": "a", "stamp": "1"})
    with pytest.raises(DataError, match="holds another import"):
        Journal(tmp_path / "out", HEAD)


def test_options_that_an_older_import_did_not_know_count_as_not_given(tmp_path: Path) -> None:
    old, new = {"label": "y"}, {"label": "y", "value": None, "time": None, "many": []}
    with Journal(tmp_path / "out", {**HEAD, "options": old}) as journal:
        journal.append({"id": "a", "stamp": "1"})
    with Journal(tmp_path / "out", {**HEAD, "options": new}) as journal:
        assert list(journal.records) == ["a"]
    for other in ({**new, "time": "t"}, {**new, "label": "z"}):
        with pytest.raises(DataError, match="holds another import"):
            Journal(tmp_path / "out", {**HEAD, "options": other})
