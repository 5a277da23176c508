"""Make promises about new patients, from those whose answers are known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from inklings import __version__
from inklings.cohorts.leaks import require_tunable, some
from inklings.errors import DataError, SpecError
from inklings.evaluation.evaluate import source
from inklings.evaluation.family import Job, Part, ScoredSource, Selection, Settings
from inklings.evaluation.froc import MOST_MARKS
from inklings.evaluation.risk_control import Level
from inklings.evaluation.risks import OF_KINDS, Losses, losses_of
from inklings.evaluation.selection import part_of, select
from inklings.evaluation.truth import is_weakened, truth
from inklings.predictions.guarantee import WORDS, Guarantee, fingerprint, maps_of
from inklings.predictions.head import CALIBRATION, VALUES, Head

_WHOLE = 0.95  # of the image, or of the tissue of a slide: a mask as large says nothing


@dataclass(frozen=True)
class Made:
    """Promises, and the classes of which none can be made.

    Attributes:
        guarantees: One a risk and class.
        refused: Why there is none of a class, a sentence each.
    """

    guarantees: tuple[Guarantee, ...]
    refused: tuple[str, ...]


def parse(risks: list[str]) -> dict[str, Fraction]:
    """``fnr=0.1`` and the like: risks and the most that is promised, exactly as it is written.

    Raises:
        SpecError: If one is unknown, given twice, or promises no number.
    """
    found: dict[str, Fraction] = {}
    for text in risks:
        name, _, number = text.partition("=")
        if name not in WORDS:
            near = difflib.get_close_matches(name, WORDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(WORDS)}"
            raise SpecError(f"--risk {text}: no risk named {name!r}; {hint}")
        if name in found:
            raise SpecError(f"--risk {text}: {name} is given twice")
        found[name] = _fraction(number, f"--risk {text}", MOST_MARKS if name == "alarms" else 1)
    return found


def parse_confidence(text: str | None) -> Fraction | None:
    """A confidence as it is written, such as ``0.9``; None where none was asked for.

    Raises:
        SpecError: If it is no number between 0 and 1.
    """
    return None if text is None else _fraction(text, f"--confidence {text}", 1)


def _fraction(text: str, what: str, below: int) -> Fraction:
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise SpecError(f"{what}: expected a number, such as fnr=0.1, got {text!r}") from None
    if not 0 < value < below:
        raise SpecError(f"{what}: expected a number above 0 and below {below}, got {text}")
    return value


def require_meant(risks: Iterable[str], head: Head) -> None:
    """Refuse risks that predictions do not have.

    Raises:
        SpecError: With those that they have.
    """
    known = () if VALUES in head.settings else OF_KINDS.get(head.kind, ())
    for name in risks:
        if name not in known:
            there = f"; there are: {', '.join(known)}" if known else ""
            what = "bags with a number" if VALUES in head.settings else head.kind
            raise SpecError(f"--risk {name}: does not apply to predictions of {what}{there}")


def promise(
    predictions: Path,
    cohort: Path,
    risks: Mapping[str, Fraction],
    confidence: Fraction | None = None,
    split: Part | None = None,
) -> Made:
    """Promises about patients like those of a part of a cohort.

    Args:
        predictions: Of these patients, by a run that has not learnt from them.
        cohort: With their true labels; of a weakened one its truth.
        risks: Name to the largest risk.
        confidence: Probability that a promise holds; None for promises that hold on average.
        split: Part; by default ``val``, all of a cohort without parts.

    Raises:
        SpecError: If a risk does not apply to what was predicted.
        DataError: If the run has learnt from these patients, references are too weak, or no
            promise can be made of any class; the message says how many patients it takes.
    """
    mine = source(predictions)
    if mine.folder is None:
        raise DataError(f"expected a folder of predictions, got the file {predictions}")
    require_meant(risks, mine.head)
    selection = selected(mine, cohort, split)
    notes = _notes(mine, selection, cohort)
    made: list[Guarantee] = []
    refused: list[str] = []
    for name, most in risks.items():
        alpha = most / MOST_MARKS if name == "alarms" else most
        level = Level(alpha, confidence, binary=name == "sets")
        for losses in losses_of(mine, selection, name, cohort):
            one = _of_class(name, mine.kind, level, losses)
            if isinstance(one, str):
                refused.append(one)
                continue
            thresholds = dict(zip(mine.head.classes, mine.head.thresholds, strict=False))
            best = None if name == "sets" else thresholds.get(losses.label)
            best_size = None if best is None else _mean(losses, best)
            least = (best_size or 0.0) * (mine.kind == "dense")  # a mask is no smaller
            made.append(
                replace(
                    one,
                    alpha=float(most),
                    size=max(one.size, least),
                    best_size=best_size,
                    cohort=str(selection.facts["cohort"]),
                    split=str(selection.facts["split"]),
                    split_hash=selection.split_hash,
                    weights_sha256=mine.head.provenance.weights_sha256,
                    settings=fingerprint(mine.head),
                    maps=maps_of(mine.head.settings.get(CALIBRATION)),
                    notes=(*notes, *one.notes),
                )
            )
    if all(one.risk == "sets" and one.threshold <= 0 for one in made):
        every = [*refused, *(line for one in made for line in one.notes if one.label in line)]
        raise DataError("no guarantee is possible: " + "; ".join(every))
    return Made(tuple(made), tuple(refused))


def selected(mine: ScoredSource, cohort: Path, split: Part | None) -> Selection:
    """The cases of a part of a cohort that are predicted, with their true labels."""
    job = Job(mine, None, cohort, Settings(split=split or "val"))
    if mine.kind != "findings":
        return select(job)
    asked = part_of(cohort, truth(cohort.resolve()), job.part)
    predicted = set(mine.there.cases)
    there = [case for case in asked.cases if case.id in predicted]
    lost = len(asked.cases) - len(there)
    said = (f"{lost} of {len(asked.cases)} cases are not predicted",) if lost else ()
    return asked.only(there, *said)


def _of_class(name: str, kind: str, level: Level, losses: Losses) -> Guarantee | str:
    """The promise about a class, without what all classes share; a sentence where there is none."""
    n, label = len(losses.patients), losses.label
    what = WORDS[name].format(label)
    held = level.furthest(losses.loss) if n else None
    threshold = None if held is None else float(losses.thresholds[held])
    if name == "sets" and held is None:
        threshold, held = 0.0, 0
    if threshold is None or held is None:
        if n < level.needed:
            who = "patients" if name == "alarms" else "patients with it"
            return f"{what}: expected at least {level.needed} {who}, got {n}"
        least = losses.loss[:, 0].mean() * (MOST_MARKS if name == "alarms" else 1)
        return (
            f"{what}: even at the safest threshold it is {least:.3g} on average over {n} patients, "
            "which is too much"
        )
    if kind == "dense" and (threshold <= 0 or losses.size[:, held].mean() > _WHOLE):
        return f"{what}: only the whole image holds it ({n} patients); promise less, or train more"
    if name == "alarms" and not losses.size[:, held].any():
        return f"{what}: only no finding at all holds it ({n} scans); promise less, or train more"
    own: tuple[str, ...] = ()
    in_all = threshold <= 0 and name == "sets"
    if in_all:
        own = (
            f"{label} is in every set: expected at least {level.needed} patients with it, got {n}"
            if n < level.needed
            else f"{label} is in every set: nothing less holds it ({n} patients)",
        )
    scale = MOST_MARKS if name == "alarms" else 1
    return Guarantee(
        risk=name,
        kind=kind,
        label=label,
        alpha=float(level.alpha),
        confidence=None if level.confidence is None else float(level.confidence),
        threshold=threshold,
        patients=tuple(sorted(losses.patients)),
        rank=level.rank(n) if level.binary else None,
        mean_loss=float(losses.loss[:, held].mean()) * scale if n else 0.0,
        size=1.0 if in_all else float(losses.size[:, held].mean()),
        best_size=None,
        certainty=tuple(float(value) for value in losses.certainty if np.isfinite(value)),
        cohort="",
        split="",
        split_hash=None,
        weights_sha256="",
        settings="",
        version=__version__,
        notes=own,
    )


def _mean(losses: Losses, threshold: float) -> float:
    return float(losses.at(threshold)[1].mean())


def _notes(mine: ScoredSource, selection: Selection, cohort: Path) -> tuple[str, ...]:
    """What weakens a promise, in words.

    Raises:
        DataError: If the run has learnt from patients of the calibration.
    """
    training, split_hash = mine.training, selection.split_hash
    require_tunable([training], selection.patients, split_hash)
    both = (training.patients or frozenset()) & selection.patients
    taught = {case.patient for case in selection.cases if case.split == "train"} & both
    if taught:
        raise DataError(
            f"{training.name} was trained on {len(taught)} of the patients that the guarantee "
            "would "
            f"rest on ({some(sorted(taught))}); calibrate on validation patients or on others: "
            "--split val"
        )
    notes = list(selection.warnings)
    tested = {case.patient for case in selection.cases if case.split == "test"}
    if tested:
        notes.append(
            f"{len(tested)} of the {len(selection.patients)} patients are test patients: whether "
            "it was held cannot be asked of them any more"
        )
    if training.patients is None:
        notes.append(f"nobody can know which patients {training.name} was trained on")
    if both:
        notes.append(
            f"{len(both)} of the {len(selection.patients)} patients are those that weights and "
            "thresholds were chosen on, so the promise is a little too good; patients of no other "
            "use are better"
        )
    if is_weakened(cohort.resolve()):
        notes.append("the labels are the truth behind weak ones")
    return tuple(notes)
