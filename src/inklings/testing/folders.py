"""A small cohort, a run and its predictions, written in a moment, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inklings import __version__
from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.files import write_json, write_text
from inklings.labels.kinds import MaskLabel
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance
from inklings.predictions.outputs import remember
from inklings.spec import Component, SegmentationExperiment, Training

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
            DensePrediction(case.id, case.images["image"], dense, objects).write(folder)
    head.write(folder)
    return folder


def write_run(folder: Path, cohort: Path, predictions: Path | None = None) -> Path:
    """A finished run without weights: what reports read, with made-up numbers.

    Args:
        folder: Where to write it.
        cohort: That it claims to have learnt from.
        predictions: That it remembers having made.
    """
    experiment = SegmentationExperiment(
        cohort=cohort,
        model=Component(name="unet"),
        loss=Component(name="bce"),
        training=Training(steps=30),
    )
    experiment.write(folder / "experiment.yaml")
    rows = ["step,loss,val_loss,val_dice,predicted_positive,labelled_positive"]
    rows += [f"{k},{1 / k:.4f},,,0.1,0.12" for k in range(1, 30)]
    rows += ["30,0.03,0.05,0.87,0.1,0.12"]
    write_text(folder / "metrics.csv", "\n".join(rows) + "\n")
    record = {
        "thresholds": [0.5],
        "trained_on": ["patient0", "patient1", "patient2"],
        "split_hash": Cohort.read(cohort).split_hash,
        "seed": 0,
        "seconds": 74.0,
        "versions": {"inklings": __version__},
        "machine": {"processor": "made-up", "cores": 2},
        "prior": None,
        "warnings": ["a warning <of> the run"],
        "facts": {"steps": 30, "parameters": 1234567},
    }
    write_json(folder / "run.json", record)
    if predictions is not None:
        remember(folder, predictions)
    return folder
