"""The whole way of volumes on abdomens that inklings draws itself: DICOM folders to livers in mm.

Studies are written as scanners leave them, with slices of ground truth beside them, and go through
the import of the real set. The same network learns once from every slice and once from one slice in
ten; what a command has finished is not done again, so an interrupted demo goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inklings import __version__
from inklings.cases.cohort import Cohort
from inklings.errors import DataError
from inklings.evaluation.table import Table, number
from inklings.files import read_yaml, write_yaml
from inklings.phantoms.chaos import write_studies
from inklings.pipelines.demo import Command

EXPERIMENT: dict[str, Any] = {
    "volumes": "context",
    "intensity": "percentiles",
    "sampling": {
        "size": 96,
        "augment": [
            {"name": "affine", "rotate": 10, "scale": 0.15, "probability": 0.5},
            "brightness_contrast",
        ],
    },
    "model": {"name": "unet", "width": 16, "depth": 4},
    "loss": "bce_dice",
    "training": {"steps": 250, "batch_size": 8, "learning_rate": 4e-3, "loggers": []},
    "inference": {"threshold": 0.5},
}
COHORTS: Mapping[str, str] = {"full": "every slice outlined", "sparse": "one slice in ten outlined"}
METRICS = {"dice": "Dice", "ravd": "volume off by", "chaos_assd": "ASSD", "chaos_mssd": "MSSD"}


@dataclass(frozen=True)
class Plan:
    """How much is drawn and learnt.

    Attributes:
        patients: Of whom a fifth, at least two, are tested.
        shape: Slices, rows and columns of a scan.
        keep: Share of the slices that are outlined in the second cohort.
        steps: Of each training; None for what the experiment says.
        seed: Of the patients, the split, the slices and the training.
    """

    patients: int = 12
    shape: tuple[int, int, int] = (20, 96, 96)
    keep: float = 0.1
    steps: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Result:
    """One line of the final table: the scores of the tested patients by metric."""

    labels: str
    scores: Mapping[str, str]


def demo_volumes(out: Path, plan: Plan, command: Command) -> list[Result]:
    """Draw studies, import and split them, weaken, learn twice, predict, compare in millimetres.

    Args:
        out: Folder for everything; gone on with where it holds an unfinished demo of this plan.
        plan: How much.
        command: Runs ``inklings`` with the words it is given.

    Raises:
        DataError: If ``out`` holds a demo of another plan.
    """
    _claim(out, plan)
    studies, full, sparse = out / "studies", out / "full", out / "sparse"
    if not (out / "studies.yaml").exists():
        write_studies(studies, plan.patients, seed=plan.seed, shape=plan.shape)
        write_yaml(out / "studies.yaml", {"patients": plan.patients})
    options = ("--modality", "mr-t1-inphase", "--organ", "liver", "--workers", "1")
    command("import", "chaos", studies, *options, "--out", full)
    if not Cohort.read(full).is_split:
        parts = ("--fractions", "0.7", "0.1", "0.2", "--seed", str(plan.seed))
        command("split", full, *parts)
    kind = ("--kind", "slices", "--keep", str(plan.keep), "--seed", str(plan.seed))
    command("weaken", full, *kind, "--workers", "1", "--out", sparse)
    write_yaml(out / "liver.yaml", {"cohort": "full", **EXPERIMENT})
    return [_learn(out, plan, command, name) for name in COHORTS]


def table(results: Sequence[Result]) -> Iterator[str]:
    """The results as lines of text."""
    yield f"{'labels':28}" + "".join(f"{title:>16}" for title in METRICS.values())
    for result in results:
        scores = "".join(f"{result.scores.get(name, ''):>16}" for name in METRICS)
        yield f"{result.labels:28}{scores}"
    yield "Livers of held-out patients, on all slices. These are phantoms, easier than patients."


def _claim(out: Path, plan: Plan) -> None:
    """Write down what is shown; refuse to mix it with another demo."""
    mine = {"version": __version__, "kind": "volumes", **asdict(plan), "shape": list(plan.shape)}
    path = out / "demo.yaml"
    if path.exists() and read_yaml(path, "a demo") != mine:
        raise DataError(f"{out} holds another demo (see {path}); remove it, or give another --out")
    write_yaml(path, mine)


def _learn(out: Path, plan: Plan, command: Command, name: str) -> Result:
    """Train, predict the tested patients whole, score them against every slice."""
    run, predictions = out / "runs" / name, out / "predictions" / name
    changes = [f"cohort={out / name}", f"training.seed={plan.seed}"]
    changes.append(f"sampling.size={min(plan.shape[1:])}")
    if plan.steps is not None:
        changes.append(f"training.steps={plan.steps}")
    settings = [word for change in changes for word in ("--set", change)]
    command("train", out / "liver.yaml", *settings, "--out", run, "--resume")
    command("predict", run, out / name, "--split", "test", "--out", predictions)
    metrics = [word for metric in METRICS for word in ("--metric", metric)]
    command("evaluate", predictions, "--cohort", out / name, *metrics)
    command("report", run)
    rows = Table.read(predictions)
    found = {m: rows[m] for m in METRICS if m in rows}
    scores = {m: f"{number(row.value)} {row.unit}".strip() for m, row in found.items()}
    return Result(COHORTS[name], scores)
