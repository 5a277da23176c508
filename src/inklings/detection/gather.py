"""From a cohort with annotated objects to scans in memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.cache import Cache, digest, identity, recipe
from inklings.cohorts.balls import balls_of
from inklings.cohorts.case import Case
from inklings.cohorts.opening import SPACING_FACT, open_case
from inklings.detection import scan
from inklings.detection.crops import LabelledScan
from inklings.detection.region import REGIONS, SearchRegion
from inklings.detection.scan import PreparedScan, prepare, whole
from inklings.detection.targets import truths
from inklings.errors import DataError, LabelError
from inklings.geometry import Geometry
from inklings.inference.items import IMAGE
from inklings.orientation import CANONICAL
from inklings.progress import track
from inklings.readers.image import Image
from inklings.spec.detection import Detection

_CT = "ct"


def opened(case: Case, image: str | None = None) -> Image:
    """The scan of a case, open.

    Args:
        case: Whose scan.
        image: Its name; None for the only image, or the one called ``ct``.

    Raises:
        DataError: If it has no such image, or several.
    """
    return open_case(case, image_name(case.id, case.images, image))


def image_key(case: Case, image: str | None = None) -> str:
    """Changes when the scan of a case does."""
    name = image_name(case.id, case.images, image)
    stated = case.facts.get(SPACING_FACT)
    return digest(identity(case.images[name]), case.choices.get(name), stated, CANONICAL)


def image_name(case: str, images: Collection[str], wanted: str | None) -> str:
    """Which image of a case is searched.

    Args:
        case: Its id.
        images: Their names; `IMAGE` where a file is given and nobody named it.
        wanted: As the experiment says (``detection.image``).

    Raises:
        DataError: If it has no such image, or several.
    """
    if wanted in images:
        return str(wanted)
    if wanted is None and _CT in images:
        return _CT
    if len(images) == 1 and (wanted is None or IMAGE in images):
        return next(iter(images))
    needed = "one image (or detection.image)" if wanted is None else f"an image called {wanted!r}"
    raise DataError(f"case {case}: expected {needed}, got {', '.join(images) or 'none'}")


def gather(
    cases: Sequence[Case], name: str, settings: Detection, cache: Cache | None = None
) -> list[LabelledScan]:
    """All cases, prepared once.

    Args:
        cases: To read; those whose labels are none count as scans without objects.
        name: Class of the objects.
        settings: How they are prepared.
        cache: Where prepared scans are kept, about 4 MB each.

    Raises:
        LabelError: If no case has an object.
    """
    kept = cache or Cache()
    found = [labelled(case, name, settings, kept) for case in track(cases, "scans", len(cases))]
    if not any(one.objects for one in found):
        raise LabelError(
            f"expected balls or points called {name!r} in {len(cases)} cases, got none"
        )
    return found


def labelled(case: Case, name: str, settings: Detection, cache: Cache) -> LabelledScan:
    """One case, decoded and prepared, with the objects that are annotated now."""
    asked = settings.region
    region = REGIONS.build(asked.name, asked.options)

    def make() -> dict[str, NDArray[Any]]:
        with opened(case, settings.image) as image:
            values, geometry = whole(image)
        return _packed(prepare(values, geometry, settings, region(values, geometry)))

    seen = (settings.spacing_mm, settings.intensity.model_dump(), asked.model_dump())
    made_by = recipe(scan, sys.modules[type(region).__module__])
    key = digest(image_key(case, settings.image), seen, settings.margin_mm, made_by)
    prepared = _unpacked(cache.arrays("scans", key, make))
    balls = balls_of(case, (name,))
    return LabelledScan(case.id, prepared, truths(balls, prepared.geometry, settings))


def _packed(one: PreparedScan) -> dict[str, NDArray[Any]]:
    head = {
        "scan": _plain(one.geometry),
        "region": _plain(one.region.geometry),
        "found": one.region.found,
        "voxels": one.voxels,
    }
    text = np.frombuffer(json.dumps(head).encode(), np.uint8)
    return {"grey": one.grey, "mask": np.packbits(one.region.mask), "head": text}


def _unpacked(kept: dict[str, NDArray[Any]]) -> PreparedScan:
    head = json.loads(kept["head"].tobytes())
    grid = _geometry(head["region"])
    flat = np.unpackbits(kept["mask"], count=int(np.prod(grid.shape)))
    region = SearchRegion(flat.reshape(grid.shape).astype(bool), grid, head["found"])
    return PreparedScan(kept["grey"], _geometry(head["scan"]), region, head["voxels"])


def _plain(geometry: Geometry) -> dict[str, object]:
    return dict(geometry.__dict__)


def _geometry(record: dict[str, object]) -> Geometry:
    def tuples(value: object) -> object:
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    return replace(Geometry(()), **{k: tuples(v) for k, v in record.items()})  # type: ignore[arg-type]
