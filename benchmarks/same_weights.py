"""Do two trees train the same networks, bit by bit, and predict the same?

The safety net of a refactoring: a git revision and the working tree run the same tiny trainings,
by the public command alone, on data that this script draws and the revision imports, each tree
on a copy of its own; then every tensor of the weights, the thresholds and the predictions of the
held-out cases are compared.

    python benchmarks/same_weights.py                    # the head before the redesign
    python benchmarks/same_weights.py HEAD~3 --out DIR   # keeps everything, logs as well
    python benchmarks/same_weights.py --only bags --only bags-crossval

One line a training, ``same`` or ``differs`` with the first place; exit code 1 if any differs.
Nothing is recorded from one call to the next: the last bits of sums depend on the processor and
the versions of the libraries, so hashes in a file would be right on one machine only. Metadata
(times, versions, paths) is not compared, and neither is what is written beside the results.

Where the working tree spells something otherwise on purpose, `NOW` says how; an entry there goes
when the revision that is compared with spells it the same way.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file
from scipy import ndimage

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "3a6cf29"
"""The head before the redesign."""

PREPARE = (
    "import folder --images raw/pictures/images/*.png --masks raw/pictures/masks/*.png"
    " --values 0=background,255=nucleus --patient (p\\d+)_ --out pictures --workers 1",
    "split pictures --fractions 0.6 0.2 0.2 --seed 0",
    "weaken pictures --kind dilate --pixels 3 --seed 0 --out coarse --workers 1",
    "weaken pictures --kind drop --keep 0.5 --seed 0 --out half --workers 1",
    "import slides --images raw/slides/images/*.tif --masks raw/slides/masks/*.png"
    " --values 0=background,1=tumour --spacing-um 1 --out slides --workers 1",
    "split slides --fractions 0.5 0.2 0.3 --seed 0",
    "weaken slides --kind bag --out graded --workers 1",
    "import nifti --images raw/volumes/images/*.nii.gz --masks raw/volumes/masks/*.nii.gz"
    " --values 0=background,1=head,2=body --out volumes --workers 1",
    "split volumes --fractions 0.5 0.2 0.3 --seed 0",
    "import mnist-bags digits --bags 32 16 8 --draw again --seed 1 --out bags --workers 1",
    "phantoms luna16 --count 8 --seed 3 --out raw/luna",
    "import luna16 raw/luna --out chest --workers 1",
    "split chest --fractions 0.5 0.25 0.25 --seed 3",
)
"""How the cohorts come about, once, by the revision; ``raw`` is drawn by `draw`."""


@dataclass(frozen=True)
class Training:
    """One tiny run: what the experiment says, and the commands after it is written.

    Attributes:
        experiment: Written as ``<name>.yaml``; `_TRAINING` is what it does not say of training.
        commands: In order; ``{}`` is the name.
        training: Of the experiment.
        after: Which others must have run before.
    """

    experiment: Mapping[str, Any]
    commands: tuple[str, ...]
    training: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()


_TRAINING = {
    "steps": 12,
    "batch_size": 4,
    "learning_rate": 4e-3,
    "precision": "32-true",
    "seed": 5,
    "loggers": [],
}
_KEPT = {"ema": 0.9, "validate_every": 4}
_TRAIN = "train {}.yaml --out runs/{} --deterministic"
_PREDICT = "predict runs/{} %s --split test --out found/{} --workers 0"
_NPZ = "export found/{} --to npz --out exported/{}"
_CSV = "export found/{} --to csv --out exported/{}"
_FIND = "nodules chest --split test --run %s --out found/{} --workers 0"
_UNET = {"name": "unet", "width": 4, "depth": 2}
_SLIDE_UNET = {"name": "transunet_small", "depth": 1, "decoder": [16, 8, 8, 4], "prior": 0.1}
_FOREST = {"folds": 2, "samples": 20000, "trees": 8}
_BRIGHT = "brightness_contrast"
_TURNS = ("flips", "quarter_turns")

TRAININGS: Mapping[str, Training] = {
    "pictures-strong": Training(
        {
            "cohort": "pictures",
            "supervision": {"name": "full", "cores": True},
            "sampling": {
                "size": 48,
                "positives": 0.5,
                "augment": [
                    *_TURNS,
                    {"name": "affine", "rotate": 45, "scale": 0.5, "probability": 0.6},
                    _BRIGHT,
                ],
            },
            "model": _UNET,
            "loss": "bce_dice",
            "inference": {"window": 64, "flips": True},
        },
        (_TRAIN, _PREDICT % "pictures", _NPZ),
        _KEPT,
    ),
    "pictures-weak": Training(
        {
            "mode": "weak",
            "cohort": "coarse",
            "correction": "auto",
            "supervision": "full",
            "sampling": {"size": 48, "positives": 0.5, "augment": ["flips"]},
            "model": _UNET,
            "loss": "bce",
            "teacher": {"forest": _FOREST, "steps": 8, "false_alarms": 0.02},
            "inference": {"window": 64, "threshold": "prior"},
        },
        (_TRAIN, _PREDICT % "coarse", _NPZ),
    ),
    "pictures-rounds": Training(
        {
            "cohort": "half",
            "correction": "auto",
            "rounds": {"count": 2, "share": 0.5},
            "sampling": {"size": 48, "positives": 0.5, "augment": [*_TURNS, _BRIGHT]},
            "model": _UNET,
            "loss": "bce",
            "inference": {"window": 64, "threshold": "prior"},
        },
        (_TRAIN, _PREDICT % "half", _NPZ),
        {"steps": 60},
    ),
    "slide-tiles": Training(
        {
            "cohort": "slides",
            "tiles": "tiles",
            "supervision": "full",
            "intensity": "half",
            "sampling": {
                "size": 48,
                "by_class": True,
                "augment": [
                    *_TURNS,
                    {"name": "stain_jitter", "amount": 0.3, "shift": 0.05, "probability": 1.0},
                    _BRIGHT,
                ],
            },
            "model": _SLIDE_UNET,
            "loss": "bce",
            "inference": {"window": 64},
        },
        (
            "tile slides --spacing-um 2 --size 64 --min-tissue 0.2 --method stained --out tiles",
            _TRAIN,
            _PREDICT % "slides",
        ),
        _KEPT,
    ),
    "slide-labels": Training(
        {
            "mode": "weak",
            "cohort": "graded",
            "tiles": "graded-tiles",
            "supervision": "bag",
            "intensity": "half",
            "stains": "reinhard",
            "sampling": {"size": 48, "by_class": True, "augment": [*_TURNS]},
            "model": _SLIDE_UNET,
            "loss": "bce",
            "teacher": {
                "forest": {**_FOREST, "reach": 16, "false_alarms": [0.02, 0.02]},
                "false_alarms": [],
            },
            "inference": {"window": 64},
        },
        (
            "tile graded --spacing-um 2 --size 64 --min-tissue 0.2 --method stained"
            " --out graded-tiles",
            _TRAIN,
            _PREDICT % "graded",
        ),
    ),
    "volume-patches": Training(
        {
            "cohort": "volumes",
            "volumes": {"view": "patches", "patch": [16, 24, 24]},
            "intensity": "percentiles",
            "sampling": {
                "augment": [
                    {"name": "flips", "axes": "x"},
                    {
                        "name": "affine3d",
                        "rotate": 15,
                        "tilt": 15,
                        "scale": 0.15,
                        "probability": 0.5,
                    },
                    _BRIGHT,
                ]
            },
            "model": {"name": "unet3d", "width": 4, "depth": 2, "norm": "batch"},
            "loss": "bce_dice",
            "inference": {"threshold": 0.5, "flips": "x"},
        },
        (_TRAIN, _PREDICT % "volumes", _NPZ),
        {**_KEPT, "batch_size": 2},
    ),
    "volume-context": Training(
        {
            "cohort": "volumes",
            "volumes": {"view": "context", "context": 2, "organ": 0.7},
            "intensity": "percentiles",
            "sampling": {
                "size": 32,
                "augment": [
                    {"name": "affine", "rotate": 12, "scale": 0.15, "probability": 0.6},
                    _BRIGHT,
                ],
            },
            "model": _UNET,
            "loss": "bce_dice",
            "inference": {"pieces": "auto"},
        },
        (_TRAIN, _PREDICT % "volumes", _NPZ),
        _KEPT,
    ),
    "bags": Training(
        {
            "cohort": "bags",
            "model": {"name": "bags", "encoder": "small_cnn", "pooling": "gated_attention"},
            "loss": "bag",
            "bags": {"augment": ["affine"]},
        },
        (_TRAIN, _PREDICT % "bags", _CSV),
        {"steps": 16, "batch_size": 8, "validate_every": 4},
    ),
    "bags-crossval": Training(
        {
            "cohort": "bags",
            "model": {"name": "bags", "encoder": "small_cnn", "pooling": "noisy_or", "members": 2},
            "loss": "bag",
            "bags": {"sample": 4},
        },
        ("crossval {}.yaml --out found/{} --folds 2 --repeats 1 --val 0.25 --seed 3",),
        {"deterministic": True},
    ),
    "detector": Training(
        {
            "cohort": "chest",
            "nodules": {"stage": "detector", "side": 32, "positives": 0.6},
            "model": {"name": "centre_point", "width": 4},
            "loss": "centre_point",
        },
        (_TRAIN, _FIND % "runs/detector"),
        {"steps": 200, "ema": 0.9},
    ),
    "malignancy": Training(
        {
            "cohort": "chest",
            "nodules": {"stage": "malignancy", "side": 16, "spacing_mm": 1.5},
            "model": {"name": "nodule_net", "width": 4, "dropout": 0.3, "fine": True},
            "loss": "bce",
        },
        (_TRAIN,),
        {"ema": 0.9},
    ),
    "classifier": Training(
        {
            "cohort": "chest",
            "nodules": {
                "stage": "classifier",
                "detector": "runs/detector",
                "side": 16,
                "spacing_mm": 2,
                "keep": "sensitivity",
            },
            "model": {"name": "nodule_net", "width": 4},
            "loss": "bce",
        },
        (_TRAIN, _FIND % "runs"),  # with all three stages
        {**_KEPT, "steps": 40},
        after=("detector", "malignancy"),
    ),
    "segmenter": Training(
        {
            "cohort": "chest",
            "nodules": {"stage": "segmenter", "side": 32},
            "model": {**_UNET, "up": "transposed"},
            "loss": "luna_dice",
        },
        (_TRAIN,),
    ),
}


def _task(name: str, task: str, **section: Any) -> dict[str, Any]:
    """The experiment of a training as a task of its own, and its section."""
    kept = {k: v for k, v in TRAININGS[name].experiment.items() if k != "nodules"}
    return {"experiment": {"task": task, **kept, **section}}


NOW: Mapping[str, Mapping[str, Any]] = {
    "bags": _task("bags", "bags"),
    "bags-crossval": _task("bags-crossval", "bags"),
    "detector": _task(
        "detector",
        "detection",
        detection={
            "side": 32, "foreground": 0.6, "region": "lungs",
            "intensity": {"name": "window", "low": -1000, "high": 400},
        },
    ),
    "malignancy": _task("malignancy", "malignancy", malignancy={"side": 16, "spacing_mm": 1.5}),
    "classifier": _task(
        "classifier",
        "candidates",
        candidates={
            "detector": "runs/detector", "side": 16, "spacing_mm": 2, "monitor": "sensitivity",
        },
    ),
    "segmenter": _task("segmenter", "nodule_segmentation"),
}  # fmt: skip
"""What the working tree spells otherwise: fields of `Training` to replace, by name."""


# The data


def draw(raw: Path) -> None:
    """Draw pictures of blobs, slides and volumes with their masks into a new folder."""
    for kind in ("pictures", "slides", "volumes"):
        for part in ("images", "masks"):
            (raw / kind / part).mkdir(parents=True)
    for patient in range(10):
        for number in range(2):
            _picture(raw / "pictures", f"p{patient}_{number}", [1, patient, number])
    for number in range(8):
        _slide(raw / "slides", f"s{number}", [2, number], ill=number % 3 > 0)
        _volume(raw / "volumes", f"v{number}", [3, number])


def _blobs(
    rng: np.random.Generator, shape: tuple[int, ...], count: int, low: float, high: float
) -> NDArray[np.bool_]:
    """Union of ``count`` ellipsoids with half axes from ``low`` to ``high``."""
    grid = np.indices(shape)
    found = np.zeros(shape, bool)
    for _ in range(count):
        centre, axes = rng.uniform(0, shape), rng.uniform(low, high, len(shape))
        found |= sum(((g - c) / a) ** 2 for g, c, a in zip(grid, centre, axes, strict=True)) < 1
    return found


def _grain(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.asarray(3.5 * ndimage.gaussian_filter(rng.normal(size=shape), 1))


def _bytes(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    return np.clip(values, 0, 255).astype(np.uint8)


def _picture(folder: Path, name: str, seed: list[int], side: int = 96) -> None:
    rng = np.random.default_rng(seed)
    inside = _blobs(rng, (side, side), 7, 6, 11)
    soft = ndimage.gaussian_filter(inside.astype(float), 0.7)
    image = 40 + 110 * soft + 6 * _grain(rng, inside.shape)
    Image.fromarray(_bytes(image)).save(folder / "images" / f"{name}.png")
    Image.fromarray(_bytes(255.0 * inside)).save(folder / "masks" / f"{name}.png")


def _slide(folder: Path, name: str, seed: list[int], ill: bool) -> None:
    shape = (700, 900)
    rng = np.random.default_rng(seed)
    tissue = _blobs(rng, shape, 6, 150, 250)
    tumour = tissue & _blobs(rng, shape, 6, 40, 90) & ill
    image = np.full((*shape, 3), 245.0)
    image[tissue] = (215, 130, 190)
    image[tumour] = (150, 90, 160)
    image += 8 * _grain(rng, shape)[..., None]
    image[tumour] += 25 * rng.normal(size=(int(tumour.sum()), 1))
    tifffile.imwrite(
        folder / "images" / f"{name}.tif", _bytes(image), tile=(256, 256), photometric="rgb"
    )
    Image.fromarray(tumour.astype(np.uint8)).save(folder / "masks" / f"{name}.png")


def _volume(folder: Path, name: str, seed: list[int]) -> None:
    shape = (40, 48, 20)  # (x, y, z), as in the file
    rng = np.random.default_rng(seed)
    organ = _blobs(rng, shape, 3, 5, 12)
    front = np.indices(shape)[1] > shape[1] / 2
    mask = organ * (1 + front).astype(np.uint8)
    image = 100.0 + 60 * organ + 30 * (organ & front) + 15 * _grain(rng, shape)
    affine = np.diag([-1.5, -1.5, 3.0, 1.0])
    for part, values in (("images", image.astype(np.float32)), ("masks", mask)):
        nib.save(nib.Nifti1Image(values, affine), folder / part / f"{name}.nii.gz")


# Running


_COMMANDS = """
import os, sys
tree, *commands = sys.argv[1:]
import inklings
from inklings.cli import run
assert inklings.__file__.startswith(tree + os.sep), inklings.__file__
for command in commands:
    print("$ inklings", command, flush=True)
    sys.argv = ["inklings", *command.split()]
    try:
        run()
    except SystemExit as end:
        if end.code:
            sys.exit(f"exit code {end.code} of inklings {command}")
