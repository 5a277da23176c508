"""From a whole image to the pixels of one training sample; one line here per component."""

from __future__ import annotations

from inklings.data.augment import Augment
from inklings.data.intensity import Intensity
from inklings.data.stains import Normaliser
from inklings.data.tissue import TissueMethod
from inklings.registry import Registry

INTENSITIES: Registry[Intensity] = Registry(
    "intensity",
    {
        "half": "inklings.data.intensity:Half",
        "percentiles": "inklings.data.intensity:Percentiles",
        "window": "inklings.data.intensity:Window",
        "zscore": "inklings.data.intensity:ZScore",
    },
)

AUGMENTS: Registry[Augment] = Registry(
    "augmentation",
    {
        "affine": "inklings.data.augment:Affine",
        "affine3d": "inklings.data.augment_volume:Affine3D",
        "brightness_contrast": "inklings.data.augment:BrightnessContrast",
        "flips": "inklings.data.augment:Flips",
        "gray": "inklings.data.augment:Gray",
        "invert": "inklings.data.augment:Invert",
        "noise": "inklings.data.augment:Noise",
        "quarter_turns": "inklings.data.augment:QuarterTurns",
        "stain_jitter": "inklings.data.stains:StainJitter",
        "transpose": "inklings.data.augment:Transpose",
    },
)

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
