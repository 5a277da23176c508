"""Pictures of bags."""

from pathlib import Path

import numpy as np
from PIL import Image

from inklings.cohorts.cohort import Cohort
from inklings.datasets.mnist_bags import BagPlan, mnist_bags
from inklings.evaluation.instance_truth import instance_truth
from inklings.predictions.bags import BagPrediction
from inklings.predictions.head import Head, Provenance
from inklings.reports.bag_pictures import bag_gallery, plan_of, shown_bags


def predicted(folder: Path, cohort: Cohort) -> Path:
    """Answers that are right but for the first bag."""
    settings = {"kind": "bags", "task": "binary", "evidence": "x", "warning": ""}
    Head(("1",), (0.5,), Provenance("r", "x", None, "0"), (), settings).write(folder / "p")
    truth = instance_truth(folder / "c")
    for i, case in enumerate(cohort.part("test")):
        own = truth[case.id] * 6.0 - 3
        p = 1 / (1 + np.exp(-own.max() * (-1 if i == 0 else 1)))
        image = next(iter(case.images.values()))
        BagPrediction(
            case.id, image, np.array([p]), np.array([own.max()]), own[:, None].astype("f4")
        ).write(folder / "p")
    return folder / "p"


def test_mistakes_come_first_and_instances_are_sorted(tmp_path: Path) -> None:
    cohort = mnist_bags("digits", tmp_path / "c", BagPlan(bags=(1, 0, 12), draw="again"))
    predictions = predicted(tmp_path, cohort)
    shown = shown_bags(predictions, tmp_path / "c", 8)
    assert len(shown) == 8
    assert [bag.right for bag in shown] == [False] + [True] * 7
    assert "WRONG" in shown[0].title
    for bag in shown:
        assert (np.diff(bag.score) <= 0).all()
        assert len(bag.pictures) == len(bag.score)
        assert bag.truth is not None
        assert (np.diff(bag.truth.astype(int)) <= 0).all()
    path = bag_gallery(predictions, tmp_path / "c", tmp_path / "bags.png")
    assert Image.open(path).height > 500


def test_tiles_are_drawn_where_they_lie() -> None:
    coords = np.array([[0, 0], [0, 512], [1024, 512]])
    plan = plan_of(coords, np.array([0.1, 0.2, 0.3]))
    assert plan.shape == (2, 2)
    assert plan[0].tolist() == [0.1, 0.2]
    assert np.isnan(plan[1, 0])
    assert plan[1, 1] == 0.3
