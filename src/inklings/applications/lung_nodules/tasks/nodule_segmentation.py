"""Which voxels are nodule: the first stage of the reference, learnt plane by plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from torch import Tensor

from inklings.applications.lung_nodules.reference import (
    CONTEXT,
    CROP,
    Marked,
    SegmenterCrops,
    grown_mask,
)
from inklings.applications.lung_nodules.segmenter import SegmenterPictures, SegmenterValidator
from inklings.applications.lung_nodules.spec import NODULE, NoduleSegmentationExperiment
from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.data import build_transforms
from inklings.detection.gather import opened
from inklings.detection.scan import whole
from inklings.errors import LabelError
from inklings.labels.files import read_mask, unlabelled
from inklings.labels.kinds import BallLabel, MaskLabel
from inklings.orientation import CANONICAL, turn_to
from inklings.runs.run import ModelConfig
from inklings.tasks.base import Task
from inklings.tasks.drawn import prepared_of, require_runs
from inklings.training.fit import Prepared

_PLANES = 2 * CONTEXT + 1
PARTS: tuple[Split, Split] = ("train", "val")


class NoduleSegmentationTask(Task[NoduleSegmentationExperiment]):
    """Learns from outlines of readers, or nodules grown from their centres."""

    def check(self, experiment: NoduleSegmentationExperiment, start: Path | None = None) -> None:
        """Also the changes of a crop, and that the network takes seven planes."""
        super().check(experiment, start)
        build_transforms(experiment.nodule_segmentation.augment, "boxes")
        model = _model_config(experiment).build()
        require_runs(model, experiment, (_PLANES, CROP, CROP), (1, CROP, CROP))

    def prepare(
        self,
        experiment: NoduleSegmentationExperiment,
        cohort: Cohort,
        out: Path,  # noqa: ARG002
        initial: Mapping[str, Tensor] | None,
    ) -> Prepared:
        """Crops of seven planes of the annotated scans, and whole planes of held-out ones.

        Raises:
            LabelError: If no scan of the training part shows a nodule.
        """
        asked, config = experiment.nodule_segmentation, _model_config(experiment)
        scans, held = (_marked(cohort.part(part)) for part in PARTS)
        if not scans:
            raise LabelError(
                f"train part of {experiment.cohort}: expected scans with nodules, got none; "
                "import them with their annotations"
            )
        without = cohort.part("val") and not held
        warnings = (
            ["the validation part shows no nodule; the last weights stand"] if without else []
        )
        return prepared_of(
            experiment,
            config,
            SegmenterCrops(scans, asked.augment),
            len(scans),
            initial,
            memory_format=None,
            validator=SegmenterValidator(held, asked.monitor) if held else None,
            gallery=partial(SegmenterPictures, scans=held) if held else None,
            warnings=tuple(warnings),
        )


def _model_config(experiment: NoduleSegmentationExperiment) -> ModelConfig:
    return ModelConfig(
        experiment.model, _PLANES, ("nodule",), ("nodule",), window=(1, CROP, CROP),
        orientation=CANONICAL,
    )  # fmt: skip


def _marked(cases: Sequence[Case]) -> list[Marked]:
    """Those in which a nodule shows."""
    return [one for case in cases if case.labels if (one := marked(case)).mask.any()]


def marked(case: Case) -> Marked:
    """A case for the reference: outlines of readers, or nodules grown from their centres."""
    with opened(case) as image:
        values, geometry = whole(image)
        turn = turn_to(image.geometry)
    limited = np.clip(values, -1000, 1000).astype(np.int16)
    drawn = [label for label in case.labels if isinstance(label, MaskLabel)]
    if drawn:
        masks = [(label, turn(read_mask(label.path))) for label in drawn]
        return Marked(limited, np.any([(m > 0) & ~unlabelled(k, m) for k, m in masks], axis=0))
    balls = [b for b in case.labels if isinstance(b, BallLabel) and b.name == NODULE]
    centres = [geometry.to_indices(ball.centre_mm).tolist() for ball in balls]
    return Marked(limited, grown_mask(values, centres))
