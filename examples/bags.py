"""Bags of digits: one label a bag, and the instances that carry it are found.

    python examples/bags.py digits out

deals the digits that come with scikit-learn (or a folder of MNIST's files) to bags, learns from
the answers "there is a 1 in it" and "there is none" alone, and shows what the model says of each
digit of a positive bag.
"""

import sys
from pathlib import Path

import inklings as ik

EXPERIMENT = {
    "cohort": "given below",
    "task": "bags",
    "model": {"name": "bags", "encoder": "small_cnn", "pooling": "noisy_or"},
    "loss": "bag",
    "bags": {"augment": ["affine"]},
}


def main(
    source: str, out: Path, bags: tuple[int, int, int] = (200, 50, 150), steps: int = 400
) -> float:
    """AUC over bags of digits that no training bag has held."""
    cohort = ik.import_dataset(
        "mnist-bags", source, out=out / "cohort", target=1, bags=bags, draw="again"
    )
    training = {
        "steps": steps,
        "batch_size": 16,
        "learning_rate": 3e-3,
        "optimiser": {"name": "adamw", "weight_decay": 0.05},
    }
    experiment = ik.Experiment.check({**EXPERIMENT, "training": training}, "bags")
    run = ik.train(experiment, cohort=cohort, out=out / "run", resume=True)
    predictions = ik.predict(run, cohort, split="test", out=out / "predictions")
    scores = ik.evaluate(predictions, cohort)
    scores.write(predictions.folder)
    for metric in ("accuracy", "auc", "instance_auc"):
        print(f"{scores[metric].title:28} {scores[metric].value:.4f}")

    bag = max(predictions, key=lambda bag: bag.probability[0])
    assert bag.instances is not None
    chances = ", ".join(f"{chance:.2f}" for chance in bag.instances[:, 0])
    print(f"bag {bag.case}: {bag.probability[0]:.2f}, its digits {chances}")
    return scores["auc"].value


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
