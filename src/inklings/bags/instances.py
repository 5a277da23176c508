"""The instances of many bags: in memory where they fit, read as they are needed where not."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.readers.bag_files import Span, head, read

_RUN_BYTES = 64 * 2**20


class Instances:
    """Bags by number.

    Args:
        bags: Where the rows of each bag lie.
        budget: Bytes that may be kept in memory; beyond it nothing is.
    """

    def __init__(self, bags: Sequence[tuple[Span, ...]], budget: int) -> None:
        self._bags = bags
        self.counts = tuple(sum(map(len, spans)) for spans in bags)
        row_bytes = _row_bytes(bags)
        self.bytes = sum(len(span) * row_bytes[span.path] for spans in bags for span in spans)
        self._kept = _load(bags, row_bytes) if self.bytes <= budget else None

    def __len__(self) -> int:
        return len(self._bags)

    def some(self, numbers: Sequence[int]) -> Instances:
        """Only the bags with these numbers, in this order; nothing is read again."""
        found = copy.copy(self)
        found._bags = [self._bags[i] for i in numbers]
        found.counts = tuple(self.counts[i] for i in numbers)
        found._kept = None if self._kept is None else [self._kept[i] for i in numbers]
        return found

    @property
    def in_memory(self) -> bool:
        """Whether reading a bag costs nothing."""
        return self._kept is not None

    def take(self, index: int, rows: NDArray[np.int64] | None = None) -> NDArray[Any]:
        """Instances ``(n, *shape)`` of a bag; only ``rows`` (ascending) if given."""
        if self._kept is not None:
            parts = self._kept[index]
            whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
            return whole if rows is None else whole[rows]
        if rows is None:
            return np.concatenate([read(span) for span in self._bags[index]])
        found, first = [], 0
        for span in self._bags[index]:
            inside = rows[(rows >= first) & (rows < first + len(span))] - first
            if len(inside):
                found.append(read(span, inside))
            first += len(span)
        return np.concatenate(found)


def _row_bytes(bags: Sequence[tuple[Span, ...]]) -> dict[Path, int]:
    """Bytes of one instance of each file."""
    heads = {path: head(path) for path in {span.path for spans in bags for span in spans}}
    return {path: there.bytes // max(there.count, 1) for path, there in heads.items()}


def _load(bags: Sequence[tuple[Span, ...]], row_bytes: dict[Path, int]) -> list[list[NDArray[Any]]]:
    """Every bag as views of what was read; neighbours in a file are read in one go."""
    todo = sorted(
        {span for spans in bags for span in spans}, key=lambda s: (str(s.path), s.start, s.stop)
    )
    kept: dict[Span, NDArray[Any]] = {}
    run: list[Span] = []
    stop = 0  # of the run
    for span in [*todo, None]:
        if run and (span is None or not _joins(run[0], stop, span, row_bytes)):
            start = run[0].start
            block = read(Span(run[0].path, start, stop))
            kept |= {s: block[s.start - start : s.stop - start] for s in run}
            run, stop = [], 0
        if span is not None:
            run.append(span)
            stop = max(stop, span.stop)
    return [[kept[span] for span in spans] for spans in bags]


def _joins(first: Span, stop: int, span: Span, row_bytes: dict[Path, int]) -> bool:
    if span.path != first.path or span.start > stop:
        return False
    return (span.stop - first.start) * row_bytes[span.path] <= _RUN_BYTES
