"""How far tests of trained outcomes are from failing, over seeds, precisions and threads.

``python benchmarks/margins.py TEST... [--seeds 5] [--out results/margins]``: each test runs under
{fp32, bf16} x {1, 2 threads} x seeds; what has run is not run again. A row is one comparison with
a number that the test asserts; its margin is the distance of the mean from the bound in standard
deviations of all runs. Below 3, or with a failure, the bound or the test wants mending. A seed
shifts the first weights and what torch draws; the order of the samples stays as the test says it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NUMBER = r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?"


def pytest_configure() -> None:
    """In the process of the tests: shift torch's seeds, and take the precision asked for."""
    import torch

    from inklings import machine
    from inklings.inference import device

    shift, bf16 = int(os.environ["MARGINS_SEED"]), os.environ["MARGINS_BF16"] == "1"
    plain = torch.manual_seed
    torch.manual_seed = lambda seed: plain(int(seed) + 1_000_003 * shift)  # type: ignore[assignment]
    machine.processor_has_bf16 = lambda: bf16  # type: ignore[assignment]
    device.processor_has_bf16 = lambda: bf16  # type: ignore[assignment]
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def pytest_assertion_pass(item: Any, lineno: int, expl: str) -> None:
    """Note what was compared with a number, and held."""
    _note(item.name, lineno, expl)


def pytest_exception_interact(node: Any, call: Any) -> None:
    """The same of what did not hold."""
    where = call.excinfo.traceback[-1].lineno + 1
    _note(node.name, where, str(call.excinfo.value).removeprefix("assert "), failed=True)


def _note(name: str, line: int, told: str, failed: bool = False) -> None:
    first = told.strip().splitlines()[0] if told.strip() else ""
    found = re.match(rf"^(?:np\.float\d+\()?({NUMBER})\)?\s*(<=?|>=?)\s*\(?({NUMBER})", first)
    record = {"test": name, "line": line, "failed": failed}
    if found:
        record |= {"value": float(found[1]), "sign": found[2], "bound": float(found[3])}
    if found or failed:
        with Path(os.environ["MARGINS_FILE"]).open("a") as file:
            file.write(json.dumps(record) + "\n")


def runs(tests: list[str], seeds: int, out: Path) -> Iterator[dict[str, Any]]:
    """Every comparison of every run."""
    here = Path(__file__).parent
    out.mkdir(parents=True, exist_ok=True)
    for seed, bf16, threads in itertools.product(range(seeds), (0, 1), (1, 2)):
        done = out / f"{bf16}-{threads}-{seed}.jsonl"
        if not done.exists():
            print(f"seed {seed}, bf16 {bf16}, {threads} threads", file=sys.stderr, flush=True)
            part = done.with_suffix(".part")
            part.write_text("")
            env = {
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(here), os.environ.get("PYTHONPATH", "")]),
                "PYTHONPYCACHEPREFIX": str(out / "pyc"),  # assertions are rewritten anew
                "MARGINS_FILE": str(part.resolve()),
                "MARGINS_SEED": str(seed),
                "MARGINS_BF16": str(bf16),
                "OMP_NUM_THREADS": str(threads),
            }
            asked = ("-p", "margins", "-o", "enable_assertion_pass_hook=true")
            quiet = ("-q", "-p", "no:cacheprovider", "--no-header", "--tb=no")
            command = [sys.executable, "-m", "pytest", *quiet, *asked, *tests]
            subprocess.run(command, env=env, capture_output=True, check=False)
            part.replace(done)
        yield from map(json.loads, done.read_text().splitlines())


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("results/margins"))
    asked = parser.parse_args()
    rows: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for record in runs(asked.tests, asked.seeds, asked.out):
        rows[record["test"], record["line"]].append(record)
    print(f"`python benchmarks/margins.py {' '.join(asked.tests)} --seeds {asked.seeds}`\n")
    print("| test, line | asserted | mean | sd | margin in sd | runs | failed |")
    print("|---|---|---|---|---|---|---|")
    for (test, line), found in rows.items():
        held = [one for one in found if "value" in one]
        failed = sum(one["failed"] for one in found)
        if not held:
            print(f"| {test}, {line} | | | | | {len(found)} | {failed} |")
            continue
        values = [one["value"] for one in held]
        mean, deviation = statistics.fmean(values), statistics.pstdev(values)
        bound, sign = held[0]["bound"], held[0]["sign"]
        far = (mean - bound) * (1 if ">" in sign else -1)
        margin = "no spread" if deviation == 0 else f"{far / deviation:.1f}"
        print(
            f"| {test}, {line} | {sign} {bound:g} | {mean:.4g} | {deviation:.2g} | {margin} "
            f"| {len(found)} | {failed} |"
        )


if __name__ == "__main__":
    main()
