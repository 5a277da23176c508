"""How often images are called unlike those of the training: of the same kind, and of others.

    .venv/bin/python benchmarks/likeness.py [redraws]

Nuclei in stained sections (phantoms of 96 x 96 pixels). Every redraw trains a small network on 30
patients, with 30 more for validation, and predicts new patients of the same laboratory, of others,
and of other microscopes, by the functions behind `inklings train` and `inklings predict`. A row for
each: images called unlike in per cent, over all redraws and in the worst one, redraws in which the
images as a whole were said to be unlike, and by what single ones are.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inklings.inference.predict import predict
from inklings.predictions.likeness_table import read_likeness
from inklings.simulation.phantoms import nuclei
from inklings.simulation.phantoms.cohort import nuclei_cohort
from inklings.simulation.phantoms.stains import Stain
from inklings.spec import Experiment
from inklings.tasks.train import train

Picture = NDArray[np.uint8]
SIDE, PATIENTS, NEW = 96, 60, 40
DAB = Stain((0.65, 0.70, 0.29), (0.27, 0.57, 0.78), strengths=(0.6, 1.0))
"""Haematoxylin and diaminobenzidine (Ruifrok and Johnston, 2001): brown in place of pink."""

SCANNERS: dict[str, Callable[[Picture], NDArray[np.float64]]] = {
    "scanner with another gamma (0.6)": lambda x: 255 * (x / 255) ** 0.6,
    "scanner with another white (blue 15 % darker)": lambda x: x * np.array([1, 1, 0.85]),
    "scanner out of focus (1.5 pixels)": lambda x: ndimage.gaussian_filter(
        x.astype(float), (1.5, 1.5, 0)
    ),
    "scanner of half the resolution": lambda x: np.repeat(
        np.repeat(x.reshape(SIDE // 2, 2, SIDE // 2, 2, 3).mean((1, 3)), 2, 0), 2, 1
    ),
    "noise (30 grey levels)": lambda x: x + np.random.default_rng(0).normal(0, 30, x.shape),
    "inverted": lambda x: 255.0 - x,
}


def main(redraws: int) -> None:
    """Print the table."""
    found: dict[str, list[list[str]]] = {}
    for redraw in range(redraws):
        with tempfile.TemporaryDirectory() as folder:
            for name, by in _redraw(Path(folder), redraw).items():
                found.setdefault(name, []).append(by)
    print(f"{redraws} redraws of {NEW} images; called unlike: per cent, worst redraw, as a whole")
    for name, each in found.items():
        whole = sum(one[-1] == "whole" for one in each)
        each = [[by for by in one if by != "whole"] for one in each]
        shares = [100 * np.mean([bool(by) for by in one]) for one in each]
        worst = max(shares) if name == "same" else min(shares)
        common = Counter(by for one in each for by in one if by).most_common(2)
        said = ", ".join(f"{by} {count}" for by, count in common)
        told = f"{np.mean(shares):6.1f} {worst:6.1f} {whole:4} of {redraws}"
        print(f"{name:48} {told}   {said}")


def _redraw(home: Path, seed: int) -> dict[str, list[str]]:
    """For each kind of new images what is farthest, empty where an image is not unlike."""
    cohort = nuclei_cohort(home / "cohort", PATIENTS, SIDE, "stained", 10 * seed)
    parts = ("train", "val")
    cases = tuple(replace(case, split=parts[k % 2]) for k, case in enumerate(cohort))
    replace(cohort, cases=cases).write(home / "cohort")
    record = {
        "cohort": str(home / "cohort"),
        "model": {"name": "unet", "width": 8, "depth": 3},
        "loss": "bce",
        "sampling": {"size": 64},
        "training": {"steps": 30, "batch_size": 4, "seed": seed, "loggers": []},
    }
    run = train(Experiment.check(record, "benchmark"), home / "run")
    new = {"same": home / "same"}
    nuclei_cohort(new["same"], NEW, SIDE, "stained", 10 * seed + 1)
    for number, (name, change) in enumerate(SCANNERS.items()):
        new[name] = home / f"scanner{number}"
        new[name].mkdir()
        for path in sorted((home / "same" / "images").glob("*.png")):
            picture = change(np.asarray(Image.open(path).convert("RGB")))
            changed = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
            Image.fromarray(changed).save(new[name] / path.name)
    new["another stain (brown in place of pink)"] = home / "dab"
    with mock.patch.object(nuclei, "STAINS", (DAB,) * 3):
        nuclei_cohort(home / "dab", NEW, SIDE, "stained", 10 * seed + 2)
    for microscope in ("bright-field", "fluorescence"):
        new[microscope] = home / microscope
        nuclei_cohort(home / microscope, NEW, SIDE, microscope, 10 * seed + 3)
    answers = {}
    for name, folder in new.items():
        heard = io.StringIO()
        with contextlib.redirect_stderr(heard):
            predict(run, [folder], folder / "predictions")
        judged = read_likeness(folder / "predictions").values()
        answers[name] = [one.by if one.unlike else "" for one in judged]
        answers[name] += ["whole"] * ("as a whole" in heard.getvalue())
    return answers


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
