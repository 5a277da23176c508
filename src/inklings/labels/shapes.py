"""Shapes that formats say in few numbers, as corners ``(x, y)``."""

from __future__ import annotations

import math
from collections.abc import Sequence


def ellipse(points: Sequence[Sequence[float]], corners: int = 48) -> list[tuple[float, float]]:
    """The ellipse in the box around some points, as a polygon ``(x, y)``."""
    xs, ys = [float(p[0]) for p in points], [float(p[1]) for p in points]
    x, y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    a, b = (max(xs) - min(xs)) / 2, (max(ys) - min(ys)) / 2
    turns = [2 * math.pi * k / corners for k in range(corners)]
    return [(x + a * math.cos(t), y + b * math.sin(t)) for t in turns]


def turned(
    points: Sequence[Sequence[float]], centre: Sequence[float], degrees: float
) -> list[tuple[float, float]]:
    """Places ``(x, y)`` turned about one of them, clockwise to the eye (y runs down)."""
    turn = math.radians(degrees)
    cos, sin = math.cos(turn), math.sin(turn)
    away = [(float(p[0]) - centre[0], float(p[1]) - centre[1]) for p in points]
    return [(centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos) for x, y in away]
