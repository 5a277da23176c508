"""A folder of DICOM studies: every series a case, its DICOM Segmentations its masks.

A segmentation belongs to the series that it says it was drawn on, wherever the file lies. Cases and
patients get names that do not come from the files: a patient is a hash of the patient's id, which
keeps two studies of one patient together and says nothing to a reader.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from inklings.datasets.findings import Finding
from inklings.datasets.volume_cohort import Found, VolumeReport, gather, laid_out
from inklings.errors import DataError, GeometryError, ReaderError
from inklings.readers.dicom_files import SEGMENTATIONS, files, is_dicom
from inklings.readers.dicom_segments import read_segments
from inklings.readers.dicom_series import Series, series_in
from inklings.readers.fitting import embedded
from inklings.readers.image import Image

_HEAD = 512


@dataclass(frozen=True)
class SegmentMasks:
    """Masks from DICOM Segmentations.

    Attributes:
        classes: Labels of segments to keep, in order.
        drawn: UID of a series to the segmentations that were drawn on it.
    """

    classes: tuple[str, ...]
    drawn: Mapping[str, tuple[Path, ...]]

    def __call__(
        self, found: Found, image: Image
    ) -> tuple[Path | NDArray[Any] | None, list[Finding]]:
        """Class codes on the grid of the image; see `MaskSource`."""
        codes = np.zeros(image.geometry.shape, np.uint8)
        problems = []
        for path in self.drawn[found.facts["uid"]]:
            said = read_segments(path)
            for number, mask in sorted(said.masks.items()):
                if said.names[number] not in self.classes:
                    continue
                try:
                    placed = embedded(mask, said.geometry, image.geometry)
                except GeometryError as error:
                    problems.append(Finding(found.id, "mask shape", f"{path.name}: {error}"))
                    break
                codes[placed] = self.classes.index(said.names[number]) + 1
        return (None if problems else codes), problems


def import_dicom(
    root: Path,
    out: Path,
    series: str | None = None,
    classes: Sequence[str] = (),
    workers: int | None = None,
) -> VolumeReport:
    """Make a cohort of all series under ``root``; images stay where they lie.

    Args:
        root: Folder, or an archive, which is unpacked into ``out``.
        out: Cohort folder.
        series: Words that choose series (`inklings.readers`); None takes all volumes.
        classes: Labels of segments; empty for all that are there.
        workers: Processes.

    Raises:
        DataError: If no series fits, or a class that was asked for is nowhere.
    """
    root = laid_out(root, out)
    volumes = [one for one in series_in(root) if len(one.planes) > 1 and not one.is_scout()]
    chosen = [one for one in volumes if series is None or one.matches(series)]
    if not chosen:
        listed = "; ".join(one.words() for one in volumes[:8]) or "none"
        raise DataError(f"{root}: expected series of several slices that fit, got: {listed}")
    drawn, labels = _segmentations(root)
    kept = tuple(classes) or tuple(sorted(labels))
    strange = [name for name in classes if name not in labels]
    if strange:
        raise DataError(
            f"{root}: expected segments {', '.join(strange)}, the segmentations there have "
            f"{', '.join(sorted(labels)) or 'none'}"
        )
    places = _places(chosen)
    found = [_found(one, place, several, drawn) for one, place, several in places]
    used = {one.planes[0].about.series for one in chosen}
    other = sum(uid not in used for uid in drawn)
    words = [f"{other} segmentations are of series that are not here"] if other else []
    name = out.absolute().name
    return gather(
        name,
        kept or ("unknown",),
        {},
        _unique(found),
        SegmentMasks(kept, drawn),
        out,
        workers,
        words,
    )


def _places(chosen: Sequence[Series]) -> Iterator[tuple[Series, Path, bool]]:
    """The innermost folder of each series, and whether something else lies there too."""
    folders = {
        id(one): Path(
            os.path.commonpath({str((p.file.container / p.file.name).parent) for p in one.planes})
        )
        for one in chosen
    }
    for one in chosen:
        folder = folders[id(one)]
        yield one, folder, len(series_in(folder)) > 1


def _found(one: Series, place: Path, several: bool, drawn: Mapping[str, tuple[Path, ...]]) -> Found:
    about = one.planes[0].about
    first = one.planes[0].file
    said = pydicom.dcmread(
        first.container / first.name, stop_before_pixels=True, specific_tags=["PatientID"]
    )
    who = str(said.get("PatientID", "") or about.study)
    patient = f"P-{hashlib.sha256(who.encode()).hexdigest()[:10]}"
    described = about.description or about.protocol or about.modality
    slug = re.sub(r"[^A-Za-z0-9]+", "-", f"{described}-{one.part}").strip("-").lower()[:32]
    masks = drawn.get(about.series, ())
    facts = {"uid": about.series, **({"description": about.description} if described else {})}
    series = one.name if several else None
    return Found(
        f"{patient}_{slug or 'series'}", patient, place, masks[0] if masks else None, series, facts
    )


def _unique(found: Sequence[Found]) -> list[Found]:
    """Ids that would be there twice get the beginning of a hash of the series."""
    count: dict[str, int] = defaultdict(int)
    for one in found:
        count[one.id] += 1
    return [
        one
        if count[one.id] == 1
        else Found(
            f"{one.id}-{hashlib.sha256((one.series or one.facts['uid']).encode()).hexdigest()[:8]}",
            one.patient, one.image, one.mask, one.series, one.facts,
        )
        for one in found
    ]  # fmt: skip


def _segmentations(root: Path) -> tuple[dict[str, tuple[Path, ...]], set[str]]:
    """Segmentations by the series that they were drawn on, and all labels in them."""
    drawn: dict[str, list[Path]] = defaultdict(list)
    labels: set[str] = set()
    for file in files(root):
        path = file.container / file.name
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
        if not is_dicom(file.name, head) or not any(uid.encode() in head for uid in SEGMENTATIONS):
            continue
        try:
            said = pydicom.dcmread(
                path,
                stop_before_pixels=True,
                specific_tags=["ReferencedSeriesSequence", "SegmentSequence"],
            )
            drawn[str(said.ReferencedSeriesSequence[0].SeriesInstanceUID)].append(path)
            labels |= {str(s.SegmentLabel) for s in said.SegmentSequence if int(s.SegmentNumber)}
        except (AttributeError, IndexError, ValueError, EOFError) as error:
            raise ReaderError(f"{path}: damaged DICOM Segmentation ({error})") from None
    return {uid: tuple(sorted(paths)) for uid, paths in drawn.items()}, labels
