"""Any slides: found by a pattern, with annotations, masks and a table of what else is known."""

from __future__ import annotations

import csv
import glob
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from inklings.cases.opening import SLIDE
from inklings.datasets.findings import Finding
from inklings.datasets.slide_cohort import Found, SlideReport, gather
from inklings.errors import DataError, LabelError, SpecError
from inklings.labels.annotations import read_outlines
from inklings.labels.kinds import BACKGROUND, NO_CLASS, BagLabel, Label
from inklings.labels.outlines import HOLE, labels_of

SUFFIXES = (
    ".svs", ".tif", ".tiff", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".dcm", ".svslide",
)  # fmt: skip
_ENDINGS = re.compile(r"(?<=.)[_-](masks?|annotations?|labels?|outlines?)$", re.I)
_YES = {"1", "1.0", "yes", "true", "positive", "tumour", "tumor"}
_NO = {"0", "0.0", "no", "false", "negative", "normal", ""}


@dataclass(frozen=True)
class SlideFolder:
    """Where slides and what is known of them lie.

    Attributes:
        images: Pattern of the slides, or a folder, which is searched with all below it.
        annotations: Pattern of GeoJSON and XML files, named like their slides.
        names: What the annotators' names mean; see `inklings.labels.outlines.labels_of`.
        masks: Pattern of masks, named like their slides.
        meaning: Names of the codes of the masks, from 1 up.
        table: CSV with a row a slide or a patient; other columns become facts.
        label: Column of the table that becomes bag labels.
        patient: Regular expression with one group, searched in the path of each slide.
    """

    images: str
    annotations: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    masks: str | None = None
    meaning: tuple[str, ...] = ()
    table: Path | None = None
    label: str | None = None
    patient: str | None = None


Identity = Callable[[Path], tuple[str, str, tuple[Label, ...], dict[str, str]]]
"""From a path: id, patient, labels and facts that the name alone gives."""


def import_slides(
    source: SlideFolder,
    out: Path,
    name: str = "slides",
    facts: Mapping[str, Any] | None = None,
    identity: Identity | None = None,
    spacing_um: float | None = None,
    workers: int | None = None,
) -> SlideReport:
    """The slides of ``source`` as a cohort that points at them.

    Args:
        source: Where they lie.
        out: Folder of the cohort.
        name: Of the cohort.
        facts: Licence, citation and the like.
        identity: What the name of a slide says; by default its stem is the id and the patient.
        spacing_um: Size of a pixel of level 0, where the files do not say it or say it wrong.
        workers: Processes.

    Raises:
        DataError: If there are no slides, or a pattern or a table fits none of them.
        SpecError: If options do not go together.
    """
    if source.masks and not source.meaning:
        raise SpecError("say what the codes of the masks mean: --codes benign,tumour (1, 2, ...)")
    if source.label and not source.table:
        raise SpecError(
            f"--label {source.label}: expected the table it is a column of; add --table"
        )
    paths = slides_in(source.images)
    slides = _identified(paths, identity or _by_stem(source.patient))
    words = [f"slides found: {len(slides)}"]
    slides, findings = _annotated(slides, source, words)
    slides = _with_masks(slides, source, words)
    slides = _with_table(slides, source, words)
    broken = {finding.case for finding in findings if finding.is_fatal}
    kept = [slide for slide in slides if slide.id not in broken]
    named = [k for slide in kept for k in _names(slide)]
    classes = tuple(dict.fromkeys(n for n in (*source.meaning, *named) if n != BACKGROUND))
    return gather(name, classes, facts or {}, kept, out, spacing_um, workers, words, findings)


def slides_in(pattern: str) -> list[Path]:
    """The slides that match a pattern, or lie in a folder or below it, in order.

    Raises:
        DataError: If there are none.
    """
    if Path(pattern).is_dir():
        found = [p for p in Path(pattern).rglob("*") if p.suffix.lower() in SUFFIXES]
    else:
        found = [Path(p) for p in glob.glob(pattern, recursive=True) if Path(p).is_file()]  # noqa: PTH207
    if not found:
        raise DataError(
            f"expected slides ({', '.join(SUFFIXES[:4])}, ...) that match {pattern!r}, got none; "
            "put the pattern in quotes: '--images \"scans/**/*.svs\"'"
        )
    return sorted(found)


def _by_stem(patient: str | None) -> Identity:
    def identity(path: Path) -> tuple[str, str, tuple[Label, ...], dict[str, str]]:
        stem = re.sub(r"[^A-Za-z0-9_.+-]", "_", path.stem).lstrip(".+-") or "slide"
        return stem, patient_in(path, patient) or stem, (), {}

    return identity


def patient_in(path: Path, expression: str | None) -> str | None:
    """What the one group of an expression finds in a path.

    Raises:
        DataError: If it finds nothing.
        SpecError: If it does not parse, or has no group.
    """
    if expression is None:
        return None
    try:
        match = re.search(expression, path.as_posix())
    except re.error as error:
        raise SpecError(f"--patient: {expression!r} does not parse: {error}") from None
    if match is None:
        raise DataError(f"--patient: {expression!r} is found nowhere in {path}; it has to fit all")
    if len(match.groups()) != 1:
        raise SpecError(f"--patient: expected one group, such as '(P\\d+)_', got {expression!r}")
    return str(match[1])


