"""Which folders a run has predicted into: ``outputs.json`` beside it, for report and viewer."""

from __future__ import annotations

import os
from pathlib import Path

from inklings.files import forbids_writing, write_json
from inklings.progress import note
from inklings.records import read_record


def remember(run: Path, folder: Path) -> None:
    """Note in ``outputs.json`` of a run that it predicted into ``folder``."""
    known = remembered(run)
    if folder.resolve() not in known:
        paths = [*known, folder.resolve()]
        relative = [Path(os.path.relpath(path, run.resolve())).as_posix() for path in paths]
        write_json(run / "outputs.json", {"predictions": relative})


def remembered(run: Path) -> tuple[Path, ...]:
    """Folders of predictions made by a run, oldest first; some may be gone by now."""
    if not (run / "outputs.json").is_file():
        return ()
    path = run / "outputs.json"
    record = read_record(dict[str, list[str]], path, "what a run has written", "delete it")
    return tuple((run.resolve() / path).resolve() for path in record.get("predictions", ()))


def note_output(run: Path, folder: Path) -> None:
    """`remember`, where the run can be written: a read-only one predicts all the same."""
    try:
        remember(run, folder)
    except OSError as error:
        if not forbids_writing(error):
            raise
        note(f"{run} is read-only, so 'inklings report' will not find {folder} by itself")
