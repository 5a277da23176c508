"""From a cohort of CTs with annotated nodules to scans in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.applications.lung_nodules.crops import Labelled
from inklings.applications.lung_nodules.lungs import Lungs
from inklings.applications.lung_nodules.scans import Scan, prepare, whole
from inklings.applications.lung_nodules.targets import Truth
from inklings.arrays import read_npz
from inklings.cohorts.case import Case
from inklings.errors import DataError, LabelError
from inklings.files import written
from inklings.geometry import Geometry
from inklings.labels.kinds import BallLabel
from inklings.orientation import CANONICAL
from inklings.progress import track
from inklings.readers import open_image

CT = "ct"
NODULE = "nodule"


def image_of(case: Case) -> Path:
    """The CT of a case.

    Raises:
        DataError: If it has several images and none is called ``ct``.
    """
    if CT in case.images:
        return case.images[CT]
    if len(case.images) == 1:
        return next(iter(case.images.values()))
    raise DataError(
        f"case {case.id}: expected an image called 'ct', got {', '.join(case.images) or 'none'}"
    )


def truths(case: Case, scan: Geometry) -> tuple[Truth, ...]:
    """Annotated nodules on the grid of a scan.

    Args:
        case: With balls called ``nodule``.
        scan: Grid that the indices shall count on.

    Raises:
        LabelError: If a nodule has no diameter.
    """
    found = []
    for label in case.labels:
        if not isinstance(label, BallLabel) or label.name != NODULE:
            continue
        if label.diameter_mm is None:
            raise LabelError(f"case {case.id}: expected a diameter of each nodule, got one without")
        z, y, x = scan.to_indices(label.centre_mm).tolist()
        found.append(Truth((z, y, x), label.diameter_mm, label.malignant))
    return tuple(found)


def labelled(case: Case) -> Labelled:
    """One case, decoded and prepared."""
    with open_image(image_of(case)) as image:
        scan = prepare(*whole(image))
    return Labelled(case.id, case.patient, scan, truths(case, scan.geometry))


def gather(cases: Sequence[Case], cache: Path | None = None) -> list[Labelled]:
    """All cases, prepared once.

    Args:
        cases: To read; those whose labels are none count as scans without nodules.
        cache: Folder where prepared scans are kept, so that an interrupted run need not begin
            again; about 4 MB each.

    Raises:
        LabelError: If no case has a nodule.
    """
    found = [_kept(case, cache) for case in track(cases, "lungs", len(cases))]
    if not any(one.nodules for one in found):
        raise LabelError(
            f"expected nodules (balls called 'nodule') in {len(cases)} cases, got none"
        )
    return found


def _kept(case: Case, cache: Path | None) -> Labelled:
    if cache is None:
        return labelled(case)
    stamp = image_of(case).stat()
    words = f"{image_of(case).resolve()} {stamp.st_size} {stamp.st_mtime_ns} {CANONICAL}"
    path = cache / f"{case.id}.{hashlib.sha256(words.encode()).hexdigest()[:10]}.npz"
    if not path.is_file():
        with open_image(image_of(case)) as image:
            _write(path, prepare(*whole(image)))
    scan = _read(path)
    return Labelled(case.id, case.patient, scan, truths(case, scan.geometry))


def _write(path: Path, scan: Scan) -> None:
    head = {
        "scan": _plain(scan.geometry),
        "lungs": _plain(scan.lungs.geometry),
        "found": scan.lungs.found,
        "voxels": scan.voxels,
    }
    with written(path, durable=False) as part, part.open("wb") as file:
        hull = np.packbits(scan.lungs.hull)
        text = np.frombuffer(json.dumps(head).encode(), np.uint8)
        np.savez(file, grey=scan.grey, hull=hull, head=text)


def _read(path: Path) -> Scan:
    kept = read_cache(path, ("head", "hull", "grey"))
    head = json.loads(kept["head"].tobytes())
    grid = _geometry(head["lungs"])
    flat = np.unpackbits(kept["hull"], count=int(np.prod(grid.shape)))
    lungs = Lungs(flat.reshape(grid.shape).astype(bool), grid, head["found"])
    return Scan(kept["grey"], _geometry(head["scan"]), lungs, head["voxels"])


def read_cache(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Arrays that a training has put aside, whose checksums hold for all that is in them.

    Raises:
        DataError: If the file is damaged, or lacks one.
    """
    try:
        kept = read_npz(path, names)
        return {name: kept[name] for name in names}
    except (ValueError, KeyError, OSError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it and train again") from None


def _plain(geometry: Geometry) -> dict[str, object]:
    return dict(geometry.__dict__)


def _geometry(record: dict[str, object]) -> Geometry:
    def tuples(value: object) -> object:
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    return replace(Geometry(()), **{k: tuples(v) for k, v in record.items()})  # type: ignore[arg-type]
