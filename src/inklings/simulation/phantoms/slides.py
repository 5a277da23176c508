"""Phantom slides on disk: in the layout of PANDA, with the masks of both providers.

Radboud outlines glands (0 background, 1 stroma, 2 benign epithelium, 3 to 5 cancer of that Gleason
pattern); Karolinska marks areas (0 background, 1 benign tissue, 2 cancerous tissue). A third kind,
``coarse``, is Karolinska's code as a hurried annotator leaves it: outlines around groups of glands,
with stroma and benign glands inside, wider with one annotator than with another.
"""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings import progress
from inklings.errors import SpecError
from inklings.files import write_text
from inklings.simulation.phantoms.biopsy import Biopsy, SlidePlan
from inklings.simulation.phantoms.fields import Field
from inklings.simulation.phantoms.slide_files import Storing, write_pyramid

Provider = Literal["karolinska", "radboud"]
Marks = Literal["provider", "fine", "coarse"]
LOOK = 16
"""Outlines are drawn on a grid of this many pixels."""

SLOPS_UM = (20.0, 60.0, 120.0, 200.0)
"""How far the outline of each annotator stays away from the glands."""

MASKS = "train_label_masks"
COARSE = "coarse_label_masks"
ANNOTATORS: Mapping[str, tuple[str, Provider]] = {
    "exact": (MASKS, "radboud"),
    "coarse": (COARSE, "karolinska"),
}
"""Where the masks of each of two annotators lie who marked the same slides, and in whose codes."""

_PROVIDER_OF: dict[Marks, Provider] = {"fine": "radboud", "coarse": "karolinska"}
_GROUP_UM = 90.0
_OWN_SHEETS = 1_000  # beyond the numbers that are given by hand
Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class Written:
    """What a slide turned out to be.

    Attributes:
        name: Its id.
        provider: Whose codes the mask holds.
        isup: Grade group, 0 benign to 5.
        gleason: The most common pattern and the worst of the rest, ``4+3``; ``0+0`` or
            ``negative`` where benign.
        areas_mm2: Of stroma, benign glands, and glands of patterns 3, 4 and 5.
    """

    name: str
    provider: Provider
    isup: int
    gleason: str
    areas_mm2: tuple[float, float, float, float, float]


