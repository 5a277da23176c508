"""Slides measured one by one, in this process or in others, each leaving a small file."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inklings.cohorts.case import Case
from inklings.evaluation.scoring import Measured
from inklings.evaluation.truth import truth
from inklings.files import written
from inklings.parallel import over_cases

Measure = Callable[[Case], Measured]


@dataclass(frozen=True)
class MeasureTask:
    """Measure one case and leave what was measured; small enough to travel.

    Attributes:
        measure: From a case to what was measured; picklable.
        cohort: Folder of the cohort, whose truth counts.
        out: Where the file goes.
    """

    measure: Measure
    cohort: Path
    out: Path

    def __call__(self, case: str) -> None:
        """Measure ``case``."""
        found = self.measure(_cases(self.cohort)[case])
        sums: dict[str, Any] = {f"sums{i}": values for i, values in enumerate(found.sums)}
        with written(self.out / f"{case}.npz") as path, path.open("wb") as file:
            np.savez(
                file,
                patient=np.array(found.patient),
                samples=np.array(found.samples),
                judged=np.array(found.judged),
                **sums,
            )


def measured_cases(
    measure: Measure,
    cohort: Path,
    cases: Sequence[str],
    predictions: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
) -> tuple[dict[str, Measured], dict[str, str]]:
    """What was measured of each case, and why the others could not be.

    Args:
        measure: From a case to what was measured.
        cohort: Folder of the cohort.
        cases: Their ids.
        predictions: Folder in which the files lie for a while.
        workers: Processes on this machine; None for this one.
        scheduler: Address of a Dask scheduler.
    """
    with tempfile.TemporaryDirectory(dir=predictions, prefix=".scores-") as scratch:
        out = Path(scratch).resolve()
        task = MeasureTask(measure, cohort.resolve(), out)
        summary = over_cases(
            task,
            cases,
            out=out,
            what="evaluate",
            workers=workers,
            scheduler=scheduler,
            told=False,
        )
        found = {case: _read(out, case) for case in cases if case not in summary.failed}
    return found, summary.failed


def _read(out: Path, case: str) -> Measured:
    with np.load(out / f"{case}.npz", allow_pickle=False) as file:
        count = sum(name.startswith("sums") for name in file.files)
        return Measured(
            case,
            str(file["patient"]),
            tuple(file[f"sums{i}"] for i in range(count)),
            tuple((int(p), int(r)) for p, r in file["samples"]),
            (int(file["judged"][0]), int(file["judged"][1])),
        )


@functools.lru_cache(maxsize=1)
def _cases(cohort: Path) -> dict[str, Case]:
    return {case.id: case for case in truth(cohort)}
