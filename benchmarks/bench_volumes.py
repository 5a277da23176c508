"""Volumes beside peers: reading a CT, and distances between surfaces; equal values are asserted.

python benchmarks/bench_volumes.py FOLDER [--masks ONE OTHER] [--rounds 7]

FOLDER is a DICOM series. ONE and OTHER are masks of it (NIfTI, or folders of PNG slices), all that
is above 0; without them two balls on its grid are compared, of which one is shifted and dented.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
import torch
from monai.metrics import compute_average_surface_distance

from inklings.evaluation.nearest import borders, distances
from inklings.geometry import Geometry
from inklings.labels.files import read_mask
from inklings.readers import dicom_headers, open_image


def read(folder: Path) -> Any:
    dicom_headers._known.clear()
    with open_image(folder) as image:
        return image.read(image.geometry.full)[0]


def read_by_simpleitk(folder: Path) -> Any:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return SimpleITK.GetArrayFromImage(reader.Execute())


def assd(one: np.ndarray, other: np.ndarray, spacing: tuple[float, ...]) -> float:
    found = borders(one, other)
    assert found is not None
    return float(np.concatenate(distances(found, spacing)).mean())


def assd_by_monai(one: np.ndarray, other: np.ndarray, spacing: tuple[float, ...]) -> float:
    masks = (torch.from_numpy(mask)[None, None] for mask in (one, other))
    return float(
        compute_average_surface_distance(
            *masks, include_background=True, symmetric=True, spacing=list(spacing)
        )
    )


def balls(geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Two balls that share most of their border, as a good segmentation and its truth do."""
    size = geometry.shape
    z, y, x = np.ogrid[: size[0], : size[1], : size[2]]
    middle = [n / 2 for n in size]
    mm = geometry.require_spacing()
    away = sum(((a - c) * s) ** 2 for a, c, s in zip((z, y, x), middle, mm, strict=True))
    radius = 0.35 * min(n * s for n, s in zip(size, mm, strict=True))
    one = away < radius**2
    other = one.copy()
    other[:, size[1] // 2 :] = np.roll(one, 3, 2)[:, size[1] // 2 :]
    return one, other


def beside(
    name: str, peer: str, ours: Callable[[], Any], theirs: Callable[[], Any], n: int
) -> None:
    """Turn by turn, so that a busy machine is busy for both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(n):
        for work, spent in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            work()
            spent.append(time.perf_counter() - start)
    mine, other = map(statistics.median, times)
    ratios = sorted(b / a for a, b in zip(*times, strict=True))
    print(
        f"{name}: inklings {mine:.3f} s, {peer} {other:.3f} s, ratio {other / mine:.2f} "
        f"(rounds {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--masks", type=Path, nargs=2)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning)
    torch.set_num_threads(1)
    with open_image(given.folder) as image:
        grid = image.geometry
    folder = given.folder
    np.testing.assert_array_equal(read(folder), read_by_simpleitk(folder))
    beside(
        f"reading {grid.shape[0]} slices", "SimpleITK", lambda: read(folder),
        lambda: read_by_simpleitk(folder), given.rounds,
    )  # fmt: skip
    one, other = [read_mask(p) > 0 for p in given.masks] if given.masks else balls(grid)
    mm = grid.require_spacing()
    mine, theirs = assd(one, other, mm), assd_by_monai(one, other, mm)
    assert abs(mine - theirs) < 1e-6, (mine, theirs)
    shown = " x ".join(map(str, one.shape))
    beside(
        f"surface distances of {shown} ({mine:.6f} mm)", "MONAI", lambda: assd(one, other, mm),
        lambda: assd_by_monai(one, other, mm), given.rounds,
    )  # fmt: skip


if __name__ == "__main__":
    main()
