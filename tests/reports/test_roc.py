"""The ROC picture draws the curve of an independent library, and says its area."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score, roc_curve

from inklings.evaluation.ranking import roc
from inklings.reports.roc import roc_chart, roc_figure, roc_picture


def test_curves_are_those_of_the_scores_with_ties_as_one_step(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(200) < 0.4
    model = rng.normal(truth, 1.0)
    size = np.rint(rng.normal(6 + 2 * truth, 2.0))
    points = roc({"model": model, "diameter": size}, truth)
    lines = roc_figure(points).axes[0].lines[1:]
    for line, score, name in zip(lines, (model, size), ("model", "diameter"), strict=True):
        x, y, _ = roc_curve(truth, score, drop_intermediate=False)
        assert line.get_xydata() == pytest.approx(np.stack([x, y], 1))
        assert line.get_label() == f"{name}, AUC {roc_auc_score(truth, score):.3f}"
    with Image.open(roc_picture(points, tmp_path / "roc.png")) as picture:
        assert min(picture.size) > 300
    assert roc_chart(points).csv().splitlines()[1] == "model,,0,0"