class _Rendered:
    """A slide rendered once: the picture is handed on, the codes stay, compressed."""

    def __init__(self, biopsy: Biopsy) -> None:
        self.biopsy = biopsy
        self.counts = np.zeros(6, np.int64)
        size = biopsy.plan.size
        self.small = np.zeros(tuple(-(-n // LOOK) for n in size), np.uint8)
        self._blocks: dict[tuple[int, int], bytes] = {}

    def picture(self, start: tuple[int, int], size: tuple[int, int]) -> Codes | None:
        """RGB of a block of level 0."""
        if self.biopsy.is_blank(start, size):
            return None
        rgb, codes = self.biopsy.render(start, size)
        if codes.any():
            self.counts += np.bincount(codes.ravel(), minlength=6)[:6]
            self._blocks[start] = zlib.compress(codes.tobytes(), 1)
            small = codes[LOOK // 2 :: LOOK, LOOK // 2 :: LOOK]
            at = (start[0] // LOOK, start[1] // LOOK)
            self.small[at[0] : at[0] + len(small), at[1] : at[1] + small.shape[1]] = small
        return rgb

    def fine(self, start: tuple[int, int], size: tuple[int, int]) -> Codes | None:
        """Radboud's codes of a block."""
        data = self._blocks.get(start)
        return (
            None if data is None else np.frombuffer(zlib.decompress(data), np.uint8).reshape(size)
        )

    def areas(self) -> Codes:
        """Where Karolinska would see cancerous tissue, on the grid of `small`."""
        return _around(self.small, 0.0, self._um, 0)

    def coarse(self, slop_um: float, seed: int) -> Codes:
        """What a hurried annotator marks, on the grid of `small`."""
        return _around(self.small, slop_um, self._um, seed)

    @property
    def _um(self) -> float:
        return self.biopsy.plan.um * LOOK


def write_slide(
    folder: Path,
    seed: int,
    plan: SlidePlan | None = None,
    provider: Provider = "karolinska",
    marks: Marks = "provider",
    name: str | None = None,
    sheets: int | None = 0,
    slop_um: float | None = None,
    masked: bool = True,
    coarse_too: bool = False,
) -> Written:
    """Write ``train_images/{name}.tiff`` and ``train_label_masks/{name}_mask.tiff``.

    Memory does not grow with the slide but with its tissue, by about 50 MB for 50,000 x 50,000
    pixels with a tenth of tissue.

    Args:
        folder: Root of the PANDA layout.
        seed: Decides the slide.
        plan: Size and content.
        provider: Whose codes the mask holds, and how a benign slide is called.
        marks: ``provider``: as the provider annotates. ``fine``: glands, in Radboud's codes and
            under its name. ``coarse``: outlines with slop, in Karolinska's.
        name: Id; by default made from the seed.
        sheets: Another number draws the tissue from other sheets, which share no gland; None
            draws sheets for this slide alone, which takes seconds.
        slop_um: Of coarse marks; by default one of `SLOPS_UM`.
        masked: Whether there is a mask at all.
        coarse_too: Write a coarse mask besides, into `COARSE`.
    """
    if marks not in ("provider", "fine", "coarse"):
        raise SpecError(f"expected marks of 'provider', 'fine' or 'coarse', got {marks!r}")
    provider = _PROVIDER_OF.get(marks, provider)
    biopsy = Biopsy(seed, plan or SlidePlan(), _OWN_SHEETS + seed if sheets is None else sheets)
    name = name or np.random.default_rng([seed, 41]).bytes(16).hex()
    rendered = _Rendered(biopsy)
    size = biopsy.plan.size
    image = folder / "train_images" / f"{name}.tiff"
    write_pyramid(image, size, rendered.picture, Storing(biopsy.glass))
    if masked:
        _write_mask(folder / MASKS, name, rendered, provider, marks, slop_um)
    if coarse_too:
        _write_mask(folder / COARSE, name, rendered, "karolinska", "coarse", slop_um)
    return _judged(name, provider, rendered)


def write_panda(
    root: Path,
    slides: int = 20,
    plan: SlidePlan | None = None,
    providers: Sequence[Provider] = ("karolinska", "radboud"),
    marks: Marks = "provider",
    unmasked: int = 0,
    seed: int = 0,
    sheets: int | None = 0,
    varied: bool = True,
    coarse_too: bool = False,
) -> list[Written]:
    """Write a cohort in the layout of PANDA: ``train.csv`` and a folder of images and of masks.

    Args:
        root: Where to.
        slides: How many.
        plan: Size and content of all; sizes vary by a quarter where ``varied``.
        providers: In turn.
        marks: See `write_slide`.
        unmasked: How many, the last ones, have no mask, as some of PANDA's do not.
        seed: Another seed makes other slides.
        sheets: See `write_slide`: slides of one number show the same glands in other places, so
            what learns and what is tested need different ones, or None.
        varied: Whether sizes differ from slide to slide.
        coarse_too: See `write_slide`; annotators, each with a slop of `SLOPS_UM`, take turns.
    """
    plan = plan or SlidePlan()
    found = []
    for number in progress.track(range(slides), "phantom slides", slides):
        key = seed * 100_000 + number
        rng = np.random.default_rng([key, 42])
        size = plan.size
        if varied:
            size = (_varied(size[0], rng), _varied(size[1], rng))
        found.append(
            write_slide(
                root,
                key,
                replace(plan, size=size),
                providers[number % len(providers)],
                marks,
                sheets=sheets,
                slop_um=SLOPS_UM[number % len(SLOPS_UM)],
                masked=number < slides - unmasked,
                coarse_too=coarse_too,
            )
        )
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image_id", "data_provider", "isup_grade", "gleason_score"])
    table.writerows([w.name, w.provider, w.isup, w.gleason] for w in found)
    write_text(root / "train.csv", text.getvalue())
    return found


def _varied(length: int, rng: np.random.Generator) -> int:
    """Up to a quarter shorter, and like PANDA's a whole number of pixels in every level."""
    return max(LOOK, int(length * rng.uniform(0.75, 1.0)) // LOOK * LOOK)


def _write_mask(
    folder: Path,
    name: str,
    rendered: _Rendered,
    provider: Provider,
    marks: Marks,
    slop_um: float | None,
) -> None:
    path = folder / f"{name}_mask.tiff"
    seed = rendered.biopsy.seed
    if marks == "fine" or (marks == "provider" and provider == "radboud"):
        areas = None
    elif marks == "coarse":
        slop = SLOPS_UM[seed % len(SLOPS_UM)] if slop_um is None else slop_um
        areas = rendered.coarse(slop, seed)
    else:
        areas = rendered.areas()

    def block(start: tuple[int, int], size: tuple[int, int]) -> Codes | None:
        codes = rendered.fine(start, size) if areas is None else _enlarged(areas, start, size)
        if codes is not None and areas is not None and marks == "provider":
            fine = rendered.fine(start, size)
            codes = None if fine is None else np.where(fine > 0, np.maximum(codes, 1), 0)
        if codes is None or not codes.any():
            return None
        return np.dstack([codes, np.zeros_like(codes), np.zeros_like(codes)]).astype(np.uint8)

    how = Storing((0, 0, 0), quality=None, averaged=False)
    write_pyramid(path, rendered.biopsy.plan.size, block, how)


def _enlarged(small: Codes, start: tuple[int, int], size: tuple[int, int]) -> Codes:
    rows, columns = ((s + np.arange(n)) // LOOK for s, n in zip(start, size, strict=True))
    codes: Codes = small[rows][:, columns]
    return codes


def _around(small: Codes, slop_um: float, um: float, seed: int) -> Codes:
    """Karolinska's codes: groups of tumour glands closed, and widened by a wavering slop."""
    tumour = small >= 3
    marked = np.zeros_like(small)
    marked[small > 0] = 1
    if not tumour.any():
        return marked
    pad = int(np.ceil((_GROUP_UM + 2 * slop_um) / um)) + 2
    wide = np.pad(tumour, pad)
    near = ndimage.distance_transform_edt(~wide) * um <= _GROUP_UM
    closed = ndimage.distance_transform_edt(near) * um > _GROUP_UM * 0.85
    away = ndimage.distance_transform_edt(~closed) * um
    axes = [(np.arange(n) - pad + 0.5) * um for n in away.shape]
    waver = Field((seed, 43), 380.0).on(*axes)
    inside = away <= slop_um * (1 + 0.45 * np.clip(waver, -2, 2))
    inside = ndimage.binary_fill_holes(inside)[pad:-pad, pad:-pad]
    marked[inside if slop_um else inside & (small > 0)] = 2
    return marked


def _judged(name: str, provider: Provider, rendered: _Rendered) -> Written:
    um = rendered.biopsy.plan.um
    areas = rendered.counts[1:] * (um / 1000) ** 2
    tumour = {grade: float(areas[grade - 1]) for grade in (3, 4, 5)}
    total = sum(tumour.values())
    mm2 = (float(areas[0]), float(areas[1]), tumour[3], tumour[4], tumour[5])
    if total < 0.01:
        return Written(name, provider, 0, "0+0" if provider == "karolinska" else "negative", mm2)
    found = sorted((g for g in tumour if tumour[g] >= 0.05 * total), key=lambda g: -tumour[g])
    first = found[0]
    second = max(found[1:], default=first)
    groups = {(3, 3): 1, (3, 4): 2, (4, 3): 3}
    isup = groups.get((first, second), 4 if first + second == 8 else 5)
    return Written(name, provider, isup, f"{first}+{second}", mm2)
