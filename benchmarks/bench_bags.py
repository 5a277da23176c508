"""Training on bags, beside the loop of the public code: one bag a step, and a second forward.

    python benchmarks/bench_bags.py            # wall seconds
    python benchmarks/bench_bags.py --cpu      # processor seconds of one thread

Same network (the reference's, on features; and two end to end), same bags (MNIST's size, 3 to 7 or
about 10 instances), same optimiser, in one process and by turns. ``single`` is the loop with one
forward a bag; ``public`` computes the error with a second one, as the code that Ilse et al.
published does. Our time is that of the whole Trainer: start-up, batches, history and all, 32 bags a
step, in the precision it would choose.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from inklings.bags.writer import MadeBag, write_bags
from inklings.data.bag_examples import BagExamples, gather_bags
from inklings.models.bags import BagModel
from inklings.progress import silence
from inklings.spec import Experiment
from inklings.tasks.bags import learn

Clock = Callable[[], float]
_HEAD = {"name": "mlp", "hidden": 1024, "dropout": 0.2}
MODELS: dict[str, dict[str, Any]] = {
    "reference: 512 features, AttentionSoftMax, MLP 1024": {
        "encoder": "identity",
        "pooling": "attention_softmax",
        "head": _HEAD,
    },
    "small_cnn, noisy-or": {"encoder": "small_cnn", "pooling": "noisy_or"},
    "LeNet, attention": {"encoder": "lenet", "pooling": "attention"},
}
SIZES = {"3 to 7": (3, 8), "about 10": (6, 15)}


def made(folder: Path, low: int, high: int, count: int, shape: tuple[int, ...]) -> BagExamples:
    """Bags of noise: how fast does not depend on what."""
    rng = np.random.default_rng(0)
    kind = np.uint8 if len(shape) == 3 else np.float32
    bags = [
        MadeBag(
            f"b{i}",
            rng.integers(0, 256, (int(rng.integers(low, high)), *shape), np.uint8).astype(kind),
            (bool(i % 2),),
            split="train",
        )
        for i in range(count)
    ]
    cohort = write_bags(folder, "noise", ("x",), bags, {})
    return gather_bags(cohort.cases, cohort.classes, "binary")


def loop(examples: BagExamples, model: dict[str, Any], clock: Clock, again: bool) -> float:
    """Bags a second, one bag a step."""
    torch.manual_seed(0)
    net = BagModel(examples.shape[0], 1, shape=examples.shape, **model)
    optimiser = torch.optim.Adam(net.parameters(), 5e-4, weight_decay=1e-4)
    start = clock()
    for i in range(len(examples)):
        inputs = torch.from_numpy(examples.instances.take(i))
        value = torch.from_numpy(examples.value[i])[None]
        optimiser.zero_grad()
        loss = F.binary_cross_entropy_with_logits(net(inputs).logits, value)
        if again:
            _ = (net(inputs).logits > 0).eq(value > 0.5).float().mean().item()
        _ = loss.item()
        loss.backward()
        optimiser.step()
    return len(examples) / (clock() - start)


def ours(examples: BagExamples, model: dict[str, Any], clock: Clock, batch: int) -> float:
    """Bags a second through the Trainer."""
    record: dict[str, Any] = {
        "cohort": ".",
        "task": "bags",
        "model": {"name": "bags", **model},
        "loss": "bag",
        "training": {
            "epochs": 6, "batch_size": batch, "learning_rate": 5e-4, "loggers": [],
            "optimiser": {"name": "adam", "weight_decay": 1e-4},
            "schedule": "constant", "devices": 1,
        },
    }  # fmt: skip
    spec = Experiment.check(record, "benchmark")
    start = clock()
    trained = learn(spec, examples, None, classes=("x",), task="binary")
    return trained.steps * batch / (clock() - start)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpu", action="store_true", help="processor seconds of one thread")
    parser.add_argument("--quick", action="store_true", help="fewer bags, one round")
    asked = parser.parse_args()
    silence(True)
    clock: Clock = time.process_time if asked.cpu else time.perf_counter
    if asked.cpu:
        torch.set_num_threads(1)
    rounds, count = (1, 128) if asked.quick else (3, 512)
    result: dict[str, Any] = {"clock": "processor" if asked.cpu else "wall"}
    with tempfile.TemporaryDirectory() as folder:
        for words, (low, high) in SIZES.items():
            for k, (name, model) in enumerate(MODELS.items()):
                shape = (512,) if model["encoder"] == "identity" else (1, 28, 28)
                where = Path(folder) / f"{words.replace(' ', '-')}-{k}"
                examples = made(where, low, high, count, shape)
                one, two, mine = [], [], []
                for _ in range(rounds):
                    one.append(loop(examples, model, clock, again=False))
                    two.append(loop(examples, model, clock, again=True))
                    mine.append(ours(examples, model, clock, 32))
                single, public, fast = map(statistics.median, (one, two, mine))
                result[f"{name}, bags of {words}"] = {
                    "public_bags_per_s": round(public),
                    "single_bags_per_s": round(single),
                    "ours_bags_per_s": round(fast),
                    "times_public": round(fast / public, 1),
                    "times_single": round(fast / single, 1),
                }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
