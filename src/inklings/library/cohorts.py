"""Cohorts: from a dataset, a folder or arrays, and with weaker labels than they have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.split_files import split_cohort
from inklings.cohorts.splits import SplitOptions
from inklings.datasets import DATASETS, IN_MEMORY
from inklings.datasets.dataset import Argument, options_of
from inklings.datasets.given import built
from inklings.datasets.importing import run
from inklings.datasets.words import lines
from inklings.errors import DataError, SpecError
from inklings.evaluation.label_quality import LabelQuality, label_quality
from inklings.evaluation.truth import truth
from inklings.progress import note
from inklings.simulation.chain import Chain
from inklings.simulation.weaken import weaken


def import_dataset(
    name: str,
    source: str | Path | None = None,
    *,
    out: str | Path,
    fractions: tuple[float, float, float] | None = None,
    workers: int = 0,
    **options: Any,
) -> Cohort:
    """Make a cohort folder of a dataset, a folder of files, or of arrays; or go on with one.

    What is wrong with a case is told on standard error; one that cannot be used is left out.

    Args:
        name: Of a dataset, as ``inklings import --help`` lists them; ``arrays`` for pictures and
            volumes in memory (`inklings.datasets.arrays.Arrays`), ``bags`` for bags in memory
            (`inklings.datasets.arrays.ArrayBags`).
        source: What lies on disk, where the dataset has one source.
        out: Folder of the cohort.
        fractions: Of train, val and test: divide the cohort, never parting a patient. None leaves
            it as the dataset divides it, or undivided.
        workers: Processes; 0 for this one. Others need ``if __name__ == "__main__"`` in a script.
        options: Of the dataset, named as on its command line (``masks``, ``values``, ...).

    Returns:
        The cohort, which knows its folder.

    Raises:
        InklingsError: If the source is not what it should be, an option is none of the dataset's,
            or ``out`` holds something else.
    """
    if name in IN_MEMORY:
        dataset: Any = IN_MEMORY.get(name)
    elif name in DATASETS:
        dataset = DATASETS.get(name)
    else:
        known = ", ".join((*DATASETS, *IN_MEMORY))
        raise SpecError(f"no dataset named {name!r}; known: {known}")
    if source is not None:
        arguments = [k for k, v in options_of(dataset).items() if isinstance(v, Argument)]
        if not arguments:
            raise SpecError(f"dataset {name!r}: expected its options alone, got source {source}")
        options = {arguments[0]: source, **options}
    report = run(built(name, dataset, options).settled(note, _asks_nobody), Path(out), workers)
    for line in lines(report, Path(out)):
        note(line)
    if not report.cohort.cases:
        wrong = next((f for f in report.findings if f.is_fatal), None)
        why = f"{wrong.case}: {wrong.detail}" if wrong else f"there is none in {source}"
        raise DataError(f"dataset {name!r}: expected at least one case, got none; {why}")
    if fractions is not None:
        outcome = split_cohort(Path(out), SplitOptions(fractions))
        if outcome.replaced:
            note(f"this replaces split {outcome.replaced}: runs of the old split do not fit it")
    return Cohort.read(Path(out))


def simulate_weak_labels(
    cohort: Cohort | str | Path,
    kind: str | Sequence[str],
    *,
    out: str | Path,
    seed: int = 0,
    trusted: Sequence[str] = (),
    workers: int = 0,
    **options: Any,
) -> Cohort:
    """Make weaker labels of full ones; the truth stays for `evaluate` alone.

    Args:
        cohort: With complete labels.
        kind: ``drop``, ``dilate``, ``erode``, ``box``, ``hull``, ``jitter``, ``points``,
            ``scribble``, ``slices`` or ``bag``, with its options and in chains:
            ``"drop:keep=0.3+dilate:pixels=4"``.
        out: Folder of the weak cohort.
        seed: Decides all chance.
        trusted: Cases that keep their labels.
        workers: Processes; 0 for this one. Others need ``if __name__ == "__main__"`` in a script.
        options: Of the one kind that has it, outside of the text: ``keep=0.3``.

    Returns:
        The weak cohort; how good its labels are lies beside it in ``label_quality.csv``.

    Raises:
        InklingsError: If there is no such kind, or ``out`` holds something else.
    """
    chain = Chain.parse(kind, **options)
    return weakened(folder_of(cohort), chain, seed, Path(out), workers, trusted=trusted)[0]


def weakened(
    cohort: Path,
    chain: Chain,
    seed: int,
    out: Path,
    workers: int | None,
    scheduler: str | None = None,
    trusted: Sequence[str] = (),
) -> tuple[Cohort, LabelQuality]:
    """Weaken a cohort (`inklings.simulation.weaken.weaken`), and measure what became of it.

    Returns:
        The weak cohort, and how good its labels are, as ``label_quality.csv`` in ``out`` says it.
    """
    weaken(cohort, chain, seed, out, workers, scheduler, trusted)
    weak = Cohort.read(out)
    quality = label_quality(weak, truth(out))
    quality.write(out / "label_quality.csv")
    return weak, quality


def folder_of(cohort: Cohort | str | Path) -> Path:
    """Where a cohort lies.

    Raises:
        SpecError: If it is in memory alone, or differs from what lies there.
    """
    if not isinstance(cohort, Cohort):
        return Path(cohort)
    if cohort.folder is None:
        raise SpecError(f"expected a cohort on disk, got {cohort.name!r} in memory; write it first")
    there = Cohort.read(cohort.folder)
    if (there.cases, there.classes) != (cohort.cases, cohort.classes):
        raise SpecError(
            f"expected the cohort as it is in {cohort.folder}, got another in memory; write it to "
            "a folder of its own first"
        )
    return cohort.folder


def _asks_nobody(question: str) -> bool:  # noqa: ARG001
    return False
