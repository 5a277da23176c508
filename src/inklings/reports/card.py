"""The model card of a run, ``card.md``: what it is, what it rests on, and what nobody tested.

The text depends on the files alone, so that it stays the same until one of them changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from inklings.calibration.record import Calibration
from inklings.errors import InklingsError
from inklings.evaluation.scores import Scores
from inklings.files import forbids_writing, write_text
from inklings.predictions import guarantee
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.outputs import remembered
from inklings.progress import note
from inklings.reports.card_sections import Known, Section, card, digest_of
from inklings.reports.material import Material, gather, is_current

FILE = "card.md"


def write_card(run: Path) -> None:
    """Write ``card.md`` into a run folder, and into those of its steps.

    A folder of several runs has none: what is said of their mean is said of no one of them.

    Raises:
        DataError: If a file of the run is damaged.
    """
    for folder in (run, *sorted(run.glob("steps/*"))):
        if (folder / "run.json").is_file() and (folder / "experiment.yaml").is_file():
            keep_card(folder, sections_of(gather(folder, scored=False)))


def keep_card(run: Path, sections: Sequence[Section]) -> None:
    """Write the sections as ``card.md``; a run that cannot be written is left, with a note."""
    try:
        write_text(run / FILE, markdown(run.resolve().name, sections))
    except OSError as error:
        if not forbids_writing(error):
            raise
        note(f"{run} cannot be written, so there is no new {FILE} in it")


def sections_of(material: Material) -> tuple[Section, ...]:
    """The card of the run that a report is about.

    Raises:
        DataError: If calibration or guarantees are damaged, or of other weights.
    """
    run, digest = material.run, digest_of(material)
    calibration = Calibration.read(run, digest) if digest else None
    fitted = calibration.patients if calibration else ()
    learnt = {*material.record.get("trained_on", ()), *fitted}
    tested = tuple(_tested(run, digest, learnt))
    told = [calibration.told] if calibration is not None and calibration.changes else None
    known = guarantee.read(run)
    stand = [
        one
        for one in known
        if one.maps in (None, guarantee.maps_of(told)) or one.weights_sha256 != digest
    ]
    return card(material, Known(calibration, tuple(stand), tested, len(known) - len(stand)))


def markdown(name: str, sections: Iterable[Section]) -> str:
    """The sections as a file; what stands in it by chance is no markup."""
    parts = [f"# Model card: {_plain(name)}"]
    for one in sections:
        parts.append(f"## {one.title}")
        parts.append("\n".join(f"- {_plain(line)}" for line in one.lines))
        parts += [f"```\n{text}\n```" for text in one.tables]
    return "\n\n".join(parts) + "\n"


def _tested(run: Path, digest: str, learnt: set[str]) -> Iterator[Scores]:
    """Evaluations that are there, of predictions of these weights, of patients not learnt from."""
    for folder in remembered(run):
        try:
            there = PredictionFolder.open(folder)
            if not is_current(there):
                continue
            table = Scores.read(folder)
        except InklingsError:  # gone, or not evaluated: whoever asks for it says so
            continue
        patients = {str(line.get("patient")) for line in table.cases}
        mine = digest in ("", there.head.provenance.weights_sha256)
        if mine and not table.head.get("seen") and patients.isdisjoint(learnt):
            yield table


def _plain(line: str) -> str:
    """One line, in which nothing is markup."""
    return re.sub(r"([\\`*<\[])", r"\\\1", " ".join(line.split()))
