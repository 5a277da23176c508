"""Nodule or not: a judge of what a detector finds, or of candidates that are published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inklings.applications.lung_nodules.spec import CandidateExperiment
from inklings.applications.lung_nodules.tasks.boxes import BoxTask
from inklings.detection.find import settings_of
from inklings.runs.run import Run


class CandidateTask(BoxTask[CandidateExperiment]):
    """Learns which candidates are nodules."""

    answer = "nodule"

    def sources(self, experiment: CandidateExperiment) -> Sequence[Path]:
        """The detector, if there is one."""
        detector = experiment.candidates.detector
        return () if detector is None else (detector,)

    def detector(self, experiment: CandidateExperiment) -> Run | None:
        """The detector whose candidates are judged; None where they are published.

        Raises:
            DataError: If the run is another one.
        """
        if experiment.candidates.detector is None:
            return None
        run = Run.load(experiment.candidates.detector)
        settings_of(run)
        return run
