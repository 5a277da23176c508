"""A run folder over its life: begun, gone on with, finished; and who may be trained on.

``begun.json`` is written first and says what the run is made of; ``run.json`` is written last.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inklings import progress
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, LabelError, SpecError
from inklings.files import read_yaml, write_json
from inklings.labels.kinds import BACKGROUND, NO_CLASS
from inklings.records import read_record
from inklings.runs.run import RunRecord
from inklings.spec import Experiment
from inklings.spec.before import as_now
from inklings.training import checkpoint

# What may differ between a run and its resumption without changing a weight.
_FREE = {
    ("training", "checkpoint_every"),
    ("training", "keep_steps"),
    ("training", "loggers"),
    ("inference",),
    ("cohort",),
}
# What a finished run would make of them is not made any more.
_OVER = {("inference",), ("training", "keep_steps")}


@dataclass(frozen=True)
class RunState:
    """``begun.json``.

    Attributes:
        split_hash: Fingerprint of the cohort's split.
        trained_on: Patients whose images or labels the run sees, sorted.
        start: Where its first weights came from; empty for random ones.
    """

    split_hash: str | None
    trained_on: tuple[str, ...]
    start: str = ""

    def write(self, folder: Path) -> None:
        """Write it."""
        write_json(folder / "begun.json", {**self.__dict__, "trained_on": list(self.trained_on)})

    @classmethod
    def read(cls, folder: Path) -> RunState | None:
        """Read it; None where no run has begun."""
        if not (folder / "begun.json").is_file():
            return None
        return read_record(cls, folder / "begun.json", "a training", "train into a new folder")


def is_finished(folder: Path) -> bool:
    """Whether a training ended here."""
    return (folder / "run.json").is_file()


def last_checkpoint(folder: Path) -> Path | None:
    """Where an unfinished run can go on; None if it must begin anew."""
    last = folder / "checkpoints" / "last"
    return last if checkpoint.exists(last) else None


def require_trainable(cohort: Cohort, where: Path) -> None:
    """Refuse a cohort that is not split, has nothing to train on or no labels there.

    Raises:
        DataError: One line that says what to do.
        LabelError: If no training case carries a label.
    """
    if not cohort.is_split:
        raise DataError(
            f"{where}: expected a cohort with a split, got one without; "
            f"run 'inklings split {where}'"
        )
    reserved = [name for name in cohort.classes if name in (BACKGROUND, *NO_CLASS)]
    if reserved:
        raise DataError(
            f"{where}: a class is called {reserved[0]!r}, which means no class in masks; import "
            "again with another name"
        )
    train = cohort.part("train")
    if not train:
        raise DataError(
            f"{where}: expected cases in the train part, got none of {len(cohort)}; run "
            f"'inklings split {where} --fractions 0.7 0.1 0.2'"
        )
    if not any(case.labels for case in train):
        raise LabelError(
            f"{where}: expected labels in the train part, got none in {len(train)} cases; import "
            "the masks too, or train from a cohort that has them"
        )


def require_unseen(cohort: Cohort, seen: Sequence[str], source: Path, allowed: bool) -> str | None:
    """Refuse test patients that earlier weights were trained on.

    Returns:
        A warning for the record where it was allowed; None where nothing is wrong.

    Raises:
        DataError: Where it was not allowed.
    """
    both = sorted({case.patient for case in cohort.part("test")} & set(seen))
    if not both:
        return None
    what = f"{len(both)} test patients ({', '.join(both[:3])}{', ...' if len(both) > 3 else ''})"
    if not allowed:
        raise DataError(
            f"{what} were in the training of {source}, so any test result would be too good; split "
            "the cohort as that run did, or give --allow-seen-test-patients"
        )
    return f"{what} were in the training of {source}; test results are too good"


def may_start(folder: Path, experiment: Experiment, resume: bool) -> bool:
    """Whether there is something to do in ``folder``: False for a finished run with ``resume``.

    An unfinished run of the same experiment is gone on with, asked or not: that is what running
    an interrupted command again means. One that has learnt nothing yet is begun anew.

    Raises:
        SpecError: If a finished run, or one of another experiment, is in the way; with ``resume``
            a finished one of another experiment.
    """
    if is_finished(folder):
        if not resume:
            raise SpecError(
                f"{folder} holds a finished run; choose another --out, or delete it first"
            )
        if (folder / "experiment.yaml").is_file() and (
            changed := _changed(folder, experiment, _FREE - _OVER)
        ):
            raise SpecError(
                f"{folder} holds a finished run with another {', '.join(changed)}; "
                "choose another --out"
            )
        progress.note(f"{folder}: the run is finished, nothing to do")
        return False
    if not (folder / "experiment.yaml").is_file() or RunState.read(folder) is None:
        return True
    changed = _changed(folder, experiment, _FREE)
    if changed and not any(folder.rglob("checkpoints/last/state.json")):
        _forget(folder)
        return True
    if changed:
        raise SpecError(
            f"{folder} holds an unfinished run with another {', '.join(changed)}; "
            "choose another --out, or resume with the experiment.yaml in it"
        )
    return True


def require_same_split(folder: Path, cohort: Cohort, where: Path) -> None:
    """Refuse to go on with another cohort, or another split, than a training began with.

    Raises:
        DataError: If that is so.
    """
    begun = RunState.read(folder)
    if begun and last_checkpoint(folder) and begun.split_hash != cohort.split_hash:
        raise DataError(
            f"{folder} holds an unfinished training on split {begun.split_hash}, but the cohort in "
            f"{where} has split {cohort.split_hash}; give the cohort that it began with (--set "
            "cohort=FOLDER), or choose another --out"
        )


def _forget(folder: Path) -> None:
    """Remove what a start that came to nothing has written of its own experiment."""
    for name in ("begun.json", "correction.json", "teacher.json", "metrics.csv"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "samples", ignore_errors=True)


def _changed(folder: Path, experiment: Experiment, free: Set[tuple[str, ...]]) -> list[str]:
    """Keys by which an experiment differs from that of a run folder."""
    before = as_now(read_yaml(folder / "experiment.yaml", "an experiment"))

    def differences(old: Any, new: Any, path: tuple[str, ...] = ()) -> list[str]:
        if path in free:
            return []
        if isinstance(old, dict) and isinstance(new, dict):
            keys = sorted({*old, *new})
            return [name for k in keys for name in differences(old.get(k), new.get(k), (*path, k))]
        return [] if old == new else [".".join(path)]

    changed = differences(before, experiment.kept_in(folder).model_dump(mode="json"))
    if changed:  # versions before said paths from the working folder
        changed = differences(before, experiment.model_dump(mode="json"))
    return changed


def seen_by(source: Path) -> tuple[str, ...]:
    """Patients that the run in ``source`` was trained on; none for a bare weights file."""
    return RunRecord.read(source).trained_on if source.is_dir() else ()
