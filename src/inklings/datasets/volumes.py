"""Any volumes with masks, paired by name: NIfTI, MetaImage, NRRD."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from inklings.datasets import values
from inklings.datasets.pairing import pairs
from inklings.datasets.volume_cohort import Found, StoredMask, VolumeReport, gather
from inklings.errors import DataError, SpecError

SUFFIXES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr")


def import_volumes(
    images: str,
    masks: str | None,
    out: Path,
    meaning: Mapping[int, str],
    patient: str | None = None,
    workers: int | None = None,
    others: bool = False,
) -> VolumeReport:
    """Make a cohort of volumes that match patterns; a mask has the name of its image.

    Args:
        images: Pattern, or a folder.
        masks: Pattern or folder; None if there are none.
        out: Cohort folder.
        meaning: Code in the masks to class.
        patient: Regular expression with one group, searched in the path of each image.
        workers: Processes.
        others: Codes that ``meaning`` does not name are background.

    Raises:
        DataError: If names do not pair up.
        SpecError: If the expression for the patient does not fit.
    """
    found = [
        Found(pair.id, _patient(patient, pair.place) or pair.id, pair.image, pair.mask)
        for pair in pairs(images, masks, SUFFIXES)
    ]
    classes = values.classes_of(meaning)
    name = out.absolute().name
    return gather(name, classes, {}, found, StoredMask(classes, meaning, others), out, workers)


def _patient(expression: str | None, place: str) -> str | None:
    if expression is None:
        return None
    try:
        match = re.search(expression, place)
    except re.error as error:
        raise SpecError(f"--patient: {expression!r} does not parse: {error}") from None
    if match is None or len(match.groups()) != 1:
        raise DataError(
            f"--patient: expected an expression with one group that fits every image, "
            f"got {expression!r} for {place!r}"
        )
    return str(match[1])
