"""What streaming a slide costs: ``python benchmarks/bench_slide_predict.py [--quick] [--cpu]``.

1. Speed: windows per second of the whole (read, decode, network, blend, write) against those of
   the bare network on windows that lie ready in memory, the same network in the same precision, as
   it was trained and (``folded``) as runs use it, its normalisations merged into convolutions.
   Times of a shared machine wander, so both alternate and the median of the rounds counts. Where
   others use the machine as well, ``--cpu`` compares processor seconds of one thread instead
   (give it OMP_NUM_THREADS=1): what the whole costs besides the network, nothing hidden behind it.
2. Memory: peak of a process that predicts a slide, and of one that predicts a slide four times as
   large, both full of tissue to the border; with ``--only huge`` that of 100,000 x 100,000 pixels.

The slides are tiled JPEG pyramids of levels 1, 4 and 16 as PANDA's, of phantom tissue.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
import torch

from inklings.data.grid import EVERYWHERE
from inklings.data.tissue_finder import finder
from inklings.inference.dense import forward_of
from inklings.inference.slide_grid import SlideSettings
from inklings.inference.slides import Job, predict_slide
from inklings.progress import silence
from inklings.readers import open_image
from inklings.runs.run import Run
from inklings.simulation.phantoms.tissue import tissue_field
from inklings.spec import Component, Inference
from inklings.testing.runs import untrained_run

WINDOW = 256
LEVELS = (1, 4, 16)
MB = 2**20


def write_slide(path: Path, shape: tuple[int, int], share: float = 1.0) -> Path:
    """Tiles of one picture again and again, compressed once; glass around a disc of them."""
    glass = imagecodecs.jpeg8_encode(np.full((256, 256, 3), 240, np.uint8), subsampling="444")
    picture, _, _ = tissue_field(0, 1024, um=0.5)
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for factor in LEVELS:
            small = picture[::factor, ::factor]
            grid = [1024 // factor // 256 or 1] * 2
            pieces = [
                imagecodecs.jpeg8_encode(
                    np.resize(
                        small[y * 256 : y * 256 + 256, x * 256 : x * 256 + 256], (256, 256, 3)
                    ),
                    level=85,
                    subsampling="444",
                )
                for y in range(grid[0])
                for x in range(grid[1])
            ]
            size = tuple(n // factor for n in shape)
            file.write(
                _tiles(pieces, glass, grid[1], size, share),
                shape=(*size, 3),
                dtype=np.uint8,
                tile=(256, 256),
                photometric="ycbcr",
                subsampling=(1, 1),
                compression="jpeg",
                resolution=(2e4 / factor, 2e4 / factor),
                resolutionunit="CENTIMETER",
                subfiletype=int(factor > 1),
                metadata=None,
            )
    return path


def _tiles(
    pieces: list[bytes], glass: bytes, wide: int, size: tuple[int, ...], share: float
) -> Iterator[bytes]:
    rows, columns = (-(-n // 256) for n in size)
    reach = np.sqrt(share / np.pi) if share < 1 else 1
    for y in range(rows):
        for x in range(columns):
            away = np.hypot((y + 0.5) / rows - 0.5, (x + 0.5) / columns - 0.5)
            yield pieces[(y % wide) * wide + x % wide] if away < reach else glass


def make_run(folder: Path, width: int) -> Path:
    return untrained_run(
        folder,
        inference={"window": WINDOW},
        model=Component(name="unet", options={"width": width, "depth": 4}),
        divisor=16,
        channels=("benign", "tumour", "background"),
        classes=("benign", "tumour"),
        activation="softmax",
        intensity=Component(name="half"),
    )


def streamed(run: Run, slide: Path, factor: float, folder: Path, tissue: str = EVERYWHERE) -> int:
    """Predict a slide; how many windows it took."""
    settings = SlideSettings(factor=factor)
    job = Job("slide", slide, Inference(window=WINDOW), settings, run.thresholds)
    folder.mkdir()
    with open_image(slide) as image:
        return predict_slide(run, image, finder(tissue), job, folder).windows


def bare(run: Run, seconds: float, clock: str) -> float:
    """Windows per second of the network alone."""
    forward = forward_of(run)
    inputs = torch.rand(4, 3, WINDOW, WINDOW)
    tick = getattr(time, clock)
    with torch.inference_mode():
        forward(inputs)
        start, count = tick(), 0
        while tick() - start < seconds:
            forward(inputs)
            count += 4
        return count / (tick() - start)


def speed(folder: Path, rounds: int, side: int, width: int, factor: float, clock: str) -> dict:
    made = make_run(folder / f"run{width}", width)
    trained, run = Run.load(made), Run.load(made).folded()
    slide = write_slide(folder / f"{side}.tiff", (side, side))
    streamed(run, slide, factor, folder / f"warm{width}{factor}")
    alone, folded, whole = [], [], []
    for i in range(rounds):
        alone.append(bare(trained, 3.0, clock))
        folded.append(bare(run, 3.0, clock))
        start = getattr(time, clock)()
        count = streamed(run, slide, factor, folder / f"out{width}{factor}{i}")
        whole.append(count / (getattr(time, clock)() - start))
        folded.append(bare(run, 3.0, clock))
        alone.append(bare(trained, 3.0, clock))
    return {
        "network": f"U-Net of width {width}, windows of {WINDOW}",
        "grid": f"level 0 / {factor:g}",
        "windows": count,
        "bare_per_s": round(statistics.median(alone), 2),
        "streamed_per_s": round(statistics.median(whole), 2),
        "ratio": _ratio(whole, alone),
        "folded_per_s": round(statistics.median(folded), 2),
        "ratio_to_folded": _ratio(whole, folded),
    }


def _ratio(whole: list[float], before_and_after: list[float]) -> float:
    pairs = [
        rate / statistics.mean(before_and_after[2 * i : 2 * i + 2]) for i, rate in enumerate(whole)
    ]
    return round(statistics.median(pairs), 3)


def peak(folder: Path, side: int, factor: float, share: float = 1.0) -> float:
    """Peak of a process of its own, in MB."""
    slide = write_slide(folder / f"m{side}.tiff", (side, side), share)
    tissue = EVERYWHERE if share == 1 else "stained"
    run = folder / "m_run"
    command = [sys.executable, __file__, "--child", str(slide), str(run), str(factor), tissue]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(output.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cpu", action="store_true", help="processor seconds, not the clock's")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--only", choices=["speed", "memory", "huge"])
    parser.add_argument("--side", type=int, help="of the slides, in pixels")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    silence(True)
    if arguments.child:
        slide, run, factor, tissue = arguments.child
        with tempfile.TemporaryDirectory() as out:
            streamed(
                Run.load(Path(run)).folded(), Path(slide), float(factor), Path(out) / "case", tissue
            )
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB)
        return
    clock = "process_time" if arguments.cpu else "perf_counter"
    rounds, side = (2, 5000) if arguments.quick else (3, 10_000)
    side = arguments.side or side
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_run(folder / "m_run", arguments.width)
        if arguments.only == "huge":
            most = peak(folder, 100_000, 4, share=0.1)
            print(json.dumps({"slide": "100000 x 100000, a tenth tissue", "peak_mb": round(most)}))
            return
        if arguments.only != "memory":
            for factor in (4, 2):
                size = side if factor == 4 else side // 2
                found = speed(folder, rounds, size, arguments.width, factor, clock)
                print(json.dumps({"clock": clock, "threads": torch.get_num_threads(), **found}))
        if arguments.only != "speed":
            small = arguments.side or (6_000 if arguments.quick else 16_000)
            sizes = [small, 2 * small]
            peaks = [peak(folder, n, 4) for n in sizes]
            print(
                json.dumps(
                    {
                        "slides": [f"{n} x {n}" for n in sizes],
                        "peak_mb": [round(p, 1) for p in peaks],
                        "ratio": round(peaks[1] / peaks[0], 3),
                    }
                )
            )


if __name__ == "__main__":
    main()
