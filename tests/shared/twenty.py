"""Twenty objects that go through every format: two classes, holes, parts, borders."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage

from inklings.labels.annotations import images_in, read_outlines
from inklings.labels.outlines import Drawing, Outline
from inklings.labels.pictures import Picture, Writer
from inklings.labels.trace import polygons_of

SIZE = (90, 120)
Mask = np.ndarray


def masks(seed: int = 0) -> list[Mask]:
    """Twenty objects, five of them discs, five rings, five of several parts, five blobs."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(SIZE)
    found = []
    for k in range(20):
        y, x = 9 + 18 * (k % 5), 12 + 24 * (k // 5)
        away = np.hypot(rows - y, columns - x)
        if k % 4 == 0:
            found.append(away < 3 + k / 5)
        elif k % 4 == 1:
            found.append((away < 7.5) & (away > 3))
        elif k % 4 == 2:
            found.append((away < 2.5) | (np.hypot(rows - y, columns - x - 8) < 2.5) | (away == 5))
        else:
            noise = ndimage.gaussian_filter(rng.random(SIZE), 1.5)
            found.append((away < 8) & (noise > 0.48))
    return found


def names() -> list[str]:
    return ["gland" if k % 3 else "lumen" for k in range(20)]


def outlines(of: Sequence[Mask] | None = None) -> tuple[Outline, ...]:
    traced = [polygons_of(mask) for mask in (masks() if of is None else of)]
    return tuple(
        Outline(name, polygons[0], parts=polygons[1:])
        for name, polygons in zip(names(), traced, strict=True)
    )


def picture(*more: Outline) -> Picture:
    return Picture("p1", "p1.png", SIZE, (*outlines(), *more))


def back(write: Writer, tmp_path: Path, picture: Picture) -> Drawing:
    """What a format wrote of one picture, read again from its file."""
    for name, data in write([picture]).content.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (path,) = [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix not in (".yaml", ".mrk")]
    parts = images_in(path)
    return read_outlines(path, next(iter(parts.values())) if parts else None)


def overlaps(drawing: Drawing, of: Sequence[Mask] | None = None) -> list[float]:
    """Intersection over union of every object with what was read of it, in order."""
    expected = masks() if of is None else of
    shown = Picture("p1", "p1.png", SIZE, drawing.on(SIZE))
    found = [shown.mask(one) for one in shown.outlines if one.kind in ("polygon", "box")]
    assert len(found) == len(expected)
    return [float((a & b).sum() / (a | b).sum()) for a, b in zip(found, expected, strict=True)]
