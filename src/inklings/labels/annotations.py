"""Annotations of slides from other programs: one door to QuPath, ImageScope, HALO and ASAP."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from inklings.errors import LabelError
from inklings.labels.aperio import aperio
from inklings.labels.asap import asap
from inklings.labels.outlines import Drawing
from inklings.labels.qupath import geojson

_GZIP = b"\x1f\x8b"
_MOST = 4 * 2**30
"""Bytes that a compressed file may unpack to."""


def read_outlines(path: Path) -> Drawing:
    """GeoJSON (QuPath), XML of ImageScope, HALO or ASAP, told apart by content; also gzipped.

    What is no outline in a file that is otherwise one of these is told in `Drawing.odd`.

    Raises:
        LabelError: If it is none of them, or damaged.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise LabelError(f"expected annotations at {path}: {error.strerror}") from None
    try:
        return _parsed(_unpacked(text))
    except LabelError as error:
        raise LabelError(f"{path}: {error}") from None
    except (
        ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError
    ) as error:  # fmt: skip
        why = " ".join(str(error).split())
        raise LabelError(f"{path}: damaged annotations ({type(error).__name__}: {why})") from None


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


def _parsed(text: bytes) -> Drawing:
    from_xml: dict[str, Callable[[Any], Drawing]] = {
        "Annotations": aperio,
        "ASAP_Annotations": asap,
    }
    start = text.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")[:1]
    if start in (b"{", b"["):
        return geojson(json.loads(text))
    if start == b"<":
        try:
            root = ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            raise LabelError(f"damaged XML ({error})") from None
        if root.tag in from_xml:
            return from_xml[root.tag](root)
        raise LabelError(
            f"expected XML of ImageScope or HALO (Annotations) or of ASAP (ASAP_Annotations), got "
            f"{root.tag!r}"
        )
    raise LabelError("expected GeoJSON of QuPath, or XML of ImageScope, HALO or ASAP")
