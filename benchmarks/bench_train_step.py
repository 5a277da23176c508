"""What our trainer costs and gains: ``python benchmarks/bench_train_step.py [--quick]``.

1. Images per second of `inklings.training.learn` against a plain PyTorch loop of the reference
   recipe (U-Net of 64 to 1024 channels, bilinear, 128 x 128, batch 4, fp32, Adam 1e-4, soft
   Dice), with the same network and data; and the loss of both, to show that they learn alike.
2. Overhead: the same trainer against forward, backward and optimiser step of the same network in
   the same precision on one batch that lies ready, for the reference and for a small network.

Times of a shared machine wander, so rivals alternate in short rounds and the median counts.
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

from inklings.losses import LOSSES
from inklings.models import MODELS
from inklings.progress import silence
from inklings.spec import Experiment
from inklings.tensors import Batch
from inklings.training import OPTIMISERS
from inklings.training.examples import Examples, from_masks
from inklings.training.learn import Trained, learn
from inklings.training.machine import precision

REFERENCE = {"model": {"name": "unet", "width": 64, "up": "bilinear"}, "size": 128, "batch": 4}
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
            "log_every": 1,
            "loggers": [],
            **training,
        },
    }
    return Experiment.check(record, "benchmark")


def ours(spec: Experiment, examples: Examples) -> tuple[float, Trained]:
    """Median images per second of single steps, the first few left out."""
    trained = learn(spec, examples)
    rates = [row["images_per_second"] for row in trained.history][3:]
    return statistics.median(rates), trained


def plain_loop(
    what: dict[str, Any], examples: Examples, steps: int, seed: int
) -> tuple[float, Any]:
    """The reference recipe as one would write it: fp32, no layouts, no threads."""
    torch.manual_seed(seed)
    model = _model(what)
    optimiser = torch.optim.Adam(model.parameters(), 1e-4)
    loss = LOSSES.build("dice", {})
    rng, side = np.random.default_rng(seed), what["size"]
    rates, losses = [], []
    for _ in range(steps):
        start = time.perf_counter()
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
        rates.append(what["batch"] / (time.perf_counter() - start))
    return statistics.median(rates[2:]), losses


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


def overhead(what: dict[str, Any], examples: Examples, rounds: int, steps: int) -> dict[str, float]:
    """Median seconds of our step and of the bare step, in alternating rounds."""
    step = bare_step(what, precision("auto"))
    for _ in range(3):
        step()
    bare, full = [], []
    for _ in range(rounds):
        for _ in range(steps):
            start = time.perf_counter()
            step()
            bare.append(time.perf_counter() - start)
        rate, _ = ours(experiment(what, steps + 3, augment=["flips", "quarter_turns"]), examples)
        full.append(what["batch"] / rate)
    ratio = statistics.median(full) / statistics.median(bare)
    return {
        "bare_ms": round(1e3 * statistics.median(bare), 1),
        "trainer_ms": round(1e3 * statistics.median(full), 1),
        "overhead": round(ratio - 1, 4),
    }


def versus_plain(examples: Examples, rounds: int, steps: int) -> dict[str, Any]:
    """Images per second, and the loss over the last quarter of the longest runs of each."""
    mine, theirs, ends = [], [], {"ours": [], "plain": []}
    for seed in range(rounds):
        rate, losses = plain_loop(REFERENCE, examples, steps, seed)
        theirs.append(rate)
        rate, trained = ours(experiment(REFERENCE, steps, seed=seed, augment=[]), examples)
        mine.append(rate)
        late = -max(1, steps // 4)
        ends["plain"].append(statistics.fmean(losses[late:]))
        ends["ours"].append(statistics.fmean(row["loss"] for row in trained.history[late:]))
    a, b = statistics.median(mine), statistics.median(theirs)
    return {
        "ours_images_per_s": round(a, 2),
        "plain_images_per_s": round(b, 2),
        "ratio": round(a / b, 2),
        "late_loss": {
            name: {
                "mean": round(statistics.fmean(values), 4),
                "sd": round(statistics.stdev(values), 4) if len(values) > 1 else None,
            }
            for name, values in ends.items()
        },
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--skip-plain", action="store_true", help="only the overhead")
    quick = parser.parse_args()
    silence(True)
    examples = discs(16)
    rounds, steps = (1, 8) if quick.quick else (3, 24)
    result: dict[str, Any] = {"threads": torch.get_num_threads(), "precision": precision("auto")}
    result["overhead"] = {
        "width 16, 96 x 96, batch 8": overhead(SMALLER, examples, rounds, 30),
        "width 16, 128 x 128, batch 8": overhead(SMALL, examples, rounds, 30),
        "reference, 128 x 128, batch 4": overhead(REFERENCE, examples, rounds, steps // 3),
    }
    if not quick.skip_plain:
        result["reference recipe"] = versus_plain(examples, rounds, steps)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
