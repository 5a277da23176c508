"""One split for all stages of a chain: no scan trains one stage and judges another.

A detector that has seen a scan finds its nodules too well, so a classifier judged there is
flattered. Stages trained on different splits of the same patients do just that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from inklings.errors import DataError


@dataclass(frozen=True)
class Seen:
    """What one stage has learnt from.

    Attributes:
        patients: Trained or chosen on.
        split_hash: Of the cohort at that time; None if it was not split.
    """

    patients: frozenset[str]
    split_hash: str | None


def require_one_split(stages: Mapping[str, Seen], judged: Collection[str] = ()) -> None:
    """Refuse a chain whose stages were trained on several splits, or on what it shall judge.

    Args:
        stages: Name of a stage to what it has seen.
        judged: Patients that the chain is to be scored on.

    Raises:
        DataError: With the stages, and how many patients.
    """
    hashes = {name: seen.split_hash for name, seen in stages.items()}
    if len(set(hashes.values())) > 1:
        said = ", ".join(f"{name} {value or 'none'}" for name, value in hashes.items())
        raise DataError(
            f"expected one split for all stages, got {said}: a scan may train one stage and judge "
            "another; train them again on one split of one cohort"
        )
    for name, seen in stages.items():
        both = sorted(seen.patients & set(judged))
        if both:
            some = ", ".join(both[:3]) + (", ..." if len(both) > 3 else "")
            raise DataError(
                f"stage {name} has learnt from {len(both)} of the {len(judged)} patients that are "
                f"judged ({some}); judge the test part, or train it on another split"
            )
