"""Labelled pictures of digits: MNIST's files, or the ones that scikit-learn brings along."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from inklings.errors import DataError

OFFLINE = "digits"
_FILES = (("train", "train"), ("t10k", "test"))


@dataclass(frozen=True)
class Pictures:
    """Pictures and the number on each.

    Attributes:
        images: ``(N, H, W)`` uint8.
        labels: ``(N,)``.
        official_test: Of these, which the source itself keeps for testing; none if it does not.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    official_test: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.images)


def pictures(source: str) -> Pictures:
    """The digits in ``source``.

    Args:
        source: ``digits`` for the 1,797 pictures of 8 x 8 in scikit-learn (UCI optical digits), a
            folder with ``train-images-idx3-ubyte.gz`` and so on (with or without ``.gz``), or an
            npz with ``images`` and ``labels``.

    Raises:
        DataError: If there are none.
    """
    if source == OFFLINE:
        found = load_digits()
        images = np.rint(found.images * (255 / 16)).astype(np.uint8)
        return Pictures(images, found.target.astype(np.int64), np.zeros(len(images), np.bool_))
    path = Path(source)
    if path.is_file() and path.suffix == ".npz":
        return _from_npz(path)
    parts = []
    for prefix, kind in _FILES:
        first, second = _find(path, f"{prefix}-images"), _find(path, f"{prefix}-labels")
        if first and second:
            parts.append((_idx(first), _idx(second), kind == "test"))
    if not parts:
        raise DataError(
            f"expected train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz in {path}, got "
            "neither; put MNIST's files there, or import 'digits', which needs no file"
        )
    for images, labels, _ in parts:
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise DataError(
                f"{path}: expected as many labels as pictures, got {labels.shape} for "
                f"{images.shape}"
            )
    return Pictures(
        np.concatenate([images for images, _, _ in parts]),
        np.concatenate([labels for _, labels, _ in parts]).astype(np.int64),
        np.concatenate([np.full(len(labels), test) for _, labels, test in parts]),
    )


def _from_npz(path: Path) -> Pictures:
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels = file["images"], file["labels"]
    except (KeyError, ValueError, OSError) as error:
        raise DataError(f"{path}: expected arrays images and labels, got: {error}") from None
    if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{path}: expected images (N, H, W) uint8 and labels (N,), got {images.shape} "
            f"{images.dtype} and {labels.shape}"
        )
    return Pictures(images, labels.astype(np.int64), np.zeros(len(images), np.bool_))


def _find(folder: Path, beginning: str) -> Path | None:
    found = sorted(folder.glob(f"{beginning}*")) if folder.is_dir() else []
    return found[0] if found else None


def _idx(path: Path) -> NDArray[Any]:
    """An array in the IDX format of MNIST (LeCun): big-endian sizes, then bytes."""
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        zeros, kind, rank = struct.unpack(">HBB", data[:4])
        shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
        if zeros or kind != 8:
            raise ValueError("no bytes of type 8")
        return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, struct.error, ValueError, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected a whole IDX file of bytes, got: {reason}") from None
