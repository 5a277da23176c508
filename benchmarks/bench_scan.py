"""Raster scan of a picture by a patch classifier: one pass against the loops, in one run.

    python benchmarks/bench_scan.py --side 256 --patch 24

Three ways to the same map at stride 1: patch by patch (as published code does it, timed on a part
of the places), in batches of 4,096 patches, and in one pass. Prints seconds, ratios, and the
largest difference of any probability, in steps of 1 / 255.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from inklings.inference.scan import scan
from inklings.models.base import BagNetwork
from inklings.models.scanning import patches_of
from inklings.runs.run import ModelConfig, Run, RunRecord
from inklings.spec import Component

SINGLE = 2_000  # places that are timed one by one


def made(encoder: str, side: int) -> Run:
    """A network with random weights: what it says does not matter for how long it takes."""
    options = {"encoder": encoder, "pooling": "mean", "shape": [3, side, side]}
    config = ModelConfig(Component(name="bags", options=options), 3, ("c",), ("c",), task="binary")
    torch.manual_seed(0)
    model = config.build().eval()
    assert isinstance(model, BagNetwork)
    model.standardise(torch.randint(0, 256, (100, 3, side, side)))
    return Run(model, config, RunRecord((0.5,))).folded()


def seconds(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """The least of a few times, and what came of it."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        found = work()
        times.append(time.process_time() - start)
    return min(times), found


def singly(run: Run, image: np.ndarray, side: int) -> None:
    """Some places, one patch at a time."""
    patches = patches_of(torch.from_numpy(image), (side, side), 1).flatten(0, 1)
    with torch.inference_mode():
        for patch in patches[:SINGLE]:
            run.model(patch[None])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--patch", type=int, default=24)
    parser.add_argument("--encoder", default="small_cnn")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    image = np.random.default_rng(0).integers(0, 256, (3, asked.side, asked.side), dtype=np.uint8)
    run = made(asked.encoder, asked.patch)
    single, _ = seconds(lambda: singly(run, image, asked.patch), 1)
    single *= asked.side**2 / SINGLE
    loop, slow = seconds(lambda: scan(run, image, one_pass=False), 1)
    whole, fast = seconds(lambda: scan(run, image), 3)
    apart = int(np.abs(slow.astype(int) - fast).max())
    where = f"{asked.encoder}, patches of {asked.patch}, picture of {asked.side} x {asked.side}"
    print(f"{where}; processor seconds, one thread")
    print(f"patch by patch {single:.1f} (from {SINGLE} places)")
    print(f"in batches     {loop:.1f}")
    ratios = f"{single / whole:.0f} and {loop / whole:.0f} times as fast"
    print(f"one pass       {whole:.2f}: {ratios}; largest difference {apart} / 255")


if __name__ == "__main__":
    main()
