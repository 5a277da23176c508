"""Nuclei with hurried outlines: what they cost a network, and what the correction wins back.

python examples/nuclei.py [FOLDER] draws fields of nuclei, draws their outlines 6 px too wide, and
trains the same network on them twice: once trusting them, once with `correction: auto`. Both are
scored against the exact outlines of fields that neither has seen. About a minute of one core.
"""

import sys
from pathlib import Path

from inklings.cohorts.split_files import split_cohort
from inklings.cohorts.splits import SplitOptions
from inklings.evaluation.evaluate import evaluate
from inklings.inference.predict import predict
from inklings.simulation.chain import Chain
from inklings.simulation.phantoms.cohort import nuclei_cohort
from inklings.simulation.weaken import weaken
from inklings.spec import Experiment
from inklings.tasks.train import train

LEARNERS = {
    "trusted": {"correction": "none", "inference": {"threshold": 0.5}},
    "corrected": {"correction": "auto", "inference": {"threshold": "prior"}},
}


def main(out: Path, fields: int = 40, steps: int = 150) -> dict[str, float]:
    """Dice of each learner on the test part, mean over fields."""
    full, wide = out / "cohort", out / "wide"
    if not (full / "cohort.yaml").exists():
        nuclei_cohort(full, fields, size=192, seed=0)
        split_cohort(full, SplitOptions((0.6, 0.15, 0.25), seed=0))
    weaken(full, Chain.parse("dilate:pixels=6"), seed=0, out=wide)
    dice = {}
    for name, more in LEARNERS.items():
        experiment = Experiment.check(
            {
                "cohort": str(wide),
                "model": {"name": "unet", "width": 16, "depth": 4},
                "loss": "bce",
                "sampling": {"size": 96, "augment": ["flips", "quarter_turns"]},
                "training": {"steps": steps, "batch_size": 8, "learning_rate": 4e-3},
                **more,
            },
            name,
        )
        run = train(experiment, out / "runs" / name, resume=True)
        predictions = out / "predictions" / name
        predict(run, [wide], predictions, split="test")
        table = evaluate(predictions, wide)  # against the exact outlines, which nobody has seen
        table.write(predictions)
        dice[name] = table["dice"].value
        print(f"{name:10} Dice {table['dice'].value:.3f}", end="  ")
        print(f"({table['dice'].low:.3f} to {table['dice'].high:.3f})")
    return dice


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "example-nuclei"))
