"""H&E tissue: glands in stroma, benign and tumour, with their exact outlines.

A `World` is decided by its seed alone; a `TissueImage` samples any region of it at any spacing.
What is inside the outline of a gland, lumen included, is the gland. The look follows biopsies
of the prostate: benign glands are large and folded, tumour is small round glands (Gleason
pattern 3), fused and cribriform ones (4) and solid sheets (5).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inklings.geometry import Geometry, Region
from inklings.readers.image import NothingToClose
from inklings.simulation.phantoms.section import Section, paint, trace
from inklings.simulation.phantoms.world import Look, World

_FINEST_UM = 1.01  # a coarser view is the average of a finer one, as a scanner makes it
_PAD_UM = 12.0  # a nucleus reaches this far into the neighbouring region


@dataclass(frozen=True)
class TissueImage(NothingToClose):
    """A view of a world on one grid; an `inklings.readers.image.Image` whose answer is known."""

    world: World
    geometry: Geometry
    channels: tuple[str, ...] = ("R", "G", "B")

    @classmethod
    def of(cls, world: World, um: float) -> TissueImage:
        """The whole extent of ``world`` in samples of ``um``."""
        shape = tuple(round(side / um) for side in world.extent)
        centre = (um / 2000, um / 2000)
        frame = f"tissue phantom {world.seed}"
        return cls(world, Geometry(shape, (um / 1000, um / 1000), centre, frame=frame))

    def at(self, spacing: float) -> TissueImage:
        """The same tissue in samples of ``spacing`` mm."""
        return replace(self, geometry=self.geometry.at(spacing))

    def shrunk(self, factor: float) -> TissueImage:
        """The same tissue in samples ``factor`` times as far apart."""
        return self.at(self.geometry.require_spacing()[0] * factor)

    def spaced(self, spacing: float) -> TissueImage:
        """Like `at`: the tissue is defined in millimetres."""
        return self.at(spacing)

    def read(self, region: Region) -> NDArray[np.uint8]:
        """RGB ``(3, h, w)`` of one region of this grid."""
        um = self.geometry.require_spacing()[0] * 1000
        fold = int(np.ceil(um / _FINEST_UM))
        pad = int(np.ceil(_PAD_UM / um * fold))
        section = self._trace(region, fold, pad)
        rgb = self.world.look.stain.develop(*paint(self.world, section))
        rgb = rgb[:, pad : rgb.shape[1] - pad, pad : rgb.shape[2] - pad]
        if fold == 1:
            return rgb
        h, w = region.size
        mean = rgb.reshape(3, h, fold, w, fold).mean((2, 4), dtype=np.float32)
        rounded: NDArray[np.uint8] = np.rint(mean).astype(np.uint8)
        return rounded

    def objects(self, region: Region) -> NDArray[np.int32]:
        """Number of the gland, ``(h, w)``; 0 is stroma or glass. Unique within the world."""
        return self._trace(region, 1, 0).objects

    def grades(self, objects: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Gleason pattern (0 benign, 3 to 5) of each sample of what `objects` returned."""
        table = np.array([0, *(g.kind.grade for g in self.world.glands)], np.uint8)
        return table[objects]

    def _trace(self, region: Region, fold: int, pad: int) -> Section:
        um = self.geometry.require_spacing()[0] * 1000 / fold
        corner = self.geometry.to_points(np.array(region.start) - 0.5)[::-1] * 1000
        y, x = (
            start + (np.arange(-pad, n * fold + pad) + 0.5) * um
            for start, n in zip(corner, region.size, strict=True)
        )
        return trace(self.world, y, x)


def tissue_field(
    seed: int, size: int | tuple[int, int] = 256, um: float = 1.0, look: Look | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.bool_]]:
    """One field of view with its answer.

    Args:
        seed: Decides everything, also the patient's look where none is given.
        size: Rows and columns, or one number for both.
        um: Size of a sample.
        look: What the sections of one patient have in common.

    Returns:
        RGB ``(H, W, 3)``, glands ``(H, W)`` numbered from 1 (0 is stroma), and where there is
        tumour ``(H, W)``.
    """
    h, w = (size, size) if isinstance(size, int) else size
    world = World(seed, (h * um, w * um), look or Look.of_patient(seed))
    image = TissueImage.of(world, um)
    rgb = np.moveaxis(image.read(image.geometry.full), 0, -1)
    objects = image.objects(image.geometry.full)
    tumour = image.grades(objects) > 0
    _, numbered = np.unique(objects, return_inverse=True)
    offset = 0 if (objects == 0).any() else 1
    return rgb.copy(), (numbered.reshape(objects.shape) + offset).astype(np.int32), tumour
