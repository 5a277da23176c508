"""One mask per object becomes one image of numbered objects, and what was wrong is noted."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.datasets.findings import ImportFinding
from inklings.datasets.sparse import rows_of
from inklings.errors import LabelError, ReaderError
from inklings.labels.codes import read_codes


@dataclass(frozen=True, slots=True)
class Piece:
    """One object, cut out of its mask.

    Attributes:
        name: File or row that it came from.
        corner: ``(y, x)`` of its first sample in the image.
        mask: ``(h, w)`` bool, the object within its bounding box.
    """

    name: str
    corner: tuple[int, int]
    mask: NDArray[np.bool_]

    @property
    def area(self) -> int:
        """Samples that it covers."""
        return int(np.count_nonzero(self.mask))


def piece_of(
    case: str, name: str, data: bytes, size: tuple[int, int], findings: list[ImportFinding]
) -> Piece | None:
    """The object in one mask file, or None and a finding that says why not.

    Args:
        case: Id, for the findings.
        name: File, for the findings.
        data: The encoded mask.
        size: ``(width, height)`` of the image.
        findings: Grows by what was found.
    """
    try:
        grey, first, whole = rows_of(data) or _all_rows(data)
    except (ReaderError, LabelError) as error:
        findings.append(ImportFinding(case, "unreadable mask", f"{name}: {error}"))
        return None
    if whole != size:
        detail = f"{name}: {_by(whole)}, the image {_by(size)}"
        findings.append(ImportFinding(case, "mask shape", detail))
        return None
    box = grey.getbbox() if grey else None
    if grey is None or box is None:
        findings.append(ImportFinding(case, "empty mask", name))
        return None
    crop = np.asarray(grey.crop(box))
    mask = crop > 0
    top = int(crop.max())
    if (mask != (crop == top)).any():
        values = np.unique(crop)
        detail = f"{name}: {len(values)} values from {values[0]} to {top}, expected 0 and 255"
        findings.append(ImportFinding(case, "mask values", detail))
        return None
    if top != 255:
        findings.append(
            ImportFinding(case, "mask value", f"{name}: 0 and {top}, expected 0 and 255")
        )
    return Piece(name, (first + box[1], box[0]), mask)


def _all_rows(data: bytes) -> tuple[Pillow.Image, int, tuple[int, int]]:
    plane = read_codes(data).plane
    if plane.size and not 0 <= int(plane.min()) <= int(plane.max()) <= 255:
        numbers, inverse = np.unique(plane, return_inverse=True)
        ranks = np.minimum(np.arange(len(numbers)) + (numbers[0] != 0), 254)
        if len(numbers) == 2 and numbers[0] == 0:
            ranks *= 255  # one colour
        plane = ranks[inverse].reshape(plane.shape)
    return Pillow.fromarray(plane.astype(np.uint8)), 0, (plane.shape[1], plane.shape[0])


def of_pages(
    case: str, name: str, pages: NDArray[np.int64], findings: list[ImportFinding]
) -> NDArray[np.int64]:
    """Numbered objects ``(h, w)`` from pages ``(P, h, w)`` of one object each.

    Raises:
        LabelError: If a page holds several numbers, so that pages are something else.
    """
    pieces = []
    for number, page in enumerate(pages):
        held = np.unique(page[page > 0])
        if len(held) > 1:
            raise LabelError(
                f"expected pages of one object each, got page {number} of {len(pages)} with "
                f"{len(held)} numbers; save the page that is meant"
            )
        piece = cut_out(f"{name}, page {number}", page > 0)
        if piece is None:
            findings.append(ImportFinding(case, "empty mask", f"{name}, page {number}"))
        else:
            pieces.append(piece)
    shape = (int(pages.shape[1]), int(pages.shape[2]))
    return numbered(case, pieces, shape, findings).astype(np.int64)


def numbered(
    case: str, pieces: Sequence[Piece], shape: tuple[int, int], findings: list[ImportFinding]
) -> NDArray[np.uint16]:
    """Paint the pieces into one image, where piece ``k`` (from 0) gets the number ``k + 1``.

    Where pieces overlap the smaller one wins, and of equally small ones the later: a small object
    drawn upon a large one stays whole. How many samples were contested is a finding.

    Returns:
        ``shape`` uint16, 0 outside of all objects.
    """
    labels = np.zeros(shape, np.uint16)
    if len(pieces) > np.iinfo(np.uint16).max:
        findings.append(
            ImportFinding(case, "too many objects", f"{len(pieces)} masks", len(pieces))
        )
        return labels
    contested = 0
    order = sorted(range(len(pieces)), key=lambda k: (-pieces[k].area, k))
    for k in order:
        (y, x), mask = pieces[k].corner, pieces[k].mask
        window = labels[y : y + mask.shape[0], x : x + mask.shape[1]]
        contested += int(np.count_nonzero(window[mask]))
        window[mask] = k + 1
    if contested:
        findings.append(
            ImportFinding(case, "overlap", f"{contested} samples in several masks", contested)
        )
        alive = set(np.unique(labels).tolist())
        findings.extend(
            ImportFinding(case, "hidden mask", piece.name)
            for k, piece in enumerate(pieces)
            if k + 1 not in alive
        )
    return labels


def cut_out(name: str, mask: NDArray[np.bool_]) -> Piece | None:
    """The piece of a mask ``(H, W)``; None if it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    y, x = int(rows[0]), int(columns[0])
    return Piece(name, (y, x), mask[y : rows[-1] + 1, x : columns[-1] + 1].copy())


def areas(labels: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.int64]:
    """Samples of each object that is there, in order of its number."""
    counts: NDArray[np.int64] = np.unique(labels[labels > 0], return_counts=True)[1]
    return counts


def encode(labels: NDArray[np.unsignedinteger[Any]]) -> bytes:
    """As PNG, 8 or 16 bits."""
    stream = io.BytesIO()
    Pillow.fromarray(labels).save(stream, "PNG", compress_level=3)
    return stream.getvalue()


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
