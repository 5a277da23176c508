"""What a TIFF says of the size of its pixels and of the names of its channels.

OME-XML, ImageJ's description, Zeiss LSM, Aperio's description, the tags of resolution.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

import tifffile

from inklings.readers.resolution import POSSIBLE_UM, Claim, by_magnification

_UNIT_UM = {
    "km": 1e9, "m": 1e6, "meter": 1e6, "metre": 1e6, "cm": 1e4, "centimeter": 1e4, "mm": 1e3,
    "millimeter": 1e3, "millimetre": 1e3, "um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0,
    "microns": 1.0, "micrometer": 1.0, "micrometre": 1.0, "nm": 1e-3, "nanometer": 1e-3,
    "nanometre": 1e-3, "pm": 1e-6, "å": 1e-4, "Å": 1e-4, "angstrom": 1e-4, "inch": 25_400.0,
    "in": 25_400.0, "inches": 25_400.0, "dm": 1e5,
}  # fmt: skip
_TAG_UNIT_UM = {2: 25_400.0, 3: 10_000.0}
_LONGEST = 40


def claims(file: tifffile.TiffFile, scene: int = 0) -> Iterator[Claim]:
    """All statements of a file about the pixels of a scene, the most trustworthy first."""
    page: Any = file.pages[0]
    description = page.description or ""
    if file.is_ome:
        pixels = _pixels(file, scene)
        sides = [_physical(pixels, axis) for axis in "YX"]
        if sides[0] and sides[1]:
            yield Claim("the OME description", sides[0], sides[1], told=True)
    if file.is_lsm:
        yield from _lsm(file)
    yield from _aperio(description)
    yield from _tags(file, page)
    magnification = re.search(r"\|\s*AppMag\s*=\s*([\d.]+)", description)
    yield from by_magnification(magnification and magnification[1])


def planes_apart_um(file: tifffile.TiffFile, scene: int = 0) -> float | None:
    """Micrometres between the planes of a stack; None where the file does not say."""
    found: float | None = None
    if file.is_ome:
        found = _physical(_pixels(file, scene), "Z")
    elif file.is_lsm:
        found = 1e6 * float((file.lsm_metadata or {}).get("VoxelSizeZ") or 0)
    else:
        said = _told(file)
        unit, step = unit_um(said.get("unit")), said.get("spacing", said.get("PhysicalSizeZ"))
        if isinstance(step, int | float) and unit:
            found = step * unit
    low, high = POSSIBLE_UM
    return found if found and low <= found <= high else None


def channel_names(file: tifffile.TiffFile, scene: int, count: int, planes: int) -> tuple[str, ...]:
    """Names of the channels of a scene, one for each; numbers where the file gives none.

    Args:
        file: It is open.
        scene: Which.
        count: How many channels there are.
        planes: How many planes; ImageJ labels each of them, channels first.
    """
    found: list[str] = []
    if file.is_ome:
        tags = [e for e in _pixels(file, scene) if _local(e) == "Channel"]
        found = [str(e.get("Name") or e.get("Fluor") or "") for e in tags]
    elif file.is_lsm:
        colours = (file.lsm_metadata or {}).get("ChannelColors") or {}
        found = [str(name) for name in colours.get("ColorNames") or []]
    elif file.is_qpi:
        pages: list[Any] = list(file.series[0].pages)
        found = [_biomarker(page.description) for page in pages]
    else:
        said = _told(file)
        labels = said.get("Labels")
        named = said.get("Channel")
        if isinstance(named, Mapping):
            labels = named.get("Name")
        if isinstance(labels, str) and count == 1:
            labels = [labels]
        if isinstance(labels, list | tuple) and len(labels) in (count, planes):
            found = [str(label).strip().split("\n")[0] for label in labels[:count]]
    return distinct(found, count)


def distinct(found: list[str], count: int) -> tuple[str, ...]:
    """``count`` names that differ and hold no comma; the number where there is none."""
    names = [re.sub(r"[\s,;=]+", " ", name).strip()[:_LONGEST] for name in found]
    names = names if len(names) == count else [""] * count
    return tuple(
        name if name and names.count(name) == 1 else f"{name} {k}".strip()
        for k, name in enumerate(names)
    )


def unit_um(text: Any) -> float | None:
    """Micrometres of a unit as ImageJ writes it: ``micron``, an escaped µm, ``inch``."""
    if not isinstance(text, str):
        return None
    unit = re.sub(r"\\u([0-9A-Fa-f]{4})", lambda m: chr(int(m[1], 16)), text.strip())
    return _UNIT_UM.get(unit, _UNIT_UM.get(unit.lower()))


def images(file: tifffile.TiffFile) -> list[Any]:
    """The ``Image`` elements of the OME description; none where it is damaged."""
    root = _described(file)
    return [] if root is None else [element for element in root if _local(element) == "Image"]


def is_damaged(file: tifffile.TiffFile) -> bool:
    """Whether there is an OME description that does not parse."""
    return bool(file.is_ome) and _described(file) is None


def _described(file: tifffile.TiffFile) -> Any:
    try:
        return ElementTree.fromstring(file.ome_metadata or "")
    except ElementTree.ParseError:
        return None


def _pixels(file: tifffile.TiffFile, scene: int) -> Any:
    found = images(file)
    inside = found[scene] if scene < len(found) else ElementTree.Element("none")
    for element in inside:
        if _local(element) == "Pixels":
            return element
    return ElementTree.Element("none")


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _physical(pixels: Any, axis: str) -> float | None:
    unit = unit_um(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
    try:
        size = float(pixels.get(f"PhysicalSize{axis}", ""))
    except ValueError:
        return None
    return size * unit if unit and size > 0 else None


def _biomarker(description: str) -> str:
    try:
        root = ElementTree.fromstring(description)
    except ElementTree.ParseError:
        return ""
    return root.findtext("Biomarker") or root.findtext("Name") or ""


def _lsm(file: tifffile.TiffFile) -> Iterator[Claim]:
    said = file.lsm_metadata or {}
    y, x = (1e6 * float(said.get(f"VoxelSize{axis}") or 0) for axis in "YX")
    if y > 0 and x > 0:
        yield Claim("the LSM header", y, x, told=True)


def _aperio(description: str) -> Iterator[Claim]:
    stated = re.search(r"\|\s*MPP\s*=\s*([\d.]+)", description)
    if stated and float(stated[1]) > 0:
        yield Claim("Aperio's MPP", float(stated[1]), float(stated[1]))


def _told(file: tifffile.TiffFile) -> Mapping[str, Any]:
    """ImageJ's description, or the one that tifffile writes with the same words."""
    if file.is_imagej:
        return file.imagej_metadata or {}
    said = file.shaped_metadata
    return said[0] if said else {}


def _tags(file: tifffile.TiffFile, page: Any) -> Iterator[Claim]:
    rates = [page.tags.valueof(code) for code in (283, 282)]
    if not all(isinstance(rate, tuple) and rate[0] and rate[1] for rate in rates):
        return
    named = _told(file).get("unit")
    unit = unit_um(named)
    if unit:
        y_um, x_um = (unit * below / above for above, below in rates)
        what = "ImageJ" if file.is_imagej else "the description"
        yield Claim(f"the unit that {what} names, {named}", y_um, x_um, told=True)
        return
    if named is not None and file.is_imagej:
        return  # pixels, or a unit that is no length
    unit = _TAG_UNIT_UM.get(int(page.tags.valueof(296, default=2)))
    if unit:
        y_um, x_um = (unit * below / above for above, below in rates)
        yield Claim(f"the resolution tag, {_per_inch(x_um)} dpi", y_um, x_um)


def _per_inch(um: float) -> str:
    return f"{25_400 / um:.4g}"
