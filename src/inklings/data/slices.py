"""Volumes as planes: what a two-dimensional network is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray


def with_neighbours(volume: NDArray[Any], plane: int, context: int) -> NDArray[Any]:
    """Plane ``plane`` and ``context`` planes on either side as channels.

    Beyond the first and the last plane these are repeated. Channels of one plane stay together,
    the plane itself in the middle.

    Args:
        volume: ``(C, D, H, W)``.
        plane: Index in ``D``.
        context: 0 gives the plane alone, without a copy.

    Returns:
        ``((2 * context + 1) * C, H, W)``.
    """
    if not context:
        return volume[:, plane]
    near = np.clip(np.arange(plane - context, plane + context + 1), 0, volume.shape[1] - 1)
    return np.concatenate([volume[:, z] for z in near.tolist()])


class Planes(Sequence[NDArray[Any]]):
    """Chosen planes of several volumes, each made when it is asked for; nothing is copied before.

    Args:
        volumes: ``(C, D, H, W)`` each.
        places: Volume and plane of each item.
        context: Neighbouring planes on either side, as channels.
    """

    def __init__(
        self, volumes: Sequence[NDArray[Any]], places: Sequence[tuple[int, int]], context: int
    ) -> None:
        self.volumes, self.places, self.context = volumes, tuple(places), context

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> NDArray[Any]: ...

    @overload
    def __getitem__(self, index: slice) -> Planes: ...

    def __getitem__(self, index: int | slice) -> NDArray[Any] | Planes:
        if isinstance(index, slice):
            return Planes(self.volumes, self.places[index], self.context)
        volume, plane = self.places[index]
        return with_neighbours(self.volumes[volume], plane, self.context)
