"""Where the answers of trained weights are cut, and which pieces count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inklings.calibration.evidence import HeldOut
from inklings.models.base import Model
from inklings.progress import note
from inklings.spec import SegmentationExperiment
from inklings.supervision.prior import Prior
from inklings.training.validation import Judged, SegmentationValidator


@dataclass(frozen=True)
class OperatingPoint:
    """How the answers of trained weights are cut; chosen after the training, on held-out cases.

    Attributes:
        thresholds: One for each class; empty where nobody asks for any.
        priors: Estimated share of positives of each class; empty where no threshold needed it.
        largest: Classes of which the largest connected part of a volume alone counts.
        facts: Whatever else was chosen with them.
        held_out: What held-out cases say of the probabilities; None where nobody asked them.
    """

    thresholds: tuple[float, ...] = ()
    priors: tuple[Prior, ...] = ()
    largest: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    held_out: HeldOut | None = None


@dataclass(frozen=True)
class Fixed:
    """The same point whatever the weights are."""

    point: OperatingPoint

    def __call__(self, model: Model) -> OperatingPoint:  # noqa: ARG002
        """The point."""
        return self.point


@dataclass(frozen=True)
class SegmentationPoint:
    """Chooses thresholds, priors and pieces of a segmentation as its experiment asks.

    Attributes:
        experiment: Its section ``inference``, and the seed of what is estimated.
        validator: Held-out images; None where there are none.
        classes: Their names.
    """

    experiment: SegmentationExperiment
    validator: SegmentationValidator | None
    classes: Sequence[str]

    def __call__(self, model: Model) -> OperatingPoint:
        """Where to cut each class, and the class priors where the experiment asks for them."""
        asked, seed = self.experiment.inference, self.experiment.training.seed
        judged = None
        if self.validator is not None and (asked.threshold == "auto" or asked.calibration):
            judged = self.validator.judged(model, seed)
        thresholds, priors, facts = self._thresholds(model, judged)
        held_out = judged.held_out if judged is not None and asked.calibration else None
        largest = self._largest(model, thresholds)
        return OperatingPoint(thresholds, priors, largest, facts, held_out)

    def _thresholds(
        self, model: Model, judged: Judged | None
    ) -> tuple[tuple[float, ...], tuple[Prior, ...], dict[str, Any]]:
        asked, count = self.experiment.inference.threshold, len(self.classes)
        if not isinstance(asked, str):
            return (asked,) * count, (), {}
        if asked == "prior" and self.validator is not None:
            pairs = self.validator.priors(model, self.experiment.training.seed)
            return tuple(cut for _, cut in pairs), tuple(prior for prior, _ in pairs), {}
        if judged is None:
            return (0.5,) * count, (), {}
        rules = judged.rules
        for name, rule in zip(self.classes, rules, strict=True):
            if rule.rule == "prior":
                note(f"threshold of {name}: {rule.reason}")
        facts = [
            {"class": name, "rule": rule.rule, "reason": rule.reason}
            for name, rule in zip(self.classes, rules, strict=True)
        ]
        priors = [rule.prior for rule in rules if rule.prior is not None]
        known = tuple(priors) if len(priors) == count else ()
        return tuple(rule.threshold for rule in rules), known, {"thresholds": facts}

    def _largest(self, model: Model, thresholds: Sequence[float]) -> tuple[str, ...]:
        """Classes that are one piece; ``auto`` asks what is known of the validation part."""
        asked = self.experiment.inference.components
        if asked == "auto" and self.validator is not None:
            return tuple(self.classes[k] for k in self.validator.in_one_piece(model, thresholds))
        return tuple(self.classes) if asked == "largest" else ()
