"""On which grid a network sees a slide, and on which one its maps are drawn."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from inklings.errors import GeometryError, SpecError
from inklings.readers.image import Image
from inklings.readers.pyramid import Pyramid
from inklings.runs.run import ModelConfig

Pair = tuple[float, float]
_COARSER = 4  # of the maps against the grid of the network, where nobody asks


@dataclass(frozen=True)
class SlideSettings:
    """What may be chosen about slides; the rest is as for pictures.

    Attributes:
        factor: The network sees level 0 made so many times coarser, whatever the run says.
        spacing_um: Micrometres between pixels of level 0, where the files do not say.
        overrule_spacing: Or whatever they say.
        heatmap_spacing_um: Wanted spacing of the maps.
        heatmap_factor: How many times coarser than the grid of the network the maps are wanted.
        tissue: How tissue is found; ``everywhere`` looks at all of a slide.
        smallest_region: Regions of fewer samples of the map are not outlined.
    """

    factor: float | None = None
    spacing_um: float | None = None
    overrule_spacing: bool = False
    heatmap_spacing_um: float | None = None
    heatmap_factor: float | None = None
    tissue: str = "stained"
    smallest_region: int = 16

    def __post_init__(self) -> None:
        for name in ("factor", "spacing_um", "heatmap_spacing_um", "heatmap_factor"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise SpecError(
                    f"--{name.replace('_', '-')}: expected a number above 0, got {value}"
                )
        if self.heatmap_spacing_um is not None and self.heatmap_factor is not None:
            raise SpecError("expected --heatmap-spacing-um or --heatmap-factor, got both")

    def record(self) -> dict[str, Any]:
        """For the head of the predictions."""
        return asdict(self)


SLIDE_OPTIONS = tuple(field.name for field in fields(SlideSettings))
"""Names of what may be chosen about slides."""


@dataclass(frozen=True)
class Grid:
    """The grid of the network and that of the maps, on one slide.

    Attributes:
        view: The slide as the network sees it.
        network: Pixels of level 0 to a sample of ``view``, ``(y, x)``.
        step: Samples of ``view`` along each side of a sample of the maps.
        shape: Samples of the maps.
        spacing_um: Between pixels of level 0, ``(y, x)``; None where unknown.
        remarks: What a reader should know, a sentence each.
    """

    view: Image
    network: Pair
    step: int
    shape: tuple[int, int]
    spacing_um: Pair | None
    remarks: tuple[str, ...]

    @property
    def factor(self) -> Pair:
        """Pixels of level 0 to a sample of the maps."""
        return self.network[0] * self.step, self.network[1] * self.step


def grid_of(image: Image, model_config: ModelConfig, settings: SlideSettings, window: int) -> Grid:
    """How ``image``, a slide at level 0, is seen and mapped.

    Args:
        image: The slide.
        model_config: What the network learnt on.
        settings: What the user asked for.
        window: Side of a window; the maps divide it, so that windows begin on their grid.

    Raises:
        GeometryError: If the run wants micrometres and nobody knows those of the slide.
    """
    spacing = image.geometry.spacing
    um = None if spacing is None else (spacing[0] * 1000, spacing[1] * 1000)
    view, network, remarks = _seen(image, um, model_config, settings)
    wish = _wish(network, um, settings, remarks)
    step = _divisor_near(window, wish)
    if um is None:
        remarks.append(f"{_doubt(image)}, so areas are in pixels of level 0")
    shape = tuple(-(-n // step) for n in view.geometry.shape)
    return Grid(view, network, step, (shape[0], shape[1]), um, tuple(remarks))


def _seen(
    image: Image, um: Pair | None, model_config: ModelConfig, settings: SlideSettings
) -> tuple[Image, Pair, list[str]]:
    factor = settings.factor or (model_config.factor if model_config.spacing_um is None else None)
    if factor is not None:
        return image.shrunk(factor), (factor, factor), []
    if model_config.spacing_um is not None:
        if um is None:
            raise GeometryError(
                f"{image.geometry.frame}: the run was trained on pixels of "
                f"{model_config.spacing_um:g} "
                f"um, but {_doubt(image)}; give its size with --spacing-um, or give with --factor "
                "the factor of downsampling"
            )
        view = image.at(model_config.spacing_um / 1000)
        return view, (model_config.spacing_um / um[0], model_config.spacing_um / um[1]), []
    said = "the run does not say on which grid it learnt, so it was shown level 0 (see --factor)"
    return image.shrunk(1.0), (1.0, 1.0), [said]


def _doubt(image: Image) -> str:
    """Why the size of a pixel is not known."""
    if isinstance(image, Pyramid):
        return image.resolution.remark
    return "the file does not say how large a pixel is"


def _wish(network: Pair, um: Pair | None, settings: SlideSettings, remarks: list[str]) -> float:
    """How many times coarser than the grid of the network the maps should be."""
    if settings.heatmap_factor is not None:
        return settings.heatmap_factor
    if settings.heatmap_spacing_um is not None:
        if um is not None:
            return settings.heatmap_spacing_um / (um[0] * network[0])
        remarks.append(
            f"maps of {settings.heatmap_spacing_um:g} um were asked for, but the size of a pixel "
            f"is not known; they are {_COARSER} times coarser than what the network saw"
        )
    return _COARSER


def _divisor_near(window: int, wish: float) -> int:
    """The divisor of ``window`` nearest to ``wish``, by ratio."""
    divisors = [n for n in range(1, window // 2 + 1) if window % n == 0] or [1]
    return min(divisors, key=lambda n: abs(math.log(n / wish)))
