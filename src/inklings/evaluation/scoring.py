"""From measured cases to rows with intervals, and from two runs to differences."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from inklings.calibration.measure import reliability
from inklings.errors import DataError, SpecError
from inklings.evaluation import METRICS
from inklings.evaluation.changes import Change
from inklings.evaluation.intervals import BOOTSTRAP, Bootstrap, paired, sum_by_patient
from inklings.evaluation.metric import DEFAULT, Array, Metric, Options, ratio
from inklings.evaluation.pairs import Judgement, Pair, judgement
from inklings.evaluation.results import Results
from inklings.evaluation.scores import Row

_ORDER = ("overlap", "instances", "surface", "calibration", "chaos", "volume", "annotated")


@dataclass(frozen=True)
class Measured:
    """One case after measuring: small, whatever the size of the image.

    Attributes:
        sums: Per metric, the numbers that add up over cases.
        samples: ``(K, [predicted, reference])`` samples of each class, as far as they are judged.
        judgement: How much the reference speaks of.
        annotated: As of `Pair`.
    """

    case: str
    patient: str
    sums: tuple[Array, ...]
    samples: tuple[tuple[int, int], ...]
    judgement: Judgement = field(default_factory=Judgement)
    annotated: tuple[bool, ...] | None = None

    def speaks_of(self, k: int) -> bool:
        """Whether class ``k`` is judged."""
        return not self.annotated or self.annotated[k]


@dataclass(frozen=True)
class Chosen:
    """Which metrics are measured for which classes."""

    metrics: tuple[Metric, ...]
    labels: tuple[str, ...]
    classes: tuple[str, ...]


def choose(
    names: Sequence[str] | None, classes: Sequence[str], options: Options = DEFAULT
) -> Chosen:
    """The metrics called ``names`` (the usual ones for None), once per class that they exist for.

    Raises:
        SpecError: If there is no metric of a name; the message names the nearest one.
    """
    metrics: list[Metric] = []
    labels: list[str] = []
    for channel, label in enumerate(classes):
        for family in sorted(METRICS, key=_place):
            for metric in METRICS.get(family)(replace(options, channel=channel)):
                metrics.append(metric)
                labels.append("all" if metric.of_all else label)
    known = [metric.name for metric in metrics]
    for name in names or ():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise SpecError(f"no metric named {name!r}; {hint}")
    keep = [
        i
        for i, metric in enumerate(metrics)
        if (not metric.on_request if names is None else metric.name in names)
    ]
    return Chosen(tuple(metrics[i] for i in keep), tuple(labels[i] for i in keep), tuple(classes))


def _place(family: str) -> int:
    """Families in the order of the table; plug-ins come last."""
    return _ORDER.index(family) if family in _ORDER else len(_ORDER)


def measure(pair: Pair, chosen: Chosen) -> Measured:
    """Measure one case; of classes that its reference does not annotate nothing is measured."""
    both = zip(pair.predicted.mask, pair.reference.mask, strict=True)
    samples = tuple((int(np.count_nonzero(p)), int(np.count_nonzero(r))) for p, r in both)
    spoken = dict(zip(chosen.classes, pair.annotated or (), strict=False))
    spoken["all"] = all(spoken.values())
    found = [metric.sums(pair) for metric in chosen.metrics]
    sums = tuple(
        own if spoken.get(label, True) else np.zeros_like(own)
        for own, label in zip(found, chosen.labels, strict=True)
    )
    return Measured(pair.case, pair.patient, sums, samples, judgement(pair), pair.annotated)


def tabulate(
    measured: Sequence[Measured],
    chosen: Chosen,
    options: Options,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Results:
    """Rows with intervals from measured cases; metrics that no case defines are left out."""
    if not measured:
        raise DataError("expected at least one case to score, got none")
    patients = [m.patient for m in measured]
    weights = bootstrap.weights(len(set(patients)))
    stacked = [np.stack(column) for column in zip(*(m.sums for m in measured), strict=True)]
    values = [m.summarise(s) for m, s in zip(chosen.metrics, stacked, strict=True)]
    absent = _absent(measured, chosen.classes)
    rows = [
        _row(metric, label, sums, own, patients, weights, bootstrap)
        for metric, label, sums, own in zip(
            chosen.metrics, chosen.labels, stacked, values, strict=True
        )
        if not np.isnan(own).all() and _says(metric, label, absent)
    ]
    facts = {
        "cases": len(measured),
        "patients": len(set(patients)),
        "classes": list(chosen.classes),
        "empty": {"policy": options.empty, "counts": _empties(measured, chosen.classes)},
        "tolerance": options.tolerance,
        "unit": options.unit,
        "resamples": bootstrap.resamples,
        "seed": bootstrap.seed,
        "level": bootstrap.level,
    }
    facts |= _judged(measured) | _annotated(measured, chosen.classes)
    facts |= {"absent": absent} if absent else {}
    curves = {
        label: {"reliability": _reliability(sum_by_patient(sums, patients), weights, bootstrap)}
        for metric, label, sums in zip(chosen.metrics, chosen.labels, stacked, strict=True)
        if metric.name == "ece" and sums.any()
    }
    return Results(tuple(rows), _lines(measured, chosen, values), facts, curves)


def require_rows(rows: Sequence[Row], measured: Sequence[Measured], chosen: Chosen) -> None:
    """Refuse metrics that were asked for and that no reference here has.

    Raises:
        SpecError: If every reference is sparse and they are of dense ones, or the reverse.
    """
    sparse = sum(m.judgement.sparse for m in measured)
    here = "sparse" if sparse else "dense"
    absent = _absent(measured, chosen.classes)
    if all(label in absent for label in chosen.labels):
        return
    fits = any(metric.of in ("any", here) for metric in chosen.metrics)
    if not rows and sparse in (0, len(measured)) and not fits:
        first = chosen.metrics[0]
        near = "dice_annotated, recall_annotated, ..." if sparse else "dice, recall, ..."
        raise SpecError(
            f"{first.name} is of {first.of} references, and those of all {len(measured)} cases are "
            f"{here}; take {near} or leave --metric out"
        )


def _judged(measured: Sequence[Measured]) -> dict[str, Any]:
    """What a table says of references that are partial; nothing where all are whole."""
    partial = [m.judgement for m in measured if m.judgement.partial]
    if not partial:
        return {}
    share = sum(one.samples for one in partial) / sum(one.total for one in partial)
    return {
        "judged": {
            "partial_cases": len(partial),
            "sparse_cases": sum(one.sparse for one in partial),
            "positives_only": sum(not one.negatives for one in partial),
            "share": share,
        }
    }


def _annotated(measured: Sequence[Measured], classes: Sequence[str]) -> dict[str, Any]:
    """In how many cases each class is judged; nothing where all are in all."""
    counts = {name: sum(m.speaks_of(k) for m in measured) for k, name in enumerate(classes)}
    return {} if set(counts.values()) == {len(measured)} else {"annotated": counts}


def _absent(measured: Sequence[Measured], classes: Sequence[str]) -> dict[str, int]:
    """Classes that no reference holds, of those that are judged: in how many cases predicted."""
    found: dict[str, int] = {}
    for k, name in enumerate(classes):
        sizes = [m.samples[k] for m in measured if m.speaks_of(k) and m.judgement.total]
        if sizes and not any(true for _, true in sizes):
            found[name] = sum(said > 0 for said, _ in sizes)
    return found


def _says(metric: Metric, label: str, absent: Collection[str]) -> bool:
    """Whether a metric says anything of a class."""
    return label not in absent or metric.of_absent


def _row(
    metric: Metric,
    label: str,
    sums: Array,
    own: Array,
    patients: Sequence[str],
    weights: Array,
    bootstrap: Bootstrap,
) -> Row:
    defined = ~np.isnan(own)
    by_patient = sum_by_patient(sums, patients)
    value = float(metric.summarise(sums.sum(axis=0)))
    drawn, alone = metric.summarise(weights @ by_patient), metric.summarise(by_patient)
    low, high = bootstrap.interval(value, drawn, alone, metric.span)
    return Row(
        metric=metric.name,
        value=value,
        low=low,
        high=high,
        n=int(defined.sum()),
        patients=len({p for p, there in zip(patients, defined, strict=True) if there}),
        unit=metric.unit,
        label=label,
        title=metric.title,
        higher=metric.higher,
    )


def _empties(measured: Sequence[Measured], classes: Sequence[str]) -> dict[str, dict[str, int]]:
    whole = [m for m in measured if not m.judgement.sparse]
    sizes = np.array([m.samples for m in whole], int).reshape(len(whole), len(classes), 2)
    judged = [[m.speaks_of(k) for k in range(len(classes))] for m in whole]
    empty = (sizes == 0) & np.array(judged, bool).reshape(len(whole), len(classes), 1)
    predicted, reference = empty[..., 0], empty[..., 1]
    return {
        label: {
            "both": int((predicted & reference)[:, k].sum()),
            "reference": int((~predicted & reference)[:, k].sum()),
            "predicted": int((predicted & ~reference)[:, k].sum()),
        }
        for k, label in enumerate(classes)
    }


def _reliability(by_patient: Array, weights: Array, bootstrap: Bootstrap) -> dict[str, list[float]]:
    """Bins over all patients, and the interval of each share of positives."""
    bins = reliability(by_patient.sum(axis=0))
    own = reliability(by_patient)
    positives = np.nan_to_num(own.frequency) * own.samples
    drawn = ratio(weights @ positives, weights @ own.samples)
    shares = zip(bins.frequency, drawn.T, own.frequency.T, strict=True)
    ends = [bootstrap.interval(float(share), *of) for share, *of in shares]
    return {
        "confidence": bins.confidence.tolist(),
        "frequency": bins.frequency.tolist(),
        "low": [low for low, _ in ends],
        "high": [high for _, high in ends],
        "samples": bins.samples.tolist(),
    }


def _lines(
    measured: Sequence[Measured], chosen: Chosen, values: Sequence[Array]
) -> tuple[dict[str, Any], ...]:
    several = len(chosen.classes) > 1
    any_partial = any(m.judgement.partial for m in measured)
    columns = {
        f"{metric.name}:{label}" if several else metric.name: own
        for metric, label, own in zip(chosen.metrics, chosen.labels, values, strict=True)
        if metric.column and metric.name != "share_judged" and not np.isnan(own).all()
    }
    return tuple(
        {
            "case": m.case,
            "patient": m.patient,
            "predicted_samples": sum(p for k, (p, _) in enumerate(m.samples) if m.speaks_of(k)),
            "reference_samples": sum(r for k, (_, r) in enumerate(m.samples) if m.speaks_of(k)),
            **({"share_judged": m.judgement.share} if any_partial else {}),
            **{name: float(own[i]) for name, own in columns.items()},
        }
        for i, m in enumerate(measured)
    )


def differences(
    first: Sequence[Measured],
    second: Sequence[Measured],
    chosen: Chosen,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> tuple[Change, ...]:
    """First minus second, metric by metric, over the same cases in the same order.

    Raises:
        DataError: If the cases are not the same.
    """
    if [m.case for m in first] != [m.case for m in second]:
        raise DataError("expected two runs measured on the same cases, got different ones")
    patients = [m.patient for m in first]
    absent = _absent(first, chosen.classes)
    changes = []
    for i, (metric, label) in enumerate(zip(chosen.metrics, chosen.labels, strict=True)):
        one, other = (
            sum_by_patient(np.stack([m.sums[i] for m in side]), patients)
            for side in (first, second)
        )
        if not (one.any() and other.any() and _says(metric, label, absent)):
            continue
        changes.append(Change.of(metric, label, paired(metric, one, other, bootstrap)))
    return tuple(changes)
