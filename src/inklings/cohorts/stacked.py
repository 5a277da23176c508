"""All images of one case as the channels of one, on the grid of the first.

T1 and FLAIR, b values, or files of single channels: each is read by itself, and those that lie on
another grid of the same patient are resampled, linearly, onto that of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.cohorts.case import Case
from inklings.cohorts.label_checks import difference
from inklings.cohorts.opening import open_case
from inklings.errors import DataError, GeometryError
from inklings.geometry import Geometry
from inklings.readers.image import Image
from inklings.readers.notes import Note


@dataclass(frozen=True)
class Stacked:
    """What `stacked` returns.

    Attributes:
        samples: ``(C, *geometry.shape)``.
        geometry: Grid of the first image.
        channels: Names: of the image where it has one channel, else ``image:channel``.
        notes: Of the readers, and what was resampled.
    """

    samples: NDArray[Any]
    geometry: Geometry
    channels: tuple[str, ...]
    notes: tuple[Note, ...]


def stacked(names: Sequence[str], opened: Callable[[str], Image]) -> Stacked:
    """Read some images of a case and put their channels behind one another.

    Args:
        names: Of the images, in the order of the channels.
        opened: Opens one by its name.

    Raises:
        ReaderError: If one cannot be read.
        GeometryError: If one neither has the grid of the first nor says where it lies.
    """
    samples: list[NDArray[Any]] = []
    channels: list[str] = []
    notes: list[Note] = []
    grid: Geometry | None = None
    for name in names:
        with opened(name) as image:
            own, array = image.geometry, image.read(image.geometry.full)
            notes += image.notes
            several = len(image.channels) > 1
            channels += [f"{name}:{k}" if several else name for k in image.channels]
        grid = grid or own
        off = difference(grid, own)
        if off:
            array = onto(array, own, grid, f"image {name!r} of {own.frame or 'the case'}: {off}")
            notes.append(Note("resampled", f"{name}: {off}; resampled onto {names[0]}"))
        samples.append(array)
    if grid is None:
        raise DataError("expected at least one image of the case, got none")
    whole = samples[0] if len(samples) == 1 else np.concatenate(samples)
    return Stacked(whole, grid, tuple(channels), tuple(notes))


def stacked_case(case: Case) -> Stacked:
    """All images of ``case``, in its order.

    Raises:
        DataError: As `stacked`; the message names the case.
    """
    try:
        return stacked(tuple(case.images), lambda name: open_case(case, name))
    except GeometryError as error:
        raise GeometryError(f"case {case.id}: {error}") from None


def inputs_of(cases: Sequence[Case]) -> tuple[str, ...]:
    """Names of the images that every one of ``cases`` has, in one order.

    Raises:
        DataError: If cases differ; the message names two that do.
    """
    names = tuple(cases[0].images) if cases else ()
    for case in cases:
        if len(names) == len(case.images) == 1:
            continue
        if set(case.images) != set(names):
            raise DataError(
                f"expected the images {', '.join(names)} of every case, as {cases[0].id} has them, "
                f"got {', '.join(case.images)} of {case.id}; import the cohort again, or select "
                "the cases that are complete"
            )
    return names


def in_order(case_id: str, has: Mapping[str, Any], wanted: Sequence[str]) -> tuple[str, ...]:
    """Which images of a case a run takes, in the order in which it learnt them.

    Args:
        case_id: For the message.
        has: The images of the case, by name.
        wanted: Names that the run learnt from; one name, or none, fits any single image.

    Raises:
        DataError: If one is missing.
    """
    if len(wanted) <= 1 and len(has) == 1:
        return tuple(has)
    if not wanted:
        return tuple(has)
    missing = [name for name in wanted if name not in has]
    if missing:
        raise DataError(
            f"case {case_id}: the run was trained with the images {', '.join(wanted)}, expected "
            f"{missing[0]!r} too, got {', '.join(has) or 'none'}; name them: --images NAME=FILES"
        )
    return tuple(wanted)


def onto(array: NDArray[Any], own: Geometry, grid: Geometry, what: str) -> NDArray[Any]:
    """``array (C, *own.shape)`` on another grid in the same space, linearly; of its own type.

    Samples are smoothed first where the other grid is coarser. Beyond the border of ``own`` the
    samples are its lowest ones, channel by channel.

    Raises:
        GeometryError: If one of the two does not say where it lies, or they do not meet; ``what``
            begins the message.
    """
    known = own.spacing is not None and grid.spacing is not None
    if not known or len(own.shape) != len(grid.shape) or len(grid.shape) != 3:
        raise GeometryError(f"{what}; expected images of one size, or volumes with a position")
    axes = [np.arange(n, dtype=float) for n in grid.shape]
    corner = own.to_indices(grid.to_points(np.zeros(3)))
    steps = np.stack(
        [own.to_indices(grid.to_points(np.eye(3)[k])) - corner for k in range(3)], axis=1
    )
    sizes = np.abs(steps).max(1)
    sigmas = np.maximum(0.0, (sizes - 1) / 2)
    out = np.empty((len(array), *grid.shape), array.dtype)
    low, high = np.zeros(3), np.array(own.shape, float) - 1
    met = 0
    for c, channel in enumerate(array):
        smooth = channel.astype(np.float32)
        if (sigmas > 1e-3).any():
            smooth = ndimage.gaussian_filter(smooth, sigmas, mode="nearest")
        outside = float(channel.min())
        for z in range(grid.shape[0]):  # a plane at a time: places take eight times its memory
            yy, xx = np.meshgrid(axes[1], axes[2], indexing="ij")
            places = np.stack([np.full(yy.shape, float(z)), yy, xx]).reshape(3, -1)
            at = np.round(steps @ places + corner[:, None], 5)
            inside = ((at >= low[:, None] - 0.5) & (at <= high[:, None] + 0.5)).all(0)
            met += int(inside.sum())
            plane = np.full(at.shape[1], outside, np.float32)
            plane[inside] = ndimage.map_coordinates(smooth, at[:, inside], order=1, mode="nearest")
            if np.issubdtype(array.dtype, np.integer):
                plane = np.rint(plane)
            out[c, z] = plane.reshape(grid.shape[1:]).astype(array.dtype)
    if not met:
        raise GeometryError(f"{what}; the two do not overlap in the patient")
    return out
