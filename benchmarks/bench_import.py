"""Import of the DSB2018 zip, beside the way the field does it: every mask into a float64 stack.

The peer reads the extracted folder (its extraction is not counted) and holds everything in memory;
ours reads the zip and writes a cohort. Each runs in a fresh process, whose peak memory is printed.

    python benchmarks/bench_import.py ../shared/data/dsb2018_stage1_train.zip --cases 100
    python benchmarks/bench_import.py ../shared/data/dsb2018_stage1_train.zip --decoders
"""

from __future__ import annotations

import argparse
import io
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np


def peer(folder: Path) -> int:
    """Decode, stack, assert and sum as the reference system does; returns the objects seen."""
    import torch
    from skimage import io as skimage_io

    cases, objects, overlapping = [], 0, 0
    for case in sorted(folder.iterdir()):
        (image_path,) = (case / "images").iterdir()
        image = skimage_io.imread(image_path)
        assert (image[..., 3] == 255).all()
        paths = list((case / "masks").iterdir())
        stack = np.zeros((len(paths), *image.shape[:2]))
        for k, path in enumerate(paths):
            mask = skimage_io.imread(path)
            assert ((mask == 0) | (mask == 255)).all()
            stack[k] = mask
        union = stack.sum(0)
        overlapping += bool((union[union != 0] != 255).any())  # the reference stops here
        objects += len(paths)
        cases.append(
            {
                "name": case.name,
                "img": torch.from_numpy(image[..., :3].copy()),
                "mask": torch.from_numpy(union),
            }
        )
    print(f"{overlapping} cases with overlaps", file=sys.stderr)
    return objects


def ours(archive: Path, out: Path) -> int:
    """Import into a cohort; returns the objects counted."""
    from inklings.datasets.dsb2018 import Dsb2018
    from inklings.datasets.importing import run

    return sum(int(case.facts["nuclei"]) for case in run(Dsb2018(archive), out).cohort)


def subset(archive: Path, cases: int, out: Path) -> Path:
    """The first ``cases`` fields of the archive as a smaller archive."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(out, "w") as to:
        names = [info.filename for info in source.infolist() if not info.is_dir()]
        keep = set(sorted({name.split("/")[-3] for name in names})[:cases])
        for name in names:
            if name.split("/")[-3] in keep:
                to.writestr(name, source.read(name))
    return out


def measured(what: str, *paths: Path) -> tuple[float, float, float, int]:
    """Seconds, processor seconds, peak MB of the largest process, and objects."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--only", what, *map(str, paths)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return time.perf_counter() - start, float(printed[0]), float(printed[1]), int(printed[2])


def decoders(archive: Path, every: int = 10) -> None:
    """Microseconds a mask, for each way of decoding one."""
    from skimage import io as skimage_io

    from inklings.datasets.pictures import open_picture
    from inklings.datasets.sparse import rows_of

    ways = {
        "rows that hold something": rows_of,
        "Pillow": open_picture,
        "skimage": lambda data: skimage_io.imread(io.BytesIO(data)),
    }
    if find_spec("imagecodecs"):
        ways["imagecodecs"] = import_module("imagecodecs").png_decode
    with zipfile.ZipFile(archive) as source:
        names = [name for name in source.namelist() if "/masks/" in name]
        masks = [source.read(name) for name in names[::every]]
    for label, decode in ways.items():
        start = time.process_time()
        for mask in masks:
            decode(mask)
        print(f"decode {label:25} {(time.process_time() - start) / len(masks) * 1e6:6.0f} us")


def _child(what: str, paths: list[Path]) -> None:
    objects = peer(*paths) if what == "peer" else ours(*paths)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    busy = sum(use.ru_utime + use.ru_stime for use in used)
    print(busy, max(use.ru_maxrss for use in used) / 1024, objects)


def main() -> None:
    """Run both on the same files and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--cases", type=int, help="only so many, for a quick run")
    parser.add_argument("--only", choices=("peer", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--decoders", action="store_true", help="compare decoders instead")
    options = parser.parse_args()
    if options.decoders:
        decoders(options.paths[0])
        return
    if options.only:
        _child(options.only, options.paths)
        return
    archive = options.paths[0]
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        if options.cases:
            archive = subset(archive, options.cases, here / "subset.zip")
        with zipfile.ZipFile(archive) as source:
            source.extractall(here / "extracted")
        mine = measured("ours", archive, here / "cohort")
        theirs = measured("peer", here / "extracted")
    assert mine[3] == theirs[3], f"expected the same objects, got {mine[3]} and {theirs[3]}"
    for label, (seconds, busy, peak, objects) in (("ours", mine), ("peer", theirs)):
        print(
            f"import {label:5} {seconds:7.1f} s  ({busy:.1f} s of processor)  "
            f"{peak:7.0f} MB  {objects} objects"
        )
    print(f"import ratio {theirs[0] / mine[0]:6.1f} x")


if __name__ == "__main__":
    main()
