"""Annotations from other programs: one door to all formats, which are told apart by content.

A format is a file beside this one with ``read`` (what is drawn on one image, from a parsed
document). Where a document may hold many images, ``split`` gives the name of each and a document of
that image alone, which is read later by whoever imports the image. No name in a document is ever
opened: names are compared with those of the images that were given.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from inklings.errors import LabelError
from inklings.labels import (
    coco,
    cvat,
    cytomine,
    dicom_ann,
    dsa,
    imagej,
    label_studio,
    labelme,
    qupath,
    voc,
    yolo,
)
from inklings.labels.aperio import aperio
from inklings.labels.asap import asap
from inklings.labels.gathered import DAMAGED
from inklings.labels.outlines import Drawing

_GZIP = b"\x1f\x8b"
_MOST = 4 * 2**30
"""Bytes that a compressed file may unpack to."""
_SUFFIXES = (".json", ".geojson", ".xml", ".txt", ".annotations", ".gz")


@dataclass(frozen=True)
class Format:
    """One format of a family (JSON or XML).

    Attributes:
        name: For people.
        knows: Whether a parsed document is of this format.
        read: What is drawn on the one image of a document.
        split: Name of each image that it says, and a document of that image alone, None where
            that is the whole. Without it a document is of the image that its file is named after.
    """

    name: str
    knows: Callable[[Any], bool]
    read: Callable[[Any], Drawing]
    split: Callable[[Any], Iterable[tuple[str, bytes | None]]] | None = None


def _tagged(tag: str) -> Callable[[Any], bool]:
    return lambda root: bool(root.tag == tag)


JSON: tuple[Format, ...] = (
    Format("COCO", coco.knows, coco.read, coco.split),
    Format("Labelme", labelme.knows, labelme.read, lambda one: [(labelme.named(one), None)]),
    Format("Label Studio", label_studio.knows, label_studio.read, label_studio.split),
    Format("the Digital Slide Archive", dsa.knows, dsa.read),
    Format("Cytomine", cytomine.knows, cytomine.read),
    Format("GeoJSON of QuPath", qupath.knows, qupath.geojson),
)
XML: tuple[Format, ...] = (
    Format("Pascal VOC", _tagged("annotation"), voc.read, lambda root: [(voc.named(root), None)]),
    Format("CVAT for images", _tagged("annotations"), cvat.read, cvat.split),
    Format("ImageScope or HALO (Annotations)", _tagged("Annotations"), aperio),
    Format("ASAP (ASAP_Annotations)", _tagged("ASAP_Annotations"), asap),
)


def read_outlines(path: Path, part: bytes | None = None) -> Drawing:
    """What is drawn on one image, in any format of the tables, or YOLO's text; also gzipped.

    What is no outline in a file that is otherwise one of these is told in `Drawing.odd`.

    Args:
        path: The file.
        part: The document of one image of it, as `images_in` gives it.

    Raises:
        LabelError: If it is none of them, or damaged.
    """
    with _reading(path):
        return _read(path, part)


def images_in(path: Path) -> Mapping[str, bytes | None]:
    """Name of every image that a file of annotations names, to the document of that image alone.

    Raises:
        LabelError: If it is damaged, or names an image twice.
    """
    if not path.name.lower().endswith(_SUFFIXES):
        return {}
    with _reading(path):
        return _split(path)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever is wrong with a file becomes one line with its name."""
    try:
        yield
    except OSError as error:
        raise LabelError(f"expected annotations at {path}: {error.strerror}") from None
    except LabelError as error:
        raise LabelError(f"{path}: {error}") from None
    except DAMAGED as error:
        why = " ".join(str(error).split())
        raise LabelError(f"{path}: damaged annotations ({type(error).__name__}: {why})") from None


def _read(path: Path, part: bytes | None) -> Drawing:
    data = _unpacked(path.read_bytes()) if part is None else part
    if part is None and path.suffix.lower() == ".txt":
        return yolo.read(data.decode("utf-8-sig"), yolo.names_beside(path))
    if data.startswith((imagej.MAGIC, imagej.ZIP)):
        return imagej.read(data)
    if dicom_ann.knows(data):
        return dicom_ann.read(data)
    found, document = _recognised(data)
    if found is None:
        raise LabelError(_strange(document))
    return found.read(document)


def _split(path: Path) -> Mapping[str, bytes | None]:
    if path.suffix.lower() == ".txt":
        return {}
    data = _unpacked(path.read_bytes())
    parted: Iterable[tuple[str, bytes | None]] | None = None
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        parted = coco.streamed(data.decode("utf-8-sig"))
    if parted is None:
        found, document = _recognised(data)
        if found is None or found.split is None:
            return {}
        parted = found.split(document)
    parts: dict[str, bytes | None] = {}
    for name, part in parted:
        if name in parts:
            raise LabelError(f"expected every image once, got {name!r} twice")
        if name:
            parts[name] = part
    return parts


def _recognised(text: bytes) -> tuple[Format | None, Any]:
    """The format of a document, None if it is none that is known, and the document itself."""
    start = text.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")[:1]
    if start in (b"{", b"["):
        document, formats = json.loads(text), JSON
    elif start == b"<":
        try:
            document, formats = ElementTree.fromstring(text), XML
        except ElementTree.ParseError as error:
            raise LabelError(f"damaged XML ({error})") from None
    else:
        names = ", ".join(one.name for one in (*JSON, *XML))
        raise LabelError(
            f"expected annotations of {names}, regions of ImageJ, annotations of DICOM, or the "
            "text of YOLO"
        )
    return next((one for one in formats if one.knows(document)), None), document


def _strange(document: Any) -> str:
    if isinstance(document, ElementTree.Element):
        return f"expected XML of {', '.join(one.name for one in XML)}, got {document.tag!r}"
    keys = f"the keys {', '.join(list(document)[:5])}" if isinstance(document, dict) else "a list"
    kind = document.get("type") if isinstance(document, dict) else None
    got = f"type {kind!r}" if kind is not None else keys
    return f"expected JSON of {', '.join(one.name for one in JSON)} (with features), got {got}"


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    unpacked = b""
    try:
        while data:  # a gzip file may have several members
            stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
            unpacked += stream.decompress(data, _MOST - len(unpacked))
            if not stream.eof:
                raise LabelError("the gzip file ends early or is too large; copy it again")
            data = stream.unused_data.lstrip(b"\x00")
    except zlib.error as error:
        raise LabelError(f"damaged gzip ({error}); copy it again from its source") from None
    return unpacked
