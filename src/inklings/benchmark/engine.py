"""Studies that go on where they stopped: many cells, each with one result file, and one table.

A cell is one run: a learner, its labels, a seed. What has a result is not run again, so a study may
be stopped at any time; the table is made from what is there.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from inklings.errors import DataError, LabelError
from inklings.files import read_yaml, write_json, write_text, write_yaml
from inklings.parallel import mapped
from inklings.progress import note

Row = dict[str, Any]


class Cell(Protocol):
    """One run of a study; a dataclass, whose fields become columns."""

    @property
    def file(self) -> str:
        """Of the result, JSON, from the folder of the study."""

    @property
    def phase(self) -> int:
        """Cells of a later phase read results of those before."""


@dataclass(frozen=True)
class StudyTable:
    """What is written of the results.

    Attributes:
        path: The CSV file.
        columns: Those of a row that are written.
        shown: A row as it is written.
    """

    path: Path
    columns: Sequence[str]
    shown: Callable[[Row], Row] = dict


def claim(path: Path, content: Mapping[str, Any], what: str) -> None:
    """Write down what a folder is of; refuse to mix it with another.

    Args:
        path: Of the file that says so, in the folder.
        content: All that must not change.
        what: ``"demo"``, for the message.

    Raises:
        DataError: If the folder holds another.
    """
    mine = json.loads(json.dumps(content))
    if path.exists() and read_yaml(path, f"a {what}") != mine:
        raise DataError(
            f"{path.parent} holds another {what} (see {path}); remove it, or give another --out"
        )
    write_yaml(path, mine)


def run_cells(
    work: Callable[[Any], Row],
    cells: Sequence[Cell],
    out: Path,
    table: StudyTable,
    workers: int | None = 1,
    scheduler: str | None = None,
) -> list[Row]:
    """Run what is missing and write the table after every cell.

    Args:
        work: From a cell to the other columns of its row; picklable, see `inklings.parallel`. A
            LabelError, labels that teach nothing, is a row that says so: others still run.
        cells: All of the study, in the order of the table.
        out: Folder of the study.
        table: What is written of the rows.
        workers: Processes that run cells side by side, see `inklings.executors.processes`.
        scheduler: Address of a Dask scheduler instead.

    Returns:
        The rows of all cells.
    """
    todo = [cell for cell in cells if not (out / cell.file).exists()]
    note(f"study: {len(cells) - len(todo)} of {len(cells)} runs are done already")
    rows = _written(out, cells, table)
    for phase in sorted({cell.phase for cell in todo}):
        now = [cell for cell in todo if cell.phase == phase]
        share: dict[str, Any] = {"workers": workers, "scheduler": scheduler}
        for line in mapped(_CellTask(work, out.resolve()), now, what="study", **share):
            note(f"  {line}")
            rows = _written(out, cells, table)
    return rows


@dataclass(frozen=True)
class _CellTask:
    """Runs a cell and writes its result; what travels to a worker."""

    work: Callable[[Any], Row]
    out: Path

    def __call__(self, cell: Any) -> str:
        """The name of the cell, and why it was refused."""
        try:
            found = self.work(cell)
        except LabelError as error:
            found = {"refused": " ".join(str(error).split())}
        write_json(self.out / cell.file, {**asdict(cell), **found})
        name = Path(cell.file).stem
        return f"{name}: {found['refused']}" if "refused" in found else name


def _written(out: Path, cells: Sequence[Cell], table: StudyTable) -> list[Row]:
    """Rows of the cells that are done, as the table has them."""
    paths = [path for cell in cells if (path := out / cell.file).exists()]
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    text = io.StringIO()
    writer = csv.DictWriter(text, table.columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        shown = table.shown(row).items()
        writer.writerow({k: round(v, 5) if isinstance(v, float) else v for k, v in shown})
    write_text(table.path, text.getvalue())
    return rows
