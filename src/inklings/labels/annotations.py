"""Annotations of slides from other programs: one door to QuPath, Aperio and ASAP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from inklings.errors import LabelError
from inklings.labels.aperio import aperio
from inklings.labels.asap import asap
from inklings.labels.outlines import Outline
from inklings.labels.qupath import qupath


def read_outlines(path: Path) -> list[Outline]:
    """QuPath GeoJSON, Aperio XML or ASAP XML, told apart by their content.

    Raises:
        LabelError: If it is none of them, damaged, or holds what cannot be an outline.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise LabelError(f"expected annotations at {path}: {error.strerror}") from None
    try:
        return _parsed(text)
    except LabelError as error:
        raise LabelError(f"{path}: {error}") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        why = " ".join(str(error).split())
        raise LabelError(f"{path}: damaged annotations ({type(error).__name__}: {why})") from None


def _parsed(text: bytes) -> list[Outline]:
    from_xml: dict[str, Callable[[Any], list[Outline]]] = {
        "Annotations": aperio,
        "ASAP_Annotations": asap,
    }
    start = text.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start in (b"{", b"["):
        return qupath(json.loads(text))
    if start == b"<":
        try:
            root = ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            raise LabelError(f"damaged XML ({error})") from None
        if root.tag in from_xml:
            return from_xml[root.tag](root)
        raise LabelError(
            f"expected XML of Aperio (Annotations) or ASAP (ASAP_Annotations), got {root.tag!r}"
        )
    raise LabelError("expected GeoJSON of QuPath, or XML of Aperio or ASAP")
