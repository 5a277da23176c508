"""Files that are either whole or not there: every writer of inklings goes through here.

What is read of YAML and JSON comes in by one door too, which bounds its size and its depth.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

from inklings.errors import DataError

LARGEST = 2**28
"""Bytes of the largest text that is read as a whole."""

_OWNER = re.compile(r"\.(\w+)-(\d+)\.(?:[^.]+\.)?part")
_OLD_FILE, _OLD_FOLDER = 600.0, 7 * 86_400.0
"""Seconds without a change after which nobody is writing any more, where nobody can be asked."""

_DEEPEST, _MOST = 64, 50_000_000
# PyYAML lets errors of its constructors through: of dates, numbers and words of its own.
_YAML_ERRORS = (
    yaml.YAMLError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError,
)  # fmt: skip


@contextmanager
def written(path: Path, durable: bool = True) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well.

    A reader therefore sees the old file, the new file or none, never a half of one, even
    when the process is killed in the middle.

    Args:
        path: What to write.
        durable: Wait until the disk has it, so that a power cut leaves a whole file too. Writers
            of very many small files that can be made again may do without.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stem = os.fsencode(path.stem)[:120].decode(errors="ignore")  # names are limited in bytes
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{stem}.{owner()}.", suffix=f".part{path.suffix}"
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if durable:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def owner() -> str:
    """This process, for the names of what it is still writing: machine and number."""
    return f"{_host()}-{os.getpid()}"


def sweep(folder: Path) -> None:
    """Remove what killed processes have left half written in a folder; what lives on stays."""
    for path in folder.glob(".*.part*"):
        try:
            since = time.time() - path.stat().st_mtime
        except OSError:
            continue
        whose = _OWNER.search(path.name)
        dead = whose and whose[1] == _host() and not psutil.pid_exists(int(whose[2]))
        if not dead and since < (_OLD_FOLDER if path.is_dir() else _OLD_FILE):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", platform.node())[:32] or "here"


def forbids_writing(error: OSError) -> bool:
    """Whether a place may be read and not written, as an archive of runs often is."""
    return error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)


def write_bytes(path: Path, data: bytes, durable: bool = True) -> None:
    """Write ``data`` atomically; ``durable`` as for `written`."""
    with written(path, durable) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` atomically."""
    with written(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, sort_keys=False) + "\n")


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as comma-separated values, atomically; a column that a row lacks stays empty."""
    out = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = csv.DictWriter(out, names, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(path, out.getvalue())


def write_yaml(path: Path, value: Any) -> None:
    """Write ``value`` as YAML in the given order, atomically."""
    write_text(path, yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


def read_yaml(path: Path, what: str) -> Any:
    """Parse a YAML or JSON file; a key given twice, or nesting without end, is no value.

    Raises:
        DataError: If it is missing or does not parse; ``what`` says what was expected.
    """
    parse = parse_json if path.suffix in (".json", ".jsonl") else parse_yaml
    text = read_text(path, what)
    try:
        return parse(text)
    except ValueError as error:
        raise DataError(f"expected {what} at {path}, but it does not parse: {error}") from None


def read_text(path: Path, what: str) -> str:
    """The text of a file that a person or this program wrote.

    Raises:
        DataError: If it is missing, no text, or larger than any such file is.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise DataError(f"expected {what} at {path}, got a file of {size >> 20} MiB")
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"expected {what} at {path}, but there is no such file") from None
    except IsADirectoryError:
        raise DataError(f"expected {what} at {path}, but that is a folder") from None
    except UnicodeDecodeError as error:
        raise DataError(f"expected {what} at {path}, but it does not parse: {error}") from None


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: If it is none, in one line: also where it is nested too deeply, or says a key
            twice.
    """
    try:
        return _bounded(json.loads(text, object_pairs_hook=_once))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parse_yaml(text: str) -> Any:
    """The value of a YAML text.

    Raises:
        ValueError: As `parse_json`; also where a few lines refer to one another without end.
    """
    try:
        return _bounded(yaml.load(text, _Loader))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (
        yaml.YAMLError,
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
        AttributeError,
    ) as e:
        # PyYAML lets errors of its constructors through: of dates, numbers and words of its own.
        raise ValueError(" ".join(str(e).split())) from None


class _Loader(yaml.SafeLoader):
    """Plain values only; a key that stands twice in one mapping is an error and not the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping, after its keys were looked at."""
        if isinstance(node, yaml.MappingNode):
            names = [k.value for k, _ in node.value if isinstance(k, yaml.ScalarNode)]
            twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
            if twice and twice != ["<<"]:
                raise ValueError(f"the key {twice[0]!r} is given twice{node.start_mark}")
        return super().construct_mapping(node, deep)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in record if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is given twice")
    return record


def _bounded(value: Any) -> Any:
    """``value``, once it is known to be no deeper and no larger than a file can sensibly be."""
    if _extent(value, 0, {})[0] > _MOST:
        raise ValueError("it stands for more values than memory holds")
    return value


def _extent(value: Any, depth: int, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many values there are, and how deeply nested.

    A few YAML lines that refer to each other can stand for more values than memory holds: they are
    looked at once, and count as often as they are met.
    """
    if not isinstance(value, dict | list):
        return 1, 0
    found = known.get(id(value))
    if found is None:
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        inner = value.values() if isinstance(value, dict) else value
        parts = [_extent(one, depth + 1, known) for one in inner]
        found = 1 + sum(n for n, _ in parts), 1 + max((h for _, h in parts), default=0)
        known[id(value)] = found
    if depth + found[1] > _DEEPEST + 1:
        raise ValueError("it is nested too deeply")
    return found
