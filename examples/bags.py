"""Bags of digits: one label a bag, and the instances that carry it are found.

python examples/bags.py [FOLDER] deals the digits that come with scikit-learn to bags, learns from
the answers "there is a 1 in it" and "there is none" alone, and shows what the model says of each
digit of a positive bag. About ten seconds of one core.
"""

import math
import sys
from pathlib import Path

from inklings.datasets.mnist_bags import BagPlan, mnist_bags
from inklings.evaluation.evaluate import evaluate
from inklings.inference.predict import predict
from inklings.predictions.bags import BagPrediction
from inklings.spec import Experiment
from inklings.tasks.train import train


def main(out: Path, bags: tuple[int, int, int] = (200, 50, 150), steps: int = 400) -> float:
    """AUC over bags of digits that no training bag has held."""
    cohort, run, predictions = out / "cohort", out / "run", out / "predictions"
    made = mnist_bags("digits", cohort, BagPlan(target=1, bags=bags, draw="again"))
    experiment = Experiment.check(
        {
            "cohort": str(cohort),
            "task": "bags",
            "model": {"name": "bags", "encoder": "small_cnn", "pooling": "noisy_or"},
            "loss": "bag",
            "bags": {"augment": ["affine"]},
            "training": {
                "steps": steps,
                "batch_size": 16,
                "learning_rate": 3e-3,
                "optimiser": {"name": "adamw", "weight_decay": 0.05},
            },
        },
        "bags",
    )
    train(experiment, run, resume=True)
    predict(run, [cohort], predictions, split="test")
    table = evaluate(predictions, cohort)
    table.write(predictions)
    for metric in ("accuracy", "auc", "instance_auc"):
        print(f"{table[metric].title:28} {table[metric].value:.4f}")

    positive = next(case for case in made.part("test") if case.labels[0].present)
    found = BagPrediction.read(predictions, positive.id)
    chances = ", ".join(f"{1 / (1 + math.exp(-logit)):.2f}" for logit in found.instances[:, 0])
    print(f"bag {positive.id}: {found.probability[0]:.2f}, its digits {chances}")
    return table["auc"].value


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "example-bags"))
