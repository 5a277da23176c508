"""ONNX on the processor against torch: ``OMP_NUM_THREADS=1 python benchmarks/bench_onnx.py [RUN]``.

The network of a run, or of the recipe for nuclei with random weights, on windows of one size: in
onnxruntime, in torch (fp32), and in torch with its normalisations merged into convolutions, as
predictions use it. They alternate, and what counts is the median of the rounds in seconds of the
processor, which others on the machine do not change; a ratio below 1 is quicker than torch.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from inklings.inference.answers import Answer
from inklings.inference.onnx import INPUT, session, to_onnx
from inklings.runs.run import Run
from inklings.spec import Component
from inklings.testing.runs import untrained_run

NUCLEI = {"width": 32, "depth": 3, "stride": 2}  # recipes/nuclei.yaml


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        folder = asked.run or untrained_run(
            Path(home) / "run",
            model=Component(name="unet", options=NUCLEI),
            channels=("nucleus", "core"),
            divisor=16,
        )
        made = to_onnx(Run.load(folder), Path(home) / "model.onnx")
        there = session(made.path)
        plain, folded = Answer(Run.load(folder)), Answer(Run.load(folder).folded())
        channels = Run.load(folder).model_config.in_channels
        inputs = torch.randn(asked.batch, channels, asked.side, asked.side)

        def of_torch(network: Answer) -> Callable[[], object]:
            def call() -> object:
                with torch.inference_mode():
                    return network(inputs.contiguous(memory_format=torch.channels_last))

            return call

        array = inputs.numpy()
        ways: dict[str, Callable[[], object]] = {
            "onnxruntime": lambda: there.run(None, {INPUT: array}),
            "torch": of_torch(plain),
            "torch, folded": of_torch(folded),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(asked.rounds + 2):
            for name, call in ways.items():
                start = time.process_time()
                call()
                if turn >= 2:
                    seconds[name].append(time.process_time() - start)
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{asked.batch} windows of {asked.side}, {torch.get_num_threads()} threads of torch")
    print(f"largest difference from torch: {made.apart:.1g}")
    for name, value in middle.items():
        low, high = np.percentile(seconds[name], (25, 75))
        print(f"{name:14} {value:.3f} s ({low:.3f} to {high:.3f}), x {value / middle['torch']:.2f}")


if __name__ == "__main__":
    main()
