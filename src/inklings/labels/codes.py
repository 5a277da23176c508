"""The numbers in a mask file, whatever it looks like.

A mask is codes and not a picture: white as zero, look-up tables and palettes do not change its
numbers. A *code* is a stored number (of a picture of two levels 0 or 255), or, for a sample in
colour, ``COLOUR`` plus its 24 bits ``rrggbb``. Grey in a colour picture is the same code as in a
grey picture: black is 0.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import LabelError, ReaderError
from inklings.readers import raster
from inklings.readers.raster import Raster
from inklings.readers.tiff import MAGIC
from inklings.readers.tiff_stored import stored_pages

COLOUR = 1 << 48
_SHOWN = 4
_BYTES: np.dtype[Any] = np.dtype(np.uint8)
_NEAR = 24
"""Grey levels by which JPEG moves a sample of a mask away from its number."""


@dataclass(frozen=True)
class Codes:
    """What a mask file holds.

    Attributes:
        pages: ``(P, h, w)`` int64; one page, unless the file holds several.
        table: Colours of the entries of its palette, ``(N, 3)``; None where it has none.
        remarks: What was made of its opacity or dropped of it: kind and words.
        orientation: What the file said (1: it was stored upright).
        dtype: Of the numbers in the file; two levels and a threshold count as uint8.
        samples: Of each pixel: 3 where there are colours.
    """

    pages: NDArray[np.int64]
    table: NDArray[np.uint8] | None = None
    remarks: tuple[tuple[str, str], ...] = ()
    orientation: int = 1
    dtype: np.dtype[Any] = _BYTES
    samples: int = 1

    @property
    def plane(self) -> NDArray[np.int64]:
        """The one page.

        Raises:
            LabelError: If there are several; the message says what to do.
        """
        if len(self.pages) != 1:
            raise LabelError(
                f"expected a mask of one plane, got {len(self.pages)} pages; if each holds one "
                "object, import it with --instances, else save the page that is meant"
            )
        plane: NDArray[np.int64] = self.pages[0]
        return plane


def read_codes(source: Path | bytes, threshold: float | None = None) -> Codes:
    """The codes of a mask file, or of one held in memory.

    Args:
        source: PNG, TIFF, BMP, GIF.
        threshold: Samples from here on are 255 and others 0, for masks whose numbers a
            compression changed, and for probabilities.

    Raises:
        ReaderError: If it does not decode; the message names the file only if given as a path.
        LabelError: If its samples are neither whole numbers nor colours, or a compression
            changed them: the message says which threshold would part them.
    """
    found = decoded(source)
    if threshold is not None:
        return Codes(_parted(found, threshold), orientation=found.orientation)
    if found.lossy:
        raise LabelError(
            f"expected whole numbers, got {found.lossy}, which changes them"
            f"{_clusters(found)}; save masks as PNG, or import it with "
            f"--threshold {best_threshold(found.numbers[0]):g}"
        )
    numbers = found.numbers
    remarks: tuple[tuple[str, str], ...] = ()
    if found.alpha is not None and int(found.alpha.min()) != int(found.alpha.max()):
        numbers, remarks = _opaque(found, found.alpha)
    dtype = np.dtype(np.uint8) if numbers.dtype == np.bool_ else numbers.dtype
    planes = int(numbers.shape[-1])
    return Codes(_coded(numbers), found.table, remarks, found.orientation, dtype, planes)


def decoded(source: Path | bytes) -> Raster:
    """All pages of a mask file as they are stored.

    Raises:
        ReaderError: If it does not decode.
    """
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                head = file.read(4)
        except FileNotFoundError:
            raise ReaderError(f"expected a mask at {source}, but there is no such file") from None
        except OSError as error:
            raise ReaderError(f"{source}: cannot be read ({error.strerror})") from None
        return stored_pages(source) if head in MAGIC else raster.of_file(source)
    if source[:4] not in MAGIC:
        return raster.raster(source)
    with tempfile.NamedTemporaryFile(suffix=".tif") as file:
        file.write(source)
        file.flush()
        return stored_pages(Path(file.name))


def _coded(numbers: NDArray[Any]) -> NDArray[np.int64]:
    """``(P, h, w, S)`` to codes ``(P, h, w)``."""
    if numbers.dtype == np.bool_:
        return numbers[..., 0].astype(np.int64) * 255
    if numbers.shape[-1] == 1:
        return whole(numbers[..., 0])
    if numbers.shape[-1] != 3:
        raise LabelError(
            f"expected one number a sample, or colours, got {numbers.shape[-1]}; "
            "save one plane of numbers"
        )
    red, green, blue = (whole(numbers[..., c]) for c in range(3))
    if numbers.dtype.itemsize > 1:
        red, green, blue = (_of_bytes(plane) for plane in (red, green, blue))
    grey = (red == green) & (green == blue)
    return np.where(grey, red, COLOUR + (red << 16) + (green << 8) + blue)


def _of_bytes(plane: NDArray[np.int64]) -> NDArray[np.int64]:
    if plane.max(initial=0) <= 255:
        return plane
    if (plane % 257).any():
        raise LabelError("expected colours of 8 bits in a mask, got 16; save it with 8 bits")
    return plane // 257


def whole(numbers: NDArray[Any]) -> NDArray[np.int64]:
    """Whole numbers as int64.

    Raises:
        LabelError: If some are not whole, or too large; the message shows which.
    """
    if numbers.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            odd = ~np.isfinite(numbers) | (numbers != np.rint(numbers))
        if odd.any():
            values, counts = np.unique(numbers[odd], return_counts=True)
            shown = ", ".join(
                f"{value:.6g} (in {count} samples)"
                for value, count in list(zip(values, counts, strict=True))[:_SHOWN]
            )
            more = " and others" if len(values) > _SHOWN else ""
            raise LabelError(
                f"expected whole numbers, got {shown}{more}; if they are probabilities, import "
                "it with --threshold 0.5"
            )
    elif numbers.dtype.kind not in "bui":
        raise LabelError(f"expected whole numbers or colours, got {numbers.dtype} samples")
    if numbers.size and not -COLOUR < int(numbers.min()) <= int(numbers.max()) < COLOUR:
        raise LabelError(f"expected numbers below {COLOUR}, got up to {numbers.max():.6g}")
    return numbers.astype(np.int64)


def _opaque(found: Raster, alpha: NDArray[Any]) -> tuple[NDArray[Any], tuple[tuple[str, str], ...]]:
    """The numbers of a mask some of whose samples are clear.

    Where colours are the same everywhere, the object can only lie in the opacity. Where clear
    samples have a colour that opaque ones have too, nobody can tell.
    """
    low, high = int(alpha.min()), int(alpha.max())
    pixels = found.numbers[0]
    if (pixels == pixels[:1, :1]).all():
        said = f"one colour everywhere, so its opacity ({low} to {high}) is taken as the mask"
        return alpha[None, ..., None], (("mask in the alpha", said),)
    if found.table is None:
        clear = _coded(found.numbers)[0]
        shared = np.intersect1d(clear[alpha == low], clear[alpha > low])
        shared = shared[shared != 0]
        if shared.size:
            raise LabelError(
                f"expected a mask without opacity, got alpha from {low} to {high} and clear "
                f"samples of the same colour as opaque ones ({name_of(int(shared[0]))}); save it "
                "without alpha"
            )
    said = f"alpha from {low} to {high} in a mask: its numbers are read, its opacity is not"
    return found.numbers, (("alpha", said),)


def name_of(code: int) -> str:
    """How a code is written in a value map: ``255``, ``#ff0000``."""
    return f"#{code - COLOUR:06x}" if code >= COLOUR else str(code)


