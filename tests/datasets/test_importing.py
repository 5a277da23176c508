from __future__ import annotations

import dataclasses
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import psutil
import pytest

from inklings.cohorts.cohort import Cohort
from inklings.datasets import DATASETS, importing, masks
from inklings.datasets.dataset import options_of
from inklings.datasets.dsb2018 import Dsb2018
from inklings.datasets.given import built
from inklings.datasets.importing import run
from inklings.datasets.journal import NAME
from inklings.errors import DataError
from inklings.testing.datasets import contents, miniature_dsb2018, write_png

COMMAND = "from inklings.cli import run; run()"


def _paths_on_the_command_line() -> list[tuple[str, str]]:
    found = []
    for name in DATASETS:
        hints = get_type_hints(DATASETS.get(name))
        for field in options_of(DATASETS.get(name)):
            if Path in (hints[field], *get_args(hints[field])):
                found.append((name, field))
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    miniature_dsb2018(tmp_path / "in")
    return tmp_path / "in"


def many(path: Path, fields: int, side: int = 256, nuclei: int = 8) -> Path:
    """An archive of one field over and over, made quickly."""
    miniature_dsb2018(path.parent / "one", fields=1, shape=(side, side), nuclei=nuclei)
    files = {p.relative_to(path.parent / "one"): p for p in (path.parent / "one").rglob("*.png")}
    with zipfile.ZipFile(path, "w") as archive:
        for k in range(fields):
            for name, file in files.items():
                archive.writestr(f"f{k:05}/{name.parts[1]}/{name.name}", file.read_bytes())
    return path


def test_a_case_that_changed_or_came_later_is_converted_alone(source: Path, tmp_path: Path) -> None:
    run(Dsb2018(source), tmp_path / "out", workers=1)
    name = sorted(path.name for path in source.iterdir())[0]
    mask = sorted((source / name / "masks").iterdir())[0]
    mask.unlink()
    write_png(source / "new" / "images" / "new.png", np.zeros((9, 9), np.uint8))
    report = run(Dsb2018(source), tmp_path / "out", workers=1)
    assert (report.now, len(report.cohort)) == (2, 5)
    facts = {case.id: case.facts for case in report.cohort}
    assert facts[name]["nuclei"] == "2"


def test_splits_and_patients_survive_a_later_import(source: Path, tmp_path: Path) -> None:
    cohort = run(Dsb2018(source), tmp_path / "out", workers=1).cohort
    split = [dataclasses.replace(c, split="train", patient="p", facts={"a": "b"}) for c in cohort]
    dataclasses.replace(cohort, cases=tuple(split)).write(tmp_path / "out")
    assert run(Dsb2018(source), tmp_path / "out", workers=1).cohort.is_split
    write_png(source / "new" / "images" / "new.png", np.zeros((9, 9), np.uint8))
    cases = {c.id: c for c in run(Dsb2018(source), tmp_path / "out", workers=1).cohort}
    assert cases.pop("new").split is None
    assert {(c.split, c.patient, c.facts["a"]) for c in cases.values()} == {("train", "p", "b")}


def test_files_that_went_missing_or_were_emptied_are_made_again(
    source: Path, tmp_path: Path
) -> None:
    whole = run(Dsb2018(source), tmp_path / "out", workers=1).cohort
    before = contents(tmp_path / "out")
    whole.cases[0].images["image"].unlink()
    (tmp_path / "out" / "labels" / f"{whole.cases[1].id}.png").write_bytes(b"")
    assert run(Dsb2018(source), tmp_path / "out", workers=1).now == 2
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("name", ["cases.parquet", "cohort.yaml"])
def test_a_lost_table_is_written_again_without_converting(
    source: Path, tmp_path: Path, name: str
) -> None:
    run(Dsb2018(source), tmp_path / "out", workers=1)
    before = contents(tmp_path / "out")
    (tmp_path / "out" / name).unlink()
    assert run(Dsb2018(source), tmp_path / "out", workers=1).now == 0
    assert contents(tmp_path / "out") == before


def test_a_broken_case_is_forgotten_once_it_is_gone_from_the_source(
    source: Path, tmp_path: Path
) -> None:
    (source / "bad" / "images").mkdir(parents=True)
    (source / "bad" / "images" / "bad.png").write_bytes(b"no picture")
    assert run(Dsb2018(source), tmp_path / "out", workers=1).left_out == ("bad",)
    assert run(Dsb2018(source), tmp_path / "out", workers=1).left_out == ("bad",)
    shutil.rmtree(source / "bad")
    report = run(Dsb2018(source), tmp_path / "out", workers=1)
    assert (report.left_out, len(report.cohort)) == ((), 4)


def test_another_import_in_the_same_folder_is_refused_in_one_line(
    source: Path, tmp_path: Path
) -> None:
    run(Dsb2018(source), tmp_path / "out", workers=1)
    miniature_dsb2018(tmp_path / "other")
    with pytest.raises(DataError, match="holds another import") as caught:
        run(Dsb2018(tmp_path / "other"), tmp_path / "out", workers=1)
    assert "\n" not in str(caught.value)