"""
"""Runs the entry point once for each command; loading the libraries takes longer than most."""


@dataclass
class Side:
    """One of the two trees, with a folder of its own to work in."""

    name: str
    tree: Path
    folder: Path
    seconds: float = 0.0

    def run(self, title: str, commands: Sequence[str]) -> None:
        """Run ``inklings`` commands in a process of their own; what they say is in a log.

        Raises:
            RuntimeError: If one fails; with what was said last.
        """
        begun = time.monotonic()
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        source = str(self.tree / "src")
        log = self.folder / f"{title}.log"
        with log.open("w", encoding="utf-8") as file:
            code = subprocess.run(
                [sys.executable, "-c", _COMMANDS, source, *commands],
                cwd=self.folder,
                env={**os.environ, **threads, "PYTHONPATH": source},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        self.seconds += time.monotonic() - begun
        if code:
            said = log.read_text(encoding="utf-8").strip().splitlines()[-2:]
            raise RuntimeError(f"{self.name}: {': '.join(said)}")

    def train(self, name: str, training: Training) -> None:
        """Write the experiment and run its commands."""
        record = {**training.experiment, "training": {**_TRAINING, **training.training}}
        text = json.dumps(record, indent=1)  # which is YAML
        (self.folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        self.run(name, [command.replace("{}", name) for command in training.commands])


# Comparing


def results(folder: Path, name: str) -> dict[str, NDArray[Any]]:
    """All that a training left and that must not change, by what it is.

    Raises:
        RuntimeError: If nothing is there to be compared.
    """
    found: dict[str, NDArray[Any]] = {}
    run, out, exported = (folder / place / name for place in ("runs", "found", "exported"))
    if run.exists():
        for tensor, values in sorted(load_file(run / "weights.safetensors").items()):
            found[f"weights: {tensor}"] = values
        record = json.loads((run / "run.json").read_text(encoding="utf-8"))
        for key in ("thresholds", "largest"):
            found[f"run: {key}"] = np.array(record[key])
    before = len(found)
    for path in sorted(exported.glob("*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            for array in sorted(arrays.files):
                if arrays[array].dtype.kind in "biuf":
                    found[f"prediction: {path.stem}: {array}"] = arrays[array]
    for path in sorted([*exported.glob("*.csv"), *out.glob("findings.csv")]):
        for column, values in _columns(path):
            found[f"prediction: {path.name}: {column}"] = values
    for path in sorted(out.rglob("*.tif*")):
        found[f"prediction: {path.relative_to(out)}"] = tifffile.imread(path)
    for path in sorted(out.glob("folds/*.json")):
        for key, number in _numbers(json.loads(path.read_text(encoding="utf-8"))):
            found[f"prediction: {path.name}: {key}"] = np.array(number)
    if not found or (out.exists() and len(found) == before):
        raise RuntimeError(f"{name}: expected predictions in {out}, found none to compare")
    return found


_WAS = {"malignancy_probability": "malignancy"}
_NOT_COMPARED = {"picture", "name", "organ", "detector_score", "classifier_score"}
"""Columns of findings: what they were called, and what the first version kept elsewhere."""


def _columns(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """Columns of a table, as they are written; without rows or without a value they are no result.

    What no stage measured is an empty column in the first version, and none since.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise RuntimeError(f"expected rows to compare, got none in {path}")
    for column in rows[0]:
        if column not in _NOT_COMPARED and any(row[column] for row in rows):
            yield _WAS.get(column, column), np.array([row[column] for row in rows])


