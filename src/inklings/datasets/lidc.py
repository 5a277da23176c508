"""LIDC-IDRI: 1,018 chest CTs as DICOM, with the outlines and ratings of four readers.

Armato et al. 2011, Medical Physics 38; CC BY 3.0. On disk: ``LIDC-IDRI-0001/.../*.dcm`` with
``069.xml`` beside the slices, or all XML files in a folder of their own: they name their series.

The rule by which readers are merged: outlines of several readers that share a sample are one
nodule. A sample belongs to it if at least half of the readers who outlined the nodule have it
inside. Its centre and diameter are the means over these readers (of the centres of mass, and of
the balls of equal volume), as LUNA16 has them. Nodules that at least three readers outlined are
the class ``nodule``; what fewer outlined is not known in the mask and irrelevant among the points,
as are nodules below 3 mm and what readers say is no nodule. A nodule is malignant if at least two
readers rate it 4 or more; all ratings are kept, and so is the agreement (their number).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.cohorts.cohort import Cohort
from inklings.datasets.archive import laid_out
from inklings.datasets.dataset import Argument, Converted, Mask, Plain
from inklings.datasets.findings import ImportFinding
from inklings.datasets.luna16 import CT, NODULE
from inklings.datasets.luna_tables import malignant_by_rule
from inklings.datasets.pairing import clean_id
from inklings.datasets.scans import Scan, case_of
from inklings.errors import DataError
from inklings.geometry import Geometry
from inklings.labels.kinds import IRRELEVANT, BallLabel, Label
from inklings.labels.lidc import Mark, Reading, filled, read_lidc
from inklings.readers.dicom_series import series_in, source_planes
from inklings.readers.image import Image

AGREED = 3
"""Readers who must have outlined a nodule, as in LUNA16."""
UNKNOWN = 255
FACTS = {
    "title": "LIDC-IDRI: lung image database consortium",
    "licence": "CC BY 3.0",
    "citation": "Armato et al. 2011, Medical Physics 38, 915-931",
    "home": "https://www.cancerimagingarchive.net/collection/lidc-idri",
}
_PATIENT = re.compile(r"LIDC-IDRI-\d+")


@dataclass(frozen=True)
class Lidc(Plain):
    """LIDC-IDRI: chest CTs with the outlines and ratings of up to four readers, merged.

    A nodule is what three readers outlined; where fewer did, the mask says that it is not known.
    """

    source: Annotated[Path, Argument("Folder or zip with DICOM and the XML of the readers.")]
    name: str = "lidc"
    classes: tuple[str, ...] = (NODULE,)
    facts: Mapping[str, Any] = field(default_factory=lambda: FACTS)
    noun: str = "volumes"

    def items(self, scratch: Path) -> Sequence[Scan]:
        """A case a CT that somebody read; files of readings that do not parse have a problem.

        Raises:
            DataError: If no CT has an XML file.
        """
        folder = laid_out(self.source, scratch)
        readings, odd = _readings(folder)
        found = list(_scans(folder, readings, self.source.stem))
        if not found:
            raise DataError(
                f"expected CTs as DICOM with the XML of their readers under {self.source}, got "
                f"{len(readings)} XML files and no series that they name; download both"
            )
        return [*found, *odd]

    def convert(self, item: Scan) -> Converted:
        """One CT, with a mask of nodules and a ball for each."""
        made = case_of(item, readers_outlines)
        balls = [label for label in made.labels if isinstance(label, BallLabel)]
        facts = {**made.facts, "nodules": str(sum(ball.name == NODULE for ball in balls))}
        return dataclasses.replace(made, facts=facts)

    def finish(self, cohort: Cohort, out: Path) -> tuple[Cohort, Sequence[str]]:  # noqa: ARG002
        """As it is, and how many nodules there are."""
        balls = [k for case in cohort for k in case.labels if isinstance(k, BallLabel)]
        nodules = [ball for ball in balls if ball.name == NODULE]
        return cohort, (
            f"{len(nodules)} nodules that {AGREED} readers outlined "
            f"({sum(ball.malignant is True for ball in nodules)} malignant), "
            f"{len(balls) - len(nodules)} other marks",
        )


def _readings(folder: Path) -> tuple[dict[str, tuple[Path, int]], list[Scan]]:
    """UID of a series to its XML file and the number of readers, and files that do not parse."""
    found: dict[str, tuple[Path, int]] = {}
    odd = []
    for path in sorted(folder.rglob("*.xml")):
        try:
            reading = read_lidc(path)
        except DataError as error:
            name = clean_id(path.relative_to(folder).with_suffix("").as_posix())
            problem = ImportFinding(name, "unread outlines", str(error))
            odd.append(Scan(name, name, {CT: path}, problem=problem))
            continue
        if reading is not None:
            found.setdefault(reading.series, (path, reading.readers))
    return found, odd


def _scans(folder: Path, readings: Mapping[str, tuple[Path, int]], title: str) -> Iterator[Scan]:
    """Series that somebody read, named after their patient."""
    seen: dict[str, int] = {}
    for home in sorted({path.parent for path in folder.rglob("*.dcm")}):
        for series in series_in(home):
            uid = series.planes[0].about.series
            if uid not in readings:
                continue
            match = _PATIENT.search(home.relative_to(folder).as_posix())
            patient = match[0] if match else clean_id(title if home == folder else home.name)
            seen[patient] = seen.get(patient, 0) + 1
            name = patient if seen[patient] == 1 else f"{patient}-{seen[patient]}"
            outlines, readers = readings[uid]
            yield Scan(
                name,
                patient,
                {CT: home},
                outlines,
                choices={CT: series.name},
                facts={"seriesuid": uid, "readers": str(readers)},
            )


def readers_outlines(
    scan: Scan, image: Image
) -> tuple[tuple[Label | Mask, ...], list[ImportFinding]]:
    """Numbered nodules, 255 where readers disagree, and a ball for each; see `MaskSource`."""
    assert scan.mask is not None
    reading = read_lidc(scan.mask)
    assert reading is not None
    planes = {p.sop: k for k, p in enumerate(source_planes(scan.images[CT], scan.choices[CT]))}
    merged, lost = merge(reading, planes, image.geometry)
    codes = np.zeros(image.geometry.shape, np.uint8)
    number = 0
    for one in merged:
        agreed = one.ball.name == NODULE
        number += agreed
        if one.samples is not None:
            codes[one.window][one.samples] = number if agreed else UNKNOWN
    problems = []
    if lost:
        detail = f"outlines on {lost} planes that the series does not have"
        problems.append(ImportFinding(scan.id, "outline without plane", detail, lost))
    mask = Mask(codes, "instances", (NODULE,), "partial", CT, image.geometry)
    return (mask, *(one.ball for one in merged)), problems


@dataclass(frozen=True)
class Merged:
    """What several readers marked in one place.

    Attributes:
        ball: Its place, size and ratings.
        window: Where ``samples`` lie in the volume.
        samples: Inside by the majority; None where it was only pointed at.
        readers: Who outlined it.
    """

    ball: BallLabel
    window: tuple[slice, ...] = ()
    samples: NDArray[np.bool_] | None = None
    readers: int = 0


def merge(reading: Reading, planes: dict[str, int], geometry: Geometry) -> tuple[list[Merged], int]:
    """Join the marks of all readers; largest nodules last, points after them.

    Args:
        reading: All marks.
        planes: UID of a plane to its index.
        geometry: Of the CT.

    Returns:
        What they marked, and how many outlines lie on planes that are not there.
    """
    drawn, points, lost = [], [], 0
    for mark in reading.marks:
        placed = [(planes.get(o.sop, -1), o) for o in mark.outlines]
        here = [(z, o) for z, o in placed if z >= 0 and o.corners]
        lost += len(placed) - len(here)
        if not here:
            continue
        if mark.is_outlined:
            drawn.append(_Drawn.of(mark, here, geometry.shape))
        else:
            z, outline = here[0]
            x, y = outline.corners[0]
            points.append(Merged(_ball(IRRELEVANT, geometry.to_points([z, y, x]), None, ())))
    merged = [_joined(group, geometry) for group in _groups(drawn)]
    merged.sort(key=lambda one: (one.ball.name == NODULE, one.ball.diameter_mm or 0))
    return [*merged, *points], lost


@dataclass(frozen=True)
class _Drawn:
    """The samples that one reader outlined, in the window around them."""

    mark: Mark
    start: tuple[int, int, int]
    samples: NDArray[np.bool_]

    @classmethod
    def of(cls, mark: Mark, outlines: Sequence[tuple[int, Any]], shape: tuple[int, ...]) -> _Drawn:
        corners = np.concatenate([np.array(o.corners) for _, o in outlines])
        x0, y0 = np.maximum(corners.min(0) - 1, 0)
        x1, y1 = np.minimum(corners.max(0) + 2, (shape[2], shape[1]))
        heights = [z for z, _ in outlines]
        z0 = min(heights)
        samples = np.zeros((max(heights) - z0 + 1, y1 - y0, x1 - x0), bool)
        for z, outline in sorted(outlines, key=lambda pair: not pair[1].inside):
            moved = tuple((x - int(x0), y - int(y0)) for x, y in outline.corners)
            plane = filled(dataclasses.replace(outline, corners=moved), samples.shape[1:])
            samples[z - z0] = samples[z - z0] | plane if outline.inside else (
                samples[z - z0] & ~plane)  # fmt: skip
        return cls(mark, (z0, int(y0), int(x0)), samples)

    @property
    def stop(self) -> tuple[int, ...]:
        return tuple(a + n for a, n in zip(self.start, self.samples.shape, strict=True))

    def within(self, start: Sequence[int], stop: Sequence[int]) -> NDArray[np.bool_]:
        """The samples in another window that holds this one."""
        out = np.zeros([b - a for a, b in zip(start, stop, strict=True)], bool)
        out[
            tuple(slice(a - s, b - s) for a, b, s in zip(self.start, self.stop, start, strict=True))
        ] = self.samples
        return out


def _groups(drawn: Sequence[_Drawn]) -> list[list[_Drawn]]:
    """Outlines that share a sample with another of their group."""
    groups: list[list[_Drawn]] = []
    for one in drawn:
        near = [group for group in groups if any(_share(one, other) for other in group)]
        joined = [one, *(other for group in near for other in group)]
        groups = [group for group in groups if group not in near] + [joined]
    return groups


def _share(one: _Drawn, other: _Drawn) -> bool:
    start = np.minimum(one.start, other.start).tolist()
    stop = np.maximum(one.stop, other.stop).tolist()
    apart = np.maximum(one.start, other.start) >= np.minimum(one.stop, other.stop)
    return not apart.any() and bool((one.within(start, stop) & other.within(start, stop)).any())


def _joined(group: Sequence[_Drawn], geometry: Geometry) -> Merged:
    start = np.min([one.start for one in group], 0).tolist()
    stop = np.max([one.stop for one in group], 0).tolist()
    by_reader: dict[int, NDArray[np.bool_]] = {}
    stars: dict[int, int] = {}
    for one in group:
        mine = one.within(start, stop)
        by_reader[one.mark.reader] = by_reader.get(one.mark.reader, False) | mine
        if one.mark.malignancy is not None:
            before = stars.get(one.mark.reader, 0)
            stars[one.mark.reader] = max(before, one.mark.malignancy)
    voxel = geometry.cell_mm
    centres, sizes = [], []
    for mine in by_reader.values():
        centres.append(np.array(ndimage.center_of_mass(mine)) + start)
        sizes.append((6 * mine.sum() * voxel / np.pi) ** (1 / 3))
    votes = np.sum(list(by_reader.values()), 0)
    samples = votes >= len(by_reader) / 2
    ratings = tuple(stars[reader] for reader in sorted(stars))
    name = NODULE if len(by_reader) >= AGREED else IRRELEVANT
    centre = geometry.to_points(np.mean(centres, 0))
    ball = _ball(name, centre, float(np.mean(sizes)), ratings)
    window = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    return Merged(ball, window, samples, len(by_reader))


def _ball(
    name: str, centre: NDArray[np.float64], size: float | None, ratings: tuple[int, ...]
) -> BallLabel:
    x, y, z = (round(float(v), 4) for v in centre)
    malignant = malignant_by_rule(ratings) if ratings else None
    return BallLabel(CT, name, (x, y, z), size and round(size, 3), malignant, ratings)
