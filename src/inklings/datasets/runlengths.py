"""Tables of run-length labels (``ImageId,EncodedPixels``), indexed but not held in memory."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inklings.datasets.archive import Entry
from inklings.datasets.findings import ImportFinding
from inklings.datasets.instances import Piece, cut_out
from inklings.errors import DataError, LabelError
from inklings.files import written
from inklings.labels import rle

_COLUMNS = ("ImageId", "EncodedPixels")


@dataclass(frozen=True, slots=True)
class RunLengthRows:
    """Consecutive rows about one image: bytes ``start`` to ``stop`` of a table."""

    path: Path
    start: int
    stop: int
    columns: tuple[str, ...]

    def read(self) -> list[dict[str, str]]:
        """The rows, by column."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            text = file.read(self.stop - self.start).decode()
        return [
            dict(zip(self.columns, line.split(","), strict=False)) for line in text.splitlines()
        ]


def is_table(name: str) -> bool:
    """Whether a file name is that of a table of labels (and not a sample submission)."""
    name = name.rsplit("/", 1)[-1].lower()
    return name.endswith(".csv") and ("label" in name or "solution" in name)


def located(entry: Entry, scratch: Path) -> Path:
    """Where the table lies on disk, copied out of its archive if it is in one."""
    if entry.offset is None:
        return entry.container / entry.name
    path = scratch / f"{entry.stamp:08x}-{entry.parts[-1]}"
    if not path.is_file():
        with (
            zipfile.ZipFile(entry.container) as archive,
            written(path) as temporary,
            archive.open(entry.name) as source,
            temporary.open("wb") as to,
        ):
            shutil.copyfileobj(source, to, 1 << 20)
    return path


def index(tables: Iterable[Path]) -> dict[str, tuple[RunLengthRows, ...]]:
    """Where the rows of each image lie.

    Raises:
        DataError: If a table lacks the columns, or there is no such file.
    """
    found: dict[str, list[RunLengthRows]] = {}
    for path in tables:
        try:
            file = path.open("rb")
        except OSError as error:
            raise DataError(f"expected a table of labels at {path}: {error.strerror}") from None
        with file:
            head = file.readline().decode("utf-8", "replace").strip().lstrip("\ufeff")
            columns = tuple(head.split(","))
            if columns[:2] != _COLUMNS:
                raise DataError(f"{path}: expected columns {','.join(_COLUMNS)}, got {head[:60]!r}")
            start = file.tell()
            for line in file:
                stop = start + len(line)
                name = line.split(b",", 1)[0].decode("utf-8", "replace").strip()
                rows = found.setdefault(name, [])
                if rows and rows[-1].path == path and rows[-1].stop == start:
                    rows[-1] = RunLengthRows(path, rows[-1].start, stop, columns)
                elif name:
                    rows.append(RunLengthRows(path, start, stop, columns))
                start = stop
    return {name: tuple(rows) for name, rows in found.items() if rows}


def pieces(
    case: str, rows: Sequence[RunLengthRows], shape: tuple[int, int], findings: list[ImportFinding]
) -> list[Piece] | None:
    """The objects that the rows describe; None where they say that the image was not scored."""
    found: list[Piece] = []
    for k, row in enumerate(r for block in rows for r in block.read()):
        if row.get("Usage", "").strip() == "Ignored":
            return None
        size = row.get("Height"), row.get("Width")
        if all(size) and size != tuple(map(str, shape)):
            detail = f"row {k + 1}: {size[1]} x {size[0]}, the image {shape[1]} x {shape[0]}"
            findings.append(ImportFinding(case, "mask shape", detail))
            continue
        text = row.get("EncodedPixels", "").strip()
        try:
            piece = cut_out(f"row {k + 1}", rle.decode(text, shape))
        except LabelError as error:
            findings.append(ImportFinding(case, "unreadable labels", f"row {k + 1}: {error}"))
            continue
        if piece:
            found.append(piece)
        elif text:
            findings.append(ImportFinding(case, "empty mask", f"row {k + 1}"))
    return found
