"""A run becomes one file that can be sent, and is checked where it arrives."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inklings.arrays import read_npy
from inklings.calibration.record import FILE as CALIBRATION
from inklings.errors import DataError, InklingsError, SpecError
from inklings.files import write_text
from inklings.inference.answers import Answer, raw_sample
from inklings.inference.predict import single
from inklings.library import bioimage
from inklings.predictions.guarantee import FILE as GUARANTEES
from inklings.predictions.guarantee import read as promises
from inklings.predictions.likeness import FILE as LIKENESS
from inklings.progress import note
from inklings.reports import card
from inklings.reports.material import gather
from inklings.runs.bundle import INPUT, OUTPUT, Index, check, unpack, write_bundle
from inklings.runs.run import WEIGHTS, Run

TOLERANCE = 1e-3
"""How far what a network says may differ between machines and versions: as a probability of a
segmentation, as a logit of other tasks."""

_ALWAYS = (WEIGHTS, "model.json", "experiment.yaml", "run.json")
_WHERE_THERE = (CALIBRATION, GUARANTEES, LIKENESS, "metrics.csv", "correction.json", "teacher.json")


@dataclass(frozen=True)
class Bundled:
    """What was written, or checked.

    Attributes:
        path: The bundle.
        index: What it holds.
        patients: How many patients it names: of whom the run has learnt, and by whom its promises
            were calibrated.
        apart: Largest difference of the test output, where it was made again.
    """

    path: Path
    index: Index
    patients: int
    apart: float = 0.0


def bundle(run: str | Path, out: str | Path) -> Bundled:
    """Put a run into one file: weights, experiment, calibration, promises, card, a test.

    With the extra ``onnx``, segmentations get a description for bioimage.io beside.

    Args:
        run: A finished run of any version that can be read.
        out: The file, such as ``model.zip``; written whole or not at all.

    Raises:
        SpecError: If the folder holds several runs, or ``out`` is a folder.
        DataError: If it is no run, is not finished or damaged, or predicts nothing by itself.
    """
    folder, out = Path(run), Path(out)
    if out.is_dir():
        raise SpecError(f"--out {out}: expected the name of a file, got a folder; say model.zip")
    loaded = single(folder, "a bundle")
    folder = loaded.folder or folder  # of a bundle that is bundled again, its files
    with tempfile.TemporaryDirectory() as home:
        staged = Path(home)
        files = {name: folder / name for name in _ALWAYS}
        files |= {name: folder / name for name in _WHERE_THERE if (folder / name).is_file()}
        if (said := _card(folder)) is not None:
            write_text(staged / card.FILE, said)
            files[card.FILE] = staged / card.FILE
        raw = raw_sample(loaded)
        for name, array in ((INPUT, raw), (OUTPUT, answered(loaded, raw))):
            np.save(staged / name, array)
            files[name] = staged / name
        files |= bioimage.describe(loaded, staged)
        index = write_bundle(out, loaded.task, files)
    return Bundled(out, index, _named(loaded, folder))


def verify(path: str | Path) -> Bundled:
    """Check a bundle: its files by their hashes, and that it still says of its test what it said.

    Raises:
        DataError: If a file is another, or the output differs by more than `TOLERANCE`.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"expected a bundle made by 'inklings bundle' at {path}, got no such file")
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "run"
        unpack(path, folder)
        index = check(path, folder)
        run = Run.load(folder)
        named = _named(run, folder)
        raw, before = _array(path, folder / INPUT), _array(path, folder / OUTPUT)
        try:
            now = answered(run, raw)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:  # of another shape
            why = " ".join(str(error).split())
            raise DataError(f"{path}: {INPUT} is no input of its run ({why})") from None
    apart = float(np.abs(now - before).max()) if now.shape == before.shape else float("inf")
    if not apart <= TOLERANCE:
        raise DataError(
            f"{path}: expected the output that it was bundled with, got one that differs by "
            f"{apart:.2g} (at most {TOLERANCE:g}); this machine or version computes otherwise"
        )
    return Bundled(path, index, named, apart)


def answered(run: Run, raw: NDArray[Any]) -> NDArray[np.float32]:
    """What a run says of raw samples ``(1, C, *S)`` or of one bag ``(N, *shape)``, in float32."""
    with torch.inference_mode():
        found: NDArray[np.float32] = Answer(run).of_raw(raw).numpy()
    return found


def _named(run: Run, folder: Path) -> int:
    """How many patients the files of a run name."""
    return len({*run.trained_on, *(name for one in promises(folder) for name in one.patients)})


def _card(folder: Path) -> str | None:
    """The card of a run as it is now; where nobody can make it, as it was, if it is there."""
    try:
        return card.markdown(folder.resolve().name, card.sections_of(gather(folder, scored=False)))
    except InklingsError as error:
        there = folder / card.FILE
        kept = "the one that is there is taken" if there.is_file() else "the bundle has none"
        note(f"the card cannot be updated ({error}): {kept}")
        return there.read_text(encoding="utf-8") if there.is_file() else None


def _array(path: Path, file: Path) -> NDArray[np.float32]:
    try:
        with file.open("rb") as source:
            found: NDArray[np.float32] = read_npy(source, file.stat().st_size)
        if found.dtype.kind not in "uf":
            raise ValueError(f"numbers expected, got {found.dtype}")
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: {file.name} cannot be read ({reason}); bundle again") from None
    return found
