"""The folder that predictions go to: whose it is, what is in it, and what failed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inklings.arrays import read_npz
from inklings.errors import SpecError
from inklings.files import write_json
from inklings.inference.items import Item
from inklings.inference.slide_folder import clear_abandoned, slide_image
from inklings.predictions import Head, predicted_cases, predicted_slides, remember
from inklings.progress import note
from inklings.records import read_record

_ABANDONED_SECONDS = 600  # age at which a temporary file belongs to nobody any more


def claim(out: Path, head: Head) -> None:
    """Make ``out`` the folder of these predictions.

    Raises:
        SpecError: If it holds the predictions of other weights or settings.
    """
    if (out / "predictions.yaml").exists() and any(predicted_cases(out)):
        there = Head.read(out)
        if there.provenance.weights_sha256 != head.provenance.weights_sha256:
            raise SpecError(
                f"{out} holds predictions of run {there.provenance.run}, which has other weights "
                f"than {head.provenance.run}; choose another --out"
            )
        old, new = ({**h.settings, "thresholds": h.thresholds} for h in (there, head))
        other = [key for key in new if old.get(key) != new[key]]
        if other:
            came = ", ".join(f"{key} {old.get(key)} instead of {new[key]}" for key in other)
            raise SpecError(f"{out} holds predictions made with {came}; choose another --out")
    else:
        head.write(out)
    for path in (out / "cases").glob(".*.part.npz"):
        if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
            path.unlink(missing_ok=True)
    clear_abandoned(out)


def finished(items: Sequence[Item], out: Path) -> set[str]:
    """Those of ``items`` whose prediction is in ``out``; what is damaged there does not count.

    Raises:
        SpecError: If one was made from a file of another name, so is not that of this image.
    """
    there, slides = set(predicted_cases(out)), set(predicted_slides(out))
    done = set()
    for item in items:
        if item.case not in there:
            continue
        slide = item.case in slides
        image = slide_image(out, item.case) if slide else _image_of(case_file(out, item.case))
        if image is None:
            note(f"case {item.case}: the file is damaged, predicting again")
        elif image.name != item.path.name:
            raise SpecError(
                f"{out} holds a prediction of {image} as case {item.case!r}, "
                f"not of {item.path}; choose another --out"
            )
        else:
            done.add(item.case)
    return done


def case_file(out: Path, case: str) -> Path:
    """Where the prediction of a picture lies."""
    return out / "cases" / f"{case}.npz"


def _image_of(path: Path) -> Path | None:
    try:
        return Path(str(read_npz(path, ("image",))["image"]))
    except (ValueError, KeyError, OSError):
        return None


def note_output(run: Path, out: Path) -> None:
    """Note in the run that it predicted into ``out``; a run that is read-only is no obstacle."""
    try:
        remember(run, out)
    except PermissionError:
        note(f"{run} cannot be written, so 'inklings report' will not find {out} by itself")


def report_failures(out: Path, items: Sequence[Item], failed: dict[str, str]) -> None:
    """Keep ``failed.json``: image and reason of every case that could not be predicted yet.

    Args:
        out: Folder of predictions.
        items: What was tried.
        failed: Reason of each that failed.
    """
    path = out / "failed.json"
    images = {item.case: str(item.path) for item in items}
    record = read_record(dict[str, Any], path, "failed cases", "delete it") if path.exists() else {}
    record = {case: entry for case, entry in record.items() if case not in images}
    record |= {c: {"image": images[c], "reason": reason} for c, reason in failed.items()}
    if record:
        write_json(path, record)
    else:
        path.unlink(missing_ok=True)
