"""What the numbers of a TIFF look like: white as zero, palettes, YCbCr, a plane of opacity.

Samples are kept as stored and turned into grey or R, G, B only where they are looked at. Masks are
never looked at: they are numbers (`TiffLevels.stored`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RGB = ("R", "G", "B")
_WHITE_ZERO, _BLACK_ZERO, _RGB, _PALETTE, _MASK, _INKS, _YCBCR = range(7)
_REFUSED = {
    8: "CIELab colours", 9: "ICCLab colours", 10: "ITULab colours", 32803: "raw camera samples",
    32844: "CIE LogL samples", 32845: "CIE LogLuv colours", 34892: "raw camera samples",
    51177: "a depth map", 52527: "a semantic mask of DNG",
}  # fmt: skip
_JPEG = (6, 7, 34892, 33007)
LOSSY = (*_JPEG, 33003, 33005, 34712, 50001, 22610)
"""Compressions that change samples."""


@dataclass(frozen=True)
class Colours:
    """How stored samples become what is seen.

    Attributes:
        kind: ``plain``, ``inverted``, ``palette``, ``ycbcr`` or ``bilevel``.
        top: The largest stored number, which inversion takes for zero.
        table: Of a palette, ``(N, 3)``.
        alpha: ``straight`` or ``premultiplied`` where the last sample says how opaque a pixel is.
        on_white: Whether what is clear is laid on white, as in slides; else opacity is dropped.
    """

    kind: str = "plain"
    top: int = 0
    table: tuple[tuple[int, int, int], ...] = ()
    deep: bool = False
    alpha: str = ""
    on_white: bool = False

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """Of what is seen, where it is another than what is stored."""
        if self.kind == "palette":
            return np.dtype(np.uint16 if self.deep else np.uint8)
        return np.dtype(np.uint8) if self.kind in ("bilevel", "ycbcr") else None

    def seen(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Stored samples ``(h, w, S)`` as grey or colours ``(h, w, C)``."""
        if self.kind == "bilevel":
            light: NDArray[Any] = np.where(pixels != bool(self.top), np.uint8(255), np.uint8(0))
            return light
        if self.kind == "palette":
            colours: NDArray[Any] = np.array(self.table, self.dtype)[pixels[..., 0].astype(np.intp)]
            return colours
        if self.kind == "inverted":
            pixels = np.subtract(self.top, pixels, dtype=pixels.dtype)
        if self.kind == "ycbcr":
            pixels = _from_ycbcr(pixels)
        if self.on_white:
            return on_white(pixels, self.alpha == "premultiplied")
        return pixels[..., :-1] if self.alpha else pixels


def colours_of(page: Any, decoded_lossy: bool) -> Colours:
    """How a page is to be seen.

    Args:
        page: A page of tifffile.
        decoded_lossy: Whether its codec turns YCbCr into colours by itself.

    Raises:
        ValueError: If nobody here knows.
    """
    kind, dtype = int(page.photometric), page.dtype
    if dtype is None or np.dtype(dtype).kind not in "buif":
        raise ValueError(
            f"expected whole or real numbers of 1 to 64 bits, got samples of {page.bitspersample} "
            f"bits of format {int(page.sampleformat)}; save it in a common type"
        )
    if kind in _REFUSED or kind not in range(7):
        raise ValueError(
            f"expected grey, palette or RGB, got {_REFUSED.get(kind, f'colours of kind {kind}')}; "
            "save it as RGB"
        )
    alpha = alpha_of(page)
    if kind == _INKS and page.samplesperpixel == 4 and int(page.tags.valueof(332, default=1)) == 1:
        raise ValueError("expected grey, palette or RGB, got CMYK (printing inks); save it as RGB")
    if kind == _WHITE_ZERO:
        return _inverted(page)
    if kind == _PALETTE:
        return palette_of(page)
    if kind == _YCBCR and not decoded_lossy:
        if tuple(page.subsampling or (1, 1)) != (1, 1) or dtype != np.uint8:
            raise ValueError("expected grey, palette or RGB, got subsampled YCbCr; save it as RGB")
        return Colours("ycbcr")
    if np.dtype(dtype).kind == "b":
        return Colours("bilevel", 0)
    # 16 bits and real numbers are measurements, whatever a writer guessed of their fourth plane.
    white = bool(alpha) and kind == _RGB and np.dtype(dtype) == np.uint8
    return Colours(alpha=alpha, on_white=white)


def _inverted(page: Any) -> Colours:
    dtype = np.dtype(page.dtype)
    if dtype.kind == "b":
        return Colours("bilevel", 1)
    if dtype.kind != "u" or page.samplesperpixel != 1:
        raise ValueError(
            f"expected whole numbers from 0 up where white is zero, got {dtype}; "
            "save it with black as zero"
        )
    return Colours("inverted", (1 << int(page.bitspersample)) - 1)


def palette_of(page: Any) -> Colours:
    """The colours of a palette.

    Raises:
        ValueError: If there is no table, or the numbers are no indices.
    """
    table = page.colormap
    if table is None or page.samplesperpixel != 1 or np.dtype(page.dtype).kind not in "bu":
        raise ValueError("expected one number a pixel and a table of colours, got a broken palette")
    entries = np.asarray(table, np.int64).T
    # The standard wants 16 bits for each entry; 8-bit programs repeat or leave out a byte.
    deep = False
    if entries.max(initial=0) > 255:
        bytes_ = bool((entries % 257 == 0).all() or (entries % 256 == 0).all())
        deep = not bytes_
        entries = entries if deep else entries >> 8
    return Colours("palette", table=tuple(map(tuple, entries.tolist())), deep=deep)


def alpha_of(page: Any) -> str:
    """``straight`` or ``premultiplied`` where the last sample is opacity, else nothing."""
    kinds = [int(kind) for kind in page.extrasamples]
    colours = {_BLACK_ZERO: 1, _RGB: 3}.get(int(page.photometric))
    if len(kinds) != 1 or page.samplesperpixel != (colours or 0) + 1:
        return ""
    return {1: "premultiplied", 2: "straight"}.get(kinds[0], "")


def _from_ycbcr(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Full range, coefficients of Rec. 601, as TIFF 6.0 has them by default."""
    luma = pixels[..., 0].astype(np.float64)
    blue, red = (pixels[..., c].astype(np.float64) - 128 for c in (1, 2))
    planes = (luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue)
    return np.clip(np.rint(np.stack(planes, -1)), 0, 255).astype(np.uint8)


def on_white(samples: NDArray[Any], premultiplied: bool = False) -> NDArray[np.uint8]:
    """``(h, w, 4)`` uint8 laid on a white ground, ``(h, w, 3)``."""
    alpha, colours = samples[..., 3:], samples[..., :3]
    if alpha.min(initial=255) == 255:
        return np.ascontiguousarray(colours)
    opaque = alpha.astype(np.uint32)
    if premultiplied:
        return np.minimum(colours + (255 - opaque), 255).astype(np.uint8)
    mixed = colours * opaque + 255 * (255 - opaque)
    return ((mixed + 127) // 255).astype(np.uint8)
