"""Nobody is scored, and nothing is tuned, on patients that a model was trained on: the one guard.

A model knows the answers of the patients that it was trained on, and thresholds fit those that they
were chosen on, so numbers on these flatter. Every score passes `clear`, whatever was predicted:
only that makes a `Clearance`, without which there are no scores (`inklings.evaluation.evaluate`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from inklings.errors import DataError, SpecError


@dataclass(frozen=True)
class Training:
    """What is known of how something that predicts came about.

    Attributes:
        name: Of the run or the file, for people.
        patients: That it was trained or tuned on, every stage of a cascade; None where nobody
            knows.
        split_hash: Of the split of the cohort at that time; None where there was none.
        warning: What was noted of it, such as that it has seen labels that it must not know.
    """

    name: str
    patients: frozenset[str] | None = None
    split_hash: str | None = None
    warning: str = ""


@dataclass(frozen=True)
class Clearance:
    """What a score has to say of leaks; made by `clear` and nothing else.

    Attributes:
        seen: Patients that were trained on and are scored all the same, since that was allowed.
        notes: Sentences for whoever reads the score.
    """

    seen: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def clear(
    trainings: Sequence[Training],
    patients: Collection[str],
    split_hash: str | None = None,
    *,
    allow_seen: bool = False,
) -> Clearance:
    """Whether predictions may be scored on some patients.

    Args:
        trainings: Of everything that is scored: a run, and the one it is compared with.
        patients: To be scored.
        split_hash: Of the cohort that they come from.
        allow_seen: Note patients that were trained on instead of refusing them.

    Raises:
        SpecError: If patients were trained on, unless that was allowed.
    """
    found: set[str] = set()
    notes = []
    for one in trainings:
        if one.warning:
            notes.append(one.warning)
        if one.patients is None:
            notes.append(f"nobody can know which patients {one.name} was trained on")
            continue
        seen = sorted(one.patients & set(patients))
        if seen and not allow_seen:
            raise SpecError(
                f"{one.name} was trained on {len(seen)} of the patients to be scored "
                f"({some(seen)}), so the scores would be too optimistic; score the test part, "
                "or say "
                "--allow-seen"
            )
        if seen:
            notes.append(
                f"{one.name} was trained on {len(seen)} of the {len(set(patients))} scored "
                "patients (--allow-seen): the scores are too optimistic"
            )
        if one.split_hash and split_hash and one.split_hash != split_hash:
            notes.append(
                f"{one.name} was trained on split {one.split_hash}, but the cohort now has split "
                f"{split_hash}"
            )
        found |= set(seen)
    return Clearance(frozenset(found), tuple(notes))


def require_tunable(
    stages: Iterable[Training], patients: Collection[str], split_hash: str | None
) -> None:
    """Refuse to tune on patients whose answers a model has learnt by heart.

    The validation part of the split that a run was trained on is what it is for; of another split
    nobody knows which patients were trained on and which only validated.

    Raises:
        DataError: With the stage and how many patients.
    """
    for one in stages:
        both = sorted((one.patients or frozenset()) & set(patients))
        if both and one.split_hash != split_hash:
            raise DataError(
                f"{one.name} was trained on split {one.split_hash}, perhaps on {len(both)} of the "
                f"{len(set(patients))} patients that would be tuned on ({some(both)}); "
                f"tune on the validation part of that split, the cohort has {split_hash}"
            )


def require_apart(fitted: Collection[str], tested: Collection[str]) -> None:
    """Refuse to fit on patients of the validation part whom the test part holds, too.

    Raises:
        DataError: With how many there are.
    """
    if both := sorted(set(fitted) & set(tested)):
        raise DataError(
            f"{len(both)} of the {len(set(fitted))} patients of the validation part are in the "
            f"test part, too ({some(both)}), so the test would be too optimistic; split by "
            "patient with "
            "'inklings split'"
        )


def require_one_split(stages: Iterable[Training]) -> None:
    """Refuse a cascade whose stages were trained on several splits.

    A detector that has seen a scan finds its nodules too well, so a classifier that is judged
    there is flattered.

    Raises:
        DataError: With the stages.
    """
    hashes = {one.name: one.split_hash for one in stages}
    if len(set(hashes.values())) > 1:
        each = ", ".join(f"{name} {value or 'none'}" for name, value in hashes.items())
        raise DataError(
            f"expected one split for all stages, got {each}: a scan may train one stage and judge "
            "another; train them again on one split of one cohort"
        )


def some(names: Sequence[str]) -> str:
    """The first of many names."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
