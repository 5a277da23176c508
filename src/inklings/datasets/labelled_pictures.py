"""Labelled pictures: MNIST's files, a folder for each class, or the digits of scikit-learn."""

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

from inklings.arrays import read_npz
from inklings.errors import DataError, ReaderError, SpecError
from inklings.readers import open_image

OFFLINE = "digits"
_FILES = (("train", "train"), ("t10k", "test"))
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures and the class of each.

    Attributes:
        images: ``(N, C, H, W)`` uint8.
        labels: ``(N,)``.
        official_test: Of these, which the source itself keeps for testing; none if it does not.
        names: Of the classes, where they are no numbers; label k is that of ``names[k]``.
        files: ``FOLDER/NAME`` of each, where each is a file.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    official_test: NDArray[np.bool_]
    names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def known(self) -> dict[str, int]:
        """Classes by name, with their labels."""
        if self.names:
            return dict(zip(self.names, range(len(self.names)), strict=True))
        return {str(label): int(label) for label in np.unique(self.labels)}

    @property
    def places(self) -> tuple[str, ...]:
        """What to call each: its file, or its number."""
        return self.files or tuple(f"{number:06d}" for number in range(len(self)))

    def label(self, name: str) -> int:
        """The label of a class, by its name or its number.

        Raises:
            SpecError: If no picture is of that class.
        """
        known = self.known
        if name not in known:
            raise SpecError(f"target: expected one of {', '.join(known)}, got {name!r}")
        return known[name]


def pictures(source: str) -> LabelledPictures:
    """The pictures in ``source``.

    Args:
        source: ``digits`` for the 1,797 pictures of 8 x 8 in scikit-learn (UCI optical digits), a
            folder with ``train-images-idx3-ubyte.gz`` and so on (with or without ``.gz``), a
            folder with one folder of pictures for each class, or an npz with ``images`` and
            ``labels``. All pictures have one size.

    Raises:
        DataError: If there are none.
    """
    if source == OFFLINE:
        found = load_digits()
        images = np.rint(found.images * (255 / 16)).astype(np.uint8)
        return LabelledPictures(images[:, None], found.target.astype(np.int64), _no_test(images))
    path = Path(source)
    if path.is_file() and path.suffix == ".npz":
        return _from_npz(path)
    parts = []
    for prefix, kind in _FILES:
        first, second = _find(path, f"{prefix}-images"), _find(path, f"{prefix}-labels")
        if first and second:
            parts.append((_idx(first), _idx(second), kind == "test"))
    if not parts:
        return _from_folders(path)
    for images, labels, _ in parts:
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise DataError(
                f"{path}: expected as many labels as pictures, got {labels.shape} for "
                f"{images.shape}"
            )
    return LabelledPictures(
        np.concatenate([images for images, _, _ in parts])[:, None],
        np.concatenate([labels for _, labels, _ in parts]).astype(np.int64),
        np.concatenate([np.full(len(labels), test) for _, labels, test in parts]),
    )


def _from_npz(path: Path) -> LabelledPictures:
    try:
        file = read_npz(path, ("images", "labels"))
        images, labels = file["images"], file["labels"]
    except (KeyError, ValueError, OSError) as error:
        raise DataError(f"{path}: expected arrays images and labels, got: {error}") from None
    if images.ndim not in (3, 4) or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{path}: expected images (N, H, W) or (N, H, W, C) uint8 and labels (N,), got "
            f"{images.shape} {images.dtype} and {labels.shape}"
        )
    return LabelledPictures(_channels_first(images), labels.astype(np.int64), _no_test(images))


def _from_folders(path: Path) -> LabelledPictures:
    """``path/CLASS/picture.png``: the class is the name of the folder."""
    files = {
        folder.name: sorted(
            f
            for f in folder.iterdir()
            if f.suffix.lower() in _PICTURES and not f.name.startswith(".")
        )
        for folder in (sorted(path.iterdir()) if path.is_dir() else [])
        if folder.is_dir()
    }
    files = {name: found for name, found in files.items() if found}
    if not files:
        raise DataError(
            f"expected train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz, or one folder of "
            f"pictures for each class, in {path}, got neither; put MNIST's files there, or import "
            "'digits', which needs no file"
        )
    every = [(f, label) for label, found in enumerate(files.values()) for f in found]
    try:
        images = [_pixels(file) for file, _ in every]
    except ReaderError as error:
        raise DataError(str(error)) from None
    for (file, _), image in zip(every, images, strict=True):
        if image.shape != images[0].shape or image.dtype != np.uint8:
            raise DataError(
                f"{file}: expected pictures of one size, {images[0].shape} uint8 as in "
                f"{every[0][0].name}, got {image.shape} {image.dtype}; scale them first"
            )
    # Shuffled once, so that parts that are cut one after the other hold every class.
    order = np.random.default_rng(0).permutation(len(every))
    stacked = np.stack(images)[order]
    labels = np.array([label for _, label in every], np.int64)[order]
    places = [f"{file.parent.name}/{file.stem}" for file, _ in every]
    named = tuple(places[i] for i in order)
    channels = _channels_first(stacked)
    return LabelledPictures(channels, labels, _no_test(stacked), tuple(files), named)


def _pixels(path: Path) -> NDArray[Any]:
    """``(H, W)`` or ``(H, W, C)``, as it is seen."""
    with open_image(path) as image:
        samples = image.read(image.geometry.full)
    return samples[0] if len(samples) == 1 else np.moveaxis(samples, 0, -1)


def _channels_first(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images[:, None] if images.ndim == 3 else np.moveaxis(images, -1, 1)


def _no_test(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.zeros(len(images), np.bool_)


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
