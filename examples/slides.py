"""Tumour on whole slides: a table of tiles, a training on it, and a map of a slide for QuPath.

    inklings phantoms panda --count 10 --out biopsies
    python examples/slides.py biopsies out

imports drawn biopsies (or PANDA itself, without `spacing_um`) by the codes of their providers,
lists the tiles with tissue, learns from them, maps the held-out slides region by region, and says
how large the tumour is in mm2.
"""

import csv
import sys
from pathlib import Path

import inklings as ik

EXPERIMENT = {
    "cohort": "given below",
    "intensity": "half",  # the same scaling for a tile and for a slide
    "model": {"name": "transunet_small", "depth": 2, "decoder": [64, 32, 16, 8], "prior": 0.1},
    "loss": "bce",
    "sampling": {"size": 128, "by_class": True, "augment": ["flips", "quarter_turns"]},
}


def main(source: Path, out: Path, steps: int = 200, spacing_um: float | None = 1.0) -> float:
    """Dice of the tumour, pooled over the samples of held-out slides."""
    cohort = ik.import_dataset(
        "panda", source, out=out / "cohort", spacing_um=spacing_um, fractions=(0.6, 0.2, 0.2)
    )
    training = {"steps": steps, "batch_size": 8, "learning_rate": 1e-3}
    run = ik.train(
        ik.Experiment.check({**EXPERIMENT, "training": training}, "slides"),
        cohort=cohort,
        out=out / "run",
        resume=True,
        tiles={"size": 256, "spacing_um": 2.0, "min_tissue": 0.1, "method": "stained"},
    )
    predictions = ik.predict(run, cohort, split="test", out=out / "predictions")
    scores = ik.evaluate(predictions, cohort, metrics=("dice_pooled", "iou"))
    scores.write(predictions.folder)
    print(f"Dice {scores['dice_pooled'].value:.3f} on slides that were not learnt from")
    with (predictions.folder / "areas.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            print("  ".join(f"{name} {value}" for name, value in row.items() if value))
    print(f"drag onto the slide in QuPath: {predictions.folder}/cases/*/outlines.geojson")
    return scores["dice_pooled"].value


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
