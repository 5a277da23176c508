"""Planes of numbers as the page takes them: codes of classes, and grey PNG."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head


def codes(prediction: DensePrediction, head: Head) -> NDArray[np.uint8]:
    """Of the classes that reach their threshold, the one that exceeds it most, ``(*S)``."""
    shape = (-1,) + (1,) * (prediction.dense.ndim - 1)
    limits = np.maximum(np.array(head.thresholds, np.float32).reshape(shape) * 255, 1e-3)
    dense = prediction.dense[: len(head.classes)]
    said = np.where(dense >= limits, dense / limits, 0)
    return np.where(said.max(axis=0) > 0, said.argmax(axis=0) + 1, 0).astype(np.uint8)


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
