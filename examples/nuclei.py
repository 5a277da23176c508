"""Nuclei with hurried outlines: what they cost a network, and what the correction wins back.

    inklings phantoms dsb2018 --count 40 --out nuclei
    python examples/nuclei.py nuclei out

imports drawn fields of nuclei (or stage1_train of the Data Science Bowl 2018), draws their outlines
6 px too wide, and trains the same network on them twice: once trusting them, once with
`correction: auto`. Both are scored against the exact outlines of fields that neither has seen.
"""

import sys
from pathlib import Path

import inklings as ik

EXPERIMENT = {
    "cohort": "given below",
    "model": {"name": "unet", "width": 16, "depth": 4},
    "loss": "bce",
    "sampling": {"size": 96, "augment": ["flips", "quarter_turns"]},
}
LEARNERS = {
    "trusted": {"correction": "none", "inference": {"threshold": 0.5}},
    "corrected": {"correction": "auto", "inference": {"threshold": "prior"}},
}


def main(source: Path, out: Path, steps: int = 150) -> dict[str, float]:
    """Dice of each learner on the test part, mean over fields."""
    full = ik.import_dataset("dsb2018", source, out=out / "cohort", fractions=(0.6, 0.15, 0.25))
    wide = ik.simulate_weak_labels(full, "dilate:pixels=6", out=out / "wide")
    dice = {}
    for name, more in LEARNERS.items():
        training = {"steps": steps, "batch_size": 8, "learning_rate": 4e-3}
        experiment = ik.Experiment.check({**EXPERIMENT, "training": training, **more}, name)
        run = ik.train(experiment, cohort=wide, out=out / "runs" / name, resume=True)
        predictions = ik.predict(run, wide, split="test", out=out / "predictions" / name)
        scores = ik.evaluate(predictions, wide)  # against the exact outlines, which nobody has seen
        scores.write(predictions.folder)
        dice[name] = scores["dice"].value
        print(f"{name:10} Dice {scores['dice'].value:.3f}", end="  ")
        print(f"({scores['dice'].low:.3f} to {scores['dice'].high:.3f})")
    return dice


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
