"""From a whole image to the pixels of one training sample; one line here per component."""

from __future__ import annotations

from inklings.registry import Registry
from inklings.sampling.augment import Augment
from inklings.sampling.intensity import Intensity
from inklings.sampling.stains import Normaliser
from inklings.sampling.tissue import TissueMethod

INTENSITIES: Registry[Intensity] = Registry(
    "intensity",
    {
        "half": "inklings.sampling.intensity:Half",
        "percentiles": "inklings.sampling.intensity:Percentiles",
        "window": "inklings.sampling.intensity:Window",
        "zscore": "inklings.sampling.intensity:ZScore",
    },
)

AUGMENTS: Registry[Augment] = Registry(
    "augmentation",
    {
        "affine": "inklings.sampling.augment:Affine",
        "affine3d": "inklings.sampling.augment_volume:Affine3D",
        "brightness_contrast": "inklings.sampling.augment:BrightnessContrast",
        "flips": "inklings.sampling.augment:Flips",
        "gray": "inklings.sampling.augment:Gray",
        "invert": "inklings.sampling.augment:Invert",
        "noise": "inklings.sampling.augment:Noise",
        "quarter_turns": "inklings.sampling.augment:QuarterTurns",
        "stain_jitter": "inklings.sampling.stains:StainJitter",
        "transpose": "inklings.sampling.augment:Transpose",
    },
)

TISSUE: Registry[TissueMethod] = Registry(
    "tissue method",
    {
        "density": "inklings.sampling.tissue:Density",
        "saturation": "inklings.sampling.tissue:Saturation",
        "stained": "inklings.sampling.tissue:Stained",
        "white": "inklings.sampling.tissue:White",
    },
)

NORMALISERS: Registry[Normaliser] = Registry(
    "stain normalisation",
    {
        "macenko": "inklings.sampling.stains:Macenko",
        "reinhard": "inklings.sampling.stains:Reinhard",
    },
)
