"""One way from a folder of predictions to the files of another program."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from inklings.exports import EXPORTS
from inklings.exports.source import Exported, ExportSource, require_fits


def export(
    predictions: Path,
    to: str,
    out: Path | None = None,
    cohort: Path | None = None,
    *,
    cases: Collection[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Exported:
    """Write predictions in a format of the table.

    Args:
        predictions: The folder.
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
    source = ExportSource.open(predictions, cohort)
    if cases is not None:
        kept = tuple(case for case in source.cases if case in cases)
        source = dataclasses.replace(source, cases=kept)
    require_fits(to, exporter, source)
    written = exporter(source, predictions / "exports" / to if out is None else out)
    return Exported(written, source.cases)
