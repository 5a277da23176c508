"""Nodule or not: a judge of what a detector finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inklings.applications.lung_nodules.spec import CandidateExperiment
from inklings.applications.lung_nodules.tasks.boxes import BoxTask
from inklings.detection.find import settings_of
from inklings.runs.run import Run


class CandidateTask(BoxTask[CandidateExperiment]):
    """Learns which candidates of a detector are nodules."""

    answer = "nodule"

    def sources(self, experiment: CandidateExperiment) -> Sequence[Path]:
        """The detector."""
        return (experiment.candidates.detector,)

    def detector(self, experiment: CandidateExperiment) -> Run:
        """The detector whose candidates are judged.

        Raises:
            DataError: If the run is another one.
        """
        run = Run.load(experiment.candidates.detector)
        settings_of(run)
        return run
