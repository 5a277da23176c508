"""Which cases to correct next: active learning where the corrections are made.

Three measures, each of which says why a case may teach something:

- *uncertainty*: of masks, the Dice that they lack by their own probabilities (one minus the
  expected soft Dice; it does not grow with the size of the object, unlike the mean entropy of a
  picture); of bags, the mean entropy of the classes in bits; of findings, the sum of theirs.
- *disagreement*: of several runs that were averaged, their spread where something is called.
- *distance*: how unlike the training images the image is (`inklings.predictions.likeness`).

The order is that of the mean rank over those that are there (Settles 2009 has a survey of such
measures). A case that was corrected already is left out.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from inklings.errors import DataError, SpecError
from inklings.files import read_text, write_rows
from inklings.geometry import Region
from inklings.labels.corrections import corrected_cases, read_corrections, standing
from inklings.predictions.bags import BagPrediction
from inklings.predictions.dense import DensePrediction
from inklings.predictions.findings import Findings
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head
from inklings.predictions.heatmaps.tiled import level_near
from inklings.predictions.likeness_table import read_likeness
from inklings.predictions.slides import HEATMAP, SlidePrediction, folder_of
from inklings.predictions.uncertainty import spreads_of
from inklings.progress import track

TABLE = "suggestions.csv"
MEASURES = ("uncertainty", "disagreement", "distance")
_SIDE = 1024


@dataclass(frozen=True)
class Suggestion:
    """A case to correct.

    Attributes:
        case: Identifier.
        gain: Mean of the ranks of its measures, 0 (none is higher elsewhere) to 1.
        measures: Name to value, of those of `MEASURES` that are known of it.
    """

    case: str
    gain: float
    measures: Mapping[str, float]

    @property
    def reason(self) -> str:
        """The measures in words."""
        return ", ".join(f"{name} {value:.3g}" for name, value in self.measures.items())


def suggest(
    folder: Path, corrections: Path | None = None, by: Sequence[str] = MEASURES
) -> tuple[Suggestion, ...]:
    """The cases of a folder of predictions, the least certain first.

    Args:
        folder: Of predictions.
        corrections: Folder of corrections; ``corrections`` beside the predictions if None.
        by: Measures to go by, those that are there.

    Raises:
        DataError: If a prediction is damaged, or nothing is left to correct.
        SpecError: If a measure is unknown, or no case has one of them.
    """
    if unknown := [name for name in by if name not in MEASURES]:
        raise SpecError(f"expected measures of {', '.join(MEASURES)}, got {', '.join(unknown)}")
    there = PredictionFolder.open(folder)
    done = _corrected(folder / "corrections" if corrections is None else corrections)
    cases = [case for case in there.cases if case not in done]
    if not cases:
        raise DataError(f"{folder}: expected cases that are not yet corrected, got none")
    found = {name: values for name, values in _measured(there, cases).items() if name in by}
    found = {name: values for name, values in found.items() if values}
    if not found:
        raise SpecError(
            f"{folder}: nothing is known of {', '.join(by)}; disagreement needs several runs, "
            "distance a run that knows its training images"
        )
    ranks: dict[str, list[float]] = {case: [] for case in cases}
    for values in found.values():
        known = list(values)
        order = (rankdata([values[case] for case in known]) - 1) / max(1, len(known) - 1)
        for case, rank in zip(known, order, strict=True):
            ranks[case].append(float(rank))
    ordered = sorted(cases, key=lambda case: (-_mean(ranks[case]), case))
    return tuple(
        Suggestion(
            case,
            _mean(ranks[case]),
            {name: values[case] for name, values in found.items() if case in values},
        )
        for case in ordered
    )


def write_suggestions(folder: Path, suggested: Sequence[Suggestion]) -> Path:
    """Write ``suggestions.csv``, a line a case in their order."""
    rows = [
        {"place": place, "case": one.case, "gain": f"{one.gain:.4f}"}
        | {name: f"{one.measures[name]:.6g}" if name in one.measures else "" for name in MEASURES}
        for place, one in enumerate(suggested, 1)
    ]
    write_rows(folder / TABLE, rows)
    return folder / TABLE


def read_suggestions(folder: Path) -> dict[str, int]:
    """Case to its place, 1 first, as `write_suggestions` wrote them; empty if it did not.

    Raises:
        DataError: If the file is damaged.
    """
    path = folder / TABLE
    if not path.is_file():
        return {}
    rows = csv.DictReader(read_text(path, "a list of suggestions").splitlines())
    try:
        return {row["case"]: int(row["place"]) for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: expected a place and a case a line, got {error}") from None


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _corrected(folder: Path) -> set[str]:
    if not folder.is_dir():
        return set()
    cases = corrected_cases(folder)
    return {case for case in cases if standing(read_corrections(folder, case))}


def _measured(there: PredictionFolder, cases: Sequence[str]) -> dict[str, dict[str, float]]:
    """Measure to case to value."""
    masks: dict[str, NDArray[np.float64]] = {}
    found: dict[str, dict[str, float]] = {name: {} for name in MEASURES}
    for case in track(cases, "suggest", len(cases)):
        said = there.payload(case)
        if isinstance(said, BagPrediction):
            if len(said.probability):
                found["uncertainty"][case] = float(_entropy(said.probability).mean())
            continue
        if isinstance(said, Findings):
            scores = np.array([finding.score for finding in said], np.float64)
            found["uncertainty"][case] = float(_entropy(scores).sum())
            continue
        masks[case] = _overlap(said, there.head, there.path)
        spreads = said.spread if isinstance(said, SlidePrediction) else ()
        if isinstance(said, DensePrediction):
            spreads = spreads_of(said, there.head)
        if spreads:
            found["disagreement"][case] = _mean([spread.called for spread in spreads])
    if masks:
        lacking = lacking_dice(np.stack(list(masks.values())))
        found["uncertainty"] = dict(zip(masks, lacking.tolist(), strict=True))
    judged = read_likeness(there.path)
    found["distance"] = {case: judged[case].distance for case in cases if case in judged}
    return found


def lacking_dice(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """One minus the Dice that masks are expected to have, ``(N,)``, from sums ``(N, K, 3)``.

    The sums are of the probabilities within the mask, of all probabilities, and of the samples of
    the mask. The median size of the masks of a class is added to both sides of its fraction, so
    that an image in which nearly nothing is seen is not the most uncertain of all.
    """
    inside, every, size = np.moveaxis(sums, -1, 0)
    shown = np.where(size > 0, size, np.nan)
    some = ~np.isnan(shown).all(0)
    usual = np.ones(size.shape[1])
    usual[some] = np.nanmedian(shown[:, some], axis=0)
    lacking: NDArray[np.float64] = (1 - (2 * inside + usual) / (every + size + usual)).mean(axis=1)
    return lacking


def _overlap(
    said: DensePrediction | SlidePrediction, head: Head, folder: Path
) -> NDArray[np.float64]:
    """Sums of each class, ``(K, 3)``, as `lacking_dice` takes them."""
    if isinstance(said, DensePrediction):
        dense = said.dense
    else:
        level = level_near(folder_of(folder, said.case) / HEATMAP, _SIDE)
        with said.heatmap(folder, level) as heat:
            dense = heat.read(Region((0, 0), (heat.shape[1], heat.shape[2])))
    rows = []
    for plane, threshold in zip(dense, head.thresholds, strict=False):
        mask = plane >= np.float32(threshold * 255)
        rows.append([plane[mask].sum(dtype=np.int64) / 255, plane.sum(dtype=np.int64) / 255,
                     np.count_nonzero(mask)])  # fmt: skip
    return np.array(rows, np.float64)


def _entropy(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of yes and no, in bits."""
    p = np.clip(probability, 1e-12, 1 - 1e-12)
    bits: NDArray[np.float64] = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return bits
