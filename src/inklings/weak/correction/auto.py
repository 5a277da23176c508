"""Which correction the images and outlines themselves ask for; nothing is told of the weakness.

All is judged on a grid on which objects have one size (`working_grid`), so that the resolution of
the scan decides nothing. Three kinds of evidence are asked in order of their certainty:

1. **Contrast.** Where two clean levels meet along a smooth line, borders can be snapped to their
   half-maximum, and the area gained or lost tells the kind of weakness: unchanged (full or
   dropped labels), lost (dilated, boxes, hulls), gained (cores).
2. **Border profile.** Outlines that lie where the image changes are exact, and nothing touches
   them. Where all lie at a distance from that change they are moved, each image by its own.
3. **Texture.** Boxes and hulls, known by their shape, that lie at no border at all lose what looks
   like the outside.

Where none speaks, the labels stay as they are. The thresholds were set on nuclei, on half of the
patients of a set of glands and on heart MR; the tests hold them on others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from inklings.weak.correction.base import Corrected, Evidence
from inklings.weak.correction.profile import NEAR, BorderProfile, border_profile, moved
from inklings.weak.correction.snap import Snapped, is_colour, snap
from inklings.weak.correction.texture import keep_what_looks_inside
from inklings.weak.correction.working_grid import (
    enlarged_mask,
    factor_for,
    reduced,
    reduced_mask,
    shape_of_outlines,
)

CLEAR = 1.46
"""Contrast plus smoothness of a border that is seen: nuclei 1.50 to 1.85, glands up to 1.43."""
CORES_CLEAR = 1.55
"""The same, before outlines may grow: cores of nuclei 1.58 and more, exact hippocampus 1.37."""
SHRUNK = 0.90
GROWN = 1.40
FITS = 0.90
"""Share of the peak at the drawn outline above which a loss of area is the object's own texture."""
FITS_AREA = 0.65
FOLLOWS = 0.45
"""Height of the profile's peak above which even boxes and hulls may follow a border: boxes around
glands .12 to .30, exact outlines .77 and more."""
SEEN, STANDS_OUT = 0.08, 3.0
"""Height, and how often the usual one, of a peak far from the outlines that says where they belong:
where annotators differ by half it is low and wide."""
ON_BORDER = 0.50
"""Share of that peak at the drawn outline above which they lie on it; 8 px too wide: .34."""
STYLE = 2
"""How far outside the steepest change exact outlines are drawn, in pixels of the working grid:
glands, both chambers and nuclei of stained tissue 2 to 3. Exact outlines of the user's say better.
"""
COARSE_EXTENT, COARSE_SOLIDITY = 0.97, 0.985
"""Share of its bounding box or of its hull that a box or a hull fills; exact glands .72 and .97."""
FULL_SHARE = 0.95

_LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7)
_JUDGED = 120

Images = Sequence[NDArray[np.uint8]]
Masks = Sequence[NDArray[np.bool_]]


