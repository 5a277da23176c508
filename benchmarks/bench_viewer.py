"""Tiles of a slide of 20,000 x 40,000 pixels from the running viewer, asked for as a browser does.

A slide is written (a patch of phantom tissue, repeated; three levels of JPEG, factor 4), `inklings
view` is started on it as a process of its own, and measured are: from the first question to the
first picture; tiles that nobody asked for before, at all zooms, with 50 requests at once; the same
tiles once more; and the memory of the process after all that.

    python benchmarks/bench_viewer.py --folder FOLDER
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
from numpy.typing import NDArray

from inklings.simulation.phantoms.biopsy import Biopsy, SlidePlan
from inklings.simulation.phantoms.slide_files import Storing, write_pyramid
from inklings.viewer.pictures import TILE, ViewGrid

SIZE = (20_000, 40_000)
AT_ONCE = 50
TILES = 600
CACHE_MB = 128
_local = threading.local()


def write(path: Path) -> None:
    """A slide full of tissue."""
    plan = SlidePlan(size=(2048, 2048), um=0.5, tissue=0.9, pen=0, border=False)
    patch: NDArray[np.uint8] = Biopsy(1, plan).render((0, 0), plan.size)[0]
    twice = np.tile(patch, (2, 2, 1))

    def block(start: tuple[int, int], size: tuple[int, int]) -> NDArray[np.uint8]:
        y, x = start[0] % 2048, start[1] % 2048
        return twice[y : y + size[0], x : x + size[1]]

    path.parent.mkdir(parents=True, exist_ok=True)
    write_pyramid(path, SIZE, block, Storing((255, 255, 255), um=0.5))


@contextmanager
def viewer(path: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Address with its link, and the process."""
    start = [sys.executable, "-c", "from inklings.cli import run; run()", "view", str(path)]
    options = ["--no-browser", "--cache-mb", str(CACHE_MB)]
    running = subprocess.Popen([*start, *options], stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    try:
        for line in running.stderr:
            if found := re.search(r"http://\S+", line):
                yield found.group(), psutil.Process(running.pid)
                return
        raise SystemExit("the viewer did not start")
    finally:
        running.terminate()
        running.wait()


def enter(link: str) -> str:
    """The cookie for the link."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    try:
        urllib.request.build_opener(Stay).open(link)
    except urllib.error.HTTPError as answer:
        return str(answer.headers["set-cookie"]).split(";")[0]
    raise SystemExit("expected to be sent on")


def ask(address: str, cookie: str, path: str) -> bytes:
    """One answer, over a connection that each thread keeps."""
    if getattr(_local, "address", None) != address:
        _local.connection, _local.address = HTTPConnection(urlsplit(address).netloc), address
    _local.connection.request("GET", path, headers={"Cookie": cookie})
    answer = _local.connection.getresponse()
    data: bytes = answer.read()
    assert answer.status == 200, (path, answer.status, data)
    return data


def places() -> list[str]:
    """Tiles of all levels, as many of each as there are, at most; shuffled."""
    grid, rng, found = ViewGrid(*SIZE), np.random.default_rng(0), []
    for level in range(grid.first, grid.finest + 1):
        factor = grid.factor(level) * TILE
        rows, columns = -(-SIZE[0] // factor), -(-SIZE[1] // factor)
        some = rng.permutation(rows * columns)[: TILES // 4]
        found += [f"tile/{level}/{n % columns}/{n // columns}" for n in some.tolist()]
    return [found[k] for k in rng.permutation(len(found))[:TILES]]


def at_once(address: str, cookie: str, paths: list[str]) -> NDArray[np.float64]:
    """Milliseconds of every request, `AT_ONCE` of them under way at any time."""

    def timed(path: str) -> float:
        start = time.perf_counter()
        ask(address, cookie, path)
        return (time.perf_counter() - start) * 1e3

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return np.array(list(pool.map(timed, paths)))


def measure(path: Path) -> dict[str, float]:
    """All the numbers."""
    with viewer(path) as (link, process):
        address, cookie = link.split("/open")[0], enter(link)
        case = f"/api/cases/{path.stem}"
        start = time.perf_counter()
        ask(address, cookie, case)
        ask(address, cookie, f"{case}/tile/{ViewGrid(*SIZE).first}/0/0")
        first = (time.perf_counter() - start) * 1e3
        paths = [f"{case}/{place}" for place in places()]
        began, busy = time.perf_counter(), sum(process.cpu_times()[:2])
        cold = at_once(address, cookie, paths)
        seconds = time.perf_counter() - began
        busy = sum(process.cpu_times()[:2]) - busy
        warm = at_once(address, cookie, paths)
        return {
            "first picture, ms": first,
            "new tiles, p50 ms": float(np.percentile(cold, 50)),
            "new tiles, p95 ms": float(np.percentile(cold, 95)),
            "new tiles a second": len(paths) / seconds,
            "processor, ms a tile": busy / len(paths) * 1e3,
            "known tiles, p95 ms": float(np.percentile(warm, 95)),
            "memory, MB": process.memory_info().rss / 1e6,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="Where the slide is kept; else temporary.")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as scratch:
        path = (folder or Path(scratch)) / "large.tiff"
        if not path.exists():
            write(path)
        for name, value in measure(path).items():
            print(f"{name:22} {value:8.1f}")


if __name__ == "__main__":
    main()
