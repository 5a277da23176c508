"""Planes of numbers as the page takes them: grey PNG."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray


def png(plane: NDArray[np.uint8]) -> bytes:
    """``(h, w)`` as grey PNG; compression is quick rather than tight."""
    height, width = plane.shape
    lines = np.zeros((height, width + 1), np.uint8)
    lines[:, 1:] = plane
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    chunks = (
        (b"IHDR", size + b"\x08\x00\x00\x00\x00"),
        (b"IDAT", zlib.compress(lines.tobytes(), 1)),
        (b"IEND", b""),
    )
    body = b"".join(
        len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body
