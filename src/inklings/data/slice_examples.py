"""Volumes as examples for networks of two dimensions: their planes, the useful ones more often."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.data.examples import Examples
from inklings.data.intensity import Intensity
from inklings.data.slices import Planes
from inklings.errors import LabelError
from inklings.spec import Volumes


def sliced(
    examples: Examples, volumes: Volumes, intensity: Intensity, unlabelled: bool = False
) -> Examples:
    """The planes of ``examples``, which hold volumes; nothing is copied.

    Intensities are those of the whole volume. Planes about which nothing is known are left out,
    unless the loss looks at them; planes that show something annotated are seen more often.

    Args:
        examples: Volumes.
        volumes: Neighbours of a plane, and how often organs are seen.
        intensity: Of the experiment.
        unlabelled: Whether the loss looks at what nothing is known about.

    Raises:
        LabelError: If no plane is left, or boxes hold objects of several planes.
    """
    _require_flat(examples)
    shows = [np.atleast_1d(target.marked.any((0, 2, 3))) for target in examples.targets]
    known = [np.atleast_1d(target.known_anyhow.any((1, 2))) for target in examples.targets]
    places = [
        (v, z)
        for v, target in enumerate(examples.targets)
        for z in range(target.shape[0])
        if (unlabelled or known[v][z]) and (volumes.foreground != 1 or shows[v][z])
    ]
    if not places:
        raise LabelError("expected planes with something annotated to train on, got none")
    scales = [intensity.scale(image) for image in examples.images]
    flat = [tuple(part[:, 0] for part in scale) for scale in scales]
    channels = examples.channels
    if channels > 1 and volumes.planes > 1:
        # Channels of one plane stay together, so the scales repeat as they do.
        flat = [tuple(_repeated(p, channels, volumes.planes) for p in scale) for scale in flat]
    chosen = Planes(examples.images, places, volumes.planes // 2)
    return Examples(
        images=chosen,
        targets=tuple(examples.targets[v].at(z) for v, z in places),
        ids=tuple(f"{examples.ids[v]}:{z}" for v, z in places),
        groups=tuple(examples.ids[v] for v, _ in places),
        scales=tuple((flat[v][0], flat[v][1]) for v, _ in places),
        weights=_weights(np.array([shows[v][z] for v, z in places]), volumes.foreground),
        orientation=examples.orientation,
        far=examples.far,
    )


def _require_flat(examples: Examples) -> None:
    """Boxes are drawn plane by plane: of one over several, rows of a plane may miss its object."""
    thick = [
        bool((objects[where] == number).all())
        for target in examples.targets
        if target.objects is not None
        for objects in target.objects
        for number, where in enumerate(ndimage.find_objects(objects), 1)
        if where is not None and where[0].stop - where[0].start > 1
    ]
    if sum(thick) > len(thick) / 2:
        raise LabelError(
            f"supervision boxes: expected a box in every slice of an object, got {sum(thick)} "
            "boxes over several slices; take volumes: {view: 3d}, or draw them slice by slice"
        )


def _repeated(part: NDArray[Any], channels: int, planes: int) -> NDArray[Any]:
    return np.tile(part, (planes, 1, 1)) if len(part) == channels else part


def _weights(shows: NDArray[np.bool_], organ: float | None) -> tuple[float, ...]:
    """Shares of an epoch; empty where all planes are alike."""
    count = int(shows.sum())
    if organ is None or not 0 < count < len(shows):
        return ()
    each = np.where(shows, organ / count, (1 - organ) / (len(shows) - count))
    return tuple(each.tolist())
