"""From a cohort of CTs with annotated nodules to scans in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.applications.lung_nodules import lungs, scans
from inklings.applications.lung_nodules.crops import Labelled
from inklings.applications.lung_nodules.scans import Scan, prepare, whole
from inklings.applications.lung_nodules.targets import Truth
from inklings.cache import Cache, digest, identity, recipe
from inklings.cohorts.case import Case
from inklings.cohorts.opening import SPACING_FACT, open_case
from inklings.errors import DataError, LabelError
from inklings.geometry import Geometry
from inklings.labels.kinds import BallLabel
from inklings.orientation import CANONICAL
from inklings.progress import track
from inklings.readers.image import Image

CT = "ct"
NODULE = "nodule"


def opened(case: Case) -> Image:
    """The CT of a case, open.

    Raises:
        DataError: If it has several images and none is called ``ct``.
    """
    return open_case(case, _name(case))


def image_key(case: Case) -> str:
    """Changes when the CT of a case does."""
    name = _name(case)
    stated = case.facts.get(SPACING_FACT)
    return digest(identity(case.images[name]), case.choices.get(name), stated, CANONICAL)


def _name(case: Case) -> str:
    if CT in case.images or len(case.images) == 1:
        return CT if CT in case.images else next(iter(case.images))
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


def gather(cases: Sequence[Case], cache: Cache | None = None) -> list[Labelled]:
    """All cases, prepared once.

    Args:
        cases: To read; those whose labels are none count as scans without nodules.
        cache: Where prepared scans are kept, about 4 MB each.

    Raises:
        LabelError: If no case has a nodule.
    """
    found = [labelled(case, cache or Cache()) for case in track(cases, "lungs", len(cases))]
    if not any(one.nodules for one in found):
        raise LabelError(
            f"expected nodules (balls called 'nodule') in {len(cases)} cases, got none"
        )
    return found


def labelled(case: Case, cache: Cache) -> Labelled:
    """One case, decoded and prepared, with the nodules that are annotated now."""

    def make() -> dict[str, NDArray[Any]]:
        with opened(case) as image:
            return _packed(prepare(*whole(image)))

    key = digest(image_key(case), recipe(lungs, scans))
    scan = _unpacked(cache.arrays("scans", key, make))
    return Labelled(case.id, case.patient, scan, truths(case, scan.geometry))


def _packed(scan: Scan) -> dict[str, NDArray[Any]]:
    head = {
        "scan": _plain(scan.geometry),
        "lungs": _plain(scan.lungs.geometry),
        "found": scan.lungs.found,
        "voxels": scan.voxels,
    }
    text = np.frombuffer(json.dumps(head).encode(), np.uint8)
    return {"grey": scan.grey, "hull": np.packbits(scan.lungs.hull), "head": text}


def _unpacked(kept: dict[str, NDArray[Any]]) -> Scan:
    head = json.loads(kept["head"].tobytes())
    grid = _geometry(head["lungs"])
    flat = np.unpackbits(kept["hull"], count=int(np.prod(grid.shape)))
    hull = lungs.Lungs(flat.reshape(grid.shape).astype(bool), grid, head["found"])
    return Scan(kept["grey"], _geometry(head["scan"]), hull, head["voxels"])


def _plain(geometry: Geometry) -> dict[str, object]:
    return dict(geometry.__dict__)


def _geometry(record: dict[str, object]) -> Geometry:
    def tuples(value: object) -> object:
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    return replace(Geometry(()), **{k: tuples(v) for k, v in record.items()})  # type: ignore[arg-type]
