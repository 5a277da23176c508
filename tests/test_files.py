import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inklings.errors import DataError
from inklings.files import read_yaml, sweep, write_json, write_text, write_yaml, written


def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(TypeError), written(path) as temporary:
        temporary.write_text(5)  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("stem", ["a" * 251, "é" * 125, "層" * 83, "x" + "層" * 83, "a\udcff"])
def test_whatever_name_the_disk_takes_is_written(stem: str, tmp_path: Path) -> None:
    """255 bytes; a letter may take one or three, and an old name may be of no letters."""
    path = tmp_path / f"{stem}.txt"
    write_text(path, "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(path.name, "new")]


@pytest.mark.parametrize("old", ["old", None])
def test_a_kill_in_the_middle_leaves_the_old_file_or_none(tmp_path: Path, old: str | None) -> None:
    path = tmp_path / "a.txt"
    if old is not None:
        path.write_text(old)
    code = (
        "import os, signal, sys; from pathlib import Path; from inklings.files import written\n"
        "with written(Path(sys.argv[1])) as t:\n"
        "    t.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (path.read_text() if path.exists() else None) == old
    left = [p.name for p in tmp_path.iterdir() if p != path]
    assert all(name.startswith(".") for name in left)  # a glob for results does not see it
    write_text(path, "new")
    assert path.read_text() == "new"


KILLED = """
import os, signal, sys
from pathlib import Path
from inklings.files import written
with written(Path(sys.argv[1])) as part:
    part.write_text("half")
    print("begun", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["a.json", "a.b-1.geojson", "of.part.png", "a" * 200 + ".npz"])
def test_what_a_killed_process_left_is_swept_and_what_one_is_writing_is_not(
    tmp_path: Path, name: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / name)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "begun"
    (part,) = tmp_path.iterdir()
    assert part.suffix == Path(name).suffix
    sweep(tmp_path)
    assert part.exists()
    process.kill()
    process.communicate()
    (tmp_path / name).write_text("whole")
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_what_a_version_before_or_another_machine_left_goes_with_time(tmp_path: Path) -> None:
    names = (".a.k3x.part.json", ".a.elsewhere-7.k3x.part.json", ".s.elsewhere-7.part/x")
    for name in names:
        write_text(tmp_path / name, "half")
    sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    for path in tmp_path.iterdir():
        os.utime(path, (time.time() - 700,) * 2)
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".s.elsewhere-7.part"]


def test_a_temporary_file_keeps_the_suffix_that_writers_go_by(tmp_path: Path) -> None:
    with written(tmp_path / "deep" / "a.png") as temporary:
        assert temporary.suffix == ".png"
        assert temporary.parent == tmp_path / "deep"
        temporary.write_bytes(b"x")
    assert (tmp_path / "deep" / "a.png").read_bytes() == b"x"


def test_files_can_be_read_by_the_group(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1})
    assert oct((tmp_path / "a.json").stat().st_mode & 0o777) == "0o644"


def test_yaml_keeps_order_and_letters(tmp_path: Path) -> None:
    write_yaml(tmp_path / "a.yaml", {"z": 1, "a": ["µm", None, 0.5]})
    assert (tmp_path / "a.yaml").read_text(encoding="utf-8").index("z") == 0
    assert read_yaml(tmp_path / "a.yaml", "x") == {"z": 1, "a": ["µm", None, 0.5]}


def test_what_does_not_parse_is_one_line_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [1,\nb: }")
    with pytest.raises(
        DataError, match=r"expected a recipe at .*a\.yaml, but it does not parse"
    ) as e:
        read_yaml(tmp_path / "a.yaml", "a recipe")
    assert "\n" not in str(e.value)
    with pytest.raises(DataError, match="there is no such file"):
        read_yaml(tmp_path / "b.yaml", "a recipe")
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DataError, match="does not parse"):
        read_yaml(tmp_path / "c.yaml", "a recipe")
