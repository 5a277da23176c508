"""What an experiment on volumes has to agree in, said before anything is learnt."""

from __future__ import annotations

from inklings.data.examples import Examples
from inklings.errors import SpecError
from inklings.orientation import AS_STORED, orientation
from inklings.spec import SegmentationExperiment


def require_volumes_possible(experiment: SegmentationExperiment) -> None:
    """Raise SpecError where an option does not fit volumes."""
    if experiment.sampling.resize:
        raise SpecError(
            "sampling.resize: expected false for volumes, got true; "
            "say the grid with volumes.spacing_mm"
        )
    patch = experiment.volumes.patch
    names = {augment.name for augment in experiment.sampling.augment}
    turned = sorted(names & {"quarter_turns", "transpose"})
    if patch is not None and patch[1] != patch[2] and turned:
        raise SpecError(
            f"sampling.augment: expected no {turned[0]} where planes of a patch are {patch[1]} x "
            f"{patch[2]}; leave it out, or make them square"
        )
    if experiment.sampling.bag > 1 or experiment.tiles is not None:
        raise SpecError("expected pictures of slides for tiles and sampling.bag, got volumes")


def require_dimensions(own: int, view: str) -> None:
    """Raise SpecError unless a network of ``own`` dimensions takes what the view gives."""
    wanted = 3 if view == "3d" else 2
    if own != wanted:
        other = "unet" if wanted == 2 else "unet3d, or monai with dimensions: 3"
        raise SpecError(
            f"volumes: {view}: expected a network of {wanted} dimensions, got one of "
            f"{own}; take model {other}, or another view"
        )


def unplaced(train: Examples) -> list[str]:
    """A warning where some volumes were turned and others could not be."""
    if train.orientation in (None, AS_STORED):
        return []
    grids = zip(train.ids, train.geometries, strict=True)
    lost = [name for name, grid in grids if not orientation(grid)]
    if not lost:
        return []
    names = ", ".join(lost[:3]) + (", ..." if len(lost) > 3 else "")
    return [
        f"{len(lost)} of {len(train)} volumes do not say which way they lie in the patient "
        f"({names}) and were learnt as they are stored; the others were turned to "
        f"{train.orientation}"
    ]
