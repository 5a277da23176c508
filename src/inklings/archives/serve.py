"""A service: studies come in, are predicted when complete, and what was found goes back."""

from __future__ import annotations

import hashlib
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pydicom

from inklings.archives.answers import answer, kind_of, volumes_in
from inklings.archives.queue import Queue, QueuedStudy, State, backed_off, scrubbed
from inklings.errors import DataError, InklingsError
from inklings.inference.predict import predictor
from inklings.inference.predictor import Options
from inklings.progress import silenced
from inklings.runs.bundle import opened
from inklings.runs.run import WEIGHTS
from inklings.runs.weights import digest_of

_NAMES = (
    "PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "OtherPatientNames",
    "AccessionNumber", "ReferringPhysicianName", "PatientAddress", "PatientTelephoneNumbers",
)  # fmt: skip
_DECIDING = (WEIGHTS, "run.json", "calibration.json", "cascade.json", "chosen.json")
_STARTS = 10
"""So often a study may be begun, by a process that ended or for want of something."""
_PAUSE_S = 30.0
"""Before a disk is tried again that takes not even how far a study is."""


class Unanswerable(DataError):
    """No series of a study can be predicted, whenever it is tried."""


@dataclass(frozen=True)
class Answers:
    """What answers studies.

    Attributes:
        run: Folder of the run.
        to: Exports that are sent, as `kind_of` gives them.
        series: Words of the series that are predicted; None for every volume.
    """

    run: Path
    to: tuple[str, ...]
    series: str | None = None

    @classmethod
    def of(cls, run: Path, to: Sequence[str] = (), series: str | None = None) -> Answers:
        """Checked.

        Raises:
            InklingsError: If the run does not predict single volumes, or exports mean nothing.
        """
        return cls(run.resolve(), kind_of(run, to)[1], series)

    @property
    def digest(self) -> str:
        """Changes with weights and settings."""
        run = opened(self.run)
        files = sorted(path for name in _DECIDING for path in run.rglob(name))
        said = [digest_of(path) for path in files], self.to, self.series
        return hashlib.sha256(repr(said).encode()).hexdigest()

    def make(self, study: QueuedStudy) -> State:
        """Predict the volumes of a study, and make the objects; the state with these.

        Raises:
            Unanswerable: If none could be predicted.
            InklingsError: If the run cannot be used.
        """
        start = time.perf_counter()
        out = study.folder / f"predictions-{study.state.digest}"
        volumes, reasons = self._volumes(study.images)
        if volumes:
            options: Options = {} if self.series is None else {"series": self.series}
            predictor_here = predictor(self.run, volumes, options)
            predictor_here.alone = False  # the run need not remember folders that will be gone
            reasons |= predictor_here.into(out).failed
        files: list[Path] = []
        empty = 0
        for folder in (one for one in volumes if one.name not in reasons):
            try:
                made = answer(out, folder.name, self.to)
                files += made.files
                empty += not made.files
            except DataError as error:
                reasons[folder.name] = str(error)
        if not files and not empty:
            first = next(iter(reasons.values()), "there is no volume to predict")
            raise Unanswerable(f"{len(study.images)} series: {first}")
        facts = {
            "series": len(volumes),
            "left out": len(study.images) - len(volumes),
            "failed": len(reasons),
            "objects": len(files),
            "seconds": round(time.perf_counter() - start, 2),
        }
        names = tuple(path.relative_to(study.folder).as_posix() for path in files)
        return replace(study.state, made=names, facts=facts)

    def _volumes(self, images: Sequence[Path]) -> tuple[list[Path], dict[str, str]]:
        """Folders of series that hold volumes, and why others cannot be read."""
        found: list[Path] = []
        reasons: dict[str, str] = {}
        for folder in images:
            try:
                if volumes_in(folder, self.series):
                    found.append(folder)
            except InklingsError as error:
                reasons[folder.name] = str(error)
        return found, reasons


@dataclass(frozen=True)
class Worker:
    """Answers what is due, one study at a time.

    Attributes:
        queue: What waits.
        answers: What makes the answers.
        send: Sends objects; raises DataError where they were not taken.
        say: Called with a line; never with anything of a patient.
    """

    queue: Queue
    answers: Answers
    send: Callable[[Sequence[Path]], None]
    say: Callable[[str], None]

    def work(self, stop: threading.Event, every_s: float = 0.5) -> None:
        """Until told to stop."""
        while not stop.is_set():
            for study in self.queue.due():
                if stop.is_set():
                    return
                try:
                    self.one(study)
                except OSError as error:
                    self.say(f"study {study.key} waits: cannot be kept ({error.strerror})")
                    stop.wait(_PAUSE_S)
            stop.wait(every_s)

    def one(self, study: QueuedStudy) -> None:
        """Bring one study as far as it goes."""
        with silenced(), warnings.catch_warnings():  # notes and warnings may hold what files say
            warnings.simplefilter("ignore")
            made = self._made(study)
            if made is not None:
                self._sent(made)

    def _made(self, study: QueuedStudy) -> QueuedStudy | None:
        """The study with its objects; None where that failed, for now or for good.

        What cannot be predicted fails for good. Anything else may be of the machine (no room on the
        disk, no memory, a run that is out of reach), and is tried again, up to a limit.
        """
        if study.state.made is not None:
            return study
        if study.state.starts >= _STARTS:
            why = study.state.facts.get("reason", "the process ended")
            self._failed(study, f"begun {_STARTS} times, and each time: {why}")
            return None
        state = study.state
        begun = state.begun or time.time()
        study = study.keep(replace(state, starts=state.starts + 1, begun=begun))
        try:
            return study.keep(self.answers.make(study))
        except Unanswerable as error:
            self._failed(study, str(error))
        except Exception as error:
            why = self._why(study, error)
            self.say(f"study {study.key} is tried again: {why}")
            later = backed_off(replace(study.state, sends=study.state.starts)).later
            study.keep(replace(study.state, later=later, facts={"reason": why}))
        return None

    def _failed(self, study: QueuedStudy, reason: str) -> None:
        study = replace(study, state=replace(study.state, facts={}))
        self.queue.finish(study, "failed", reason=scrubbed(reason, _names(study)))

    def _why(self, study: QueuedStudy, error: Exception) -> str:
        """An error in a line, without names; of an unknown one only its kind."""
        if not isinstance(error, InklingsError):
            return type(error).__name__
        return scrubbed(" ".join(str(error).split()), _names(study))

    def _sent(self, study: QueuedStudy) -> None:
        made = [study.folder / name for name in study.state.made or ()]
        try:
            if made:
                self.send(made)
        except Exception as error:
            if not study.state.sends:
                self.say(f"study {study.key} waits: {self._why(study, error)}")
            study.keep(backed_off(study.state))
            return
        self.queue.finish(study, "answered" if made else "nothing found", sends=study.state.sends)


def _names(study: QueuedStudy) -> list[str]:
    """What names the patient of a study, to be taken out of texts."""
    for path in study.folder.glob("images/*/[!.]*.dcm"):
        try:
            said = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_NAMES))
            return [
                str(value)
                for one in said
                if one.value
                for value in (one.value if one.VM > 1 else [one.value])
            ]
        except Exception:
            continue
    return []
