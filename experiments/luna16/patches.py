"""Nodule or not on the 8,106 real patches of LUNA16, with their own train, val and test parts.

    python experiments/luna16/patches.py luna16_patches.zip --out runs/patches

A small network of 50 x 50 pictures, trained through the Trainer of all runs; kill it at any time
and run it again. The rotated copies of positives are left in the training part as they come.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import nn

from inklings.data.batches import Crop, CropBatches
from inklings.evaluation.intervals import BOOTSTRAP
from inklings.evaluation.ranking import auc
from inklings.files import write_json
from inklings.losses import LOSSES
from inklings.progress import note
from inklings.spec import Component, Experiment
from inklings.tensors import Output
from inklings.training.callbacks import CheckpointCallback, ValidationCallback
from inklings.training.monitor import History, Monitor
from inklings.training.trainer import run

SIDE = 44
PARTS = ("train", "val", "test")


class PatchNet(nn.Module):
    """Three stages of two convolutions; mean and maximum of the last; one logit."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        sizes = [1, width, 2 * width, 4 * width]
        layers: list[nn.Module] = []
        for inside, outside in pairwise(sizes):
            layers += [*_unit(inside, outside), *_unit(outside, outside), nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers[:-1])
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * sizes[-1], 1))

    def forward(self, inputs: torch.Tensor, valid: Any = None) -> Output:  # noqa: ARG002
        """Logits ``(B, 1)`` of ``(B, 1, H, W)``."""
        features = self.layers(inputs)
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
        return Output(self.head(pooled))


def _unit(inside: int, outside: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inside, outside, 3, padding=1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    ]


class Draw:
    """Patches of both kinds equally often; shifted, mirrored, turned, brightened, noisy."""

    def __init__(self, pictures: np.ndarray, positive: np.ndarray) -> None:
        self.pictures, self.positive = pictures, positive
        self.of = [np.flatnonzero(~positive), np.flatnonzero(positive)]

    def __call__(self, rng: Generator) -> Crop:
        """One patch and what it is."""
        kind = self.of[int(rng.integers(2))]
        index = int(kind[rng.integers(len(kind))])
        y, x = rng.integers(0, self.pictures.shape[1] - SIDE + 1, 2)
        picture = self.pictures[index, y : y + SIDE, x : x + SIDE].astype(np.float32) / 255
        picture = np.rot90(picture, int(rng.integers(4)))
        if rng.random() < 0.5:
            picture = picture[:, ::-1]
        picture = picture * rng.uniform(0.85, 1.15) + rng.normal(0, 0.04)
        picture = picture + rng.normal(0, rng.uniform(0, 0.03), picture.shape)
        value = np.array([self.positive[index]], np.float32)
        return picture[None].astype(np.float32), value, np.ones(1, bool)


def read(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pictures ``(n, 50, 50)`` uint8 and whether each is a nodule, by part."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for part in PARTS:
            rows = archive.read(f"{part}datalabels.txt").decode().split("\n")
            pairs = [row.split() for row in rows if row.strip()]
            pictures = [
                squared(np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("L")))
                for name, _ in pairs
            ]
            found[part] = np.stack(pictures), np.array([int(kind) for _, kind in pairs]) > 0
    return found


def squared(picture: np.ndarray, side: int = 50) -> np.ndarray:
    """The middle ``side`` x ``side`` pixels; patches at the border of a scan are filled up."""
    missing = [max(0, side - n) for n in picture.shape]
    picture = np.pad(picture, [(m // 2, m - m // 2) for m in missing], mode="edge")
    y, x = ((n - side) // 2 for n in picture.shape)
    return picture[y : y + side, x : x + side]


@torch.inference_mode()
def scores(model: nn.Module, pictures: np.ndarray) -> np.ndarray:
    """Mean logit of each patch over its eight turns and reflections."""
    edge = (pictures.shape[1] - SIDE) // 2
    middle = torch.from_numpy(pictures[:, edge : edge + SIDE, edge : edge + SIDE].copy())
    out = []
    for part in middle.float().div(255)[:, None].split(256):
        turned = [torch.rot90(p, k, (2, 3)) for k in range(4) for p in (part, part.flip(3))]
        out.append(torch.stack([model(one).logits[:, 0] for one in turned]).mean(0))
    return torch.cat(out).double().numpy()


def main() -> None:
    """Train, then score validation and test once."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    data = read(asked.data)
    training = {
        "steps": asked.steps, "batch_size": 64, "learning_rate": 3e-3, "seed": asked.seed,
        "optimiser": {"name": "adamw", "weight_decay": 0.02}, "ema": 0.99, "loggers": [],
    }  # fmt: skip
    experiment = Experiment.check(
        {"cohort": str(asked.data), "model": "patches", "loss": "bce", "training": training}, "here"
    )
    torch.manual_seed(asked.seed)
    model = PatchNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    history = History(asked.out / "metrics.csv")
    asked.out.mkdir(parents=True, exist_ok=True)
    saver = CheckpointCallback(history, asked.out / "checkpoints" / "last")
    callbacks = [Monitor(history), ValidationCallback(history, None, None), saver]
    draw, loss = Draw(*data["train"]), Component(name="bce")

    def batches(rank: int, world: int) -> CropBatches:
        return CropBatches(draw, 64, asked.seed, rank, world)

    learner = run(
        experiment, len(data["train"][1]), batches, model,
        LOSSES.build(loss.name, loss.options),  # type: ignore[arg-type]
        callbacks, asked.out,
    )  # fmt: skip
    results: dict[str, Any] = {"steps": asked.steps, "seconds": round(learner.clock.seconds(), 1)}
    with learner.averaged() as averaged:
        averaged.eval()
        for part in ("val", "test"):
            pictures, positive = data[part]
            said = scores(averaged, pictures)
            drawn = auc(said, positive, BOOTSTRAP.weights(len(said)))
            low, high = BOOTSTRAP.interval(drawn)
            results[part] = {
                "patches": len(said),
                "nodules": int(positive.sum()),
                "auc": round(float(roc_auc_score(positive, said)), 4),
                "interval": [round(low, 4), round(high, 4)],
                "average_precision": round(float(average_precision_score(positive, said)), 4),
            }
    write_json(asked.out / "patches.json", results)
    for part in ("val", "test"):
        note(f"{part}: {results[part]}")


if __name__ == "__main__":
    main()
