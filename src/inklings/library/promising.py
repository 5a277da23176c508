"""Promises about new patients: predict those whose answers are known, and write what holds."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.evaluation.family import Part
from inklings.evaluation.promises import Made, require_meant
from inklings.evaluation.promises import promise as promised
from inklings.inference.predict import predictor
from inklings.parallel import FAILED
from inklings.predictions import guarantee
from inklings.progress import note
from inklings.reports.card import write_card


def promise(
    run: Path,
    cohort: Path,
    risks: Mapping[str, Fraction],
    confidence: Fraction | None = None,
    split: Part | None = None,
    out: Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> tuple[Made, int]:
    """Predict a part of a cohort, and write promises about patients like them beside the run.

    Args:
        run: A run, or a folder of several, as for `inklings.inference.predict.predict`.
        cohort: Folder of a cohort with labels.
        risks: Name to the largest risk; see `inklings.predictions.guarantee.WORDS`.
        confidence: Probability that a promise holds; None for promises that hold on average.
        split: Part; by default ``val``, all of a cohort without parts.
        out: Folder for the predictions, which goes on where it stopped; None for a temporary one.
        workers: Processes that share the cases.
        scheduler: Address of a Dask scheduler whose workers shall predict.

    Returns:
        The promises, and the exit code: 0, or 3 where a case or a class was left out.

    Raises:
        InklingsError: If the run or the cohort is unusable, or no promise can be made.
    """
    with tempfile.TemporaryDirectory(prefix="inklings-") as temporary:
        folder = out or Path(temporary)
        part = split or ("val" if Cohort.read(cohort).is_split else "all")
        one = predictor(run, [cohort], {} if part == "all" else {"split": part})
        require_meant(risks, one.head)
        one.alone = False  # these predictions are not for the report
        summary = one.into(folder, workers, scheduler)
        for reason, failed in Counter(summary.failed.values()).items():
            first = next(case for case, why in summary.failed.items() if why == reason)
            note(f"failed: {first}{f' and {failed - 1} more' if failed > 1 else ''}: {reason}")
        if summary.failed:
            raise DataError(
                f"{len(summary.failed)} cases could not be predicted, and a guarantee that leaves "
                "out the difficult ones does not hold; repair them, or remove them from the cohort"
            )
        made = promised(folder, cohort, risks, confidence, part)
        guarantee.write(run, made.guarantees)
        write_card(run)
    return made, FAILED if made.refused else 0
