"""Weak mode through its command, killed in each of its parts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from processes import Killed, rows, same_weights, step
from scipy import ndimage

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.labels.kinds import MaskLabel
from inklings.spec import Experiment

FOREST = {"pixels": 20_000, "trees": 10}
STEPS = 24
POSITIVE = 6
"""Training pictures whose marks by trees are kept."""


@pytest.fixture
def outlined(tmp_path: Path) -> Path:
    """Bright squares in hurried outlines: ten pictures to train on, four to validate."""
    folder = tmp_path / "outlined"
    folder.mkdir()
    cases = []
    for i in range(14):
        rng = np.random.default_rng(i)
        mask = np.zeros((96, 96), bool)
        if i % 3:
            y, x = rng.integers(30, 54, 2)
            mask[y : y + 12, x : x + 12] = True
        noisy = 90 + 60 * mask[..., None] + rng.normal(0, 12, (96, 96, 3))
        picture, label = folder / f"{i}.png", folder / f"{i}-mask.png"
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(picture)
        wide = ndimage.binary_dilation(mask, iterations=20).astype(np.uint8)
        Image.fromarray(wide).save(label)
        labels = (MaskLabel(label, "image", "instances", ("square",)),)
        split = "train" if i < 10 else "val"
        cases.append(Case(f"case{i}", f"patient{i}", {"image": picture}, labels, split))
    Cohort("squares", tuple(cases), ("square",)).write(folder)
    return folder


def lessons(run: Path) -> Any:
    return json.loads((run / "teacher.json").read_text())["lessons"]


def finished(kept: Path) -> int:
    """Arrays that would not be made again."""
    return sum(path.read_bytes().count(b"\n") for path in kept.rglob("index.jsonl"))


def test_killed_in_any_part_of_the_weak_mode_it_goes_on_and_ends_bit_for_bit_the_same(
    spec: Callable[..., Experiment], outlined: Path, tmp_path: Path
) -> None:
    teacher = {"pixel_classifier": FOREST, "false_positive_rate": 0.01}
    experiment = spec(
        outlined, mode="weak", teacher=teacher, steps=STEPS, learning_rate=0.02, intensity="half"
    )
    whole = Killed(experiment, tmp_path / "whole")
    assert whole.start().wait() == 0
    assert (whole.out / "teacher.json").is_file()
    assert not (whole.out / "teacher" / "kept").exists()
    broken = Killed(experiment, tmp_path / "broken")
    kept, first = broken.out / "teacher" / "kept", broken.out / "teacher" / "1"
    moments = (
        lambda: finished(kept) > 0,  # trees mark
        lambda: step(first) >= STEPS // 2,  # the teacher learns
        lambda: finished(kept) > POSITIVE,  # it looks at its pictures again
        lambda: step(broken.out) >= STEPS // 2,  # the student learns
    )
    for moment in moments:
        assert broken.kill_when(moment)
        assert not (broken.out / "run.json").exists()
    assert broken.start().wait() == 0
    assert same_weights(whole.out, broken.out)
    assert rows(whole.out) == rows(broken.out)
    assert lessons(whole.out) == lessons(broken.out)