def _identified(paths: Sequence[Path], identity: Identity) -> list[Found]:
    slides, taken = [], set[str]()
    for path in paths:
        case, patient, labels, facts = identity(path)
        unique, number = case, 2
        while unique in taken:
            unique, number = f"{case}_{number}", number + 1
        taken.add(unique)
        slides.append(Found(unique, patient, path, labels=labels, facts=facts))
    return slides


def _companions(slides: Sequence[Found], pattern: str, what: str) -> dict[str, Path]:
    """Files by the id of the slide whose name they bear."""
    paths = sorted(Path(p) for p in glob.glob(pattern, recursive=True))  # noqa: PTH207
    by_name = {_ENDINGS.sub("", path.stem).lower(): path for path in paths if path.is_file()}
    found = {s.id: by_name[n] for s in slides if (n := s.path.stem.lower()) in by_name}
    if not found:
        raise DataError(
            f"expected {what} named like the slides ({slides[0].path.stem}...), got none among the "
            f"{len(paths)} that match {pattern!r}"
        )
    return found


def _annotated(
    slides: list[Found], source: SlideFolder, words: list[str]
) -> tuple[list[Found], list[Finding]]:
    if source.annotations is None:
        return slides, []
    files = _companions(slides, source.annotations, "annotations")
    drawn, findings, count = [], [], 0
    for slide in slides:
        labels: Sequence[Label] = ()
        if slide.id in files:
            try:
                drawing = read_outlines(files[slide.id])
                labels = labels_of(drawing.outlines, SLIDE, source.names)
                if drawing.odd:
                    said = f"{files[slide.id].name}: {'; '.join(drawing.odd[:5])}"
                    findings.append(Finding(slide.id, "odd outlines", said, len(drawing.odd)))
            except LabelError as error:
                findings.append(Finding(slide.id, "unread outlines", str(error)))
            count += len(labels)
        else:
            findings.append(Finding(slide.id, "no label", slide.path.name))
        drawn.append(replace(slide, labels=(*slide.labels, *labels)))
    words.append(f"annotations: {count} outlines and points on {len(files)} slides")
    return drawn, findings


def _with_masks(slides: list[Found], source: SlideFolder, words: list[str]) -> list[Found]:
    if source.masks is None:
        return slides
    files = _companions(slides, source.masks, "masks")
    words.append(f"masks: {len(files)} of {len(slides)} slides have one")
    return [
        replace(s, mask=files[s.id], meaning=source.meaning) if s.id in files else s for s in slides
    ]


def _with_table(slides: list[Found], source: SlideFolder, words: list[str]) -> list[Found]:
    if source.table is None:
        return slides
    rows = _rows(source.table)
    columns = list(rows[0])
    if source.label is not None and source.label not in columns:
        raise DataError(
            f"{source.table}: expected a column {source.label!r}, got {', '.join(columns)}"
        )
    key, by_key = _key(rows, slides, source.table)
    told = [
        (slide, next((by_key[n] for n in _keys(slide) if n in by_key), None)) for slide in slides
    ]
    values = sorted({row[source.label] for _, row in told if row and source.label})
    matched = sum(row is not None for _, row in told)
    words.append(f"table: column {key!r} names {matched} of {len(slides)} slides")
    joined = []
    for slide, row in told:
        if row is None:
            joined.append(slide)
            continue
        facts = {k: v for k, v in row.items() if k not in (key, source.label) and v}
        labels = _bags(source.label, row[source.label], values) if source.label else ()
        facts = {**slide.facts, **facts}
        joined.append(replace(slide, labels=(*slide.labels, *labels), facts=facts))
    return joined


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [
                {k: (v or "").strip() for k, v in row.items() if k} for row in csv.DictReader(file)
            ]
    except OSError as error:
        raise DataError(f"expected a table at {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: expected a table in CSV ({error})") from None
    if not rows:
        raise DataError(f"{path}: expected a row for each slide or patient, got none")
    return rows


def _key(
    rows: list[dict[str, str]], slides: Sequence[Found], path: Path
) -> tuple[str, dict[str, dict[str, str]]]:
    """The column that names most slides or patients, and its rows."""
    wanted = [set(_keys(slide)) for slide in slides]
    best: tuple[int, str, dict[str, dict[str, str]]] = (0, "", {})
    for column in rows[0]:
        by_key = {_plain(row[column]): row for row in rows}
        hits = sum(any(name in by_key for name in names) for names in wanted)
        if hits > best[0]:
            best = (hits, column, by_key)
    if not best[0]:
        raise DataError(
            f"{path}: expected a column with names of slides or patients "
            f"({slides[0].path.name}, {slides[0].patient}), got none"
        )
    return best[1], best[2]


def _keys(slide: Found) -> tuple[str, ...]:
    names = (slide.path.name, slide.path.stem, slide.id, slide.patient)
    return tuple(_plain(name) for name in names)


def _plain(name: str) -> str:
    return name.strip().lower()


def _bags(column: str, value: str, values: Sequence[str]) -> tuple[Label, ...]:
    """Yes or no for the column, or one label for each of its values."""
    if all(v.lower() in _YES | _NO for v in values):
        return (BagLabel(column, value.lower() in _YES),) if value else ()
    return tuple(BagLabel(v, v == value) for v in values if v)


def _names(slide: Found) -> list[str]:
    return [n for k in slide.labels if (n := getattr(k, "name", HOLE)) not in (HOLE, *NO_CLASS)]
