"""What of the folder that predictions go to is done, and what the run keeps of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inklings.errors import DataError, SpecError
from inklings.inference.items import Item
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.outputs import remember
from inklings.progress import note


def finished(items: Sequence[Item], there: PredictionFolder) -> set[str]:
    """Those of ``items`` whose prediction is there; what is damaged does not count.

    Raises:
        SpecError: If one was made from a file of another name, so is not that of this image.
    """
    predicted, done = set(there.cases), set()
    for item in items:
        if item.case not in predicted:
            continue
        try:
            image = there.image(item.case)
        except DataError:
            note(f"case {item.case}: the file is damaged, predicting again")
            continue
        if image.name != item.path.name:
            raise SpecError(
                f"{there.path} holds a prediction of {image} as case {item.case!r}, "
                f"not of {item.path}; choose another --out"
            )
        done.add(item.case)
    return done


def note_output(run: Path, out: Path) -> None:
    """Note in the run that it predicted into ``out``; a run that is read-only is no obstacle."""
    try:
        remember(run, out)
    except PermissionError:
        note(f"{run} cannot be written, so 'inklings report' will not find {out} by itself")
