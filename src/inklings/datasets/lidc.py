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
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.cases.case import Case
from inklings.datasets import findings as reports
from inklings.datasets.findings import Finding
from inklings.datasets.luna16 import CT, NODULE
from inklings.datasets.luna_tables import malignant_by_rule
from inklings.datasets.pairing import clean_id
from inklings.datasets.volume_cohort import Found, VolumeReport, gather, laid_out
from inklings.errors import DataError
from inklings.files import write_json
from inklings.geometry import Geometry
from inklings.labels.kinds import IRRELEVANT, BallLabel, Label, MaskLabel
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


def import_lidc(root: Path, out: Path, workers: int | None = None) -> VolumeReport:
    """Make the cohort: a case a CT, with a mask of nodules and a ball for each.

    Args:
        root: Folder or zip with DICOM and XML, at any depth.
        out: Cohort folder; masks are written into it, splits of an earlier import are kept.
        workers: Processes.

    Raises:
        DataError: If no CT has an XML file.
    """
    folder = laid_out(root, out)
    readings, odd = _readings(folder)
    found = list(_scans(folder, set(readings), root.stem))
    if not found:
        raise DataError(
            f"expected CTs as DICOM with the XML of their readers under {root}, got "
            f"{len(readings)} XML files and no series that they name; download both"
        )
    source = ReadersOutlines(readings, out.resolve())
    report = gather("lidc", (NODULE,), FACTS, found, source, out, workers)
    cases = tuple(_labelled(case, out) for case in report.cohort)
    cohort = dataclasses.replace(report.cohort, cases=cases)
    problems = (*report.findings, *odd)
    reports.write(problems, out)
    cohort.write(out)
    balls = [k for case in cases for k in case.labels if isinstance(k, BallLabel)]
    nodules = [ball for ball in balls if ball.name == NODULE]
    words = (
        f"{len(nodules)} nodules that {AGREED} readers outlined "
        f"({sum(ball.malignant is True for ball in nodules)} malignant), "
        f"{len(balls) - len(nodules)} other marks",
    )
    return VolumeReport(cohort, problems, words)


def _readings(folder: Path) -> tuple[dict[str, Path], list[Finding]]:
    """UID of a series to its XML file."""
    found: dict[str, Path] = {}
    odd = []
    for path in sorted(folder.rglob("*.xml")):
        try:
            reading = read_lidc(path)
        except DataError as error:
            odd.append(Finding(clean_id(path.stem), "unread outlines", str(error)))
            continue
        if reading is not None:
            found.setdefault(reading.series, path)
    return found, odd


def _scans(folder: Path, wanted: set[str], title: str) -> Iterator[Found]:
    """Series that somebody read, named after their patient."""
    seen: dict[str, int] = {}
    for home in sorted({path.parent for path in folder.rglob("*.dcm")}):
        for series in series_in(home):
            uid = series.planes[0].about.series
            if uid not in wanted:
                continue
            match = _PATIENT.search(home.relative_to(folder).as_posix())
            patient = match[0] if match else clean_id(title if home == folder else home.name)
            seen[patient] = seen.get(patient, 0) + 1
            name = patient if seen[patient] == 1 else f"{patient}-{seen[patient]}"
            yield Found(name, patient, home, home, series.name, {"seriesuid": uid})


@dataclass(frozen=True)
class ReadersOutlines:
    """Masks from outlines; see `inklings.datasets.volume_cohort.MaskSource`.

    Attributes:
        readings: UID of a series to its XML file.
        out: Where the marks of each case are left for the cohort.
    """

    readings: dict[str, Path]
    out: Path

    def __call__(
        self, found: Found, image: Image
    ) -> tuple[Path | NDArray[Any] | None, list[Finding]]:
        """The numbered nodules, 255 where readers disagree."""
        reading = read_lidc(self.readings[found.facts["seriesuid"]])
        assert reading is not None
        planes = {p.sop: k for k, p in enumerate(source_planes(found.image, found.series))}
        merged, lost = merge(reading, planes, image.geometry)
        codes = np.zeros(image.geometry.shape, np.uint8)
        balls: list[BallLabel] = []
        number = 0
        for one in merged:
            agreed = one.ball.name == NODULE
            number += agreed
            if one.samples is not None:
                codes[one.window][one.samples] = number if agreed else UNKNOWN
            balls.append(one.ball)
        problems = []
        if lost:
            detail = f"outlines on {lost} planes that the series does not have"
            problems.append(Finding(found.id, "outline without plane", detail, lost))
        record = [dataclasses.asdict(ball) for ball in balls]
        write_json(_marks_file(self.out, found.id), {"readers": reading.readers, "marks": record})
        return codes, problems


def _marks_file(out: Path, case: str) -> Path:
    return out / "labels" / f"{case}.marks.json"


def _labelled(case: Case, out: Path) -> Case:
    """The case with balls beside its mask, which says where readers disagree."""
    record = json.loads(_marks_file(out, case.id).read_text(encoding="utf-8"))
    balls = tuple(
        BallLabel(
            CT, k["name"], tuple(k["centre_mm"]), k["diameter_mm"], k["malignant"],
            tuple(k["ratings"]),
        )
        for k in record["marks"]
    )  # fmt: skip
    masks = tuple(
        MaskLabel(label.path, CT, "instances", (NODULE,), "partial")
        for label in case.labels
        if isinstance(label, MaskLabel)
    )
    labels: tuple[Label, ...] = (*masks, *balls)
    nodules = [ball for ball in balls if ball.name == NODULE]
    facts = {**case.facts, "nodules": str(len(nodules)), "readers": str(record["readers"])}
    images = {CT: next(iter(case.images.values()))}
    return dataclasses.replace(case, images=images, labels=labels, facts=facts)


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
    voxel = float(np.prod(geometry.require_spacing()))
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
