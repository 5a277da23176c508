"""The experiment file: what to run, by name, with every value checked before any data are opened.

A file is short because everything has a default; `Experiment.write` saves it resolved, beside the
weights. ``--set training.steps=200`` replaces one value, whatever its depth. Each task has a file
here (or with its application) and a line in `TASKS`.
"""

from inklings.sections import Component, Section
from inklings.spec.bags import BagExperiment, BagInference, Bags
from inklings.spec.base import TASKS, Experiment
from inklings.spec.segmentation import (
    Inference,
    PixelClassifier,
    Sampling,
    SegmentationExperiment,
    SelfTraining,
    Teacher,
    Volumes,
)
from inklings.spec.training import Training

__all__ = [
    "TASKS", "BagExperiment", "BagInference", "Bags", "Component", "Experiment", "Inference",
    "PixelClassifier", "Sampling", "Section", "SegmentationExperiment", "SelfTraining", "Teacher",
    "Training", "Volumes",
]  # fmt: skip
