"""Several models of bags merged by a decision tree that was fitted on the validation part.

The protocol of Lerousseau et al. (MICCAI 2020, results of `MarvinLer/tcga_segmentation`): a model
of high specificity, one of high sensitivity and a balanced one, and a tree over what they say. The
tree sees the probabilities of bags; instances go through the same tree, each as a bag of itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.tree import DecisionTreeClassifier, export_text

from inklings import __version__
from inklings.bags.task import presence
from inklings.cache import digest
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.files import write_text
from inklings.predictions.bags import BagPrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head, Provenance
from inklings.progress import track

TREE = "tree.txt"
"""In the folder of merged predictions: the tree of each class, in words."""
_SURE = 1e-3  # leaves of one kind say this much less than certainty
_LEAF = 0.05  # of the bags, the least that a leaf holds


@dataclass(frozen=True)
class Merged:
    """What a merge did.

    Attributes:
        path: Folder of predictions.
        fitted: Bags of the validation part that each tree was fitted on.
        cases: Bags that were merged.
    """

    path: Path
    fitted: Mapping[str, int]
    cases: tuple[str, ...]


def merge(
    folders: Sequence[Path], cohort: Path, out: Path, depth: int = 3, seed: int = 0
) -> Merged:
    """Fit a tree for each class, and write what the trees say of all bags that all models know.

    Args:
        folders: Predictions of the same bags by two models or more, validation part included.
        cohort: Of the bags, split; labels of its validation part are learnt from, and no other.
        out: New folder of predictions of bags; scored and exported as any.
        depth: Questions from the root of a tree to a leaf, at most.
        seed: Of the tree, where two questions are equally good.

    Raises:
        SpecError: If the predictions are none that can be merged, or ``out`` holds others.
        DataError: If bags of the validation part are missing, or only one answer is among them.
    """
    if len(folders) < 2:
        raise SpecError("expected predictions of two models or more to merge, got one")
    if depth < 1:
        raise SpecError(f"--depth: expected 1 or more, got {depth}")
    there = [PredictionFolder.open(folder) for folder in folders]
    classes = _common(there)
    known = Cohort.read(cohort)
    if not known.is_split:
        raise DataError(f"{cohort} is not split yet; run 'inklings split' first")
    val = known.part("val")
    if gone := [one.path for one in there if {case.id for case in val} - set(one.cases)]:
        raise DataError(
            f"expected all bags of the validation part in {gone[0]}, got some; predict the whole "
            "cohort with every run, or --split val and --split test"
        )
    if not val:
        raise DataError(f"{cohort}: expected a validation part to fit the tree on, got none")
    said = np.stack([_asked(there, case.id) for case in val])
    truth = np.stack([presence(case, classes) for case in val])
    trees = [
        _fitted(name, said[:, :, k], truth[:, k], depth, seed) for k, name in enumerate(classes)
    ]
    cases = tuple(case for case in there[0].cases if all(case in one.cases for one in there))
    words = [_told(name, tree, there) for name, tree in zip(classes, trees, strict=True)]
    head = _head(there, classes, words, {case.patient for case in val})
    PredictionFolder.claim(out, head)
    for case in track(cases, "merge"):
        _merged(there, case, trees).write(out)
    write_text(out / TREE, "\n".join(words))
    fitted = {n: int((~np.isnan(truth[:, k])).sum()) for k, n in enumerate(classes)}
    return Merged(out, fitted, cases)


def _common(there: Sequence[PredictionFolder]) -> tuple[str, ...]:
    """The classes, which all of them share."""
    for one in there:
        task = one.head.settings.get("task")
        if one.kind != "bags" or task not in ("binary", "multilabel"):
            what = f"{one.kind}{f' of the task {task}' if task else ''}"
            raise SpecError(f"{one.path}: expected predictions of bags, yes or no, got {what}")
        if one.head.classes != there[0].head.classes:
            raise SpecError(
                f"{one.path}: expected the classes {', '.join(there[0].head.classes)}, as in "
                f"{there[0].path}, got {', '.join(one.head.classes)}"
            )
    if len({one.path.resolve() for one in there}) < len(there):
        raise SpecError("expected predictions of different models, got one folder twice")
    return there[0].head.classes


def _asked(there: Sequence[PredictionFolder], case: str) -> NDArray[np.float64]:
    """``(R, K)``: what each model says of a bag."""
    return np.stack([BagPrediction.read(one.path, case).probability for one in there])


def _fitted(
    name: str, said: NDArray[np.float64], truth: NDArray[np.float64], depth: int, seed: int
) -> DecisionTreeClassifier:
    known = ~np.isnan(truth)
    answers = truth[known] > 0.5
    if answers.all() or not answers.any():
        raise DataError(
            f"{name}: expected bags with and without it in the validation part, got one kind; "
            "split the cohort again with more of it"
        )
    leaf = max(1, math.ceil(_LEAF * len(answers)))
    tree = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=leaf, random_state=seed)
    return tree.fit(said[known], answers)


def _says(
    trees: Sequence[DecisionTreeClassifier], said: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``(N, K)`` of ``(N, R, K)``, never quite 0 or 1."""
    columns = [tree.predict_proba(said[:, :, k])[:, 1] for k, tree in enumerate(trees)]
    unsure: NDArray[np.float64] = np.clip(np.stack(columns, axis=1), _SURE, 1 - _SURE)
    return unsure


def _merged(
    there: Sequence[PredictionFolder], case: str, trees: Sequence[DecisionTreeClassifier]
) -> BagPrediction:
    every = [BagPrediction.read(one.path, case) for one in there]
    if len({one.instances.shape for one in every}) > 1:
        raise DataError(
            f"case {case}: expected the same instances in all predictions, got "
            f"{', '.join(str(len(one.instances)) for one in every)}; predict one cohort"
        )
    bag = _says(trees, np.stack([one.probability for one in every])[None])[0]
    single = np.stack([expit(one.instances.astype(np.float64)) for one in every], axis=1)
    return replace(
        every[0],
        probability=bag,
        logits=logit(bag),
        instances=logit(_says(trees, single)).astype(np.float32),
        attention=None,
        contribution=None,
    )


def _told(name: str, tree: DecisionTreeClassifier, there: Sequence[PredictionFolder]) -> str:
    runs = [one.path.name for one in there]
    names = [f"{run} ({k})" if runs.count(run) > 1 else run for k, run in enumerate(runs, 1)]
    return f"{name}\n{export_text(tree, feature_names=names, decimals=4, show_weights=True)}"


def _head(
    there: Sequence[PredictionFolder],
    classes: tuple[str, ...],
    words: Sequence[str],
    tuned: set[str],
) -> Head:
    """What made them; the patients of the validation part taught the trees."""
    heads = [one.head for one in there]
    splits = {head.provenance.split_hash for head in heads}
    seen = [head.trained_on for head in heads]
    patients = {*tuned, *(patient for one in seen for patient in one or ())}
    settings: dict[str, Any] = {
        "task": heads[0].settings["task"],
        "channels": list(classes),
        "evidence": "The number of an instance is what the tree of the merge says of a bag of it "
        "alone.",
        "warning": "",
        "merged": [head.provenance.run for head in heads],
    }
    return Head(
        classes=classes,
        thresholds=(0.5,) * len(classes),
        provenance=Provenance(
            run=", ".join(head.provenance.run for head in heads),
            weights_sha256=digest([h.provenance.weights_sha256 for h in heads], list(words)),
            split_hash=splits.pop() if len(splits) == 1 else None,
            version=__version__,
        ),
        trained_on=None if None in seen else tuple(sorted(patients)),
        settings=settings,
        kind="bags",
    )
