"""What our trainer costs and gains: ``python benchmarks/bench_train_step.py [--quick] [--cpu]``.

1. Images per second of `inklings.training.learn` against a plain PyTorch loop of the reference
   recipe (U-Net of 64 to 1024 channels, bilinear, 128 x 128, batch 4, fp32, Adam 1e-4, soft
   Dice), with the same network and data; and the loss of both, to show that they learn alike.
2. Overhead: the same trainer against forward, backward and optimiser step of the same network in
   the same precision on one batch that lies ready, for the reference and for a small network.

Times of a shared machine wander, so rivals alternate in short rounds and the median counts. Where
others use the machine as well, ``--cpu`` compares processor seconds of one thread instead.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from inklings.data.examples import Examples, from_masks
from inklings.losses import LOSSES
from inklings.models import MODELS
from inklings.progress import silence
from inklings.spec import Experiment
from inklings.tasks.pixels import learn
from inklings.tensors import Batch
from inklings.training import OPTIMISERS
from inklings.training.fit import FitResult
from inklings.training.machine import precision

Clock = Callable[[], float]
REFERENCE: dict[str, Any] = {
    "model": {"name": "unet", "width": 64, "up": "bilinear"},
    "size": 128,
    "batch": 4,
}
SMALL = {"model": {"name": "unet", "width": 16}, "size": 128, "batch": 8}
SMALLER = {"model": {"name": "unet", "width": 16}, "size": 96, "batch": 8}


def discs(count: int, side: int = 256) -> Examples:
    """Bright discs on noise, enough to have something to learn."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    images, masks = [], []
    for _ in range(count):
        mask = np.zeros((side, side), np.bool_)
        for _ in range(12):
            cy, cx, radius = *rng.integers(10, side - 10, 2), rng.integers(5, 16)
            mask |= (y - cy) ** 2 + (x - cx) ** 2 <= radius**2
        noisy = 80 + 60 * mask + rng.normal(0, 30, (3, side, side))
        images.append(np.clip(noisy, 0, 255).astype(np.uint8))
        masks.append(mask)
    return from_masks(images, masks)


def experiment(what: dict[str, Any], steps: int, **training: Any) -> Experiment:
    """The recipe of ``what``; training options replace those of the reference."""
    record = {
        "cohort": "none",
        "model": what["model"],
        "loss": "dice",
        "intensity": "half",
        "sampling": {"size": what["size"], "augment": training.pop("augment", ["flips"])},
        "training": {
            "steps": steps,
            "batch_size": what["batch"],
            "optimiser": "adam",
            "learning_rate": 1e-4,
            "schedule": "constant",
            "clip_gradient": None,
            "loggers": [],
            **training,
        },
    }
    return Experiment.check(record, "benchmark")


def ours(
    what: dict[str, Any], examples: Examples, steps: int, clock: Clock, **training: Any
) -> tuple[float, FitResult]:
    """Seconds of one step, from runs of two lengths, so that starting up does not count."""
    times = []
    for length in (3, 3 + steps):
        start = clock()
        trained = learn(experiment(what, length, **training), examples)
        times.append(clock() - start)
    return (times[1] - times[0]) / steps, trained


def plain_loop(
    what: dict[str, Any], examples: Examples, steps: int, clock: Clock, seed: int
) -> tuple[float, list[float]]:
    """The reference recipe as one would write it, fp32, no threads: seconds of a step, losses."""
    torch.manual_seed(seed)
    model = _model(what)
    optimiser = torch.optim.Adam(model.parameters(), 1e-4)
    loss = LOSSES.build("dice", {})
    rng, side = np.random.default_rng(seed), what["size"]
    losses, start = [], 0.0
    for number in range(3 + steps):
        if number == 3:
            start = clock()
        inputs, value = [], []
        for i in rng.integers(len(examples), size=what["batch"]):
            top, left = rng.integers(0, 256 - side + 1, 2)
            window = (slice(None), slice(top, top + side), slice(left, left + side))
            inputs.append(torch.from_numpy(examples.images[i][window]).float() / 127.5 - 1)
            value.append(torch.from_numpy(examples.targets[i].value[window]).float() / 255)
        target = torch.stack(value)
        batch = Batch(torch.stack(inputs), target, torch.ones_like(target, dtype=torch.bool))
        optimiser.zero_grad()
        error = loss(model(batch.inputs), batch)
        error.backward()
        optimiser.step()
        losses.append(error.item())
    return (clock() - start) / steps, losses


