"""Small slides drawn for the tests of tiling; not a test."""

from pathlib import Path

import numpy as np
from scipy import ndimage

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.labels.kinds import MaskLabel
from inklings.simulation.phantoms.slide_files import Storing, write_pyramid

GLASS, PINK, VIOLET = (244, 243, 245), (214, 150, 196), (120, 80, 160)
Codes = np.ndarray


def blobs(shape: tuple[int, int], seed: int) -> Codes:
    """``(H, W)`` 0 glass, 1 benign, 2 cancer; some of it at the right and bottom border."""
    rng = np.random.default_rng(seed)
    small = tuple(-(-n // 8) for n in shape)
    field = ndimage.gaussian_filter(rng.standard_normal(small), 14)
    grade = ndimage.gaussian_filter(rng.standard_normal(small), 9)
    codes = np.where(field > field.std() * 0.6, np.where(grade > 0, 2, 1), 0)
    codes[-6:, small[1] // 2 :] = 2
    codes[small[0] // 4 : small[0] // 2, -5:] = 1
    return np.kron(codes, np.ones((8, 8), int))[: shape[0], : shape[1]].astype(np.uint8)


def write(folder: Path, name: str, codes: Codes, lossless: bool = False) -> Case:
    """A slide and its mask as pyramids, and the case that names them."""
    colours = np.array([GLASS, PINK, VIOLET], np.uint8)
    speckle = np.random.default_rng(1).integers(-4, 5, (*codes.shape, 3))
    rgb = np.clip(colours[codes].astype(int) + speckle, 0, 255).astype(np.uint8)

    def block(array: np.ndarray):
        return lambda start, size: array[
            start[0] : start[0] + size[0], start[1] : start[1] + size[1]
        ]

    image, mask = folder / f"{name}.tiff", folder / f"{name}_mask.tiff"
    write_pyramid(image, codes.shape, block(rgb), Storing(GLASS, None if lossless else 80))
    planes = np.dstack([codes, np.zeros_like(codes), np.zeros_like(codes)])
    write_pyramid(mask, codes.shape, block(planes), Storing((0, 0, 0), None, averaged=False))
    label = MaskLabel(mask, "slide", "classes", ("benign", "cancer"))
    return Case(name, f"patient {name[0]}", {"slide": image}, (label,))


def cohort(folder: Path, cases: list[Case]) -> Path:
    """Written, with masks that outline tissue as PANDA's do."""
    facts = {"masks_outline_tissue": True}
    Cohort("phantom", tuple(cases), ("benign", "cancer"), facts).write(folder)
    return folder
