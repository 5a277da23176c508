"""One way from a folder of predictions to the files of another program."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.exports import EXPORTS
from inklings.exports.drawings import Drawings
from inklings.exports.nnunet import NnUNet
from inklings.exports.source import Exported, Exporter, ExportSource, require_fits


def export(
    predictions: Path,
    to: str,
    out: Path | None = None,
    cohort: Path | None = None,
    *,
    cases: Collection[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Exported:
    """Write predictions, or the labels of a cohort, in a format of the table.

    Args:
        predictions: The folder; or that of a cohort, for formats of annotations.
        to: Name of the format.
        out: Folder to write; ``exports/<to>`` in that of the predictions if None.
        cohort: Only its cases, with its images.
        cases: Only these of them.
        options: Of the format; what is None is not asked for.

    Raises:
        SpecError: If there is no such format, it has no such option, or it is none for what was
            predicted; nothing was written then.
        DataError: If there are no predictions, or an image is gone.
    """
    asked = {name: value for name, value in (options or {}).items() if value is not None}
    exporter = EXPORTS.build(to, asked)
    if (predictions / "cohort.yaml").is_file():
        return _labels(predictions, to, exporter, out, cases)
    source = ExportSource.open(predictions, cohort)
    if cases is not None:
        kept = tuple(case for case in source.cases if case in cases)
        source = dataclasses.replace(source, cases=kept)
    require_fits(to, exporter, source)
    written = exporter(source, predictions / "exports" / to if out is None else out)
    return Exported(written, source.cases)


def _labels(
    folder: Path, to: str, exporter: Exporter, out: Path | None, cases: Collection[str] | None
) -> Exported:
    """Write the labels of a cohort.

    Raises:
        SpecError: If the format is none of annotations.
    """
    if not isinstance(exporter, Drawings | NnUNet):
        raise SpecError(f"--to {to}: {folder} is a cohort: labels go to coco, nnunet, ...")
    there = Cohort.read(folder).where(lambda case: cases is None or case.id in cases)
    place = exporter.labels(there, folder / "exports" / to if out is None else out)
    return Exported(place, tuple(case.id for case in there))
