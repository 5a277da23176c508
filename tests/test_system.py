"""What Windows lacks is hidden here: the fallbacks give the same bytes and the same locks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from inklings import system


@pytest.mark.parametrize("hidden", [False, True])
def test_bytes_are_read_at_an_offset_and_the_position_stays(
    hidden: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if hidden:
        monkeypatch.delattr(os, "pread", raising=False)
    (tmp_path / "a").write_bytes(bytes(range(10)))
    with (tmp_path / "a").open("rb", buffering=0) as file:
        file.seek(7)
        assert system.read_at(file.fileno(), 3, 2) == bytes([2, 3, 4])
        assert system.read_at(file.fileno(), 30, 8) == bytes([8, 9])
        assert file.read() == bytes([7, 8, 9])


def locks(held: set[int]) -> SimpleNamespace:
    """A stand-in for ``msvcrt`` whose locks belong to an inode."""

    def locking(descriptor: int, mode: int, count: int) -> None:
        assert (os.lseek(descriptor, 0, os.SEEK_CUR), count) == (0, 1)  # the same byte for all
        key = os.fstat(descriptor).st_ino
        if key in held:
            if mode == 1:
                held.clear()  # the other process ends while we wait
            raise OSError("held")
        held.add(key)

    return SimpleNamespace(locking=locking, LK_LOCK=1, LK_NBLCK=2)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_file_is_held_by_one(
    hidden: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "a").open("wb") as one, (tmp_path / "a").open("wb") as other:
        if hidden:
            monkeypatch.setattr(system, "find_spec", lambda name: None if name == "fcntl" else name)
            monkeypatch.setitem(sys.modules, "msvcrt", locks(set()))
        one.write(b"x")
        one.flush()
        system.hold(one, wait=True)
        with pytest.raises(OSError, match=r"held|unavailable|temporarily"):
            system.hold(other, wait=False)
        if hidden:
            system.hold(other, wait=True)


def test_a_file_is_linked_or_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("x")
    system.link_or_copy(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (tmp_path / "b").stat().st_ino == (tmp_path / "a").stat().st_ino
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    system.link_or_copy(str(tmp_path / "a"), str(tmp_path / "c"))
    assert (tmp_path / "c").read_text() == "x"


HIDE = """
import os, sys, pkgutil, importlib

def imported():
    package = importlib.import_module("inklings")
    for found in pkgutil.walk_packages(package.__path__, "inklings."):
        if not found.name.startswith("inklings.testing"):  # pytest's own
            importlib.import_module(found.name)

imported()  # other libraries know their system by its name
for name in [name for name in sys.modules if name.split(".")[0] == "inklings"]:
    del sys.modules[name]
for name in ("pread", "register_at_fork", "sched_getaffinity", "fork", "getuid"):
    delattr(os, name)
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
imported()
print("done")
"""


@pytest.mark.slow
def test_every_module_is_imported_without_what_windows_lacks() -> None:
    ran = subprocess.run([sys.executable, "-c", HIDE], capture_output=True, text=True, check=False)
    assert ran.stdout.strip().endswith("done"), ran.stderr[-2000:]
