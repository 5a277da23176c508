"""How deep voxels lie in a mask, in millimetres, also where the axes of the grid lean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from inklings.geometry import Geometry


def depth(mask: NDArray[np.bool_], geometry: Geometry) -> NDArray[np.float64]:
    """From every sample of a mask to the nearest one outside of it; 0 outside.

    Args:
        mask: ``(z, y, x)``, or a part of a grid.
        geometry: The grid, of which only the steps count; a CT with a tilted gantry has axes that
            are not at right angles.
    """
    if not geometry.leans:
        spacing = geometry.require_spacing()
        found: NDArray[np.float64] = ndimage.distance_transform_edt(mask, sampling=spacing)
        return found
    out = np.zeros(mask.shape)
    # A leaning axis brings samples near that share no face: all 26 neighbours make the border.
    around = ndimage.binary_dilation(mask, np.ones((3, 3, 3), bool)) & ~mask
    if mask.any() and around.any():
        tree = cKDTree(np.argwhere(around) @ geometry.steps)
        out[mask] = tree.query(np.argwhere(mask) @ geometry.steps)[0]
    elif mask.any():
        out[mask] = np.inf
    return out
