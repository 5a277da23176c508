"""Lung nodules: a detector on chests that are drawn, and findings in millimetres of the patient.

python examples/nodules.py [FOLDER] draws chest CTs in the layout of LUNA16, trains a detector of
centres, searches chests it has not seen, prints what it finds and what the rules of LUNA16 say of
it. So short a training finds the plain ones only. About a minute of one core.
"""

import sys
from pathlib import Path

from inklings.applications.lung_nodules.search import find_nodules
from inklings.applications.lung_nodules.spec import DETECTION
from inklings.cohorts.split_files import split_cohort
from inklings.cohorts.splits import SplitOptions
from inklings.datasets import importing
from inklings.datasets.luna16 import Luna16
from inklings.evaluation.evaluate import evaluate
from inklings.simulation.phantoms.luna import write_luna
from inklings.spec import Experiment
from inklings.tasks.train import train

EXPERIMENT = {
    "model": {"name": "centre_point", "width": 12},
    "loss": "centre_point",
    "task": "detection",
    "detection": {**DETECTION, "side": 40, "foreground": 0.6},
}


def main(
    out: Path, scans: int = 16, shape: tuple[int, int, int] = (64, 144, 144), steps: int = 250
) -> float:
    """CPM: the mean sensitivity at 1/8 to 8 false alarms a scan, on scans never seen."""
    root, cohort, run, found = (out / name for name in ("luna", "cohort", "detector", "found"))
    if not (cohort / "cohort.yaml").exists():
        write_luna(root, scans, shape=shape)
        importing.run(Luna16(root), cohort, workers=1)
        split_cohort(cohort, SplitOptions((0.6, 0.15, 0.25)))
    training = {
        "steps": steps,
        "batch_size": 8,
        "learning_rate": 3e-3,
        "optimiser": {"name": "adamw", "weight_decay": 0.02},
        "schedule": {"name": "one_cycle", "warm": 0.15},
        "loggers": [],
    }
    record = {"cohort": str(cohort), "training": training, **EXPERIMENT}
    train(Experiment.check(record, "detector"), run, resume=True)
    find_nodules(run, [cohort], found, split="test")
    scores = evaluate(found, cohort)
    scores.write(found)
    print(f"CPM {scores['cpm'].value:.3f}; the findings with pictures: {found / 'report.html'}")
    return scores["cpm"].value


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "example-nodules"))
