"""What a cohort of bags, or one file of instances, is: in words, and as a picture to look at."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.bags.label_words import counted, word
from inklings.cohorts.bags import spans
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.labels.kinds import BagLabel, CaseLabel
from inklings.readers.bag_files import BagFileHead, Span, blocks, head, not_finite, read

_TILES, _ROWS, _COLUMNS = 25, 48, 192


def bag_lines(cohort: Cohort) -> list[str]:
    """Sizes of the bags, what an instance is, labels: a line each."""
    sizes, kinds, broken = [], Counter[str](), 0
    for case in cohort:
        try:
            where = spans(case)
            kinds.update({_kind(head(span.path)) for span in where})
        except DataError:
            broken += 1
            continue
        sizes.append(sum(map(len, where)))
    lines = []
    if sizes:
        middle = int(np.median(sizes))
        lines.append(
            f"bags: {min(sizes)} to {max(sizes)} instances, median {middle}, {sum(sizes)} in all"
        )
        lines.append(f"instances: {'; '.join(f'{kind} ({n} bags)' for kind, n in kinds.items())}")
    lines.append(f"bag labels: {', '.join(counted(cohort))}")
    if broken:
        lines.append(f"{broken} bags cannot be opened: inklings check says why")
    return lines


def bag_file_lines(path: Path) -> list[str]:
    """What one file of instances holds; every number is looked at.

    Raises:
        ReaderError: If it is no such file, or damaged.
    """
    there = head(path)
    lines = [
        f"{path.name}: instances of a bag, {path.stat().st_size:,} bytes",
        f"instances: {there.count} of {_kind(there)}, in the dataset {there.name!r}",
    ]
    if there.form == "vector":
        lines.append("note: one vector for the whole slide, so one instance")
    attributes = [f"{key} {value}" for key, value in sorted(there.attributes.items())]
    if attributes:
        lines.append(f"attributes: {', '.join(attributes)[:400]}")
    low, high, total, count, wrong, done = np.inf, -np.inf, 0.0, 0, [], 0
    for block in blocks(Span(path, 0, there.count)):
        rows = not_finite(block)
        wrong += (rows + done + 1).tolist()
        done += len(block)
        kept = block[np.isfinite(block)] if len(rows) else block
        if kept.size:
            low, high = min(low, float(kept.min())), max(high, float(kept.max()))
            total, count = total + float(kept.sum(dtype=np.float64)), count + kept.size
    if count:
        lines.append(f"values: {there.dtype}, {low:.4g} to {high:.4g}, mean {total / count:.4g}")
    else:
        lines.append("values: none")
    if wrong:
        rest = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        lines.append(f"not finite: NaN or infinity in row {', '.join(map(str, wrong[:3]))}{rest}")
    return lines


def bag_picture(where: Iterable[Span]) -> NDArray[Any] | None:
    """Instances to look at, ``(C, H, W)``: pictures side by side, features a row each.

    None where there is no instance.

    Raises:
        DataError: If they cannot be read.
    """
    where = [span for span in where if len(span)]
    if not where:
        return None
    shape = head(where[0].path).shape
    most = _TILES if len(shape) == 3 else _ROWS
    count = sum(map(len, where))
    wanted = np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64))
    parts, first = [], 0
    for span in where:
        inside = wanted[(wanted >= first) & (wanted < first + len(span))] - first
        if len(inside):
            parts.append(read(span, inside))
        first += len(span)
    values = np.concatenate(parts)
    if values.ndim == 4:
        return _mosaic(values)
    columns = np.unique(np.linspace(0, values.shape[1] - 1, _COLUMNS).astype(np.int64))
    rows = max(1, 96 // len(values))
    wide = max(1, 192 // len(columns))
    return values[None, :, columns].astype(np.float32).repeat(rows, 1).repeat(wide, 2)


def bag_words(case: Case) -> list[str]:
    """What stands above the picture of a bag."""
    count = sum(map(len, spans(case)))
    words = [f"{count} instance{'' if count == 1 else 's'}"]
    words += [case.split] if case.split else []
    labels = [k for k in case.labels if isinstance(k, CaseLabel)]
    words += [word(k) for k in labels if not isinstance(k, BagLabel) or k.present][:2]
    return words


def _mosaic(tiles: NDArray[Any]) -> NDArray[Any]:
    """``(n, C, H, W)`` side by side, with a line between them."""
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    _, channels, height, width = tiles.shape
    sheet = np.full(
        (channels, rows * (height + 1), columns * (width + 1)), tiles.min(), tiles.dtype
    )
    for i, tile in enumerate(tiles):
        y, x = i // columns * (height + 1), i % columns * (width + 1)
        sheet[:, y : y + height, x : x + width] = tile
    return sheet


def _kind(there: BagFileHead) -> str:
    if len(there.shape) == 3:
        channels, height, width = there.shape
        return f"pictures of {height} x {width} pixels, {channels} channels ({there.dtype})"
    return f"{there.shape[0]} features ({there.dtype})"
