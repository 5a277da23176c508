"""What names of classes mean, in the codes that hospitals exchange.

SNOMED CT codes as DICOM PS3.16 lists them, free to use within DICOM; a name that is not in the
table gets a private code with the name itself as its meaning, so nothing is ever called wrongly.
"""

from __future__ import annotations

import colorsys
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.sr.codedict import codes as _known
from pydicom.sr.coding import Code

PRIVATE = "99INKLINGS"
"""Scheme of names that the table does not know; private schemes begin with 99 (PS3.16, 8.2)."""

_S = _known.SCT
_ORGAN = _S.AnatomicalStructure
_CHANGED = _S.MorphologicallyAbnormalStructure
_TISSUE = _S.Tissue
_SIDES = {"left": _S.Left, "right": _S.Right}
Colour = tuple[int, int, int]

_ORGANS: dict[str, tuple[Code, Colour]] = {
    "adrenal gland": (_S.AdrenalGland, (244, 186, 150)),
    "aorta": (_S.Aorta, (224, 97, 76)),
    "brain": (_S.Brain, (250, 250, 225)),
    "colon": (_S.Colon, (204, 168, 143)),
    "duodenum": (_S.Duodenum, (255, 253, 229)),
    "esophagus": (_S.Esophagus, (211, 171, 143)),
    "femur": (_S.Femur, (255, 238, 170)),
    "gallbladder": (_S.Gallbladder, (139, 150, 98)),
    "heart": (_S.Heart, (206, 110, 84)),
    "hippocampus": (_S.Hippocampus, (255, 200, 0)),
    "inferior vena cava": (_S.InferiorVenaCava, (0, 151, 206)),
    "kidney": (_S.Kidney, (185, 102, 83)),
    "liver": (_S.Liver, (221, 130, 101)),
    "lung": (_S.Lung, (197, 165, 145)),
    "pancreas": (_S.Pancreas, (249, 180, 111)),
    "prostate": (_S.Prostate, (230, 158, 140)),
    "spleen": (_S.Spleen, (157, 108, 162)),
    "stomach": (_S.Stomach, (216, 132, 105)),
    "trachea": (_S.Trachea, (182, 228, 255)),
    "urinary bladder": (_S.Bladder, (222, 154, 132)),
}
_LESIONS: dict[str, tuple[Code, Code | None]] = {
    "lesion": (_S.Lesion, None),
    "lung nodule": (_S.Nodule, _S.Lung),
    "neoplasm": (_S.Neoplasm, None),
    "nodule": (_S.Nodule, None),
}
_SAME = {
    "bladder": "urinary bladder", "cancer": "neoplasm", "hippocampal formation": "hippocampus",
    "ivc": "inferior vena cava", "oesophagus": "esophagus", "pulmonary nodule": "lung nodule",
    "tumor": "neoplasm", "tumour": "neoplasm",
}  # fmt: skip
_LESION_COLOUR: Colour = (240, 228, 66)
_OTHERS: tuple[Colour, ...] = (
    (0, 158, 115), (230, 159, 0), (86, 180, 233), (204, 121, 167), (213, 94, 0), (0, 114, 178),
)  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """What a class is.

    Attributes:
        category: Of its type: anatomical structure, abnormal structure, tissue.
        type: The thing itself.
        modifier: Left or right; None where it has no side.
        region: Where a lesion lies; None where that is not said.
        colour: To draw it, red, green, blue, 0..255.
        is_known: Whether ``type`` is a code of SNOMED CT.
    """

    category: Code
    type: Code
    modifier: Code | None
    region: Code | None
    colour: Colour
    is_known: bool


def meaning(name: str) -> Meaning:
    """The codes of a class: ``liver``, ``left_kidney``, ``lung nodule``, or any other name."""
    words = re.sub(r"[\s_-]+", " ", name.strip().lower()).split(" ")
    sides = [_SIDES[word] for word in words if word in _SIDES]
    plain = " ".join(word for word in words if word not in _SIDES)
    if plain not in _ORGANS and plain not in _LESIONS and plain.endswith("s"):
        plain = plain[:-1] if plain[:-1] in {*_ORGANS, *_LESIONS, *_SAME} else plain
    plain = _SAME.get(plain, plain)
    side = sides[0] if len(sides) == 1 else None
    if plain in _ORGANS and len(sides) < 2:
        kind, colour = _ORGANS[plain]
        return Meaning(_ORGAN, kind, side, None, colour, True)
    if plain in _LESIONS and not sides:
        kind, region = _LESIONS[plain]
        return Meaning(_CHANGED, kind, None, region, _LESION_COLOUR, True)
    digest = hashlib.sha256(name.encode()).hexdigest()
    colour = _OTHERS[int(digest[:8], 16) % len(_OTHERS)]
    # A code value has 16 characters at most (VR SH), its meaning 64 (LO), and no backslash.
    spoken = re.sub(r"[\\\x00-\x1f]+", " ", name).strip()[:64].strip() or digest[:16]
    return Meaning(_TISSUE, Code(digest[:16].upper(), PRIVATE, spoken), None, None, colour, False)


def distinct(colours: Sequence[Colour]) -> list[Colour]:
    """The same colours, but what would be there twice gets one of its own, far from the last."""
    found: list[Colour] = []
    hue = 0.0
    for colour in colours:
        mine = colour
        while mine in found:
            hue = (hue + (5**0.5 - 1) / 2) % 1
            red, green, blue = colorsys.hsv_to_rgb(hue, 0.65 - 0.3 * (len(found) % 2), 0.95)
            mine = (round(255 * red), round(255 * green), round(255 * blue))
        found.append(mine)
    return found