def bare_step(what: dict[str, Any], kind: str) -> Callable[[], None]:
    """Forward, backward and optimiser step on a batch that lies ready, as we compute them."""
    torch.manual_seed(0)
    model = _model(what).to(memory_format=torch.channels_last)
    optimiser = OPTIMISERS.build("adam", {"parameters": model.parameters(), "learning_rate": 1e-4})
    loss = LOSSES.build("dice", {})
    side = what["size"]
    inputs = torch.randn(what["batch"], 3, side, side).to(memory_format=torch.channels_last)
    value = (torch.rand(what["batch"], 1, side, side) > 0.8).float()
    batch = Batch(inputs, value, torch.ones_like(value, dtype=torch.bool))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bf16-mixed"):
            output = model(batch.inputs)
        optimiser.zero_grad()
        loss(type(output)(output.logits.float()), batch).backward()
        optimiser.step()

    return step


def _model(what: dict[str, Any]) -> nn.Module:
    options = {k: v for k, v in what["model"].items() if k != "name"}
    model: Any = MODELS.build("unet", {"in_channels": 3, "out_channels": 1, **options})
    return model  # type: ignore[no-any-return]


def overhead(
    what: dict[str, Any], examples: Examples, rounds: int, steps: int, clock: Clock
) -> dict[str, float]:
    """Median seconds of our step and of the bare step, in alternating rounds."""
    step = bare_step(what, precision("auto"))
    bare, full = [], []
    for _ in range(3):
        step()
    for _ in range(rounds):
        start = clock()
        for _ in range(steps):
            step()
        bare.append((clock() - start) / steps)
        seconds, _ = ours(what, examples, steps, clock, augment=["flips", "quarter_turns"])
        full.append(seconds)
    return {
        "bare_ms": round(1e3 * statistics.median(bare), 1),
        "trainer_ms": round(1e3 * statistics.median(full), 1),
        "overhead": round(statistics.median(full) / statistics.median(bare) - 1, 4),
    }


def versus_plain(examples: Examples, rounds: int, steps: int, clock: Clock) -> dict[str, Any]:
    """Images per second of both, and the mean loss over the last quarter of their steps."""
    mine, theirs = [], []
    late: dict[str, list[float]] = {"ours": [], "plain": []}
    last = -max(1, steps // 4)
    for seed in range(rounds):
        seconds, losses = plain_loop(REFERENCE, examples, steps, clock, seed)
        theirs.append(seconds)
        late["plain"].append(statistics.fmean(losses[last:]))
        seconds, trained = ours(
            REFERENCE, examples, steps, clock, seed=seed, augment=[], log_every=1
        )
        mine.append(seconds)
        late["ours"].append(statistics.fmean(row["loss"] for row in trained.history[last:]))
    return {
        "ours_images_per_s": round(REFERENCE["batch"] / statistics.median(mine), 2),
        "plain_images_per_s": round(REFERENCE["batch"] / statistics.median(theirs), 2),
        "ratio": round(statistics.median(theirs) / statistics.median(mine), 2),
        "late_loss": {name: [round(value, 4) for value in values] for name, values in late.items()},
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--cpu", action="store_true", help="processor seconds of one thread")
    asked = parser.parse_args()
    silence(True)
    clock: Clock = time.perf_counter
    if asked.cpu:
        clock = time.process_time
        torch.set_num_threads(1)
    examples = discs(16)
    rounds, steps = (1, 8) if asked.quick else (3, 24)
    result = {
        "threads": torch.get_num_threads(),
        "clock": "processor" if asked.cpu else "wall",
        "precision": precision("auto"),
        "overhead": {
            "width 16, 96 x 96, batch 8": overhead(SMALLER, examples, rounds, 4 * steps, clock),
            "width 16, 128 x 128, batch 8": overhead(SMALL, examples, rounds, 4 * steps, clock),
            "reference, 128 x 128, batch 4": overhead(REFERENCE, examples, rounds, steps, clock),
        },
        "reference recipe": versus_plain(examples, rounds, steps, clock),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
