"""Cases as trees see them: filters around each sample, and ranks within a case."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from inklings import progress
from inklings.data.array_cache import by_case, case_names
from inklings.data.examples import Examples
from inklings.data.filter_bank import Features, Middle, Ranks, filter_bank, is_seen
from inklings.data.pieces import Piece, pieces
from inklings.supervision.base import Target
from inklings.weak.pseudo_label_selection import insides

_SIDE = 512
_FEWEST = 128
"""Samples of a piece at least: of very many pieces not all are looked at for the rows."""

_MARGIN, _LEAST_MARGIN = 4, 32
"""What is looked at around a piece: times the reach of the filters, and samples."""


@dataclass(frozen=True)
class Cases:
    """The images, and what is decided once for the case of each.

    Attributes:
        labels: Images with labels that are too wide.
        names: Case of each image.
        folds: Part of each case, whose trees never see it.
        reach: Of the filters, in samples.
        middles: Of each case.
    """

    labels: Examples
    names: Sequence[str]
    folds: Mapping[str, int]
    reach: float
    middles: Mapping[str, Middle]

    @classmethod
    def of(cls, labels: Examples, folds: Mapping[str, int], reach: float) -> Self:
        """Of images whose cases are dealt already."""
        names = case_names(labels)
        return cls(labels, names, folds, reach, _middles(labels, names))

    def pieces(self, which: Iterable[int]) -> list[Piece]:
        """Of some images, with what their features depend on around them."""
        margin = max(_LEAST_MARGIN, math.ceil(_MARGIN * self.reach))
        shapes = ((i, self.labels.images[i].shape[1:]) for i in which)
        return [piece for i, shape in shapes for piece in pieces(i, shape, _SIDE, margin)]

    def fold(self, piece: Piece) -> int:
        """Part of the case that a piece belongs to."""
        return self.folds[self.names[piece.image]]

    def told(self, piece: Piece) -> Target:
        """The labels of a piece."""
        return self.labels.targets[piece.image].at(piece.box)

    def seen(self, piece: Piece) -> NDArray[np.bool_]:
        """Where a piece is not glass, ``(*S)``."""
        return is_seen(self.labels.images[piece.image][(slice(None), *piece.box)])

    def looked_at(self, parts: Sequence[Piece]) -> Iterator[tuple[Piece, Features]]:
        """Features of pieces, in order; a few ahead on other threads."""
        workers = torch.get_num_threads()
        with ThreadPoolExecutor(workers) as pool:
            for start in range(0, len(parts), 2 * workers):
                some = parts[start : start + 2 * workers]
                yield from zip(some, pool.map(self._features, some), strict=True)

    def _features(self, piece: Piece) -> Features:
        image = self.labels.images[piece.image][(slice(None), *piece.seen)]
        return filter_bank(image, self.middles[self.names[piece.image]], self.reach)[piece.own]


@dataclass(frozen=True)
class ResponseRows:
    """Some samples of all images that are not glass.

    Attributes:
        features: ``(n, F)``, ranks within the case.
        inside: ``(n, K)``, of the labels as they were given.
        fold: ``(n,)``, which part's trees never see the case.
    """

    features: NDArray[np.uint8]
    inside: NDArray[np.bool_]
    fold: NDArray[np.int64]


def rows_and_ranks(
    cases: Cases, samples: int, seed: int
) -> tuple[ResponseRows | None, dict[str, Ranks]]:
    """Some samples of all cases, and the ranks of each; None where there is nothing but glass."""
    rng = np.random.default_rng(seed)
    parts = _some(cases, max(1, samples // _FEWEST), rng)
    each = max(1, samples // len(parts))
    of: dict[str, list[tuple[NDArray[Any], ...]]] = {}
    looked_at = cases.looked_at(parts)
    for piece, found in progress.track(looked_at, "forest looks", total=len(parts)):
        target = cases.told(piece)
        told = np.flatnonzero(target.known.all(0) & cases.seen(piece))
        some = rng.choice(told, min(each, len(told)), replace=False)
        within = insides(target).reshape(len(target.value), -1)[:, some].T
        of.setdefault(cases.names[piece.image], []).append(
            (found.reshape(-1, found.shape[-1])[some], within)
        )
    rows, ranks = [], {}
    for name, own in of.items():
        mine, within = (np.concatenate(part) for part in zip(*own, strict=True))
        if len(mine):
            ranks[name] = Ranks.of(mine)
            rows.append((ranks[name](mine), within, np.full(len(mine), cases.folds[name])))
    if not rows:
        return None, ranks
    return ResponseRows(*(np.concatenate(part) for part in zip(*rows, strict=True))), ranks


def _some(cases: Cases, count: int, rng: np.random.Generator) -> list[Piece]:
    """Pieces of all cases, all there are or about ``count``, of each case as many as of others."""
    of = [cases.pieces(mine) for mine in by_case(cases.labels)]
    if sum(map(len, of)) > count:
        each = max(1, count // len(of))
        of = [[mine[i] for i in sorted(rng.permutation(len(mine))[:each])] for mine in of]
    return [piece for mine in of for piece in mine]


def _middles(labels: Examples, names: Sequence[str]) -> dict[str, Middle]:
    own = by_case(labels)
    return {names[mine[0]]: Middle.of([labels.images[i] for i in mine]) for mine in own}
