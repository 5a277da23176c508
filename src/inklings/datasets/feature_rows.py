"""Rows of a table of slides become bags: what belongs together, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inklings.bags.answers import Answers, Ranks, answers
from inklings.bags.label_words import word
from inklings.bags.outcome_columns import NO_OUTCOME, OutcomeColumns, Outcomes, outcomes
from inklings.cohorts.case import Split
from inklings.datasets.bag_cohort import require_whole_patients
from inklings.datasets.dataset import stamp_of
from inklings.datasets.feature_files import FeatureFiles
from inklings.datasets.findings import ImportFinding
from inklings.datasets.slide_names import bare, case_ids, folders, tcga_patient
from inklings.errors import DataError, LabelError
from inklings.labels.kinds import BagLabel, CaseLabel
from inklings.tables import Table, parts, read_table, told


@dataclass(frozen=True)
class Names:
    """What the columns of the table of labels are called.

    Attributes:
        slide: Name of the file without its ending; it may have one in the table.
        label: Classes; several columns for several questions of their own.
        patient: Whose slides are one bag; None to take every slide by itself.
        split: train, val or test; None to split later.
        outcome: Columns of numbers, in place of classes.
    """

    slide: str = "slide"
    label: tuple[str, ...] = ("label",)
    patient: str | None = None
    split: str | None = None
    outcome: OutcomeColumns = NO_OUTCOME

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of the labels: of classes, or of numbers."""
        return self.outcome.names or self.label

    @property
    def all(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (self.slide, *self.labels, *(n for n in (self.patient, self.split) if n))


@dataclass(frozen=True)
class FeatureBag:
    """One bag to be: what its rows say.

    Attributes:
        id: Of the case.
        patient: Bags of one patient share a split.
        files: Name of each image, and where its features lie.
        labels: Of the bag; none where nothing is said.
        split: As the table has it.
        findings: What its rows had that is worth telling.
    """

    id: str
    patient: str
    files: tuple[tuple[str, Path], ...]
    labels: tuple[CaseLabel, ...]
    split: Split | None
    findings: tuple[ImportFinding, ...]

    @property
    def stamp(self) -> str:
        """Changes with the files and with what the table says of them."""
        said = (self.patient, self.labels, self.split, [name for name, _ in self.files])
        return f"{stamp_of(*(path for _, path in self.files))} {said}"


@dataclass(frozen=True)
class FeatureRows:
    """A whole table, understood.

    Attributes:
        bags: In the order of their first rows.
        answers: Classes and task, with the labels.
        words: What was guessed and what was passed over, a line each.
    """

    bags: tuple[FeatureBag, ...]
    answers: Answers | Outcomes
    words: tuple[str, ...]


def read_rows(features: Path, table: Path, names: Names, ranks: Ranks | None = None) -> FeatureRows:
    """Bags from a table of slides and the folder of their features.

    Raises:
        DataError: If the two do not fit together.
        LabelError: If rows contradict one another; both are named.
    """
    rows = read_table(table, keep=names.all)
    rows.require(names.all, "say what they are called with --slide, --label, --patient, --split")
    files = FeatureFiles.under(features)
    slides = rows.stated(names.slide)
    paths = [files.of(slide) for slide in slides]
    if not any(paths):
        some = ", ".join(list(files.by_name)[:3])
        raise DataError(
            f"none of the {len(slides)} slides in {table} has a file in {features} (first: "
            f"{slides[0]!r}; files: {some}, ...)"
        )
    known = [i for i, path in enumerate(paths) if path is not None]
    cells = {column: [rows.columns[column][i] for i in known] for column in names.labels}
    found: Answers | Outcomes
    if names.outcome.names:
        found = outcomes(cells, lambda i, column: rows.at(known[i], column), names.outcome)
    else:
        found = answers(cells, lambda i, column: rows.at(known[i], column), ranks)
    words = [f"{table.name}: {note}" for note in (*rows.notes, *found.notes)]
    words += [f"{table.name}: {note}" for note in told(rows, names.split)] if names.split else []
    absent = [slides[i] for i, path in enumerate(paths) if path is None]
    if absent:
        words.append(f"without a file of features: {_some(absent)} of {len(slides)} slides")
    unused = files.others([path for path in paths if path is not None])
    if unused:
        words.append(f"files that no row names: {_some([p.name for p in unused])}, left out")
    read = _Read(rows, names, slides, found, {i: k for k, i in enumerate(known)}, paths)
    bags, more = _bags(read)
    words += more
    remarks = tuple(
        ImportFinding(table.name, "table", word.removeprefix(f"{table.name}: ")) for word in words
    )
    bags[0] = replace(bags[0], findings=(*bags[0].findings, *remarks))
    return FeatureRows(tuple(bags), found, tuple(words))


@dataclass(frozen=True)
class _Read:
    """A table with what was made of its rows."""

    rows: Table
    names: Names
    slides: Sequence[str]
    answers: Answers | Outcomes
    place: Mapping[int, int]
    paths: Sequence[Path | None]


def _bags(read: _Read) -> tuple[list[FeatureBag], list[str]]:
    names, rows = read.names, read.rows
    first, findings = _once(read)
    split = parts(rows, names.split) if names.split else [None] * len(rows)
    if names.patient:
        patients = rows.stated(names.patient)
        keys = {i: patients[i] for i in first}
    else:
        keys = {i: bare(read.slides[i]) for i in first}
        if len(set(keys.values())) < len(keys):
            keys = {i: "_".join((*folders(read.slides[i]), keys[i])) for i in first}
        patients = [tcga_patient(slide) or keys.get(i, "") for i, slide in enumerate(read.slides)]
    groups: dict[str, list[int]] = {}
    for i in first:
        groups.setdefault(keys[i], []).append(i)
    ids = dict(zip(groups, case_ids(list(groups)), strict=True))
    bags = []
    for key, members in groups.items():
        labels = _labels(read, key, members)
        part = _require_one_part(read, key, members, split)
        own = [f for i in members for f in findings.get(i, ())]
        if not labels:
            own.append(
                ImportFinding("", "no label", f"row {rows.rows[members[0]]} of {rows.path.name}")
            )
        pairs = tuple(
            (f"slide{k}" if len(members) > 1 else "slide", path)
            for k, i in enumerate(members)
            if (path := read.paths[i]) is not None
        )
        patient = case_ids([patients[members[0]]])[0]
        named = tuple(ImportFinding(ids[key], f.kind, f.detail, f.count) for f in own)
        bags.append(FeatureBag(ids[key], patient, pairs, labels, part, named))
    words = []
    if not names.patient and any(map(tcga_patient, read.slides)):
        count = len({bag.patient for bag in bags})
        words.append(f"patients are those of the TCGA barcodes: {count} of {len(bags)} slides")
    require_whole_patients(bags)
    return bags, words


def _once(read: _Read) -> tuple[list[int], dict[int, list[ImportFinding]]]:
    """Rows whose slide has features, each slide once; rows that say the same again are told."""
    first: dict[Path, int] = {}
    findings: dict[int, list[ImportFinding]] = {}
    for i, path in enumerate(read.paths):
        if path is None:
            continue
        before = first.setdefault(path, i)
        if before == i:
            continue
        one, other = folders(read.slides[before]), folders(read.slides[i])
        where = f"rows {read.rows.rows[before]} and {read.rows.rows[i]}"
        if one and other and one != other:
            raise DataError(
                f"{read.rows.path}, {where}: expected a file of features for each slide, got "
                f"{path.name} for {read.slides[before]!r} and {read.slides[i]!r}"
            )
        for column in read.names.all[1:]:
            cells = read.rows.said(column)
            if cells[before] != cells[i]:
                raise LabelError(
                    f"{read.rows.path}, {where}: expected one {column} for slide "
                    f"{bare(read.slides[i])!r}, got {cells[before]!r} and {cells[i]!r}"
                )
        findings.setdefault(before, []).append(ImportFinding("", "repeated row", where))
    return list(first.values()), findings


def _labels(read: _Read, key: str, members: Sequence[int]) -> tuple[CaseLabel, ...]:
    """What the rows of a bag say; a row that says nothing agrees with all others."""
    said: dict[str, tuple[CaseLabel, int]] = {}
    for i in members:
        for label in read.answers.labels(read.place[i]):
            before = said.setdefault(label.name, (label, i))
            if before[0] != label:
                column = read.names.labels[0] if len(read.names.labels) == 1 else label.name
                values = [read.rows.columns[column][k] for k in (before[1], i)]
                if not isinstance(label, BagLabel):
                    values = [word(before[0]), word(label)]
                raise LabelError(
                    f"{read.rows.path}, rows {read.rows.rows[before[1]]} and {read.rows.rows[i]}: "
                    f"{read.names.patient} {key}: expected one label and one split for all "
                    f"{len(members)} slides, got {' and '.join(values)}"
                )
    return tuple(label for label, _ in said.values())


def _require_one_part(
    read: _Read, key: str, members: Sequence[int], split: Sequence[Split | None]
) -> Split | None:
    found = {split[i]: i for i in reversed(members)}
    if len(found) > 1:
        where = " and ".join(str(read.rows.rows[i]) for i in sorted(found.values()))
        raise LabelError(
            f"{read.rows.path}, rows {where}: {read.names.patient} {key}: expected one label and "
            f"one split for all {len(members)} slides, got "
            f"{' and '.join(str(part or 'none') for part in sorted(found, key=found.__getitem__))}"
        )
    return next(iter(found))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"
