"""Files that are either whole or not there: every writer of inklings goes through here."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from inklings.errors import DataError


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
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}.", suffix=f".part{path.suffix}"
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


def write_yaml(path: Path, value: Any) -> None:
    """Write ``value`` as YAML in the given order, atomically."""
    write_text(path, yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


def read_yaml(path: Path, what: str) -> Any:
    """Parse a YAML (or JSON) file.

    Raises:
        DataError: If it is missing or does not parse; ``what`` says what was expected.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"expected {what} at {path}, but there is no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"expected {what} at {path}, but it does not parse: {reason}") from None
