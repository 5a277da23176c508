"""Where time and memory go, each beside a peer or the bare work, as a ratio within one run.

    python benchmarks/bench_speed_table.py [ROW ...] [--rounds 3]

Every row runs in a process of its own, on one thread; times are processor seconds by turns with the
peer (the median), memory is the peak of the process. torchmil is optional: where it is not
installed its column says so.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

Work = Callable[[], Any]


def by_turns(works: dict[str, Work], rounds: int) -> dict[str, float]:
    """Median processor seconds of each, turn by turn."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = time.process_time()
            work()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(spent) for name, spent in times.items()}


BAGS, WIDTH, STEP = 60, 1024, 16


def _bags(folder: Path) -> Any:
    from inklings.bags.writer import MadeBag, write_bags
    from inklings.data.bag_examples import gather_bags

    rng = np.random.default_rng(0)
    made = [
        MadeBag(
            f"b{i}",
            rng.standard_normal((int(rng.integers(50, 3001)), WIDTH), np.float32),
            (bool(i % 2),),
            split="train",
        )
        for i in range(BAGS)
    ]
    cohort = write_bags(folder, "noise", ("x",), made, {})
    return gather_bags(cohort.cases, cohort.classes, "binary")


def _train_bags(examples: Any, epochs: int) -> None:
    from inklings.spec import Experiment
    from inklings.tasks.bags import learn

    record = {
        "cohort": ".", "task": "bags", "loss": "bag",
        "model": {"name": "bags", "encoder": "identity", "pooling": "gated_attention"},
        "training": {
            "epochs": epochs, "batch_size": STEP, "learning_rate": 1e-4, "loggers": [],
            "optimiser": "adam", "schedule": "constant", "devices": 1, "precision": "32-true",
        },
    }  # fmt: skip
    learn(Experiment.check(record, "benchmark"), examples, None, classes=("x",), task="binary")


