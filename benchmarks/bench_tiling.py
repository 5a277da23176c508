"""Which tiles of a slide hold tissue: the index beside the loop over every tile of level 0.

The peer is the loop of the PANDA pipelines written plainly: `read_region` of the mask at every
place, values counted, and where less than 75 % is background the picture is read as well (it would
then be written as a file, which is not counted here). Ours lists the tiles in an index. Each runs
in a fresh process; the whole tiles that both keep must be the same.

    python benchmarks/bench_tiling.py --folder /tmp/slide
    python benchmarks/bench_tiling.py --folder /tmp/slide --size 5000 10000 --method stained
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SIZE, MOST_BACKGROUND = 512, 196_608


def value_counts(values: np.ndarray) -> dict[int, int]:
    """As pandas does, which the peer calls; NumPy where pandas is not installed."""
    try:
        import pandas
    except ImportError:
        return dict(zip(*(a.tolist() for a in np.unique(values, return_counts=True)), strict=True))
    return pandas.Series(values).value_counts().to_dict()


def peer(folder: Path, pictures: bool) -> list[tuple[int, int]]:
    """Every place of the grid, without the last strips, as the loop has it."""
    import openslide

    image = openslide.OpenSlide(str(folder / "train_images" / "slide.tiff"))
    mask = openslide.OpenSlide(str(folder / "train_label_masks" / "slide_mask.tiff"))
    width, height = image.level_dimensions[0]
    kept = []
    for x in range(0, width - SIZE, SIZE):
        for y in range(0, height - SIZE, SIZE):
            tile = np.asarray(mask.read_region((x, y), 0, (SIZE, SIZE)))[:, :, 0]
            if value_counts(tile.ravel()).get(0, 0) < MOST_BACKGROUND:
                kept.append((y, x))
                if pictures:
                    np.asarray(image.read_region((x, y), 0, (SIZE, SIZE)).convert("RGB"))
    return kept


def ours(folder: Path, method: str) -> list[tuple[int, int]]:
    """The tile index of a cohort of this slide."""
    from inklings.data.tile_index import TileIndex
    from inklings.data.tiling import Rule, tile_cohort

    out = folder / f"tiles_{method}"
    (out / "cases" / "slide.parquet").unlink(missing_ok=True)
    summary = tile_cohort(folder / "cohort", out, Rule(method=method))
    assert summary.finished == 1, summary.failed
    index = TileIndex.read(out)
    return list(zip(index.y.tolist(), index.x.tolist(), strict=True))


def prepare(folder: Path, shape: tuple[int, int], tissue: float) -> None:
    """Draw the slide, once, and write the cohort of it."""
    from inklings.cohorts.case import Case
    from inklings.cohorts.cohort import Cohort
    from inklings.labels.kinds import MaskLabel
    from inklings.simulation.phantoms.biopsy import SlidePlan
    from inklings.simulation.phantoms.slides import write_slide

    image = folder / "train_images" / "slide.tiff"
    if not image.exists():
        start = time.perf_counter()
        write_slide(folder, 1, SlidePlan(size=shape, tissue=tissue), name="slide")
        print(f"slide drawn in {time.perf_counter() - start:.0f} s", file=sys.stderr)
    mask = folder / "train_label_masks" / "slide_mask.tiff"
    label = MaskLabel(mask, "slide", "classes", ("benign", "cancer"))
    case = Case("slide", "slide", {"slide": image}, (label,), split="train")
    facts = {"masks_outline_tissue": True}
    Cohort("bench", (case,), ("benign", "cancer"), facts).write(folder / "cohort")


def measure(folder: Path, what: str) -> dict:
    """Run one of the two here, and say how long it took and the peak of this process."""
    start, worked = time.perf_counter(), time.process_time()
    if what.startswith("peer"):
        kept = peer(folder, pictures=what == "peer+pictures")
    else:
        kept = ours(folder, what)
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    # Not ru_maxrss: a child starts with the peak of its parent.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
    return {"seconds": seconds, "cpu": worked, "peak_mb": peak, "kept": sorted(kept)}


def fresh(folder: Path, what: str) -> dict:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--folder", str(folder), "--child", what]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def whole(kept: list[list[int]], shape: tuple[int, int]) -> set[tuple[int, int]]:
    """Of the kept tiles those that the loop also looks at."""
    last = [range(0, n - SIZE, SIZE) for n in shape]
    return {(y, x) for y, x in kept if y in last[0] and x in last[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(40_000, 20_000), metavar="N")
    parser.add_argument("--tissue", type=float, default=0.1)
    parser.add_argument("--method", default="mask")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.folder, options.child)))
        return
    shape = (options.size[0], options.size[1])
    prepare(options.folder, shape, options.tissue)
    mine = min(
        (fresh(options.folder, options.method) for _ in range(options.repeat)),
        key=lambda result: result["seconds"],
    )
    print(f"{'':<16}{'seconds':>9}{'times':>7}{'CPU s':>9}{'times':>7}{'peak MB':>9}{'kept':>7}")
    for name in ("peer", "peer+pictures", options.method):
        result = mine if name == options.method else fresh(options.folder, name)
        columns = [
            f"{result[key]:>9.2f}{result[key] / mine[key]:>7.1f}" for key in ("seconds", "cpu")
        ]
        peak, count = result["peak_mb"], len(result["kept"])
        print(f"{name:<16}{''.join(columns)}{peak:>9.0f}{count:>7}")
        both = whole(result["kept"], shape), whole(mine["kept"], shape)
        print(f"{'':<16}whole tiles kept: {len(both[0])}, the same as ours: {both[0] == both[1]}")


if __name__ == "__main__":
    main()
