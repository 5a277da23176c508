"""Pictures brought to one stain before anything is learnt from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inklings.data.examples import Examples
from inklings.data.stains import Normaliser
from inklings.errors import SpecError


def restained(examples: Examples, normaliser: Normaliser | None) -> Examples:
    """Every picture in the stains of the normaliser's reference, found in it alone.

    Raises:
        SpecError: If they are no 8-bit pictures in colour.
    """
    if normaliser is None:
        return examples
    for name, image in zip(examples.ids, examples.images, strict=True):
        if image.ndim != 3 or len(image) != 3 or image.dtype != np.uint8:
            raise SpecError(
                f"stains: expected 8-bit pictures in colour, got {name} of {image.dtype} "
                f"{image.shape}; leave stains out"
            )
    return replace(examples, images=tuple(normaliser(image) for image in examples.images))