class AutoCorrection:
    """Snaps, moves or thins masks where the images say so, and leaves them alone elsewhere.

    Args:
        seed: Of the images drawn to judge a large cohort, and of the texture classifier.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def correct(self, images: Images, masks: Masks, exact: Collection[int] = ()) -> Corrected:
        """See `Correction`; grey and coloured images are judged apart."""
        out = list(masks)
        evidence = []
        colour = np.array([is_colour(image) for image in images], bool)
        for name, members in (
            ("grey", np.flatnonzero(~colour).tolist()),
            ("colour", np.flatnonzero(colour).tolist()),
        ):
            if not members:
                continue
            group = [images[i] for i in members], [masks[i] for i in members]
            trusted = [k for k, i in enumerate(members) if i in exact]
            cleaned, record = self._group(name, *group, trusted)
            evidence.append(record)
            for k, i in enumerate(members):
                if k not in trusted:
                    out[i] = cleaned[k]
        return Corrected(out, tuple(evidence))

    def _group(
        self, name: str, images: Images, masks: Masks, exact: Sequence[int]
    ) -> tuple[Masks, Evidence]:
        rng = np.random.default_rng(self.seed)
        drawn = np.sort(rng.permutation(len(images))[:_JUDGED]).tolist()
        some_images, some_masks = [images[i] for i in drawn], [masks[i] for i in drawn]
        level = _level_of([images[i] for i in exact], [masks[i] for i in exact])
        tried = [snap(i, m, level) for i, m in zip(some_images, some_masks, strict=True)]
        measures = _contrast_measures(tried)
        if exact:
            measures["level"] = level
        diameter, extent, solidity = shape_of_outlines(some_masks)
        factor = factor_for(diameter, some_images)
        coarse = extent >= COARSE_EXTENT or solidity >= COARSE_SOLIDITY
        profile = _profile(some_images, some_masks, factor)
        measures |= {
            "scale": factor,
            "extent": extent,
            "solidity": solidity,
            "offset": float(profile.offset),
            "height": profile.height,
            "at_outline": profile.at_outline,
            "elsewhere": profile.elsewhere,
        }
        clear, ratio = measures["contrast"] + measures["smoothness"], measures["area_ratio"]
        own_texture = (
            not coarse
            and FITS_AREA < ratio < SHRUNK
            and profile.at_outline >= FITS * profile.height
        )
        if clear >= (CORES_CLEAR if ratio > GROWN else CLEAR) and not own_texture:
            return _by_contrast(name, images, masks, measures, level)
        if profile.height == 0:
            why = "too little is drawn to be judged; nothing was changed"
            return masks, Evidence(name, len(images), "none", "kept", why, measures)
        if profile.at_outline >= ON_BORDER * profile.height:
            if coarse and profile.height < FOLLOWS:
                return self._by_texture(name, images, masks, measures)
            why = "no border lies anywhere but where the outlines do; nothing was changed"
            return masks, Evidence(name, len(images), "border profile", "kept", why, measures)
        if profile.height >= max(SEEN, STANDS_OUT * profile.elsewhere):
            style = _style_of([images[i] for i in exact], [masks[i] for i in exact], factor)
            # Each image has an offset of its own, so those that were not drawn are looked at too.
            all_seen = len(drawn) == len(images)
            whole = profile if all_seen else _profile(images, masks, factor)
            return _by_profile(name, masks, measures, whole, style)
        why = "outlines lie neither on a border nor clearly off one; nothing was changed"
        return masks, Evidence(name, len(images), "none", "kept", why, measures)

    def _by_texture(
        self, name: str, images: Images, masks: Masks, measures: dict[str, float]
    ) -> tuple[Masks, Evidence]:
        if len(images) < 2:
            why = "texture needs at least two images to judge one by another; nothing was changed"
            return masks, Evidence(name, len(images), "none", "kept", why, measures)
        factor = measures["scale"]
        coarser = [reduced(i, factor) for i in images], [reduced_mask(m, factor) for m in masks]
        kept, share = keep_what_looks_inside(*coarser, self.seed)
        measures["share_inside"] = share
        if share >= FULL_SHARE:
            why = "what lies inside the outlines does not look like the outside; kept"
            return masks, Evidence(name, len(images), "texture", "kept", why, measures)
        out = [enlarged_mask(k, m.shape) & m for k, m in zip(kept, masks, strict=True)]
        removed = 1 - sum(int(m.sum()) for m in out) / max(1, sum(int(m.sum()) for m in masks))
        measures["removed"] = removed
        why = f"{removed:.0%} of the annotated area looks like the outside; taken out"
        return out, Evidence(name, len(images), "texture", "thinned", why, measures)


def _profile(images: Images, masks: Masks, factor: float) -> BorderProfile:
    """The border profile on the working grid."""
    return border_profile(
        [reduced(image, factor) for image in images], [reduced_mask(m, factor) for m in masks]
    )


def _contrast_measures(tried: Sequence[Snapped]) -> dict[str, float]:
    judged = [s for s in tried if len(s.areas)]
    if not judged:
        return {"contrast": 0.0, "smoothness": 0.0, "area_ratio": 1.0}
    return {
        "contrast": float(np.median(np.concatenate([s.contrast for s in judged]))),
        "smoothness": _median(np.concatenate([s.smoothness for s in judged])),
        "area_ratio": float(np.median([s.areas[:, 1].sum() / s.areas[:, 0].sum() for s in judged])),
    }


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else 0.0


def _by_contrast(
    name: str, images: Images, masks: Masks, measures: dict[str, float], level: float
) -> tuple[Masks, Evidence]:
    ratio, pairs = measures["area_ratio"], list(zip(images, masks, strict=True))
    if ratio < SHRUNK:
        out = [snap(i, m, level).mask & m for i, m in pairs]
        why = f"the objects fill {ratio:.0%} of their outlines; borders moved in to half-maximum"
        return out, Evidence(name, len(images), "contrast", "shrunk", why, measures)
    if ratio > GROWN:
        once = [snap(i, m, level).mask | m for i, m in pairs]
        out = [snap(i, m, level).mask | m for i, m in zip(images, once, strict=True)]
        why = f"the objects are {ratio:.1f} times their outlines; borders moved out to half-maximum"
        return out, Evidence(name, len(images), "contrast", "grown", why, measures)
    why = f"the outlines fit the objects (area ratio {ratio:.2f}); nothing was changed"
    return masks, Evidence(name, len(images), "contrast", "kept", why, measures)


def _by_profile(
    name: str, masks: Masks, measures: dict[str, float], profile: BorderProfile, style: int
) -> tuple[Masks, Evidence]:
    """Every outline moved by the offset of its image, less the one at which exact ones lie."""
    factor = measures["scale"]
    offsets = profile.offsets() - style
    pixels = offsets / factor
    out = [
        moved(mask, by) if abs(offset) > NEAR else mask
        for mask, by, offset in zip(masks, pixels.tolist(), offsets.tolist(), strict=True)
    ]
    typical = float(np.median(pixels))
    if all(new is old for new, old in zip(out, masks, strict=True)):
        why = f"the outlines lie on a border ({typical:+.0f} px); nothing was changed"
        return masks, Evidence(name, len(masks), "border profile", "kept", why, measures)
    low, high = (float(np.quantile(np.abs(pixels), q)) for q in (0.1, 0.9))
    side = "outside" if typical > 0 else "inside"
    why = f"the outlines lie {low:.0f} to {high:.0f} px {side} a border; moved there"
    return out, Evidence(name, len(masks), "border profile", "moved", why, measures)


def _level_of(images: Images, masks: Masks) -> float:
    """The level at which exact outlines are drawn; the half without any."""
    if not images:
        return 0.5

    def agreement(level: float) -> float:
        pairs = [(snap(i, m, level).mask, m) for i, m in zip(images, masks, strict=True)]
        return float(np.mean([_dice(a, b) for a, b in pairs]))

    return max(_LEVELS, key=agreement)


def _style_of(images: Images, masks: Masks, factor: float) -> int:
    """The offset at which exact outlines are drawn; the usual one without any, or without a peak.

    In pixels of the working grid.
    """
    if not images:
        return STYLE
    profile = _profile(images, masks, factor)
    return profile.offset if profile.height >= FOLLOWS else STYLE


def _dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    total = a.sum() + b.sum()
    return float(2 * (a & b).sum() / total) if total else 1.0
