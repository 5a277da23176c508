"""The experiment file of a diagnosis of bags: one answer for many instances."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from inklings.sections import Component, Section
from inklings.spec.base import Experiment


class Bags(Section):
    """Training on bags, with a model that takes them (``model: bags``).

    ``task`` is what the labels mean where the cohort does not say it. ``max_instances`` is how many
    instances of a bag a training step looks at, drawn anew each time, an instance once or, with
    ``replacement``, perhaps several times; prediction sees them all. ``max_bags`` is how many bags
    make an epoch at most: the next goes on with the others.
    ``standardise`` scales the inputs to mean 0 and spread 1 over the training part.
    """

    task: Literal[
        "auto", "binary", "multilabel", "multiclass", "ordinal", "regression", "survival"
    ] = "auto"
    augment: tuple[Component, ...] = ()
    max_instances: int | None = Field(default=None, gt=0)
    replacement: bool = False
    max_bags: int | None = Field(default=None, gt=0)
    standardise: bool = True

    def epoch(self, bags: int) -> int:
        """How many of so many bags an epoch shows."""
        return min(bags, self.max_bags or bags)


AtLeast = Annotated[
    dict[Literal["sensitivity", "specificity"], Annotated[float, Field(gt=0, le=1)]],
    Field(min_length=1, max_length=1),
]
"""One of the two and the share that held-out bags have to reach."""


class BagInference(Section):
    """``threshold: auto`` chooses where to call each class on held-out bags, else one half.

    ``threshold: {sensitivity: 0.95}`` calls as few held-out bags as find at least that share of
    the positive ones; ``{specificity: 0.95}`` as many as leave that share of the negative ones.

    ``times``: of a survival, at which its probability is predicted, in the unit of the labels;
    where none are given, those by which a quarter, half and three quarters of the events were seen.
    """

    threshold: Literal["auto"] | Annotated[float, Field(gt=0, lt=1)] | AtLeast = "auto"
    times: tuple[Annotated[float, Field(gt=0)], ...] = ()


class BagExperiment(Experiment):
    """One reproducible diagnosis of bags (``task: bags``).

    Attributes:
        cohort: Folder made by `inklings import`; relative paths start at the working folder.
        bags: What is asked of a bag, and how its instances are seen.
        inference: Where the answer is yes.
    """

    learner: ClassVar[str] = "inklings.tasks.bags:BagTask"
    task: Literal["bags"] = "bags"
    bags: Bags = Bags()
    inference: BagInference = BagInference()

    @property
    def predictor(self) -> str:
        """What predicts its runs."""
        return "inklings.inference.bags:BagPredictor"
