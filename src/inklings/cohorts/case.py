"""One patient examination: what there is to read and what is known about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from inklings.errors import DataError
from inklings.labels.kinds import Label

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Case:
    """One examination.

    The record holds what the annotators left and nothing else: where better labels exist (a
    weakened cohort), they live behind `inklings.evaluation.truth`, out of training's reach.

    Attributes:
        id: Unique within a cohort; names every file derived from the case.
        patient: Cases of one patient always share a split.
        images: ``{"image": path}``, ``{"ct": path}``, ``{"t1": path, "flair": path}``.
        labels: Everything known, strong or weak; empty for unlabelled cases.
        split: None until assigned.
        facts: What else was known, for stratification, titles and tables.
        choices: Name of an image to what of its file is meant, where the file holds several
            (`inklings.readers.choice.Choice`).
        annotates: Classes that its labels speak of; where they say nothing of the others, nothing
            is known of them. None for all classes of the cohort.
    """

    id: str
    patient: str
    images: Mapping[str, Path]
    labels: tuple[Label, ...] = ()
    split: Split | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)
    annotates: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w[\w.+-]*", self.id):
            raise DataError(
                "expected a case id of letters, digits and . _ + - (it names files), "
                f"got {self.id!r}"
            )

    def annotated(self, classes: Sequence[str]) -> tuple[bool, ...]:
        """Of each class, whether the labels of this case speak of it."""
        return tuple(self.annotates is None or name in self.annotates for name in classes)
