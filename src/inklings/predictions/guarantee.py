"""What was promised of a run: ``guarantees.json`` beside it, and in the head of what it predicts.

A promise is about patients like those that it was calibrated on, and about the probabilities of
these weights with these settings. `promised` puts it into a head only where both are the same;
`inklings.predictions.shift` compares new patients with those of the calibration.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inklings.cache import digest
from inklings.errors import SpecError
from inklings.files import write_json
from inklings.predictions.head import (
    BY_PRIOR,
    CROSS_VALIDATED,
    GUARANTEES,
    RESTS_ON,
    Head,
)
from inklings.progress import note
from inklings.records import as_record, read_record

FILE = "guarantees.json"

WORDS = {
    "fnr": "missed share of {}",
    "missed": "missed share of the objects of {}",
    "alarms": "false alarms a scan of {}",
    "sets": "patients with {} whose set of diagnoses lacks it",
}
"""What each risk is, of a class."""

SIZES = {
    "dense": "of the image, or of the tissue of a slide",
    "findings": "findings a scan",
    "bags": "of all bags have it in their set",
}
"""What the size of a prediction of each kind is counted in."""

_NOT_OF_PROBABILITIES = {GUARANTEES, BY_PRIOR, RESTS_ON, CROSS_VALIDATED, "warning"}


@dataclass(frozen=True)
class Guarantee:
    """One promise about new patients.

    Attributes:
        risk: ``fnr``, ``missed``, ``alarms`` or ``sets``; see `WORDS`.
        kind: Of the predictions, as `inklings.predictions.head.Head` has it.
        label: Class that it is about.
        alpha: Largest risk; of ``alarms`` their number.
        confidence: Probability that the promise holds; None where it holds on average.
        threshold: From which something belongs to the guaranteed prediction; 0 for everything.
        patients: Of the calibration, sorted.
        rank: Patients who had to lose nothing; None where losses are shares.
        mean_loss: Of the patients of the calibration, at the threshold.
        size: Of the guaranteed prediction, mean over patients; see `SIZES`.
        best_size: The same at the threshold of the run; None of sets.
        certainty: Of every patient of the calibration, also of those without the class, sorted;
            see `inklings.predictions.shift`.
        cohort: That the patients are of.
        split: Part of it.
        split_hash: Of its split.
        weights_sha256: Of the run.
        settings: Fingerprint of how it predicted.
        version: Of inklings.
        notes: What weakens it, a sentence each.
        maps: Fingerprint of how probabilities were calibrated; None in promises of before.
    """

    risk: str
    kind: str
    label: str
    alpha: float
    confidence: float | None
    threshold: float
    patients: tuple[str, ...]
    rank: int | None
    mean_loss: float
    size: float
    best_size: float | None
    certainty: tuple[float, ...]
    cohort: str
    split: str
    split_hash: str | None
    weights_sha256: str
    settings: str
    version: str
    notes: tuple[str, ...] = ()
    maps: str | None = None

    @property
    def named(self) -> str:
        """What is promised, with the class."""
        return WORDS[self.risk].format(self.label)

    @property
    def most(self) -> str:
        """The largest risk, in words."""
        return f"{self.alpha:g}" if self.risk == "alarms" else f"{self.alpha:.3g}"

    @property
    def sure(self) -> str:
        """How sure it is, in words."""
        if self.confidence is None:
            return "on average"
        return f"with {100 * self.confidence:g} % confidence"

    @property
    def line(self) -> str:
        """All of it, for people."""
        ranked = "" if self.rank is None else f", rank {self.rank}"
        beside = f", {self.best_size:.3g} at the threshold of the run" if self.best_size else ""
        where = "everything" if self.threshold <= 0 else f"from {self.threshold:.3g} on"
        return (
            f"{self.named}: at most {self.most} {self.sure}, {where} ({len(self.patients)} "
            f"patients{ranked}, {self.mean_loss:.3g} among them; {self.size:.3g} "
            f"{SIZES[self.kind]}{beside})"
        )


def read(run: Path) -> tuple[Guarantee, ...]:
    """The promises of a run; none where there is no file.

    Raises:
        DataError: If the file is damaged.
    """
    path = run / FILE
    if not path.is_file():
        return ()
    made = "promises as 'inklings calibrate --risk' writes them"
    return read_record(tuple[Guarantee, ...], path, made, "delete it and calibrate again")


def write(run: Path, guarantees: Sequence[Guarantee]) -> Path:
    """Put promises beside a run, in place of those of the same risk and class; the file."""
    new = {(one.risk, one.label): one for one in (*read(run), *guarantees)}
    write_json(run / FILE, [dataclasses.asdict(one) for one in new.values()])
    return run / FILE


def of_head(head: Head) -> tuple[Guarantee, ...]:
    """The promises about predictions, which the head holds.

    Raises:
        DataError: If they are damaged.
    """
    found: tuple[Guarantee, ...] = as_record(
        tuple[Guarantee, ...],
        head.settings.get(GUARANTEES, []),
        Path("predictions.yaml"),
        "predict again",
    )
    return found


def fingerprint(head: Head) -> str:
    """Of everything but the weights that decides about probabilities."""
    kept = {k: v for k, v in head.settings.items() if k not in _NOT_OF_PROBABILITIES}
    if kept.get("largest") or kept.get("refine"):  # these look at what is cut
        kept["thresholds"] = list(head.thresholds)
    return digest(json.dumps(kept, sort_keys=True, default=str))


def maps_of(told: object) -> str:
    """Fingerprint of how probabilities are calibrated, as a head tells it in its settings."""
    return digest(json.dumps(told, sort_keys=True))


def promised(head: Head, run: Path) -> Head:
    """The head with the promises of the run; a note says where they are of other predictions."""
    known = read(run)
    mine = (head.provenance.weights_sha256, fingerprint(head))
    kept = [one for one in known if (one.weights_sha256, one.settings) == mine]
    if len(kept) < len(known):
        note(
            f"{run / FILE}: {len(known) - len(kept)} promises are of other weights or settings and "
            "do not hold for these predictions; predict as the run was calibrated, or calibrate "
            "again"
        )
    return with_promises(head, kept)


def with_promises(head: Head, guarantees: Sequence[Guarantee]) -> Head:
    """The head with these promises and no others."""
    others = {k: v for k, v in head.settings.items() if k != GUARANTEES}
    plain = json.loads(json.dumps([dataclasses.asdict(one) for one in guarantees]))
    return dataclasses.replace(head, settings={**others, **({GUARANTEES: plain} if plain else {})})


def promises_masks(head: Head) -> bool:
    """Whether there are guaranteed masks."""
    return head.kind == "dense" and bool(of_head(head))


def guaranteed(head: Head) -> Head:
    """The head with the thresholds of the guaranteed masks, so that whatever cuts cuts there.

    A class without a promise keeps its threshold. A mask is never smaller than the best one, and
    of two promises the lower threshold holds both.

    Raises:
        SpecError: If there is no promise about masks.
    """
    if not promises_masks(head):
        raise SpecError(
            "expected predictions with a guaranteed mask, got none; 'inklings calibrate RUN COHORT "
            "--risk fnr=0.1' makes one, then predict"
        )
    cuts = dict(zip(head.classes, head.thresholds, strict=False))
    for one in of_head(head):
        cuts[one.label] = min(cuts[one.label], one.threshold)
    return dataclasses.replace(head, thresholds=tuple(cuts.values()))


def cut_of(head: Head, of: Guarantee) -> float:
    """Where the prediction that a promise is about is cut: of masks as `guaranteed` says."""
    if head.kind != "dense":
        return of.threshold
    return guaranteed(head).thresholds[head.classes.index(of.label)]
