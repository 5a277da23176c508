"""Livers in abdominal MR: from DICOM folders to a score in millimetres and a DICOM Segmentation.

python examples/liver.py [FOLDER] draws abdomens in the layout of CHAOS, imports them like the real
set, learns planes with their two neighbours, predicts the scans of held-out patients on the grid
of their files, scores them in mm, and writes a DICOM SEG of each. Half a minute of one core.
"""

import sys
from pathlib import Path

from inklings.cohorts.split_files import split_cohort
from inklings.cohorts.splits import SplitOptions
from inklings.datasets import importing
from inklings.datasets.chaos import Chaos
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.exports.dicom_seg import DicomSeg
from inklings.exports.source import ExportSource
from inklings.inference.predict import predict
from inklings.simulation.phantoms.chaos import write_studies
from inklings.spec import Experiment
from inklings.tasks.train import train

EXPERIMENT = {
    "volumes": "2.5d",
    "intensity": "percentiles",
    "sampling": {"size": 96, "augment": [{"name": "affine", "rotate": 10}, "brightness_contrast"]},
    "model": {"name": "unet", "width": 16, "depth": 3},
    "loss": "bce_dice",
}
METRICS = ("dice", "ravd", "chaos_assd")


def main(
    out: Path, patients: int = 10, shape: tuple[int, int, int] = (20, 96, 96), steps: int = 150
) -> float:
    """Dice of the liver, mean over held-out patients."""
    studies, cohort, run, predictions = (
        out / name for name in ("studies", "cohort", "run", "predictions")
    )
    if not (cohort / "cohort.yaml").exists():
        write_studies(studies, patients, shape=shape)
        importing.run(Chaos(studies, "mr-t1-inphase", ("liver",)), cohort, workers=1)
        split_cohort(cohort, SplitOptions((0.7, 0.1, 0.2)))
    training = {"steps": steps, "batch_size": 8, "learning_rate": 4e-3}
    experiment = Experiment.check({"cohort": str(cohort), "training": training, **EXPERIMENT}, "")
    train(experiment, run, resume=True)
    predict(run, [cohort], predictions, split="test")
    table = evaluate(predictions, cohort, Settings(metrics=METRICS))
    table.write(predictions)
    for row in table:
        print(f"{row.title:40} {row.value:.3f} {row.unit}")
    written = DicomSeg()(ExportSource.open(predictions), out / "segmentations")
    print(f"DICOM Segmentations -> {written}")
    return table["dice"].value


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "example-liver"))
