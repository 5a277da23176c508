"""What a family of metrics is: a file that scores one kind of predictions, a line in a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from inklings.cohorts.case import Case
from inklings.cohorts.leaks import Training
from inklings.errors import DataError, SpecError
from inklings.evaluation.froc import Reference
from inklings.evaluation.intervals import BOOTSTRAP, Bootstrap
from inklings.evaluation.metric import DEFAULT, Empty, Options
from inklings.evaluation.results import Results
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import CROSS_VALIDATED, Head
from inklings.registry import Registry

FAMILIES: Registry[Any] = Registry(
    "family of metrics",
    {
        "dense": "inklings.evaluation.dense:FAMILY",
        "bags": "inklings.evaluation.bags:FAMILY",
        "findings": "inklings.evaluation.findings:FAMILY",
        "ratings": "inklings.applications.lung_nodules.malignancy:FAMILY",
    },
)
"""The `Family` of each kind of predictions (`inklings.predictions.head.Kind`), and of tables."""

Part = Literal["test", "val", "train", "all"]


@dataclass(frozen=True)
class Settings:
    """How predictions are scored; what is None was not asked for.

    Attributes:
        split: Part of the cohort; None for the test part, and for all of a cross-validation. A
            cohort without splits is scored whole.
        metrics: Names; None for all that are usual.
        allow_seen: Score also patients that the run was trained on, and note it.
        empty: What a case counts whose masks are empty on both sides; None for ``one``.
        tolerance: Distance up to which borders agree, in the unit of the distances; None for 2.
        bootstrap: How the intervals are drawn.
        workers: Processes that share the cases; 0 or 1 for this one, None for as many as pay.
        scheduler: Address of a Dask scheduler instead, whose workers do it.
        by: Columns of the metadata of cases, whose groups are scored by themselves, too.
    """

    split: Part | None = None
    metrics: tuple[str, ...] | None = None
    allow_seen: bool = False
    empty: Empty | None = None
    tolerance: float | None = None
    bootstrap: Bootstrap = BOOTSTRAP
    workers: int | None = None
    scheduler: str | None = None
    by: tuple[str, ...] = ()

    @property
    def options(self) -> Options:
        """For metrics of images; the unit is found later."""
        tolerance = DEFAULT.tolerance if self.tolerance is None else self.tolerance
        return Options(empty=self.empty or DEFAULT.empty, tolerance=tolerance)


@dataclass(frozen=True)
class ScoredSource:
    """Predictions to be scored: a folder, or a table that somebody else made.

    Attributes:
        path: The folder or the file.
        kind: What it holds: the name of its family.
        folder: None for a table.
    """

    path: Path
    kind: str
    folder: PredictionFolder | None = None

    @property
    def there(self) -> PredictionFolder:
        """The folder.

        Raises:
            DataError: If it is a table.
        """
        if self.folder is None:
            raise DataError(f"expected a folder of predictions, got the file {self.path}")
        return self.folder

    @property
    def head(self) -> Head:
        """Of the folder."""
        return self.there.head

    @property
    def training(self) -> Training:
        """What is known of whom it was trained on: nothing of a table, or where nobody is named."""
        if self.kind == "ratings":  # what readers said, and the size: nothing was trained
            return Training(self.path.name, frozenset())
        if self.folder is None:
            return Training(self.path.name)
        head = self.folder.head
        name = f"run {Path(head.provenance.run).name}" if head.provenance.run else str(self.path)
        known = head.trained_on or head.settings.get(CROSS_VALIDATED)
        patients = frozenset(head.trained_on or ()) if known else None
        warning = str(head.settings.get("warning") or "")
        return Training(name, patients, head.provenance.split_hash, warning)


@dataclass(frozen=True)
class Job:
    """What is to be scored against what.

    Attributes:
        mine: The predictions.
        theirs: Others of the same cases, for a paired comparison.
        reference: Folder of a cohort, or objects from tables; None where ``mine`` holds the truth.
        settings: How.
        dense: Folder of a cohort that holds the same cases with whole references, scored beside a
            partial one.
    """

    mine: ScoredSource
    theirs: ScoredSource | None
    reference: Path | Reference | None
    settings: Settings
    dense: Path | None = None

    @property
    def part(self) -> Part:
        """The part that is scored, where a cohort has parts."""
        there = self.mine.folder
        whole = there is not None and there.head.settings.get(CROSS_VALIDATED)
        return self.settings.split or ("all" if whole else "test")

    @property
    def cohort(self) -> Path:
        """Folder of the cohort.

        Raises:
            SpecError: If there is none.
        """
        if not isinstance(self.reference, Path):
            raise SpecError("expected --cohort, the cohort that was predicted")
        return self.reference


@dataclass(frozen=True)
class Selection:
    """Who is scored.

    Attributes:
        patients: All of them; ids of scans where tables name no patients.
        cases: Of the reference standard; none where that is a table.
        split_hash: Of the cohort's split.
        facts: Cohort, part and split, for the head of the scores.
        warnings: What is not predicted.
        classes: Of the reference standard, of which predictions may know some.
    """

    patients: frozenset[str]
    cases: tuple[Case, ...] = ()
    split_hash: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def only(self, cases: Iterable[Case], *warnings: str) -> Selection:
        """Some of the cases."""
        kept = tuple(cases)
        patients = frozenset(case.patient for case in kept)
        return replace(self, cases=kept, patients=patients, warnings=self.warnings + warnings)


class Scoring(Protocol):
    """A job whose options, metrics and cases fit together; nothing is measured yet."""

    @property
    def selection(self) -> Selection:
        """Who is scored."""

    def measure(self) -> Results:
        """Rows with intervals, and a line a case."""


@dataclass(frozen=True)
class Family:
    """How one kind of predictions is scored.

    Attributes:
        noun: What is predicted, for messages: ``bags``.
        options: Settings that mean something here, of those that may not: ``empty``,
            ``tolerance``, ``scheduler``, ``split``, ``annotations``, ``compare``, ``dense``,
            ``by``.
        prepare: From a job to its scoring; refuses what cannot be scored before measuring.
    """

    noun: str
    options: frozenset[str]
    prepare: Callable[[Job], Scoring]

    def require_meaning(self, job: Job) -> None:
        """Refuse options that would be without effect.

        Raises:
            SpecError: With the first of them.
        """
        settings = job.settings
        given = {
            "empty": settings.empty is not None,
            "tolerance": settings.tolerance is not None,
            "scheduler": settings.scheduler is not None,
            "split": settings.split is not None,
            "annotations": isinstance(job.reference, Reference),
            "compare": job.theirs is not None,
            "dense": job.dense is not None,
            "by": bool(settings.by),
        }
        for name, is_given in given.items():
            if is_given and name not in self.options:
                raise SpecError(
                    f"--{name} does not apply to {self.noun}, which {job.mine.path} holds; leave "
                    "it out"
                )
