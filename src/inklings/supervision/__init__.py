"""Supervision: what the labels of a case tell the learner; one file per kind, one line here."""

from inklings.registry import Registry
from inklings.supervision.base import Supervision

SUPERVISIONS: Registry[Supervision] = Registry(
    "supervision",
    {
        "auto": "inklings.supervision.auto:Auto",
        "bag": "inklings.supervision.bag:BagSupervision",
        "boxes": "inklings.supervision.boxes:Boxes",
        "full": "inklings.supervision.full:Full",
        "partial": "inklings.supervision.partial:Partial",
        "points": "inklings.supervision.points:Points",
        "positive_unlabelled": "inklings.supervision.positive_unlabelled:PositiveUnlabelled",
        "scribbles": "inklings.supervision.scribbles:Scribbles",
    },
)
