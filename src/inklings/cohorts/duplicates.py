"""The same picture twice: bit for bit, or rescaled, recompressed, brightened, turned.

Near duplicates are proposed by a perceptual hash and decided by correlation. The hash is the
usual one (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010):
the 8 x 8 lowest frequencies of the discrete cosine transform of a small grey picture, less the
constant one, each compared with their median. Dark fluorescence images with a few bright spots
come out alike in so few bits, so two pictures count as near duplicates only if their thumbnails,
less their slow variations (illumination, vignetting), also correlate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.fft import dctn

from inklings.cohorts.fingerprint import THUMBNAIL, ImageStatistics

BITS_APART = 12
"""Most of the 63 bits in which the hashes of two candidates differ."""

CORRELATION = 0.85
"""Least correlation of the thumbnails of near duplicates."""

VOLUME_CORRELATION = 0.97
"""The same for volumes: scanners show all patients alike, and chests of two correlate by .94."""

_BLOCK = 1024


def exact_duplicates(looks: Sequence[ImageStatistics]) -> list[list[int]]:
    """Groups of indices of ``looks`` with the same samples; blank pictures are not compared."""
    by_digest: dict[str, list[int]] = defaultdict(list)
    for index, look in enumerate(looks):
        if not look.blank:
            by_digest[look.digest].append(index)
    return [group for group in by_digest.values() if len(group) > 1]


def near_duplicates(looks: Sequence[ImageStatistics]) -> list[tuple[int, int, float]]:
    """Pairs of indices of ``looks`` that show the same in another form, with their correlation.

    All eight orientations (quarter turns and mirrors) are compared. Exact duplicates are left
    out, also when only the file format differs.
    """
    kept = [i for i, look in enumerate(looks) if not look.blank]
    if len(kept) < 2:
        return []
    stack = np.stack([looks[i].thumbnail for i in kept])
    hashes, details = perceptual_hash(stack), _details(stack)
    found: dict[tuple[int, int], float] = {}
    for turned in _orientations(stack):
        turned_hashes, turned_details = perceptual_hash(turned), _details(turned)
        for a, b in _close(hashes, turned_hashes):
            correlation = float((details[a] * turned_details[b]).sum())
            i, j = kept[a], kept[b]
            least = VOLUME_CORRELATION if len(looks[i].shape) > 2 else CORRELATION
            if correlation >= least and looks[i].digest != looks[j].digest:
                found[i, j] = max(correlation, found.get((i, j), 0.0))
    return [(i, j, correlation) for (i, j), correlation in sorted(found.items())]


def perceptual_hash(thumbnails: NDArray[np.float32]) -> NDArray[np.bool_]:
    """``(N, 64, 64)`` to ``(N, 63)`` bits."""
    low = dctn(thumbnails, axes=(1, 2), norm="ortho")[:, :8, :8].reshape(len(thumbnails), 64)[:, 1:]
    bits: NDArray[np.bool_] = low > np.median(low, axis=1, keepdims=True)
    return bits


def _details(thumbnails: NDArray[np.float32]) -> NDArray[np.float32]:
    """Less the variations slower than a quarter of the picture; mean 0, length 1, ``(N, 4096)``."""
    slow = ndimage.gaussian_filter(thumbnails, (0, THUMBNAIL / 8, THUMBNAIL / 8), mode="nearest")
    flat = (thumbnails - slow).reshape(len(thumbnails), -1)
    flat -= flat.mean(1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(length, 1e-6), np.float32)


def _orientations(stack: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for mirrored in (stack, stack[:, :, ::-1]):
        for turns in range(4):
            yield np.rot90(mirrored, turns, axes=(1, 2))


def _close(
    hashes: NDArray[np.bool_], others: NDArray[np.bool_]
) -> Iterator[tuple[np.intp, np.intp]]:
    """Pairs ``a < b`` with ``hashes[a]`` within `BITS_APART` of ``others[b]``, block by block."""
    signs = np.where(others, 1.0, -1.0).astype(np.float32).T
    for start in range(0, len(hashes), _BLOCK):
        block = np.where(hashes[start : start + _BLOCK], 1.0, -1.0).astype(np.float32)
        apart = (hashes.shape[1] - block @ signs) / 2
        for a, b in np.argwhere(apart <= BITS_APART):
            if start + a < b:
                yield start + a, b
