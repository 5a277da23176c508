"""From a whole image to the pixels of one training sample; one line here per component."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from inklings.data.intensity import Intensity
from inklings.data.stains import Normaliser
from inklings.data.tissue import TissueMethod
from inklings.errors import SpecError
from inklings.registry import Registry
from inklings.spec import Component

INTENSITIES: Registry[Intensity] = Registry(
    "intensity",
    {
        "half": "inklings.data.intensity:Half",
        "percentiles": "inklings.data.intensity:Percentiles",
        "window": "inklings.data.intensity:Window",
        "zscore": "inklings.data.intensity:ZScore",
    },
)

Use = Literal["pictures", "patches", "boxes", "instances"]
"""What is transformed: pictures, tiles and planes ``(C, H, W)``; patches of volumes
``(C, D, H, W)``; boxes cut anew with each change; all instances of a batch of bags at once."""

_AFFINE_3D = "inklings.data.affine:Affine3D"
_FLAT = "inklings.data.transforms"
_SAMPLES = {
    "blur": f"{_FLAT}:Blur",
    "brightness_contrast": f"{_FLAT}:BrightnessContrast",
    "flips": f"{_FLAT}:Flips",
    "gain_shift": f"{_FLAT}:GainShift",
    "gray": f"{_FLAT}:Gray",
    "invert": f"{_FLAT}:Invert",
    "noise": f"{_FLAT}:Noise",
    "quarter_turns": f"{_FLAT}:QuarterTurns",
    "transpose": f"{_FLAT}:Transpose",
}

TRANSFORMS: dict[Use, Registry[Any]] = {
    "pictures": Registry(
        "augmentation",
        {
            **_SAMPLES,
            "affine": "inklings.data.affine:Affine",
            "stain_jitter": "inklings.data.stains:StainJitter",
        },
    ),
    "patches": Registry(
        "augmentation",
        {
            **_SAMPLES,
            "affine": "inklings.data.affine:Affine3D",
            "affine3d": "inklings.data.affine:Affine3D",
        },
    ),
    "boxes": Registry(
        "augmentation of boxes",
        {
            "flips": "inklings.data.boxes:BoxFlips",
            "noise": "inklings.data.boxes:BoxNoise",
            "offset": "inklings.data.boxes:Offset",
            "rotate": "inklings.data.boxes:Rotate",
            "scale": "inklings.data.boxes:Scale",
        },
    ),
    "instances": Registry(
        "augmentation of instances",
        {
            "affine": "inklings.models.views:Affine",
            "auto": "inklings.data.instance_augment:Auto",
            "flips": "inklings.data.instance_augment:InstanceFlips",
            "jitter": "inklings.data.instance_augment:Jitter",
            "noise": "inklings.data.instance_augment:InstanceNoise",
        },
    ),
}
"""One table of transforms: a name means one thing, done as it suits what is transformed."""


def build_transforms(asked: Sequence[Component], use: Use) -> list[Any]:
    """The transforms of an experiment, in order; asked for before data are opened.

    Raises:
        SpecError: If a name is unknown, is none for this use, or an option does not fit.
    """
    own = TRANSFORMS[use]
    for one in asked:
        others = [other for other, table in TRANSFORMS.items() if one.name in table]
        if one.name not in own and others:
            raise SpecError(
                f"augmentation {one.name!r}: expected one for {use}, got one for "
                f"{' and '.join(others)}; for {use} there are {', '.join(own)}"
            )
    return [own.build(one.name, one.options) for one in asked]


TISSUE: Registry[TissueMethod] = Registry(
    "tissue method",
    {
        "density": "inklings.data.tissue:Density",
        "saturation": "inklings.data.tissue:Saturation",
        "stained": "inklings.data.tissue:Stained",
        "white": "inklings.data.tissue:White",
    },
)

NORMALISERS: Registry[Normaliser] = Registry(
    "stain normalisation",
    {
        "macenko": "inklings.data.stains:Macenko",
        "reinhard": "inklings.data.stains:Reinhard",
    },
)