def test_a_second_import_at_the_same_time_is_refused(source: Path, tmp_path: Path) -> None:
    run(Dsb2018(source), tmp_path / "out", workers=1)
    with (
        importing.Journal(tmp_path / "out", importing.head_of(Dsb2018(source))),
        pytest.raises(DataError, match="another import is writing"),
    ):
        run(Dsb2018(source), tmp_path / "out", workers=1)


@pytest.mark.parametrize(("name", "field"), _paths_on_the_command_line())
def test_an_option_that_names_what_is_not_there_is_refused(
    name: str, field: str, tmp_path: Path
) -> None:
    dataset: Any = DATASETS.get(name)
    words = {"modality": "ct", "spacing_mm": "3,1,1"}
    required = {
        one.name: words.get(one.name, str(tmp_path))
        for one in dataclasses.fields(dataset)
        if one.init
        and one.default is dataclasses.MISSING
        and one.default_factory is dataclasses.MISSING
    }
    gone = tmp_path / "gone"
    with pytest.raises(DataError, match=r"expected .* at .*gone, but there is no such file"):
        run(built(name, dataset, {**required, field: gone}), tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


def test_an_import_that_comes_to_nothing_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="looks like DSB2018"):
        run(Dsb2018(tmp_path / "empty"), tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


def test_a_full_disk_loses_nothing_and_leaves_nothing_half_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, room = importing.write_bytes, iter(range(5))

    def full(path: Path, data: bytes, durable: bool = True) -> None:
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, data, durable)

    monkeypatch.setattr(importing, "write_bytes", full)
    monkeypatch.setattr(masks, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        run(Dsb2018(source), tmp_path / "out", workers=1)
    monkeypatch.undo()
    assert run(Dsb2018(source), tmp_path / "out", workers=1).now == 2
    assert len(Cohort.read(tmp_path / "out")) == 4


def test_two_processes_make_the_same_cohort_as_one(tmp_path: Path) -> None:
    archive = many(tmp_path / "many.zip", fields=20, side=64, nuclei=3)
    run(Dsb2018(archive), tmp_path / "one_by_one", workers=1)
    run(Dsb2018(archive), tmp_path / "together", workers=2)
    assert contents(tmp_path / "together") == contents(tmp_path / "one_by_one")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the peak")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    # The peak of getrusage would include that of the process which forked this one.
    # 300 images of 1 MB when decoded, and 16 MB of masks as the reference stacks them
    archive = many(tmp_path / "many.zip", fields=300, side=512, nuclei=2)
    code = (
        "import re, sys; from pathlib import Path\n"
        "from inklings.datasets.dsb2018 import Dsb2018\n"
        "from inklings.datasets.importing import run\n"
        "assert len(run(Dsb2018(Path(sys.argv[1])), Path(sys.argv[2]), 1).cohort) == 300\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    command = [sys.executable, "-c", code, str(archive), str(tmp_path / "out")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(printed) * 1024 < 200e6


def journalled(out: Path) -> list[str]:
    path = out / NAME
    lines = path.read_bytes().split(b"\n")[1:-1] if path.exists() else []
    return [record["id"] for record in map(json.loads, lines) if "id" in record]


def stamps(out: Path, names: list[str]) -> dict[str, int]:
    return {n: (out / "labels" / f"{n}.png").stat().st_mtime_ns for n in names}


def killed(archive: Path, out: Path, cases: int, after: float) -> bool:
    """Start an import, let it finish some cases, kill it, and say whether it was still at work."""
    command = [sys.executable, "-c", COMMAND, "import", "dsb2018", str(archive)]
    process = subprocess.Popen(
        [*command, "--out", str(out), "--workers", "2", "--quiet"], stdout=subprocess.DEVNULL
    )
    enough, deadline = len(journalled(out)) + cases, time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if (out / NAME).exists() and len(journalled(out)) >= enough:
            break
        time.sleep(0.005)
    time.sleep(after)
    if process.poll() is not None:
        return False
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    code = process.wait()
    _, left = psutil.wait_procs(children, timeout=10)
    assert not left, "workers outlived their parent"
    return code == -signal.SIGKILL


def survives(archive: Path, out: Path, kills: int, seed: int) -> None:
    whole = out.with_name("whole")
    run(Dsb2018(archive), whole, workers=1)
    rng, hits = random.Random(seed), 0
    for _ in range(20 * kills):
        before = journalled(out)
        old = stamps(out, before)
        hits += killed(archive, out, rng.choice([0, 1, 5, 20]), rng.uniform(0.0, 0.5))
        after = journalled(out)
        assert after[: len(before)] == before
        assert set(Counter(after).values()) <= {1}, "a finished case was done twice"
        assert stamps(out, before) == old
        if hits >= kills:
            break
        if len(after) == len(Cohort.read(whole)):
            shutil.rmtree(out)
    assert hits >= kills
    run(Dsb2018(archive), out, workers=1)
    assert contents(out) == contents(whole)
    assert set(Counter(journalled(out)).values()) == {1}
    assert not list(out.rglob(".*.part*"))


def test_an_import_killed_at_a_random_moment_loses_nothing(tmp_path: Path) -> None:
    survives(many(tmp_path / "many.zip", fields=150), tmp_path / "out", kills=1, seed=3)


@pytest.mark.slow
def test_an_import_killed_twenty_times_loses_nothing(tmp_path: Path) -> None:
    survives(many(tmp_path / "many.zip", fields=600), tmp_path / "out", kills=20, seed=0)
