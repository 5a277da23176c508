"""Which trained runs search for nodules, and where they cut: a folder of stages."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inklings.cohorts.leaks import Training
from inklings.detection.find import settings_of
from inklings.errors import DataError
from inklings.files import write_json
from inklings.records import read_record
from inklings.runs.run import Run

FIRST = ("detector", "segmenter")
"""What may find candidates."""
_TASKS = {
    "detector": "detection",
    "segmenter": "nodule_segmentation",
    "classifier": "candidates",
    "malignancy": "malignancy",
}
_FILE = "cascade.json"
_FILE_OF_0_1 = "chain.json"


@dataclass(frozen=True)
class Cascade:
    """The trained stages.

    Attributes:
        detector: Finds candidates; a detector, or a segmenter whose marks are grouped as the
            reference does.
        classifier: Says which are nodules; None leaves that to the detector.
        malignancy: Says which nodules are malignant; None if nobody asks.
        threshold: Probability from which a candidate is called a nodule.
        suspicious: Probability from which a nodule is called suspicious.
        weight: Of the classifier's logit beside the detector's, 0 to 1; at 0 it is not asked.
        tuned_on: Patients that the thresholds were tuned on.
        more: Further runs of each stage, by the names of their folders (``classifier_2``): what
            they say is averaged with the first.
    """

    detector: Run
    classifier: Run | None = None
    malignancy: Run | None = None
    threshold: float = 0.5
    suspicious: float = 0.5
    weight: float = 0.5
    tuned_on: frozenset[str] = frozenset()
    more: Mapping[str, Run] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Cascade:
        """Read a folder with the runs ``detector``, ``classifier``, ``malignancy``, or one run.

        Instead of the detector there may be a ``segmenter``; further runs of a stage are called
        ``classifier_2`` and so on. ``cascade.json`` beside them (``chain.json`` of 0.1) holds
        thresholds that were tuned.

        Raises:
            DataError: If there is no detector and no segmenter, or both, or a run of another task.
        """
        first = [name for name in FIRST if (folder / name).is_dir()]
        if len(first) == 2:
            raise DataError(
                f"{folder}: expected a detector or a segmenter, got both; move one elsewhere"
            )
        if not first:
            return cls(_of_task(folder, FIRST))._with(folder)
        rest = ("classifier", "malignancy")
        stages = {name: _of_task(folder / name, (name,)) for name in first}
        stages |= {
            name: _of_task(folder / name, (name,)) for name in rest if (folder / name).is_dir()
        }
        more = {
            path.name: _of_task(path, (name,))
            for name in stages
            for path in sorted(folder.glob(f"{name}_*"))
            if path.is_dir() and path.name.removeprefix(f"{name}_").isdigit()
        }
        detector = stages.pop(first[0])
        later = {name: stages.get(name) for name in rest}
        found = cls(detector, later["classifier"], later["malignancy"], more=more)
        return found._with(folder)

    def _with(self, folder: Path) -> Cascade:
        """With the thresholds that lie in a folder."""
        return dataclasses.replace(self.untuned, **_said(folder))

    @property
    def segments(self) -> bool:
        """Whether candidates are grouped from what a segmenter marks."""
        return self.detector.task == _TASKS["segmenter"]

    @property
    def untuned(self) -> Cascade:
        """As before any tuning; behind a segmenter the classifier decides, as in the reference."""
        weight = 1.0 if self.segments else 0.5
        return dataclasses.replace(
            self, threshold=0.5, suspicious=0.5, weight=weight, tuned_on=frozenset()
        )

    @property
    def stages(self) -> dict[str, Run]:
        """Every run, by its name."""
        first = FIRST[self.segments]
        named = {first: self.detector, "classifier": self.classifier, "malignancy": self.malignancy}
        return {**{name: run for name, run in named.items() if run is not None}, **self.more}

    def runs(self, stage: str) -> list[Run]:
        """The runs of one stage, whose answers are averaged."""
        return [run for name, run in self.stages.items() if name.partition("_")[0] == stage]

    @property
    def image(self) -> str | None:
        """Which image of a case is searched; None where nobody says."""
        return None if self.segments else settings_of(self.detector).image

    def write(self, folder: Path, chosen_on: Mapping[str, Any] | None = None) -> None:
        """Keep the thresholds beside the runs, and what they were chosen on."""
        said = {"threshold": self.threshold, "suspicious": self.suspicious, "weight": self.weight}
        chosen = {**(chosen_on or {}), "patients": sorted(self.tuned_on)}
        write_json(folder / _FILE, {**said, "chosen_on": chosen})

    @property
    def stage_trainings(self) -> tuple[Training, ...]:
        """What each stage was trained on."""
        return tuple(
            Training(f"stage {name}", frozenset(stage.record.trained_on), stage.record.split_hash)
            for name, stage in self.stages.items()
        )

    @property
    def trainings(self) -> tuple[Training, ...]:
        """What each stage was trained on, and whom the thresholds were tuned on."""
        tuning = Training("the tuning of the thresholds", self.tuned_on)
        return (*self.stage_trainings, *([tuning] if self.tuned_on else []))

    @property
    def trained_on(self) -> frozenset[str]:
        """Patients that any stage was trained on, or the thresholds were tuned on."""
        return frozenset().union(*(one.patients or () for one in self.trainings))

    @property
    def facts(self) -> dict[str, Any]:
        """Which runs these are, for the record of the findings."""
        return {
            "stages": {name: str(stage.folder) for name, stage in self.stages.items()},
            "threshold": self.threshold,
            "suspicious": self.suspicious,
        }


def _of_task(folder: Path, stages: Sequence[str]) -> Run:
    """A run of one of the stages.

    Raises:
        DataError: If it is of another.
    """
    run = Run.load(folder)
    if run.task not in [_TASKS[name] for name in stages]:
        expected = " or a ".join(stages)
        raise DataError(
            f"{folder}: expected a {expected}, or a folder of such runs by their names, got a run "
            f"of task {run.task}"
        )
    return run


def _said(folder: Path) -> dict[str, Any]:
    paths = [folder / _FILE, folder / _FILE_OF_0_1]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return {}
    again = "tune the thresholds again"
    record = read_record(dict[str, Any], path, "thresholds of a cascade", again)
    try:
        said = {name: float(record[name]) for name in ("threshold", "suspicious", "weight")}
        tuned_on = frozenset(map(str, record.get("chosen_on", {}).get("patients", ())))
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}); {again}") from None
    if not all(map(math.isfinite, said.values())):
        raise DataError(f"{path} is damaged (values that are not numbers); {again}")
    return {**said, "tuned_on": tuned_on}
