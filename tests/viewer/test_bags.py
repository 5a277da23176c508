"""Bags: what is said of tiles, and where they lie on the slide."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inklings.evaluation.scores import Row, Scores
from inklings.viewer.shelf import Shelf, open_shelf


def test_tiles_lie_where_they_were_cut_from_the_slide(start: Any, placed: Shelf) -> None:
    running = start(placed)
    running.enter()
    bag = running.ask("/api/cases/s/bag").json
    (slide,) = bag["slides"]
    assert running.ask(f"/api/cases/{slide}").json["shape"] == [512, 768]
    first = bag["predictions"][0]["instances"][0]
    assert first["evidence"] == pytest.approx([1 / (1 + np.exp(-3))], abs=1e-4)
    assert first["box"] == [128, 256, 128, 128]  # 2 um a sample of the grid, 1 um a pixel
    tile = Image.open(io.BytesIO(running.ask(f"/api/cases/s/instances/{first['index']}").body))
    assert np.abs(np.asarray(tile).mean((0, 1)) - (90, 40, 110)).max() < 6
    whole = Image.open(io.BytesIO(running.ask("/api/cases/s/thumbnail").body))
    assert whole.size == (192, 128)


def test_a_bag_whose_slides_are_gone_is_shown_without_them(
    start: Any, placed: Shelf, tmp_path: Path
) -> None:
    (tmp_path / "slides" / "cohort.yaml").unlink()
    running = start(open_shelf([placed.folder], cohort=placed.cohort))
    running.enter()
    bag = running.ask("/api/cases/s/bag").json
    assert (bag["slides"], bag["pictures"]) == ([], False)
    assert bag["predictions"][0]["instances"][0]["place"] == [64, 128]
    assert running.ask("/api/cases/s/instances/0").status == 422


@pytest.mark.parametrize(
    ("lines", "scores"),
    [
        ([("s", [0.9], 0), ("t", [0.9], 1)], {"s": 0.1, "t": 0.9}),
        ([("s", [0.1, 0.2, 0.7], 2), ("t", [0.5, 0.4, 0.1], 1)], {"s": 0.7, "t": 0.4}),
        ([("s", [0.9, 0.6], "1 ?"), ("t", [0.9, 0.6], "1 0")], {"s": 0.9, "t": 0.4}),
    ],
    ids=["binary", "multiclass", "multilabel"],
)
def test_the_worst_bag_gave_its_true_answer_the_least(
    placed: Shelf, lines: list[Any], scores: dict[str, float]
) -> None:
    row = Row("accuracy", 0.5, 0.5, 0.5, 2, 2, "", "all", "Accuracy")
    cases = tuple(
        {"case": case, **{f"p{k}": p for k, p in enumerate(said)}, "truth": truth}
        for case, said, truth in lines
    )
    Scores((row,), cases, head={"cases": 2}).write(placed.folder)
    (found,) = open_shelf([placed.folder], cohort=placed.cohort).predictions
    assert found.metric == "P(true answer)"
    assert found.scores == pytest.approx(scores)