def _loop_bags(examples: Any, epochs: int) -> None:
    """Gated attention, one bag a forward, a step after every sixteen."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    v, u, w, head = (nn.Linear(WIDTH, 128), nn.Linear(WIDTH, 128), nn.Linear(128, 1),
                     nn.Linear(WIDTH, 1))  # fmt: skip
    optimiser = torch.optim.Adam([p for m in (v, u, w, head) for p in m.parameters()], 1e-4)
    for _ in range(epochs):
        for i in range(BAGS):
            x = torch.from_numpy(examples.instances.take(i))
            y = torch.from_numpy(examples.value[i])
            attention = w(torch.tanh(v(x)) * torch.sigmoid(u(x))).softmax(0)
            said = head((attention * x).sum(0))
            (F.binary_cross_entropy_with_logits(said, y) / STEP).backward()
            if i % STEP == STEP - 1 or i == BAGS - 1:
                optimiser.step()
                optimiser.zero_grad()


def _torchmil_bags(examples: Any) -> Callable[[int], None] | None:
    """The trainer of torchmil on the same bags; None where it is not installed."""
    import torch

    try:
        from torchmil.data import collate_fn
        from torchmil.models import ABMIL
        from torchmil.utils.trainer import Trainer
    except ImportError:
        return None

    class Bags(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(examples)

        def __getitem__(self, i: int) -> dict[str, Any]:
            x = torch.from_numpy(examples.instances.take(i))
            return {"X": x, "Y": torch.tensor(float(i % 2))}

    def train(epochs: int) -> None:
        model = ABMIL((WIDTH,), att_dim=128, gated=True)
        optimiser = torch.optim.Adam(model.parameters(), 1e-4)
        loader = torch.utils.data.DataLoader(
            Bags(), batch_size=STEP, shuffle=True, collate_fn=collate_fn
        )
        # Its validating pass, over the training bags where it has no others, counts.
        Trainer(model, optimiser, device="cpu", disable_pbar=True, verbose=False).train(
            epochs, loader
        )

    return train


def bags(rounds: int) -> dict[str, Any]:
    """An epoch of gated attention: 60 bags of 50 to 3,000 x 1,024, 16 bags a step."""
    with tempfile.TemporaryDirectory() as folder:
        examples = _bags(Path(folder))
        rivals: dict[str, Callable[[int], None]] = {
            "ours": lambda n: _train_bags(examples, n),
            "loop": lambda n: _loop_bags(examples, n),
        }
        theirs = _torchmil_bags(examples)
        if theirs is not None:
            rivals["torchmil"] = theirs
        works = {f"{k} {n}": (lambda f=f, n=n: f(n)) for k, f in rivals.items() for n in (1, 3)}
        spent = by_turns(works, rounds)
    epoch = {name: (spent[f"{name} 3"] - spent[f"{name} 1"]) / 2 for name in rivals}
    return {
        "epoch_s": {k: round(v, 3) for k, v in epoch.items()},
        "times_loop": round(epoch["ours"] / epoch["loop"], 2),
        "times_torchmil": round(epoch["ours"] / epoch["torchmil"], 2)
        if "torchmil" in epoch
        else "torchmil is not installed",
    }


def mlp_head(rounds: int) -> dict[str, Any]:
    """A step with an MLP head: no answers for instances, against all of them, padded, as in 0.1."""
    import torch
    from torch.nn import functional as F

    from inklings.data.bag_batches import taken
    from inklings.models.bags import BagModel
    from inklings.models.uneven import pool_groups

    rng = np.random.default_rng(0)
    sizes = rng.integers(50, 3001, STEP).tolist()
    inputs, valid = torch.randn(sum(sizes), WIDTH), taken(sizes)
    value = (torch.arange(STEP) % 2).float()[:, None]
    torch.manual_seed(0)
    model = BagModel(WIDTH, 1, head={"name": "mlp"}).train()

    def step(before: bool) -> None:
        model.answer_instances(before)
        model.zero_grad()
        if before:
            said = pool_groups(model.pooling, model.encode(inputs), valid, [list(range(STEP))])
        else:
            said = model(inputs, valid)
        F.binary_cross_entropy_with_logits(said.logits, value).backward()

    spent = by_turns({"before": lambda: step(True), "ours": lambda: step(False)}, rounds)
    return {"times_before": round(spent["ours"] / spent["before"], 3), **_rounded(spent)}


def masks(rounds: int) -> dict[str, Any]:
    """Class masks of 120 x 512 x 512 with 8 classes as targets, against nibabel and a one-hot."""
    import nibabel

    from inklings.cohorts.case import Case
    from inklings.geometry import Geometry
    from inklings.labels.files import write_mask
    from inklings.labels.kinds import MaskLabel
    from inklings.supervision.full import Full

    names = tuple("abcdefgh")
    geometry = Geometry((120, 512, 512), (2.5, 0.8, 0.8), (0.0, 0.0, 0.0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.nii"
        mask = np.zeros(geometry.shape, np.uint8)
        for k in range(8):
            mask[10 + 8 * k : 40 + 8 * k, 50 * k : 50 * k + 110, 100:400] = k + 1
        write_mask(path, mask, geometry)
        label = MaskLabel(path, "ct", "classes", names, "complete")
        case = Case("a", "a", {"ct": path}, labels=(label,))
        found: dict[str, Any] = {}

        def mine() -> None:
            found["ours"] = Full(names).target(case, geometry).value

        def theirs() -> None:
            codes = np.asarray(nibabel.load(path).dataobj).T  # type: ignore[attr-defined]
            found["nibabel"] = np.stack([codes == k for k in range(1, 9)]).astype(np.uint8) * 255

        del mask
        before = _peak_mib()
        mine()
        peak = _peak_mib()
        spent = by_turns({"ours": mine, "nibabel": theirs}, rounds)
        assert np.array_equal(found["ours"], found["nibabel"])
    return {
        "times_nibabel": round(spent["ours"] / spent["nibabel"], 2),
        "peak_mib": round(peak),
        "before_mib": round(before),
        **_rounded(spent),
    }


def evaluate(rounds: int) -> dict[str, Any]:  # noqa: ARG001
    """Peak memory of scoring a volume of one class with all metrics, in bytes a voxel."""
    from inklings.cohorts.case import Case
    from inklings.evaluation.metric import Options
    from inklings.evaluation.pictures import read_pair
    from inklings.evaluation.scoring import choose, measure
    from inklings.geometry import Geometry
    from inklings.labels.files import write_mask
    from inklings.labels.kinds import MaskLabel
    from inklings.predictions.dense import DensePrediction
    from inklings.predictions.head import Head, Provenance

    geometry = Geometry((120, 512, 512), (2.5, 0.8, 0.8), (0.0, 0.0, 0.0))
    head = Head(("organ",), (0.5,), Provenance("run", "", None, "0"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = folder / "truth.nii"
        mask = np.zeros(geometry.shape, np.uint8)
        mask[30:90, 120:380, 150:400] = 1
        write_mask(truth, mask, geometry)
        said = np.roll(mask, 3, 1)[None] * np.uint8(200)
        DensePrediction("a", truth, said, geometry=geometry).write(folder)
        label = MaskLabel(truth, "ct", "classes", ("organ",), "complete")
        case = Case("a", "a", {"ct": truth}, labels=(label,))
        chosen = choose(None, head.classes, Options(unit="mm"))
        found: list[Any] = []
        del mask, said
        before = _resident_mib()
        peak = watched(lambda: found.append(measure(read_pair(folder, head, case), chosen)))
    return {"bytes_a_voxel": round((peak - before) * 2**20 / np.prod(geometry.shape), 1)}


def _resident_mib() -> float:
    return psutil.Process().memory_info().rss / 2**20


def watched(work: Work) -> float:
    """Largest resident memory while something works, in MiB, looked at every few milliseconds."""
    peak, done = [_resident_mib()], threading.Event()

    def look() -> None:
        while not done.wait(0.003):
            peak[0] = max(peak[0], _resident_mib())

    watcher = threading.Thread(target=look)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return peak[0]


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def bootstrap(rounds: int) -> dict[str, Any]:
    """The interval of a mean: 10,000 draws of 1,000 patients, against scipy."""
    from scipy import stats

    from inklings.evaluation.intervals import Bootstrap
    from inklings.evaluation.metric import mean_of_cases

    values = np.random.default_rng(0).random(1000)
    metric, sums = mean_of_cases("m", "M", lambda _: 0.0), np.stack([values, np.ones(1000)], 1)
    ours = Bootstrap(10_000)
    found: dict[str, Any] = {}

    def mine() -> None:
        found["ours"] = ours.interval(metric.summarise(ours.weights(1000) @ sums))

    def theirs() -> None:
        found["scipy"] = tuple(
            stats.bootstrap(
                (values,), np.mean, n_resamples=10_000, method="percentile", rng=0
            ).confidence_interval
        )

    spent = by_turns({"ours": mine, "scipy": theirs}, rounds)
    assert np.allclose(found["ours"], found["scipy"], atol=0.002), found
    return {"times_scipy": round(spent["ours"] / spent["scipy"], 2), **_rounded(spent)}


_LAUNCH = """
import json, resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""
CLI = "from inklings.cli import run; run()"


