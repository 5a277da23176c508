"""Which of several folders is the cohort that something was learnt from: names are not unique."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, InklingsError
from inklings.progress import note


def learnt_from(
    own: Iterable[Path],
    others: Iterable[Path],
    split_hash: str | None,
    patients: Collection[str],
    who: str,
) -> Path | None:
    """The first cohort of that split; else the first of ``own`` with all patients, split anew.

    Args:
        own: Where it says itself that it lies, the likeliest first.
        others: Where one of its name lies: it must have the split, for patients are often numbers.
        split_hash: Of the cohort when it was learnt from; None where nobody knows it.
        patients: Who were learnt from; empty where nobody knows it.
        who: What learnt from it, for the error.

    Returns:
        None where there is no cohort in any of the folders.

    Raises:
        DataError: If there are cohorts and each is another one.
    """
    near, far = ([f for f in folders if (f / "cohort.yaml").is_file()] for folders in (own, others))
    if split_hash is None:
        near, far = [*near, *far], []
    read = [(folder, cohort) for folder in (*near, *far) if (cohort := _read(folder)) is not None]
    if not read:  # gone or damaged; whoever reads it says so
        return next(iter((*near, *far)), None)
    for folder, cohort in read:
        if split_hash is not None and cohort.split_hash == split_hash:
            return folder
    for folder, cohort in read:
        if folder in near and {*patients} <= {case.patient for case in cohort}:
            if split_hash is not None:
                note(f"{folder}: the split has changed since {who} was trained")
            return folder
    raise DataError(
        f"{who}: expected its training cohort (split {split_hash}), got another one of "
        f"that name at {read[0][0]} (split {read[0][1].split_hash}); put the right one beside it"
    )


def _read(folder: Path) -> Cohort | None:
    try:
        return Cohort.read(folder)
    except InklingsError:
        return None
