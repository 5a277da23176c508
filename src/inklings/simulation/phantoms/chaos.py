"""MR studies of phantoms in the layout of CHAOS: DICOM series, and PNG slices of the organs.

As in the real set, files of the two phases of T1 count on together, ground truth is called like the
in-phase slices, and slices are numbered from the head, so planes come in the other order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from inklings.files import written
from inklings.simulation.phantoms.abdomen import Abdomen, AbdomenScan, Phase
from inklings.simulation.phantoms.dicom_files import SeriesText, write_series

GREYS = np.array([0, 63, 126, 189, 252], np.uint8)
"""Code of an organ to its grey in the PNG slices: the middles of the official ranges."""

_SERIES: tuple[tuple[Phase, str, str, float, int], ...] = (
    ("out", "T1DUAL", "OutPhase", 2.3, 1),
    ("in", "T1DUAL", "InPhase", 4.6, 2),
    ("t2", "T2SPIR", "", 70.0, 1),
)


def write_studies(
    root: Path,
    patients: int = 4,
    unlabelled: int = 0,
    seed: int = 0,
    shape: tuple[int, int, int] = (28, 128, 128),
) -> Path:
    """Write ``Train_Sets/MR`` and ``Test_Sets/MR`` below ``root``.

    Args:
        root: New folder.
        patients: With ground truth, called 1, 2, ...
        unlabelled: Without, counted on.
        seed: Decides everything.
        shape: Slices, rows and columns of every series.

    Returns:
        ``root``.
    """
    for number in range(1, patients + unlabelled + 1):
        labelled = number <= patients
        folder = root / ("Train_Sets" if labelled else "Test_Sets") / "MR" / str(number)
        scan = Abdomen(1000 * seed + number).render(shape)
        write_study(folder, scan, f"phantom-{seed}-{number}", str(number), labelled)
    return root


def write_study(
    folder: Path, scan: AbdomenScan, key: str, patient: str, labelled: bool = True
) -> None:
    """One patient: ``T1DUAL`` in two phases and ``T2SPIR``, with ``Ground`` where labelled."""
    slices = len(scan.codes)
    for phase, name, part, echo, first in _SERIES:
        step = 2 if name == "T1DUAL" else 1
        numbers = [step * (slices - 1 - index) + first for index in range(slices)]
        text = SeriesText(
            f"{key}-{name}",
            patient,
            description="T1W_DUAL_BH" if step == 2 else "T2W_SPIR",
            number=4 if step == 2 else 5,
            echo=echo,
            echo_number=first,
        )
        write_series(
            folder / name / "DICOM_anon" / part,
            scan.images[phase],
            scan.geometry,
            text,
            lambda index, n=numbers: f"IMG-0004-{n[index]:05d}.dcm",  # type: ignore[misc]
            numbers.__getitem__,
        )
        if labelled and phase != "out":
            for index, codes in enumerate(scan.codes):
                path = folder / name / "Ground" / f"IMG-0004-{numbers[index]:05d}.png"
                with written(path, durable=False) as temporary:
                    Pillow.fromarray(GREYS[codes]).save(temporary, format="PNG")