def best_threshold(pixels: NDArray[Any]) -> float:
    """Between the two clusters of samples ``(h, w, S)``: half way between their means."""
    grey = _grey(pixels)
    if grey.size == 0 or grey.min() == grey.max():
        return 128.0
    middle = (grey.min() + grey.max()) / 2
    for _ in range(20):
        low, high = grey[grey < middle], grey[grey >= middle]
        if not low.size or not high.size:
            break
        moved = (low.mean() + high.mean()) / 2
        if abs(moved - middle) < 1e-3:
            break
        middle = moved
    return float(np.ceil(middle)) if pixels.dtype.kind in "bui" else float(middle)


def mask_hint(path: Path) -> str:
    """What to do if a picture was meant as a mask but a compression changed its numbers."""
    with path.open("rb") as file:
        lossy = file.read(16).startswith((b"\xff\xd8\xff", b"RIFF"))
    found = decoded(path) if lossy else None
    if found is None or not found.lossy or not looks_like_a_mask(found.numbers[0]):
        return ""
    return (
        f"two greys, changed by {found.lossy}: if this is a mask, import it with "
        f"--threshold {best_threshold(found.numbers[0]):g}"
    )


def looks_like_a_mask(pixels: NDArray[Any]) -> bool:
    """Whether all but a few samples ``(h, w, S)`` lie at two greys, as a mask's in JPEG do."""
    grey = _grey(pixels)
    if grey.size == 0 or grey.max() - grey.min() < 2 * _NEAR:
        return False
    low, high = np.percentile(grey, (0.0, 100.0))
    near = (np.abs(grey - low) <= _NEAR) | (np.abs(grey - high) <= _NEAR)
    return bool(near.mean() > 0.9)


def _clusters(found: Raster) -> str:
    grey = _grey(found.numbers[0])
    cut = best_threshold(found.numbers[0])
    low, high = grey[grey < cut], grey[grey >= cut]
    if not low.size or not high.size:
        return ""
    return f" (here into greys around {low.mean():.0f} and {high.mean():.0f})"


def _parted(found: Raster, threshold: float) -> NDArray[np.int64]:
    numbers = found.numbers
    if numbers.shape[-1] not in (1, 3) or found.table is not None:
        raise LabelError("--threshold: expected a grey mask, got colours of a palette")
    grey = np.stack([_grey(page) for page in numbers])
    if not np.isfinite(grey).all():
        raise LabelError("--threshold: expected finite numbers, got NaN or infinity")
    return np.where(grey >= threshold, np.int64(255), np.int64(0))


def _grey(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """``(h, w)``: the one number, or the mean of colours."""
    grey: NDArray[np.float64] = pixels.astype(np.float64).mean(-1)
    return grey
