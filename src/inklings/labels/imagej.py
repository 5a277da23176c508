"""Regions of ImageJ and Fiji: one ``.roi`` or a zip of them (roifile).

Whole coordinates of points and lines mean pixels, whose centres they are; all others, and
fractions, count from the corner of the image. Entries of a zip are read one after the other, since
several may bear one name. A composite is what its rings hold an odd number of times. The class is
the property ``class``, which inklings writes, else the name without its number.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import roifile
from roifile import ROI_TYPE, ImagejRoi

from inklings.errors import LabelError
from inklings.labels.gathered import gathered
from inklings.labels.kinds import Ring
from inklings.labels.outlines import Drawing, Outline, box, line, point, polygon
from inklings.labels.pictures import NOT_HELD, Files, Picture, dropped
from inklings.labels.qupath import UNNAMED
from inklings.labels.shapes import ellipse

MAGIC, ZIP = b"Iout", b"PK"
_MOST = 2**28
"""Bytes of one region."""
_NUMBERED = re.compile(r"[\s_.-]*\d[\d\s_.-]*$")
_CLOSED = (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED)
_OPEN = (ROI_TYPE.LINE, ROI_TYPE.FREELINE, ROI_TYPE.POLYLINE)


def read(data: bytes) -> Drawing:
    """What is drawn on the image that a file is named after.

    Raises:
        LabelError: If it is no region, or a zip without one.
    """
    lost = Counter[str]()

    def one(entry: bytes) -> list[Outline | str]:
        roi = _parsed(entry)
        if max(roi.position, roi.z_position, roi.t_position) > 1:
            lost["position in a stack"] += 1
        return list(_shape(roi))

    outlines, odd = gathered(list(_entries(data)), one, "region")
    return Drawing(tuple(outlines), tuple(odd), lost=dropped(lost))


def _entries(data: bytes) -> Iterator[bytes]:
    if data.startswith(MAGIC):
        yield data
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            there = [info for info in file.infolist() if info.filename.lower().endswith(".roi")]
            if not there:
                raise LabelError("expected a zip of regions of ImageJ (.roi), got none in it")
            for info in there:  # by place: a name may be there twice
                if info.file_size > _MOST:
                    raise LabelError(f"{info.filename}: a region of {info.file_size} bytes")
                with file.open(info) as entry:
                    yield entry.read(_MOST)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError) as error:
        raise LabelError(f"damaged zip ({error}); copy it again") from None


def _parsed(data: bytes) -> Any:
    try:
        return ImagejRoi.frombytes(data)
    except (ValueError, TypeError, struct.error) as error:
        raise LabelError(f"a damaged region ({type(error).__name__}: {error})") from None


def _shape(roi: Any) -> Iterator[Outline]:
    name = _name(roi)
    if roi.multi_coordinates is not None and len(roi.multi_coordinates):
        rings = [one.tolist() for one in roi.coordinates(multi=True) if len(one) > 2]
        outer, *parts = nested([polygon(name, [ring]).rings[0] for ring in rings])
        yield Outline(name, outer, parts=tuple(parts))
        return
    exact = roi.subpixel_coordinates is not None
    places = np.asarray(roi.coordinates(), float)
    if roi.roitype in _CLOSED:
        yield polygon(name, [places.tolist()])
    elif roi.roitype in (ROI_TYPE.RECT, ROI_TYPE.OVAL):
        x0, y0, x1, y1 = map(float, (roi.left, roi.top, roi.right, roi.bottom))
        if roi.subpixelrect:
            x0, y0, x1, y1 = roi.xd, roi.yd, roi.xd + roi.widthd, roi.yd + roi.heightd
        around = box(name, (x0, y0), (x1, y1))
        oval = roi.roitype == ROI_TYPE.OVAL
        yield polygon(name, [ellipse([(x0, y0), (x1, y1)])]) if oval else around
    elif roi.roitype == ROI_TYPE.POINT:
        yield from (point(name, place) for place in (places if exact else places + 0.5).tolist())
    elif roi.roitype in _OPEN:
        exact = exact or roi.roitype == ROI_TYPE.LINE
        width = float(roi.float_stroke_width or roi.stroke_width or 1)
        way = line((places if exact else places + 0.5).tolist())
        yield Outline(name, (way,), "line", width=width)
    else:
        raise LabelError(f"a {roi.roitype.name.lower()}, which has no inside")


def _name(roi: Any) -> str:
    said = roi.properties.get("class") if roi.props else None
    if said:
        return str(said)
    plain = _NUMBERED.sub("", str(roi.name or ""))
    return plain or (f"group {roi.group}" if roi.group else UNNAMED)


def nested(rings: Sequence[Ring]) -> list[tuple[Ring, ...]]:
    """Rings as polygons with holes: what lies in an odd number of them is inside.

    Args:
        rings: Which do not cross.
    """
    inside = [_within(ring) for ring in rings]
    around = [
        [k for k, other in enumerate(rings) if other is not ring and _holds(other, inside[n])]
        for n, ring in enumerate(rings)
    ]
    found: dict[int, list[Ring]] = {}
    for k, ring in enumerate(rings):
        if len(around[k]) % 2 == 0:
            found[k] = [ring]
    for k, ring in enumerate(rings):
        if len(around[k]) % 2:
            found[max(around[k], key=lambda n: len(around[n]))].append(ring)
    return [tuple(one) for one in found.values()]


def _within(ring: Ring) -> tuple[float, float]:
    """A place strictly inside a ring, on a row between two of its corners."""
    heights = sorted({y for y, _ in ring})
    if len(heights) < 2:
        return ring[0]
    y = (heights[0] + heights[1]) / 2
    xs = sorted(_crossings(ring, y))
    return y, (xs[0] + xs[1]) / 2


def _holds(ring: Ring, place: tuple[float, float]) -> bool:
    return sum(x < place[1] for x in _crossings(ring, place[0])) % 2 == 1


def _crossings(ring: Ring, y: float) -> Iterator[float]:
    for (y0, x0), (y1, x1) in zip(ring, (*ring[1:], ring[0]), strict=True):
        if (y0 <= y) != (y1 <= y):
            yield x0 + (y - y0) / (y1 - y0) * (x1 - x0)


def write(pictures: Sequence[Picture]) -> Files:
    """``<case>.zip`` of regions, each name once; outlines with holes as composites."""
    lost = Counter[str]()
    content = {}
    for picture in pictures:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, one in enumerate(picture.outlines, 1):
                lost.update(k for k in ("annotator", "time") if getattr(one, k))
                if one.kind == "choice":
                    lost[NOT_HELD["choice"]] += 1
                    continue
                name = re.sub(r"[^\w.-]+", "_", one.name) + f"-{number:04d}"
                entry = zipfile.ZipInfo(f"{name}.roi")  # without a time: the same bytes again
                archive.writestr(entry, _region(one, name).tobytes())
        content[f"{picture.id}.zip"] = file.getvalue()
    return Files(content, dropped(lost))


def _region(one: Outline, name: str) -> Any:
    places = np.array([(x + 0.5, y + 0.5) for y, x in one.rings[0]], np.float32)
    roi = ImagejRoi.frompoints(places, name=name)
    roi.properties = {"class": one.name}
    if one.kind == "box":
        (x0, y0), (x1, y1) = places.tolist()
        roi = ImagejRoi(
            roitype=ROI_TYPE.RECT, name=name, left=int(x0), top=int(y0), right=int(np.ceil(x1)),
            bottom=int(np.ceil(y1)), xd=x0, yd=y0, widthd=x1 - x0, heightd=y1 - y0,
            options=roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION,
        )  # fmt: skip
        roi.properties = {"class": one.name}
    elif one.kind == "point":
        roi.roitype = ROI_TYPE.POINT
    elif one.kind == "line":
        roi.roitype = ROI_TYPE.POLYLINE
        roi.stroke_width = round(one.width)
    elif one.parts or len(one.rings) > 1:
        path: list[float] = []
        for ring in (ring for rings in one.polygons for ring in rings):
            for k, (y, x) in enumerate(ring):
                path += [float(k > 0), x + 0.5, y + 0.5]
            path.append(4.0)
        whole = np.array([c for rings in one.polygons for c in rings[0]]) + 0.5
        (top, left), (bottom, right) = np.floor(whole.min(0)), np.ceil(whole.max(0))
        roi = ImagejRoi(
            roitype=ROI_TYPE.RECT, name=name, left=int(left), top=int(top), right=int(right),
            bottom=int(bottom), multi_coordinates=np.array(path, np.float32),
            shape_roi_size=len(path),
        )  # fmt: skip
        roi.properties = {"class": one.name}
    return roi