def _numbers(record: Any, where: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a record but times, with its place."""
    if isinstance(record, bool | int | float):
        yield where, record
    elif isinstance(record, Mapping):
        for key, value in sorted(record.items()):
            if "seconds" not in key:
                yield from _numbers(value, f"{where}.{key}")
    elif isinstance(record, list):
        for number, value in enumerate(record):
            yield from _numbers(value, f"{where}[{number}]")


def difference(before: Mapping[str, NDArray[Any]], now: Mapping[str, NDArray[Any]]) -> str | None:
    """Where two results first differ, and how many of them do; None if they are the same."""
    keys = list(dict.fromkeys((*before, *now)))
    found = [(key, text) for key in keys if (text := _apart(before.get(key), now.get(key)))]
    if not found:
        return None
    key, text = found[0]
    return f"{key}: {text}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")


def _apart(a: NDArray[Any] | None, b: NDArray[Any] | None) -> str | None:
    if a is None or b is None:
        return "new" if a is None else "gone"
    if (a.dtype.kind, a.shape) != (b.dtype.kind, b.shape):
        return f"{a.dtype} {a.shape} before, {b.dtype} {b.shape} now"
    if _hash(a) == _hash(b):
        return None
    if a.dtype.kind not in "iuf" or a.dtype != b.dtype:
        return f"{a.dtype} {a.ravel()[:3].tolist()} before, {b.dtype} {b.ravel()[:3].tolist()} now"
    off = np.abs(a.astype(float) - b.astype(float))
    return f"{int((off != 0).sum())} of {a.size} values, up to {float(off.max()):.3g} apart"


def _hash(values: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _summary(found: Mapping[str, NDArray[Any]]) -> str:
    counts = {kind: sum(key.startswith(f"{kind}:") for key in found) for kind in _KINDS}
    digest = hashlib.sha256("".join(k + _hash(v) for k, v in found.items()).encode()).hexdigest()
    return ", ".join(f"{n} of {kind}" for kind, n in counts.items() if n) + f"  {digest[:12]}"


_KINDS = ("weights", "run", "prediction")


def export_tree(revision: str, folder: Path) -> Path:
    """The sources of a revision, in a new folder."""
    words = ["git", "-C", str(ROOT), "archive", revision, "src"]
    archive = subprocess.run(words, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as file:
        file.extractall(folder, filter="data")
    return folder


def compare(revision: str, out: Path, names: Sequence[str]) -> bool:
    """Run both trees and print a line for each training.

    Returns:
        Whether all is the same.
    """
    base = Side(revision, export_tree(revision, out / "tree"), out / "before")
    now = Side("the working tree", ROOT, out / "now")
    base.folder.mkdir()
    draw(base.folder / "raw")
    base.run("prepare", PREPARE)
    shutil.copytree(base.folder, now.folder)
    wanted = {need for name in names for need in (name, *TRAININGS[name].after)}
    same = True
    with ThreadPoolExecutor(2) as pool:
        for name, training in TRAININGS.items():
            if name not in wanted:
                continue
            renamed = replace(training, **NOW.get(name, {}))
            jobs = [pool.submit(base.train, name, training), pool.submit(now.train, name, renamed)]
            try:
                for job in jobs:
                    job.result()
                before = results(base.folder, name)
                text = difference(before, results(now.folder, name))
            except RuntimeError as error:
                text = str(error)
            same &= text is None
            verdict = f"same     {_summary(before)}" if text is None else f"differs  {text}"
            print(f"{name:17}{verdict}", flush=True)
    print(f"{base.seconds:.0f} s for {base.name}, {now.seconds:.0f} s for {now.name}")
    return same


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", nargs="?", default=BEFORE, help="a git revision")
    parser.add_argument("--out", type=Path, help="keep everything in this new folder")
    parser.add_argument("--only", choices=TRAININGS, action="append", help="may be repeated")
    options = parser.parse_args()
    asked = options.only or list(TRAININGS)
    if options.out is None:
        with tempfile.TemporaryDirectory() as temporary:
            sys.exit(0 if compare(options.base, Path(temporary), asked) else 1)
    options.out.mkdir(parents=True)
    sys.exit(0 if compare(options.base, options.out.resolve(), asked) else 1)
