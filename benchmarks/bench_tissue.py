"""What each rule finds on phantom thumbnails with pens and a black border: the table of the docs.

python benchmarks/bench_tissue.py
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "sampling"))
from test_tissue import thumbnail

from inklings.data import TISSUE


def main() -> None:
    print(f"{'method':<12}{'stain':>6}{'tissue':>8}{'pen':>7}{'black':>7}{'glass':>7}{'ms':>6}")
    for method in TISSUE:
        for strength in (1.0, 0.5, 0.2):
            rows = []
            for seed in range(6):
                slide = thumbnail(seed, strength)
                start = time.perf_counter()
                found = TISSUE.build(method, {})(slide.rgb)
                ms = 1000 * (time.perf_counter() - start)
                parts = (slide.tissue, slide.pen, slide.black, slide.glass)
                rows.append([*(found[part].mean() for part in parts), ms])
            shares = "".join(f"{value:>7.1%}" for value in np.mean(rows, 0)[:4])
            print(f"{method:<12}{strength:>6}{' ':1}{shares}{np.mean(rows, 0)[4]:>6.0f}")


if __name__ == "__main__":
    main()
