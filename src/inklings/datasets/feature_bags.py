"""Features that were computed before, by `inklings embed` or by CLAM, TRIDENT or STAMP."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from inklings.bags.answers import Ranks
from inklings.bags.grades import lowest_first
from inklings.bags.outcome_columns import OutcomeColumns
from inklings.bags.places import SLIDES
from inklings.bags.summary import summary
from inklings.cohorts.cohort import Cohort
from inklings.datasets.dataset import Argument, Converted, Option, Plain, Stored, stamp_of
from inklings.datasets.feature_files import look, require_one_width
from inklings.datasets.feature_rows import FeatureBag, FeatureRows, Names, read_rows
from inklings.datasets.findings import ImportFinding, fatal
from inklings.errors import DataError

ORDERED = Option("The classes are grades, in the order that their names tell.")
ORDER = Option(
    "The classes are grades in this order, lowest first: low,medium,high.", parse=lowest_first
)
VALUE = Option("Column of a number of the bag, in place of classes: a regression.")
TIME = Option("Column of a time, to the event or to the end of the observation: a survival.")
EVENT = Option("Column with 1 where the time ended with the event, 0 where it is censored.")


@dataclass(frozen=True)
class FeatureBags(Plain):
    """Features of slides, by inklings embed, CLAM, TRIDENT or STAMP; read where they lie.

    A label column of 0 and 1 is a question of its own, named after the column; one column of
    other values has one class for each, and exactly one of them holds. --value takes a number of
    each bag instead, --time and --event how long its patient was followed, and why not longer.
    """

    source: Annotated[Path, Argument("Files of features (HDF5), one a slide.")]
    table: Annotated[Path, Argument("Table (CSV, TSV, parquet) with a row for each slide.")]
    slide: Annotated[str, Option("Column of the slide.")] = "slide"
    label: Annotated[
        tuple[str, ...], Option("Column of the label; repeat for several questions.", repeat=True)
    ] = ("label",)
    patient: Annotated[str | None, Option("Column of the patient, whose slides are one bag.")] = (
        None
    )
    split: Annotated[str | None, Option("Column with train, val, test.")] = None
    slides: Annotated[
        Path | None, Option("Cohort of their slides, for maps of what tiles say.", decides=False)
    ] = None
    value: Annotated[str | None, VALUE] = None
    time: Annotated[str | None, TIME] = None
    event: Annotated[str | None, EVENT] = None
    ordered: Annotated[bool, ORDERED] = False
    order: Annotated[tuple[str, ...], ORDER] = ()
    name: str = ""
    noun: str = "bags"
    classes: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """Nothing that is the same for all features; `finish` notes the task."""
        return {}

    def options(self) -> dict[str, Any]:
        """All that decides what a bag is."""
        return {"table": str(self.table.absolute()), **super().options()}

    def items(self, scratch: Path) -> Sequence[FeatureBag]:  # noqa: ARG002
        """Bags, as the rows of the table say.

        Raises:
            DataError: If table and files do not fit together, or features differ in length.
        """
        bags = self._rows().bags
        require_one_width([path for bag in bags for _, path in bag.files])
        return bags

    def convert(self, item: FeatureBag) -> Converted:
        """A bag whose files were all read once; one that holds what is no number is set aside."""
        findings: list[ImportFinding] = list(item.findings)
        files: dict[str, Stored] = {}
        empty: list[ImportFinding] = []
        for name, path in item.files:
            found = look(item.id, path)
            if any(f.kind == "no instances" for f in found):
                empty += found
            else:
                files[name] = Stored(path)
                findings += found
        findings += [replace(f, kind="empty slide") for f in empty] if files else empty
        return Converted(
            {} if fatal(findings) else files,
            item.labels,
            patient=item.patient,
            split=item.split,
            findings=tuple(findings),
        )

    def finish(self, cohort: Cohort, out: Path) -> tuple[Cohort, Sequence[str]]:
        """With classes and task, as the column of labels has them, and where the slides are."""
        rows = self._rows()
        facts = {**cohort.facts, "task": rows.answers.task}
        words = rows.words
        if self.slides is not None:
            facts[SLIDES] = Path(os.path.relpath(self.slides.resolve(), out.resolve())).as_posix()
            words = (*words, self._found(cohort, self.slides))
        whole = replace(cohort, classes=rows.answers.classes, facts=facts)
        return whole, (*words, *summary(whole))

    def _found(self, cohort: Cohort, folder: Path) -> str:
        """How many bags have their slides; DataError if none has."""
        slides = {case.id for case in Cohort.read(folder)}
        own = [{case.id, *(path.stem for path in case.images.values())} for case in cohort]
        count = sum(bool(slides & names) for names in own)
        if own and not count:
            some = ", ".join(sorted(slides)[:3])
            raise DataError(
                f"--slides {folder}: expected slides called as the features are, got {some}; "
                "name files and slides alike"
            )
        return f"slides of {count} of {len(own)} bags are in {folder}"

    def _rows(self) -> FeatureRows:
        return _read(self, stamp_of(self.source, self.table))


@lru_cache(maxsize=2)
def _read(dataset: FeatureBags, stamp: str) -> FeatureRows:  # noqa: ARG001
    outcome = OutcomeColumns(dataset.value, dataset.time, dataset.event)
    label = outcome.instead_of(dataset.label)
    names = Names(dataset.slide, label, dataset.patient, dataset.split, outcome)
    ranks = Ranks(dataset.ordered, dataset.order)
    return read_rows(dataset.source, dataset.table, names, ranks)
