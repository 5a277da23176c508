"""What a TIFF says of the size of its pixels: OME-XML, Aperio's description, resolution tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import tifffile

from inklings.readers.resolution import Claim, by_magnification

_UNIT_UM = {"km": 1e9, "m": 1e6, "cm": 1e4, "mm": 1e3, "um": 1.0, "µm": 1.0, "μm": 1.0, "nm": 1e-3}
_TAG_UNIT_UM = {2: 25_400.0, 3: 10_000.0}


def claims(file: tifffile.TiffFile) -> Iterator[Claim]:
    """All statements of a file, the most trustworthy first."""
    page: Any = file.pages[0]
    description = page.description or ""
    if file.is_ome:
        yield from _ome(file.ome_metadata or "")
    yield from _aperio(description)
    yield from _tags(page)
    magnification = re.search(r"\|\s*AppMag\s*=\s*([\d.]+)", description)
    yield from by_magnification(magnification and magnification[1])


def _ome(text: str) -> Iterator[Claim]:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return
    for element in root.iter():
        if element.tag.rpartition("}")[2] == "Pixels":
            sides = [_physical(element, axis) for axis in "YX"]
            if sides[0] and sides[1]:
                yield Claim("the OME description", sides[0], sides[1])
            return


def _physical(pixels: Any, axis: str) -> float | None:
    unit = _UNIT_UM.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
    try:
        size = float(pixels.get(f"PhysicalSize{axis}", ""))
    except ValueError:
        return None
    return size * unit if unit and size > 0 else None


def _aperio(description: str) -> Iterator[Claim]:
    stated = re.search(r"\|\s*MPP\s*=\s*([\d.]+)", description)
    if stated and float(stated[1]) > 0:
        yield Claim("Aperio's MPP", float(stated[1]), float(stated[1]))


def _tags(page: Any) -> Iterator[Claim]:
    unit = _TAG_UNIT_UM.get(int(page.tags.valueof(296, default=0)))
    rates = [page.tags.valueof(code) for code in (283, 282)]
    if unit and all(rate and rate[0] and rate[1] for rate in rates):
        y_um, x_um = (unit * below / above for above, below in rates)
        yield Claim(f"the resolution tag, {_per_inch(x_um)} dpi", y_um, x_um)


def _per_inch(um: float) -> str:
    return f"{25_400 / um:.4g}"
