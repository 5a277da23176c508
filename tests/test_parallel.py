"""Work over many cases: nothing is lost, nothing is done twice, one bad case costs only itself."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from distributed import LocalCluster

from inklings.errors import DataError, ReaderError, SpecError
from inklings.parallel import mapped, over_cases

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
    monkeypatch.setattr("inklings.executors._PATIENCE_S", 0.5)
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


def test_results_come_back_from_processes_that_were_killed_on_the_way(
    tmp_path: Path, tasks
) -> None:
    names = ["a", "killed", "slow", "b", "c"]
    told = dict(mapped(tasks.Told(tmp_path), names, what="testing", workers=2))
    assert set(told) == set(names)
    assert os.getpid() not in told.values()
    assert len(set(told.values())) <= 3  # two, and one for the one that died
    here = dict(mapped(tasks.Told(tmp_path), names, what="testing"))
    assert set(here.values()) == {os.getpid()}


def test_the_first_error_of_a_process_is_raised_as_it_was(tmp_path: Path, tasks) -> None:
    with pytest.raises(ReaderError, match="broken: truncated") as raised:
        list(mapped(tasks.Told(tmp_path), ["a", "broken"], what="testing", workers=2))
    assert "parallel_tasks.py" in raised.value.__notes__[0]


def test_what_kills_every_process_ends_the_map_in_one_line(tmp_path: Path, tasks) -> None:
    with pytest.raises(DataError, match="run again, with --workers 1"):
        list(mapped(tasks.Told(tmp_path), ["a", "deadly"], what="testing", workers=2))


def test_a_script_without_a_guard_is_told_what_it_needs(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from inklings.parallel import mapped\n"
        "print(list(mapped(abs, [1, -2], what='t', workers=2)))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "a worker process did not start" in done.stderr.splitlines()[-1]
    assert "if __name__" in done.stderr.splitlines()[-1]
