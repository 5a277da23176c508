"""Reading a CT of 78 slices, beside SimpleITK's series reader; the same values are asserted.

python benchmarks/bench_volume_read.py FOLDER [rounds]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK

from inklings.readers import dicom_headers, open_image


def ours(folder: Path) -> Any:
    dicom_headers._known.clear()
    with open_image(folder) as image:
        return image.read(image.geometry.full)[0]


def peer(folder: Path) -> Any:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return SimpleITK.GetArrayFromImage(reader.Execute())


def seconds(read: Callable[[Path], Any], folder: Path) -> float:
    start = time.perf_counter()
    read(folder)
    return time.perf_counter() - start


def main() -> None:
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5
    np.testing.assert_array_equal(ours(folder), peer(folder))
    pairs = [(seconds(ours, folder), seconds(peer, folder)) for _ in range(rounds)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"inklings {mine:.3f} s, SimpleITK {theirs:.3f} s, ratio {theirs / mine:.2f}")


if __name__ == "__main__":
    main()
