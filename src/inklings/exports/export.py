"""One way from a folder of predictions to the files of another program."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inklings.cohorts.cohort import Cohort
from inklings.errors import InklingsError, SpecError
from inklings.exports import EXPORTS
from inklings.exports.drawings import Drawings
from inklings.exports.nnunet import NnUNet
from inklings.exports.source import Exported, Exporter, ExportSource, require_fits
from inklings.files import sweep, write_json
from inklings.predictions.guarantee import of_head
from inklings.predictions.head import BY_PRIOR
from inklings.progress import note
from inklings.records import read_record

CLAIM = ".inklings-export.json"
"""Says what the files of a folder were made of."""

ALIKE = (
    {"asap", "voc"},
    {"dsa", "labelme"},
    {"masks", "montage"},
    {"dicom-ann", "dicom-labelmap", "dicom-seg", "rtstruct"},
)
"""Formats whose files of a case have one name, so that one would overwrite the other."""


def export(
    predictions: Path,
    to: str,
    out: Path | None = None,
    cohort: Path | None = None,
    *,
    cases: Collection[str] | None = None,
    options: Mapping[str, Any] | None = None,
    guaranteed: bool = False,
) -> Exported:
    """Write predictions, or the labels of a cohort, in a format of the table.

    Args:
        predictions: The folder; or that of a cohort, for formats of annotations.
        to: Name of the format.
        out: Folder to write; ``exports/<to>`` in that of the predictions if None, or
            ``exports/<to>-guaranteed``.
        cohort: Only its cases, with its images.
        cases: Only these of them.
        options: Of the format; what is None is not asked for.
        guaranteed: The guaranteed masks instead of the best ones
            (`inklings.predictions.guarantee`).

    Raises:
        SpecError: If there is no such format, it has no such option, it is none for what was
            predicted, or ``out`` holds what was made of others; nothing was written then.
        DataError: If there are no predictions, or an image is gone.
    """
    asked = {name: value for name, value in (options or {}).items() if value is not None}
    exporter = EXPORTS.build(to, asked)
    if (predictions / "cohort.yaml").is_file():
        if guaranteed:
            raise SpecError(f"--guaranteed: expected predictions, got the cohort {predictions}")
        return _labels(predictions, to, exporter, out, cases)
    source = ExportSource.open(predictions, cohort)
    if cases is not None:
        kept = tuple(case for case in source.cases if case in cases)
        source = dataclasses.replace(source, cases=kept)
    require_fits(to, exporter, source)
    source = source.promised() if guaranteed else source
    named = f"{to}-guaranteed" if guaranteed else to
    place = predictions / "exports" / named if out is None else out
    with claimed(place, to, _made_by(source)):
        return Exported(exporter(source, place), source.cases)


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
    place = folder / "exports" / to if out is None else out
    from_there = Path(os.path.relpath(folder.resolve(), place.resolve())).as_posix()
    with claimed(place, to, {"labels of": there.name, "in": from_there}):
        return Exported(exporter.labels(there, place), tuple(case.id for case in there))


@contextmanager
def claimed(out: Path, to: str, made_by: Mapping[str, Any]) -> Iterator[None]:
    """Make ``out`` the folder of exports of these predictions, and clear what was left there.

    Raises:
        SpecError: If it holds those of others, or files of another format by the same names.
    """
    path, record = out / CLAIM, json.loads(json.dumps(made_by))
    if path.is_file():
        before = read_record(dict[str, Any], path, "what was exported", "delete the folder")
        formats = before.pop("formats", [])
        other = [key for key in {**before, **record} if before.get(key) != record.get(key)]
        if other:
            came = ", ".join(
                f"{key} {before.get(key)} instead of {record.get(key)}" for key in other
            )
            raise SpecError(
                f"{out} holds what was exported of others ({came}); choose another --out"
            )
        if alike := [one for one in formats if one != to and any({one, to} <= k for k in ALIKE)]:
            raise SpecError(
                f"{out} holds what was exported to {alike[0]}, whose files {to} would overwrite; "
                "choose another --out"
            )
        for folder in {part.parent for part in out.rglob(".*.part*")}:
            sweep(folder)
        write_json(path, {**record, "formats": sorted({*formats, to})})
        yield
        return
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    if not missing and any(out.glob("[!.]*")):
        note(f"{out} was not empty: existing files stay")
    write_json(path, {**record, "formats": [to]})
    try:
        yield
    except InklingsError:
        if [*out.iterdir()] == [path]:  # refused: nothing was written
            path.unlink()
            for folder in missing:
                folder.rmdir()
        raise


def _made_by(source: ExportSource) -> dict[str, Any]:
    """What exports must have in common to lie in one folder."""
    head = source.head
    cuts = [(one.risk, one.label, one.threshold) for one in of_head(head)]
    ruled = BY_PRIOR in head.settings  # thresholds follow from what is predicted
    return {
        "kind": head.kind,
        "classes": head.classes,
        "run": head.provenance.weights_sha256 or head.provenance.run,
        "thresholds": None if ruled else head.thresholds,
        **({"guaranteed": cuts} if source.guaranteed else {}),
    }
