"""A whole volume in 2.5 dimensions, beside the bare network on the same planes.

    python benchmarks/bench_volume_predict.py [--planes 48] [--side 256] [--width 32] [--rounds 3]

The volume goes through `inklings.inference.volumes`: intensities, neighbours as channels, network,
probabilities in 8 bits, in their place. The bare network sees tensors that are ready, in batches of
the same size, and its answers are dropped. Both are timed in turn, and each counts its best round.
"""

import argparse
import time

import numpy as np
import torch

from inklings.data.intensity import Percentiles
from inklings.data.slices import with_neighbours
from inklings.geometry import Geometry
from inklings.inference.dense import forward_of
from inklings.inference.volumes import predict_grid
from inklings.runs.run import ModelConfig, Run, RunRecord
from inklings.spec import Component, Inference, Volumes


def main() -> None:
    options = argparse.ArgumentParser()
    for name, value in (("planes", 48), ("side", 256), ("width", 32), ("rounds", 3)):
        options.add_argument(f"--{name}", type=int, default=value)
    asked = options.parse_args()
    shape = (asked.planes, asked.side, asked.side)
    volume = np.random.default_rng(0).integers(0, 900, (1, *shape)).astype(np.int16)
    model_config = ModelConfig(
        Component(name="unet", options={"width": asked.width, "depth": 4}),
        3,
        ("organ",),
        ("organ",),
        intensity=Component(name="percentiles"),
        volumes=Volumes(view="2.5d"),
    )
    run = Run(model_config.build().eval(), model_config, RunRecord((0.5,)))
    run.model.to(memory_format=torch.channels_last)
    grid = Geometry(shape, (3.0, 1.5, 1.5))
    settings = Inference(window=asked.side)
    scaled = Percentiles()(volume)
    ready = torch.from_numpy(
        np.stack([with_neighbours(scaled, z, 1) for z in range(asked.planes)])
    ).contiguous(memory_format=torch.channels_last)
    forward = forward_of(run)

    def bare() -> torch.Tensor:
        with torch.inference_mode():
            batch = max(1, min(16, 4_000_000 // (3 * asked.side**2)))
            return torch.cat([forward(part) for part in ready.split(batch)])

    expected = np.rint(bare().numpy()[:, 0] * 255).astype(int)
    got = predict_grid(run, volume, grid, settings)[0].astype(int)
    assert np.abs(got - expected).max() <= 2, "the two disagree"

    seconds: dict[str, list[float]] = {"whole": [], "bare": []}
    for _ in range(asked.rounds):
        for name, work in (
            ("bare", bare),
            ("whole", lambda: predict_grid(run, volume, grid, settings)),
        ):
            start = time.perf_counter(), time.process_time()
            work()
            seconds[name].append(time.perf_counter() - start[0])
            seconds.setdefault(f"{name} cpu", []).append(time.process_time() - start[1])
    best = {name: min(values) for name, values in seconds.items()}
    threads = torch.get_num_threads()
    print(f"{asked.planes} planes of {asked.side} x {asked.side}, {threads} threads")
    for name in ("bare", "whole"):
        took, worked = best[name], best[f"{name} cpu"]
        print(f"{name:6} {took:6.2f} s {asked.planes / took:7.1f} slices/s {worked:7.2f} s of CPU")
    rate, work = best["bare"] / best["whole"], best["bare cpu"] / best["whole cpu"]
    print(f"whole volume at {rate:.0%} of the bare slices per second, {work:.0%} by CPU time")


if __name__ == "__main__":
    main()
