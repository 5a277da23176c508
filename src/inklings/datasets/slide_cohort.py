"""Slides become a cohort where they lie: nothing is decoded but a thumbnail, nothing is copied."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inklings.cases.case import Case
from inklings.cases.cohort import Cohort
from inklings.cases.label_checks import coarsest
from inklings.cases.opening import SLIDE, SPACING_FACT
from inklings.datasets import findings as reports
from inklings.datasets.findings import Finding
from inklings.datasets.workers import converted
from inklings.errors import DataError
from inklings.files import read_yaml
from inklings.labels.files import read_mask
from inklings.labels.kinds import BACKGROUND, Label, MaskLabel
from inklings.progress import track
from inklings.readers import open_image
from inklings.readers.pyramid import Pyramid

_GLANCE = 64


@dataclass(frozen=True)
class Found:
    """One slide that may become a case.

    Attributes:
        id: Of the case.
        patient: Slides of one patient share a split.
        path: The slide.
        mask: Its mask, if there is one, and what its codes mean from 1 up.
        meaning: Names of the codes of the mask.
        labels: What else is known.
        facts: For titles and tables.
        expected: A name of which the mask must show something, where the table says so.
    """

    id: str
    patient: str
    path: Path
    mask: Path | None = None
    meaning: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    expected: str | None = None


@dataclass(frozen=True)
class SlideReport:
    """What an import of slides did.

    Attributes:
        cohort: As it now is on disk.
        findings: What was wrong, also with cases that are in it.
        words: What else to tell, a line each.
    """

    cohort: Cohort
    findings: tuple[Finding, ...]
    words: tuple[str, ...]

    @property
    def left_out(self) -> tuple[str, ...]:
        """Ids of the slides that are too broken to use."""
        return tuple(sorted({f.case for f in self.findings if f.is_fatal}))


def gather(
    name: str,
    classes: tuple[str, ...],
    facts: Mapping[str, Any],
    slides: Sequence[Found],
    out: Path,
    spacing_um: float | None = None,
    workers: int | None = None,
    words: Sequence[str] = (),
    findings: Sequence[Finding] = (),
) -> SlideReport:
    """Look at every slide and mask once, and write the cohort of those that can be read.

    ``words`` and ``findings`` are what the caller already has to tell. Splits and patients of an
    earlier import into ``out`` are kept; slides that are new on disk since are added.

    Raises:
        DataError: If there is no slide at all, or ``out`` holds something else.
    """
    if not slides:
        raise DataError(f"expected slides to import for {name}, got none; {' '.join(words)}")
    known = earlier(name, out)
    looked = track(converted(look, slides, workers), "looking at slides", len(slides))
    results = {found.id: (spacing, problems) for found, spacing, problems in looked}
    cases, every, unknown = [], list(findings), 0
    for found in slides:
        says, problems = results[found.id]
        every += problems
        if any(problem.is_fatal for problem in problems):
            continue
        unknown += not says
        extra = {SPACING_FACT: f"{spacing_um:g}"} if spacing_um else {}
        cases.append(_case(found, known.get(found.id), extra))
    told = [*words]
    if unknown and not spacing_um:
        told.append(
            f"{unknown} of {len(cases)} slides do not say how large their pixels are: sizes are in "
            "pixels of level 0, unless you import again with --spacing-um (0.5 for a 20x scan)"
        )
    cohort = Cohort(name, tuple(sorted(cases, key=lambda c: c.id)), classes, dict(facts))
    reports.write(every, out)
    cohort.write(out)
    return SlideReport(cohort, tuple(every), tuple(told))


def look(found: Found) -> tuple[Found, bool, list[Finding]]:
    """Open one slide and its mask: whether it states a resolution, and what is wrong."""
    try:
        with open_image(found.path) as image:
            states = image.geometry.spacing is not None
            shape = image.geometry.shape
            (image.thumbnail(_GLANCE) if isinstance(image, Pyramid) else image)
    except DataError as error:
        return found, False, [Finding(found.id, "unreadable image", str(error))]
    problems = []
    if found.mask is not None:
        problems += _mask_problems(found, shape)
    return found, states, problems


def _mask_problems(found: Found, shape: tuple[int, ...]) -> list[Finding]:
    assert found.mask is not None
    try:
        codes, size = coarse_codes(found.mask)
    except DataError as error:
        return [Finding(found.id, "unreadable mask", str(error))]
    y, x = (m / n for m, n in zip(size, shape, strict=True))
    if abs(y - x) > 0.01 * max(x, y):
        detail = f"{found.mask.name}: {size[1]} x {size[0]}, the slide {shape[1]} x {shape[0]}"
        return [Finding(found.id, "mask shape", detail)]
    most = max(codes, default=0)
    if most > len(found.meaning):
        detail = (
            f"{found.mask.name}: holds code {most}, but codes end at {len(found.meaning)}: "
            "perhaps the mask is another provider's"
        )
        return [Finding(found.id, "strange codes", detail)]
    shown = {found.meaning[code - 1] for code in codes if code} - {BACKGROUND}
    if found.expected and found.expected not in shown:
        detail = f"{found.mask.name}: shows no {found.expected}, which the table reports"
        return [Finding(found.id, "mask disagrees", detail)]
    return []


def coarse_codes(path: Path) -> tuple[set[int], tuple[int, ...]]:
    """Codes that the coarsest level of a mask holds, and the size of its finest.

    Raises:
        DataError: If it cannot be read.
    """
    image = open_image(path)
    mask = coarsest(image) if isinstance(image, Pyramid) else read_mask(path)
    return set(np.unique(mask).tolist()), image.geometry.shape


def _case(found: Found, known: Case | None, extra: Mapping[str, str]) -> Case:
    labels = list(found.labels)
    if found.mask is not None:
        labels.insert(0, MaskLabel(found.mask, SLIDE, "classes", found.meaning))
    facts = {**found.facts, **extra}
    case = Case(found.id, found.patient, {SLIDE: found.path}, tuple(labels), facts=facts)
    if known is None:
        return case
    return dataclasses.replace(case, split=known.split, patient=known.patient)


def earlier(name: str, out: Path) -> dict[str, Case]:
    """The cases of an earlier import into ``out``, whose patients and splits are kept.

    Raises:
        DataError: If ``out`` holds something else.
    """
    if not out.exists() or not any(out.iterdir()):
        return {}
    if not (out / "cohort.yaml").is_file() or (
        read_yaml(out / "cohort.yaml", "a cohort description").get("name") != name
    ):
        raise DataError(
            f"{out} is not empty and holds no import of {name}; give --out a new folder"
        )
    return {case.id: case for case in Cohort.read(out)}
