"""Work over many cases: nothing is lost, nothing is done twice, one bad case costs only itself."""

import errno
import json
import os
from pathlib import Path

import pytest
from distributed import LocalCluster

from inklings.errors import SpecError
from inklings.parallel import over_cases

HERE = Path(__file__).parent / "shared"


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch):
    """Importable here and, since spawned processes inherit the path, in the workers."""
    monkeypatch.syspath_prepend(HERE)
    import parallel_tasks

    return parallel_tasks


def test_in_process_a_broken_case_is_quarantined_with_its_reason(tmp_path: Path, tasks) -> None:
    names = ["a", "broken", "bug", "z"]
    summary = over_cases(tasks.Task(tmp_path), names, out=tmp_path, what="testing")
    assert (summary.finished, summary.skipped, summary.code) == (2, 0, 3)
    record = json.loads((tmp_path / "failed.json").read_text())
    assert record == summary.failed
    assert record["broken"] == "broken: truncated file"
    assert record["bug"].startswith("unexpected TypeError: five and a half (parallel_tasks.py:")
    assert int((tmp_path / "a.txt").read_text()) == os.getpid()


def test_finished_cases_are_skipped_and_a_repaired_one_leaves_the_quarantine(
    tmp_path: Path, tasks
) -> None:
    def done(name: str) -> bool:
        return (tmp_path / f"{name}.txt").exists()

    task = tasks.Task(tmp_path)
    over_cases(task, ["a", "broken"], out=tmp_path, what="testing", done=done)
    called: list[str] = []
    again = over_cases(called.append, ["a", "broken"], out=tmp_path, what="testing", done=done)
    assert called == ["broken"]
    assert (again.finished, again.skipped, again.code) == (1, 1, 0)
    assert not (tmp_path / "failed.json").exists()


def test_a_part_of_the_cases_keeps_the_failures_of_the_others(tmp_path: Path, tasks) -> None:
    task = tasks.Task(tmp_path)
    over_cases(task, ["broken1"], out=tmp_path, what="testing")
    over_cases(task, ["broken2"], out=tmp_path, what="testing")
    assert set(json.loads((tmp_path / "failed.json").read_text())) == {"broken1", "broken2"}


def test_a_full_disk_stops_the_work(tmp_path: Path) -> None:
    def task(name: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", name)

    with pytest.raises(OSError, match="No space left"):
        over_cases(task, ["a", "b"], out=tmp_path, what="testing")


def test_a_killed_worker_is_replaced_and_its_case_done_again(tmp_path: Path, tasks) -> None:
    names = ["a", "killed", "b", "broken", "deadly", "c"]
    summary = over_cases(tasks.Task(tmp_path), names, out=tmp_path, what="testing", workers=2)
    assert {p.stem for p in tmp_path.glob("*.txt")} == {"a", "b", "c", "killed"}
    tried, done = (tmp_path / "killed.tried").read_text(), (tmp_path / "killed.txt").read_text()
    assert tried != done
    assert str(os.getpid()) not in {p.read_text() for p in tmp_path.glob("*.txt")}
    assert summary.failed == {
        "broken": "broken: truncated file",
        "deadly": "every worker that took it was killed (out of memory?)",
    }
    assert (summary.finished, summary.code) == (4, 3)


def test_a_case_that_waits_is_not_blamed_for_the_death_of_its_worker(tmp_path: Path, tasks) -> None:
    names = ["slow1", "slow2", "deadly1", "slow3", "deadly2", "slow4", "slow5", "slow6"]
    summary = over_cases(tasks.Task(tmp_path), names, out=tmp_path, what="testing", workers=2)
    assert set(summary.failed) == {"deadly1", "deadly2"}
    assert summary.finished == 6


def test_a_scheduler_at_an_address_does_the_same(tmp_path: Path, tasks) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        summary = over_cases(
            tasks.Task(tmp_path),
            ["a", "killed", "broken"],
            out=tmp_path,
            what="testing",
            scheduler=cluster.scheduler_address,
        )
    assert (summary.finished, set(summary.failed)) == (2, {"broken"})
    assert int((tmp_path / "a.txt").read_text()) != os.getpid()


def test_an_address_where_no_scheduler_listens_says_how_to_start_one(
    tmp_path: Path, tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inklings.parallel._PATIENCE_S", 0.5)
    with pytest.raises(SpecError, match="start one with 'dask scheduler'"):
        over_cases(
            tasks.Task(tmp_path), ["a"], out=tmp_path, what="t", scheduler="tcp://127.0.0.1:9"
        )


def test_workers_and_a_scheduler_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="got both"):
        over_cases(print, ["a"], out=tmp_path, what="t", workers=2, scheduler="tcp://x:1")


def test_the_summary_is_one_line(tmp_path: Path, tasks) -> None:
    summary = over_cases(tasks.Task(tmp_path), ["a", "broken"], out=tmp_path, what="testing")
    line = summary.line("tiled", Path("tiles"))
    assert line.startswith("1 tiled in ")
    assert line.endswith(", 1 failed (failed.json) -> tiles")
