"""Phantoms as providers deliver their data, one function a layout: to be imported like the real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from inklings.errors import DataError
from inklings.simulation.phantoms.biopsy import SlidePlan
from inklings.simulation.phantoms.chaos import write_studies
from inklings.simulation.phantoms.cohort import write_dsb
from inklings.simulation.phantoms.luna import write_luna
from inklings.simulation.phantoms.slides import write_panda

_BIOPSY = SlidePlan(size=(2000, 1600), um=1.0, tissue=0.35)


def _chaos(out: Path, count: int, seed: int) -> str:
    write_studies(out, count, seed=seed)
    return " --modality mr-t1-inphase"


def _dsb2018(out: Path, count: int, seed: int) -> str:
    write_dsb(out, count, 192, seed=seed)
    return ""


def _luna16(out: Path, count: int, seed: int) -> str:
    write_luna(out, count, seed)
    return ""


def _panda(out: Path, count: int, seed: int) -> str:
    write_panda(out, count, _BIOPSY, seed=seed)
    return f" --spacing-um {_BIOPSY.um:g}"


LAYOUTS: dict[str, Callable[[Path, int, int], str]] = {
    "chaos": _chaos, "dsb2018": _dsb2018, "luna16": _luna16, "panda": _panda,
}  # fmt: skip
"""Writes ``count`` patients; what `inklings import` must be told beside the folder."""


def write_layout(kind: str, out: Path, count: int, seed: int = 0) -> str:
    """Write ``count`` phantoms in the layout of a public dataset; how to import them.

    Args:
        kind: ``chaos`` (abdominal MR as DICOM), ``dsb2018`` (nuclei), ``luna16`` (chest CT with
            nodules) or ``panda`` (biopsies of the prostate).
        out: New folder.
        count: Of patients.
        seed: Another seed makes other patients.

    Raises:
        DataError: If ``out`` holds something.
    """
    if out.exists() and any(out.iterdir()):
        raise DataError(f"expected a new folder, got {out}, which holds something; remove it")
    return f"inklings import {kind} {out}{LAYOUTS[kind](out, count, seed)}"
