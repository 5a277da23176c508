"""How deep inside its object a sample lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def relative_depth(objects: NDArray[np.int32]) -> NDArray[np.float32]:
    """Distance to the nearest sample outside the object, over the object's own largest.

    A neighbour with another number is outside, and so is everything beyond the grid. Each
    object is looked at in its bounding box only: cheaper than one transform of the whole image,
    and right where objects touch.

    Args:
        objects: ``(*S)`` numbered objects, 0 or less is none.

    Returns:
        ``(*S)`` in (0, 1] inside objects (1 at the deepest sample), 0 elsewhere.
    """
    depth = np.zeros(objects.shape, np.float32)
    inner = (slice(1, -1),) * objects.ndim
    for number, where in enumerate(ndimage.find_objects(np.maximum(objects, 0)), 1):
        if where is not None:
            mine = np.pad(objects[where] == number, 1)
            distance = ndimage.distance_transform_edt(mine)[inner]
            depth[where] += (distance / distance.max()).astype(np.float32)
    return depth
