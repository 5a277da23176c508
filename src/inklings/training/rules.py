"""By which rule a class is cut: Dice where its labels look complete, the prior where not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inklings.supervision.base import Target
from inklings.supervision.prior import Prior, estimate_prior, threshold_at
from inklings.training.thresholds import best_of

INCOMPLETE = 0.85
"""Labels look incomplete where they hold less than this share of what the scores find, by the
lower end of its interval; what good networks find in complete labels comes closer."""
_MOST_IMAGES, _MOST_SAMPLES = 120, 40_000


@dataclass(frozen=True)
class Rule:
    """Where a class is cut, and why.

    Attributes:
        threshold: Probability.
        rule: ``dice`` on the validation part, ``prior``, or ``half``.
        reason: A sentence.
        prior: Share of positives of an average image; None where no label says any.
    """

    threshold: float
    rule: Literal["dice", "prior", "half"]
    reason: str
    prior: Prior | None = None


@dataclass
class Sample:
    """Scores of some samples of some images, and which of them are labelled.

    Attributes:
        count: Images that there are; 120 of them are kept at most.
        seed: Of what is drawn.
    """

    count: int
    seed: int
    scores: list[NDArray[np.uint8]] = field(default_factory=list)
    labelled: list[NDArray[np.bool_]] = field(default_factory=list)
    spoken: list[list[bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._drawn = set(self._rng.permutation(self.count)[:_MOST_IMAGES].tolist())
        self._seen = 0

    def add(self, dense: NDArray[np.uint8], target: Target) -> None:
        """The next image: probabilities ``(K, *S)`` and what is known of it."""
        self._seen += 1
        if self._seen - 1 not in self._drawn:
            return
        size = dense[0].size
        some = np.sort(self._rng.permutation(size)[:_MOST_SAMPLES])
        flat = dense.reshape(len(dense), size)[:, some]
        positive = target.positives[: len(dense)]
        self.scores.append(flat)
        self.labelled.append(positive.reshape(len(dense), size)[:, some])
        self.spoken.append([bool(target.known_of(k).any()) for k in range(len(dense))])

    def of(self, k: int, every: bool) -> tuple[list[NDArray[np.float32]], list[NDArray[np.bool_]]]:
        """Scores and labels of class ``k``, an array ``(n,)`` an image.

        Args:
            k: The class.
            every: Also images that say nothing of it, as where positives alone are marked.
        """
        chosen = [i for i, spoken in enumerate(self.spoken) if every or spoken[k]]
        scores = [self.scores[i][k].astype(np.float32) / 255 for i in chosen]
        return scores, [self.labelled[i][k] for i in chosen]


def decide(
    counted: NDArray[np.int64], sample: Sample, judges: bool, pooled: bool, in_doubt: bool
) -> list[Rule]:
    """The rule of each class.

    Args:
        counted: ``(N, K, 2, 256)`` of `thresholds.counts`.
        sample: Scores and labels.
        judges: Whether labels speak of every sample.
        pooled: Whether Dice is that of all samples together (tiles).
        in_doubt: Whether somebody took out what is in doubt: what is left is complete.
    """
    rules = []
    for k in range(counted.shape[1]):
        positives, negatives = (int(counted[:, k, i, 0].sum()) for i in (0, 1))
        if not positives:
            rules.append(Rule(0.5, "half", "no labelled sample in the validation part"))
            continue
        if not judges and negatives:
            rules.append(Rule(0.5, "half", "labels speak of some samples only"))
            continue
        best = best_of(counted[:, k : k + 1], pooled=pooled)[0]
        if in_doubt:
            rules.append(Rule(best, "dice", "the best Dice on the validation part"))
            continue
        rules.append(_by_evidence(sample, k, best, declared=not judges))
    return rules


def _by_evidence(sample: Sample, k: int, best: float, declared: bool) -> Rule:
    scores, labelled = sample.of(k, every=declared)
    if not any(mask.any() for mask in labelled):
        return Rule(best, "dice", "the best Dice on the validation part")
    prior = estimate_prior(scores, labelled, seed=sample.seed)
    found = f"labels hold {prior.labelled:.2%} of an average image, scores find {prior.value:.2%}"
    found += f" (95 % interval {prior.low:.2%} to {prior.high:.2%})"
    if declared or prior.labelled < INCOMPLETE * prior.low:
        cut = threshold_at(scores, labelled, prior.value)
        return Rule(cut, "prior", f"objects are missing among the labels: {found}", prior)
    # Complete labels say their share themselves; the estimate is an upper bound of it.
    prior = replace(prior, value=prior.labelled, low=min(prior.low, prior.labelled))
    rule: Literal["dice", "half"] = "half" if best == 0.5 else "dice"
    return Rule(best, rule, f"labels look complete: {found}", prior)
