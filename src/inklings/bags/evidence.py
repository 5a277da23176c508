"""What may be concluded from the number of an instance, in words."""

from __future__ import annotations

MEANINGS = {
    "probability": "Numbers of instances are the model's own probabilities that each is positive; "
    "the bag is derived from them.",
    "score": "The number of an instance is what the model would say of a bag of it alone. It ranks "
    "instances; it is no calibrated probability.",
    "calibrated": "Numbers of instances are probabilities, fitted to the labels of held-out bags. "
    "They hold where one positive instance makes a bag positive.",
    "context": "Instances speak to one another in this model, so no number belongs to one of them.",
}
"""By what a pooling says of itself, see `inklings.models.pooling.base.Pooling`."""

NO_EVIDENCE = (
    "Attention is not evidence in this model: it says where the model looks, not what for, and a "
    "positive instance may have the least of it."
)


def warning(evidence: str) -> str:
    """What a reader of a picture must be told; empty where nothing need be."""
    return NO_EVIDENCE if evidence == "context" else ""
