"""Which correction the images and outlines themselves ask for; nothing is told of the weakness.

Three kinds of evidence are asked in order of their certainty:

1. **Contrast.** Where two clean levels meet along a smooth line, borders can be snapped to their
   half-maximum, and the area gained or lost tells the kind of weakness: unchanged (full or
   dropped labels), lost (dilated, boxes, hulls), gained (cores).
2. **Border profile.** Where no level set follows the objects but all outlines lie at one
   distance from a change of appearance, they are moved by that distance.
3. **Texture.** Where the outlines lie at no border at all, what looks like the outside is
   taken out of them.

Where none speaks, the labels stay as they are. The thresholds were set on training images of real
nuclei and on gland phantoms (``experiments/dsb2018``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from inklings.weak.correction.base import Corrected, Evidence
from inklings.weak.correction.profile import border_profile, moved
from inklings.weak.correction.snap import Snapped, is_colour, snap
from inklings.weak.correction.texture import keep_what_looks_inside

CLEAR = 1.46
"""Contrast plus smoothness of a border that is seen: nuclei 1.50 to 1.85, glands up to 1.43."""
SHRUNK = 0.90
GROWN = 1.40
ALIGNED = 0.70
UNALIGNED = 0.35
STYLE_OFFSET = 3
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
        if measures["contrast"] + measures["smoothness"] >= CLEAR:
            return _by_contrast(name, images, masks, measures, level)
        profile = border_profile(some_images, some_masks)
        style = _style_of([images[i] for i in exact], [masks[i] for i in exact])
        measures |= {"offset": float(profile.offset), "height": profile.height}
        if profile.height >= ALIGNED:
            smallest = 1 if exact else STYLE_OFFSET
            return _by_profile(name, masks, measures, profile.offset - style, smallest)
        if profile.height < UNALIGNED:
            return self._by_texture(name, images, masks, measures)
        why = "outlines lie neither on a border nor clearly off one; nothing was changed"
        return masks, Evidence(name, len(images), "none", "kept", why, measures)

    def _by_texture(
        self, name: str, images: Images, masks: Masks, measures: dict[str, float]
    ) -> tuple[Masks, Evidence]:
        if len(images) < 2:
            why = "texture needs at least two images to judge one by another; nothing was changed"
            return masks, Evidence(name, len(images), "none", "kept", why, measures)
        kept, share = keep_what_looks_inside(images, masks, self.seed)
        measures["share_inside"] = share
        if share >= FULL_SHARE:
            why = "what lies inside the outlines does not look like the outside; kept"
            return masks, Evidence(name, len(images), "texture", "kept", why, measures)
        why = f"about {1 - share:.0%} of the annotated area looks like the outside; taken out"
        return kept, Evidence(name, len(images), "texture", "thinned", why, measures)


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
    name: str, masks: Masks, measures: dict[str, float], offset: int, smallest: int
) -> tuple[Masks, Evidence]:
    if abs(offset) < smallest:
        why = f"the outlines lie on a border ({offset:+d} px); nothing was changed"
        return masks, Evidence(name, len(masks), "border profile", "kept", why, measures)
    side = "outside" if offset > 0 else "inside"
    why = f"the outlines lie {abs(offset)} px {side} a border; moved there"
    out = [moved(mask, offset) for mask in masks]
    return out, Evidence(name, len(masks), "border profile", "moved", why, measures)


def _level_of(images: Images, masks: Masks) -> float:
    """The level at which exact outlines are drawn; the half without any."""
    if not images:
        return 0.5

    def agreement(level: float) -> float:
        pairs = [(snap(i, m, level).mask, m) for i, m in zip(images, masks, strict=True)]
        return float(np.mean([_dice(a, b) for a, b in pairs]))

    return max(_LEVELS, key=agreement)


def _style_of(images: Images, masks: Masks) -> int:
    """The offset at which exact outlines are drawn; zero without any, or without a peak."""
    profile = border_profile(images, masks)
    return profile.offset if images and profile.height >= ALIGNED else 0


def _dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    total = a.sum() + b.sum()
    return float(2 * (a & b).sum() / total) if total else 1.0
