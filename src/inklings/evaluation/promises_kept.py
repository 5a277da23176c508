"""Whether promises about new patients were held by those who are scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from inklings.errors import DataError
from inklings.evaluation.changes import number
from inklings.evaluation.family import Job, Selection
from inklings.evaluation.froc import MOST_MARKS
from inklings.evaluation.metric import SHARE, SIZE
from inklings.evaluation.risks import kept_by
from inklings.predictions.guarantee import SIZES, Guarantee, of_head
from inklings.predictions.shift import shift


@dataclass(frozen=True)
class Kept:
    """A promise, and the risk of the patients that were scored.

    Attributes:
        risk: As of the promise, like ``label``, ``alpha``, ``confidence`` and ``threshold``.
        value: Mean over patients.
        low, high: 95 % interval.
        patients: That it is of.
        held: Whether it is at most what was promised.
        size: Of the guaranteed prediction; see `inklings.predictions.guarantee.SIZES`.
        calibrated: Patients among them that the promise was calibrated on.
    """

    risk: str
    label: str
    alpha: float
    confidence: float | None
    threshold: float
    value: float
    low: float
    high: float
    patients: int
    held: bool
    size: float
    calibrated: int


def kept(job: Job, selection: Selection) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """Rows for a table, lines for people, and warnings; nothing where nothing was promised."""
    if job.mine.folder is None or not (promises := of_head(job.mine.head)):
        return [], [], []
    patients = {case.id: case.patient for case in selection.cases}
    warnings, found = list(shift(job.mine.there, patients)), []
    for of in promises:
        try:
            one = _kept(job, selection, of)
        except DataError as error:
            warnings.append(f"the promise about {of.label} is not judged: {error}")
            continue
        if one is not None:
            found.append((one, of))
    warnings += _seen(one for one, _ in found)
    lines = [_line(one, of) for one, of in found]
    return [asdict(one) for one, _ in found], lines, warnings


def _kept(job: Job, selection: Selection, of: Guarantee) -> Kept | None:
    losses = kept_by(job.mine, selection, job.reference, of)
    n = len(losses.patients)
    if not n:
        return None
    alarms = of.risk == "alarms"
    own = losses.loss[:, 0] * (MOST_MARKS if alarms else 1)
    value, bootstrap = float(own.mean()), job.settings.bootstrap
    drawn = bootstrap.weights(n) @ own / n
    low, high = bootstrap.interval(value, drawn, own, SIZE if alarms else SHARE)
    return Kept(
        of.risk, of.label, of.alpha, of.confidence, of.threshold, value, low, high, n,
        value <= of.alpha, float(losses.size.mean()),
        len(set(losses.patients) & set(of.patients)),
    )  # fmt: skip


def _line(one: Kept, of: Guarantee) -> str:
    between = f" ({number(one.low)} to {number(one.high)})" if np.isfinite(one.low) else ""
    unit = "diagnoses a set" if one.risk == "sets" else SIZES[of.kind]
    return (
        f"promised {of.sure}: {of.named} at most {of.most}; {number(one.value)}{between} in "
        f"{one.patients} patients: {'held' if one.held else 'NOT HELD'}; {one.size:.3g} {unit}"
    )


def _seen(found: Iterable[Kept]) -> Iterator[str]:
    for one in found:
        if one.calibrated:
            yield (
                f"the promise about {one.label} was calibrated on {one.calibrated} of the "
                f"{one.patients} scored patients: that it was held there says nothing"
            )
