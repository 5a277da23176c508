"""Tumour on whole slides: a table of tiles, a training on it, and a map of a slide for QuPath.

python examples/slides.py [FOLDER] draws biopsies in the layout of PANDA, imports them by the codes
of their provider, lists the tiles with tissue, learns from them, maps the held-out slides region
by region, and says how large the tumour is in mm2. About a minute of one core.
"""

import csv
import sys
from pathlib import Path

from inklings.cohorts.split_files import split_cohort
from inklings.cohorts.splits import SplitOptions
from inklings.data.tiling import Rule, tile_cohort
from inklings.datasets.importing import run as import_cohort
from inklings.datasets.panda import Panda
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.inference.predict import predict
from inklings.simulation.phantoms.biopsy import SlidePlan
from inklings.simulation.phantoms.slides import write_panda
from inklings.spec import Experiment
from inklings.tasks.train import train

EXPERIMENT = {
    "intensity": "half",  # the same scaling for a tile and for a slide
    "model": {"name": "transunet_small", "depth": 2, "decoder": [64, 32, 16, 8], "prior": 0.1},
    "loss": "bce",
    "sampling": {"size": 128, "by_class": True, "augment": ["flips", "quarter_turns"]},
}


def main(
    out: Path, slides: int = 10, size: tuple[int, int] = (2000, 1600), steps: int = 200
) -> float:
    """Dice of the tumour, pooled over the samples of held-out slides."""
    root, cohort, tiles, run, predictions = (
        out / name for name in ("panda", "cohort", "tiles", "run", "predictions")
    )
    if not (cohort / "cohort.yaml").exists():
        plan = SlidePlan(size=size, um=1.0, tissue=0.35)
        write_panda(root, slides, plan, providers=("radboud",), marks="fine")
        import_cohort(Panda(root, spacing_um=1.0), cohort)
        split_cohort(cohort, SplitOptions((0.6, 0.2, 0.2), stratify="isup"))
    tile_cohort(cohort, tiles, Rule(size=256, spacing_um=2.0, min_tissue=0.1, method="stained"))
    training = {"steps": steps, "batch_size": 8, "learning_rate": 1e-3}
    record = {"cohort": str(cohort), "tiles": str(tiles), "training": training, **EXPERIMENT}
    train(Experiment.check(record, "slides"), run, resume=True)
    predict(run, [cohort], predictions, split="test")
    table = evaluate(predictions, cohort, Settings(metrics=("dice_pooled", "iou")))
    table.write(predictions)
    print(f"Dice {table['dice_pooled'].value:.3f} on slides that were not learnt from")
    with (predictions / "areas.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            print("  ".join(f"{name} {value}" for name, value in row.items() if value))
    print(f"drag onto the slide in QuPath: {predictions}/cases/*/outlines.geojson")
    return table["dice_pooled"].value


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "example-slides"))
