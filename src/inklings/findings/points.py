"""Points in many cases, as columns: marks of a detector, or what is to be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PointTable:
    """Rows of a table.

    Attributes:
        cases: ``(N)`` ids.
        points: ``(N, 3)``, ``(x, y, z)`` mm of the patient.
        values: Other columns of numbers, each ``(N)``.
    """

    cases: NDArray[np.object_]
    points: NDArray[np.float64]
    values: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, rows: Sequence[tuple[str, float, float, float, float]], value: str) -> PointTable:
        """Of rows ``(case, x, y, z, value)``, with the name of the value."""
        numbers = np.array([row[1:] for row in rows], float).reshape(len(rows), 4)
        cases = np.array([row[0] for row in rows], object)
        return cls(cases, numbers[:, :3], {value: numbers[:, 3]})

    def __len__(self) -> int:
        return len(self.cases)

    def by_case(self) -> dict[str, NDArray[np.int_]]:
        """Id to the rows of a case, in their order."""
        if not len(self):
            return {}
        order = np.argsort(self.cases, kind="stable")
        names, starts = np.unique(self.cases[order], return_index=True)
        return dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True))


def plain_id(text: str) -> str:
    """An id without blanks, and without the leading zeros of a number, as spreadsheets cut them."""
    text = text.strip()
    return str(int(text)) if text.isdigit() else text


def within(
    points: NDArray[np.float64], centres: NDArray[np.float64], radii: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether each point lies inside each ball.

    Args:
        points: ``(n, 3)`` mm.
        centres: ``(m, 3)`` mm.
        radii: ``(m,)`` mm; NaN holds nothing.

    Returns:
        ``(n, m)``; on the border is outside, as LUNA16 counts.
    """
    off = points.reshape(-1, 1, 3) - centres.reshape(1, -1, 3)
    closer: NDArray[np.bool_] = (off**2).sum(-1) < radii**2
    return closer
