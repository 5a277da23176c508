"""Livers in abdominal MR: from DICOM folders to a score in millimetres and a DICOM Segmentation.

    inklings phantoms chaos --count 10 --out abdomens
    python examples/liver.py abdomens out

imports drawn abdomens (or CHAOS itself), learns planes with their two neighbours, predicts the
scans of held-out patients on the grid of their files, scores them in mm, and writes a DICOM SEG of
each.
"""

import sys
from pathlib import Path

import inklings as ik

EXPERIMENT = {
    "cohort": "given below",
    "volumes": "context",
    "intensity": "percentiles",
    "sampling": {"size": 96, "augment": [{"name": "affine", "rotate": 10}, "brightness_contrast"]},
    "model": {"name": "unet", "width": 16, "depth": 3},
    "loss": "bce_dice",
}


def main(source: Path, out: Path, steps: int = 150) -> float:
    """Dice of the liver, mean over held-out patients."""
    cohort = ik.import_dataset(
        "chaos",
        source,
        out=out / "cohort",
        modality="mr-t1-inphase",
        organ="liver",
        fractions=(0.7, 0.1, 0.2),
    )
    training = {"steps": steps, "batch_size": 8, "learning_rate": 4e-3}
    experiment = ik.Experiment.check({**EXPERIMENT, "training": training}, "liver")
    run = ik.train(experiment, cohort=cohort, out=out / "run", resume=True)
    predictions = ik.predict(run, cohort, split="test", out=out / "predictions")
    scores = ik.evaluate(predictions, cohort, metrics=("dice", "ravd", "chaos_assd"))
    scores.write(predictions.folder)
    for row in scores.rows:
        print(f"{row.title:40} {row.value:.3f} {row.unit}")
    written = ik.export(predictions, "dicom-seg", out=out / "segmentations")
    print(f"DICOM Segmentations -> {written}")
    return scores["dice"].value


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
