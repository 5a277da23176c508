"""A folder of predictions: what kind it is, what is done, and how to go on with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from inklings.errors import SpecError
from inklings.files import sweep
from inklings.parallel import failed_cases
from inklings.predictions import findings, slides
from inklings.predictions.bags import BagPrediction
from inklings.predictions.dense import DensePrediction
from inklings.predictions.findings import Findings
from inklings.predictions.head import BY_PRIOR, FILE, GUARANTEES, RESTS_ON, Head, Kind
from inklings.predictions.slides import SlidePrediction
from inklings.predictions.stored import case_file, image_in

Payload = DensePrediction | SlidePrediction | BagPrediction | Findings


class OfPredictions:
    """For what is about a folder of predictions, ``there``."""

    there: PredictionFolder

    @property
    def folder(self) -> Path:
        """Where the predictions lie."""
        return self.there.path

    @property
    def head(self) -> Head:
        """What is common to all cases."""
        return self.there.head


@dataclass(frozen=True)
class PredictionFolder:
    """A folder of predictions as it was when it was opened.

    Attributes:
        path: The folder.
        head: What is common to all cases.
        cases: Ids of the cases that are done, sorted.
        slides: Those of them that are slides, with maps of their own.
    """

    path: Path
    head: Head
    cases: tuple[str, ...]
    slides: frozenset[str] = frozenset()

    @classmethod
    def open(cls, path: Path) -> PredictionFolder:
        """What lies in ``path``; no case is opened.

        Raises:
            DataError: If it holds no predictions.
        """
        old = holds_predictions(path) and not (path / FILE).is_file()
        head = findings.head_of_0_1(path) if old else Head.read(path)
        if head.kind == "findings":
            return cls(path, head, tuple(sorted(findings.cases_in(path))))
        arrays = {file.stem for file in (path / "cases").glob("[!.]*.npz")}
        large = frozenset(slides.cases_in(path) if head.kind == "dense" else ())
        return cls(path, head, tuple(sorted(arrays | large)), large)

    @classmethod
    def claim(cls, out: Path, head: Head) -> PredictionFolder:
        """Make ``out`` the folder of these predictions, and clear what killed processes left.

        Raises:
            SpecError: If it holds the predictions of other weights or settings.
        """
        if holds_predictions(out) and (there := cls.open(out)).cases:
            _require_same(out, there.head, head)
            _renew_promises(out, there.head, head)
        else:
            head.write(out)
        for folder in (out / "cases", out / findings.FOLDER):
            sweep(folder)
        return cls.open(out)

    @property
    def kind(self) -> Kind:
        """What is said of each case."""
        return self.head.kind

    @cached_property
    def failed(self) -> dict[str, str]:
        """The reason for each case that could not be predicted."""
        return failed_cases(self.path)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of all of it should know, a sentence each."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        if self.failed:
            yield f"{len(self.failed)} cases could not be predicted (failed.json)"
        if self.head.settings.get(RESTS_ON) == 0:
            yield "thresholds by the prior are not final; predict again to resume"
        if self.head.trained_on is None:
            yield "nobody knows which patients the run was trained on"

    def where(self, case: str) -> Path:
        """The file of a case, or the folder of a slide."""
        if self.kind == "findings":
            return findings.file_of(self.path, case)
        if case in self.slides:
            return slides.folder_of(self.path, case)
        return case_file(self.path, case)

    def payload(self, case: str) -> Payload:
        """What was predicted of one case.

        Raises:
            DataError: If there is nothing, or it is damaged.
        """
        if self.kind == "findings":
            return Findings.read(self.path, case)
        if self.kind == "bags":
            return BagPrediction.read(self.path, case)
        if case in self.slides:
            return SlidePrediction.read(self.path, case)
        return DensePrediction.read(self.path, case)

    def image(self, case: str) -> Path:
        """The file that a case was predicted from, without reading the whole payload.

        Raises:
            DataError: If what is there is damaged or does not say it.
        """
        if self.kind == "findings":
            return Findings.read(self.path, case).image
        if case in self.slides:
            return slides.image_of(self.path, case)
        return image_in(case_file(self.path, case))

    @property
    def changed(self) -> float:
        """When the latest case was written, in seconds since 1970; 0 where there is none."""
        record = {case: slides.folder_of(self.path, case) / slides.RECORD for case in self.slides}
        files = (record.get(case, self.where(case)) for case in self.cases)
        return max((file.stat().st_mtime for file in files), default=0.0)


def holds_predictions(path: Path) -> bool:
    """Whether something was predicted into ``path``; findings of 0.1.0 have no head."""
    return (path / FILE).is_file() or any(findings.cases_in(path))


def _renew_promises(out: Path, there: Head, head: Head) -> None:
    """Promises may have been made since; they change nothing of what was predicted."""
    promises = {k: v for k, v in head.settings.items() if k == GUARANTEES}
    others = {k: v for k, v in there.settings.items() if k != GUARANTEES}
    if there.settings != (settings := {**others, **promises}):
        replace(there, settings=settings).write(out)


def _require_same(out: Path, there: Head, head: Head) -> None:
    if there.kind != head.kind:
        raise SpecError(
            f"{out} holds predictions of the kind {there.kind}, expected {head.kind}; choose "
            "another --out"
        )
    if there.trained_on is None or not there.provenance.weights_sha256:
        raise SpecError(
            f"{out} holds findings of version 0.1.0, which do not say whose weights made them; "
            "choose another --out"
        )
    if there.provenance.weights_sha256 != head.provenance.weights_sha256:
        raise SpecError(
            f"{out} holds predictions of run {there.provenance.run}, which has other weights "
            f"than {head.provenance.run}; choose another --out"
        )
    old, new = ({**h.settings, "thresholds": h.thresholds} for h in (there, head))
    ruled = {GUARANTEES, *({"thresholds"} if BY_PRIOR in new else ())}  # which follow from others
    if other := [key for key in new if key not in ruled and old.get(key) != new[key]]:
        came = ", ".join(f"{key} {old.get(key)} instead of {new[key]}" for key in other)
        raise SpecError(f"{out} holds predictions made with {came}; choose another --out")