def ran(*command: object) -> tuple[float, float]:
    """Processor seconds and peak in MiB of a Python process of its own, with these arguments.

    A process begins with the peak of whoever starts it, so a small one stands in between.
    """
    python = [sys.executable, "-c", _LAUNCH, sys.executable, *map(str, command)]
    seconds, peak = json.loads(subprocess.run(python, check=True, capture_output=True).stdout)
    return float(seconds), float(peak)


def picture(rounds: int) -> dict[str, Any]:  # noqa: ARG001
    """Peak memory of `inklings predict` on a colour picture of 9,000 x 9,000, PNG and TIFF."""
    import tifffile
    from PIL import Image

    from inklings.testing.runs import blobs, untrained_run

    peaks: dict[str, float] = {"import torch": ran("-c", "import torch")[1]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = np.tile(blobs((600, 600)), (15, 15, 1))
        Image.fromarray(samples).save(folder / "a.png", compress_level=1)
        tifffile.imwrite(folder / "b.tif", samples, photometric="rgb", rowsperstrip=64)
        inference = {"window": 256}
        run = untrained_run(folder / "run", inference=inference)
        for file in ("a.png", "b.tif"):
            out = folder / f"out_{file}"
            peaks[file] = ran("-c", CLI, "predict", run, folder / file, "--out", out)[1]
    return {"peak_mib": {name: round(peak) for name, peak in peaks.items()}}


def _discs(folder: Path, count: int, side: int) -> Path:
    """A folder of pictures with their masks, as `inklings import folder` takes it."""
    from PIL import Image

    from inklings.testing.runs import blobs

    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for i in range(count):
        noise = np.random.default_rng(i).integers(0, 12, (side, side, 3), np.uint8)
        picture = np.roll(blobs((side, side)), 7 * i, 0) // 2 + noise
        Image.fromarray(picture).save(folder / "images" / f"{i:03}.png")
        drawn = (picture[..., 1] < 80).astype(np.uint8)
        Image.fromarray(drawn).save(folder / "masks" / f"{i:03}.png")
    return folder


def _import(folder: Path, out: Path) -> float:
    """Processor seconds of `inklings import folder` of what `_discs` wrote."""
    where = ("--images", folder / "images", "--masks", folder / "masks")
    words = ("--values", "0=background,1=disc", "--out", out)
    return ran("-c", CLI, "import", "folder", *where, *words)[0]


def start(rounds: int) -> dict[str, Any]:
    """`inklings train` of one step on ten pictures, all of it, against `import torch` alone.

    Beside it a bare step: torch imports its compiler at the first step of any optimiser.
    """
    bare = (
        "import torch; m = torch.nn.Linear(2, 2); o = torch.optim.AdamW(m.parameters()); "
        "m(torch.ones(1, 2)).sum().backward(); o.step()"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = _discs(Path(name) / "in", 10, 64)
        cohort = Path(name) / "cohort"
        _import(folder, cohort)
        ran("-c", CLI, "split", cohort)
        file = Path(name) / "experiment.yaml"
        file.write_text(
            f"cohort: {cohort}\nmodel: {{name: unet, width: 8}}\nloss: bce_dice\n"
            "sampling: {size: 64}\ntraining: {steps: 1}\n"
        )
        found: dict[str, list[tuple[float, float]]] = {"ours": [], "bare": [], "torch": []}
        for turn in range(rounds):
            train = ("train", file, "--out", Path(name) / f"run-{turn}")
            found["ours"].append(ran("-c", CLI, *train))
            found["bare"].append(ran("-c", bare))
            found["torch"].append(ran("-c", "import torch"))
    middle = {k: [statistics.median(one) for one in zip(*v, strict=True)] for k, v in found.items()}
    return {
        "times_torch": round(middle["ours"][0] / middle["torch"][0], 2),
        "bare_times_torch": round(middle["bare"][0] / middle["torch"][0], 2),
        "peak_mib": {name: round(both[1]) for name, both in middle.items()},
        **_rounded({name: both[0] for name, both in middle.items()}),
    }


def folder(rounds: int) -> dict[str, Any]:
    """`import folder` and `check` of 500 pictures with masks, against decoding each file once."""
    decode = (
        "import sys; from pathlib import Path; from PIL import Image; import numpy as np\n"
        "for p in Path(sys.argv[1]).rglob('*.png'): np.asarray(Image.open(p))"
    )
    with tempfile.TemporaryDirectory() as name:
        source = _discs(Path(name) / "in", 500, 512)
        outs = [Path(name) / f"cohort-{turn}" for turn in range(rounds)]
        runs: dict[str, list[float]] = {"import": [], "check": [], "decode": []}
        for out in outs:
            runs["import"].append(_import(source, out))
            runs["check"].append(ran("-c", CLI, "check", out)[0])
            runs["decode"].append(ran("-c", decode, source)[0])
    spent = {k: statistics.median(v) for k, v in runs.items()}
    return {
        "import_times_decoding": round(spent["import"] / spent["decode"], 2),
        "check_times_decoding": round(spent["check"] / spent["decode"], 2),
        **_rounded(spent),
    }


def _rounded(spent: dict[str, float]) -> dict[str, float]:
    return {f"{name}_s": round(value, 3) for name, value in spent.items()}


ROWS: dict[str, Callable[[int], dict[str, Any]]] = {
    "bags": bags,
    "mlp-head": mlp_head,
    "masks": masks,
    "evaluate": evaluate,
    "bootstrap": bootstrap,
    "picture": picture,
    "start": start,
    "folder": folder,
}


def main() -> None:
    """One JSON object a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", help=", ".join(ROWS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if unknown := set(asked.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    if asked.here:
        from inklings.progress import silence

        silence(True)
        print(json.dumps({asked.rows[0]: ROWS[asked.rows[0]](asked.rounds)}, indent=2))
        return
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    for row in asked.rows or ROWS:
        command = [sys.executable, __file__, row, "--here", "--rounds", str(asked.rounds)]
        subprocess.run(command, check=True, env=one_thread)


if __name__ == "__main__":
    main()
