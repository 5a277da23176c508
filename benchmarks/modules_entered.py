"""How many modules of inklings a training enters, and how often it climbs back up.

A module is entered where a function of it is called while `inklings.tasks.train.train` runs on a
few pictures. A climb is a call from a package to one that stands *after* it in the order of
`tests/test_architecture.py`: data that flow one way need none, save through what they were given
(a function, a protocol), which is what is counted here. Registries build whatever they are
asked for and are left out.

    python benchmarks/modules_entered.py          # numbers, modules in the order they are entered
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from PIL import Image

import inklings
from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.labels.kinds import MaskLabel
from inklings.spec import Experiment
from inklings.tasks.train import train

ROOT = Path(inklings.__file__).parent


def entered(work: Callable[[], object]) -> tuple[list[str], list[tuple[str, str]]]:
    """Modules in the order in which ``work`` enters them, and calls that climb back up."""
    sys.path.insert(0, str(ROOT.parents[1] / "tests"))
    from test_architecture import ORDER

    found: dict[str, None] = {}
    climbs: dict[tuple[str, str], None] = {}

    def module(frame: FrameType | None) -> str | None:
        name = frame.f_globals.get("__name__", "") if frame else ""
        return name if name.startswith("inklings.") else None

    def place(name: str) -> int:
        return ORDER.index(name.split(".")[1])

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or frame.f_code.co_name == "<module>":
            return
        here = module(frame)
        if here is None:
            return
        found.setdefault(here)
        caller = frame.f_back
        while caller is not None and module(caller) is None:
            caller = caller.f_back
        above = module(caller)
        built = above == "inklings.registry"  # calls whatever it was asked for
        if above and not built and above != here and place(here) > place(above):
            climbs.setdefault((above, here))

    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(None)
    return list(found), list(climbs)


def squares(folder: Path) -> Experiment:
    """Four pictures of squares, and the experiment of two steps that learns them."""
    parts: tuple[Split, ...] = ("train", "train", "val", "test")
    cases = []
    for i, part in enumerate(parts):
        mask = np.zeros((24, 24), np.uint8)
        mask[4 : 12 + i, 6:15] = 1
        picture, label = folder / f"{i}.png", folder / f"{i}-mask.png"
        Image.fromarray(mask * 150 + 40).save(picture)
        Image.fromarray(mask).save(label)
        labels = (MaskLabel(label, "image", "classes", ("square",)),)
        cases.append(Case(f"c{i}", f"p{i}", {"image": picture}, labels, part))
    Cohort("squares", tuple(cases), ("square",)).write(folder / "cohort")
    return Experiment.check(
        {
            "cohort": str(folder / "cohort"),
            "model": {"name": "unet", "width": 2, "depth": 1},
            "loss": "bce",
            "sampling": {"size": 16},
            "training": {"steps": 2, "batch_size": 2, "loggers": [], "validate_every": 1},
            "inference": {"window": 32},
        },
        "squares",
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        experiment = squares(Path(temporary))
        train(experiment, Path(temporary) / "first")  # so that what is imported late is there
        modules, climbs = entered(lambda: train(experiment, Path(temporary) / "run"))
    for name in modules:
        print(f"  {name}")
    for above, below in climbs:
        print(f"climbs from {above} to {below}")
    print(f"{len(modules)} modules entered, {len(climbs)} climbs back up")
