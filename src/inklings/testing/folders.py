"""A small cohort and predictions of it, written in a moment: for tests of what reads folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inklings import __version__
from inklings.cases.case import Case, Split
from inklings.cases.cohort import Cohort
from inklings.labels.kinds import MaskLabel
from inklings.predictions import Head, Prediction, Provenance

SPLITS: tuple[Split, ...] = ("train", "train", "val", "test", "test", "test")


def discs(seed: int, shape: tuple[int, int] = (64, 80), count: int = 9) -> NDArray[np.int32]:
    """``(H, W)`` numbered discs that do not touch; ``count`` of them at most."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    y, x = np.indices(shape)
    places = [(i, j) for i in range(10, shape[0] - 8, 20) for j in range(10, shape[1] - 8, 20)]
    for number, k in enumerate(rng.permutation(len(places))[:count], 1):
        centre = np.array(places[k]) + rng.integers(-2, 3, 2)
        labels[np.hypot(y - centre[0], x - centre[1]) < rng.uniform(4, 7)] = number
    return labels


def write_cohort(
    folder: Path, splits: Sequence[Split | None] = SPLITS, per_patient: int = 1
) -> Path:
    """A cohort of discs on noise, with complete instance masks.

    Args:
        folder: Where to write ``cohort.yaml``, ``cases.parquet``, ``images``, ``labels``.
        splits: One case each, in this order.
        per_patient: So many cases in a row share a patient.
    """
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    cases = []
    for k, split in enumerate(splits):
        labels = discs(k)
        noise = np.random.default_rng(k).normal(40, 8, labels.shape)
        grey = np.clip(noise + 120 * (labels > 0), 0, 255).astype(np.uint8)
        image, mask = folder / "images" / f"case{k}.png", folder / "labels" / f"case{k}.png"
        Image.fromarray(np.repeat(grey[..., None], 3, 2)).save(image)
        Image.fromarray(labels.astype(np.uint16)).save(mask)
        label = MaskLabel(mask, "image", "instances", ("nucleus",))
        facts = {"modality": "fluorescence" if k % 2 else "histology"}
        patient = f"patient{k // per_patient}"
        cases.append(Case(f"case{k}", patient, {"image": image}, (label,), split, facts))
    Cohort("discs", tuple(cases), ("nucleus",), {"licence": "CC0"}).write(folder)
    return folder


def write_predictions(folder: Path, cohort: Path, shift: int = 1, split: str = "test") -> Path:
    """Predictions of one part of `write_cohort`'s cohort: the truth, ``shift`` samples too low."""
    there = Cohort.read(cohort)
    learnt = sorted({case.patient for case in there if case.split in ("train", "val")})
    origin = Provenance("made-up", "0" * 64, there.split_hash, __version__)
    head = Head(("nucleus",), (0.5,), origin, tuple(learnt), {"window": 256})
    for case in there:
        if split in ("all", case.split):
            labels = np.roll(discs(int(case.id.removeprefix("case"))), shift, 0)
            soft = ndimage.gaussian_filter((labels > 0).astype(float), 0.7)
            dense = np.rint(255 * soft)[None].astype(np.uint8)
            objects = np.where(dense[0] >= 127.5, labels, 0).astype(np.uint16)
            Prediction(case.id, case.images["image"], dense, objects).write(folder)
    head.write(folder)
    return folder
