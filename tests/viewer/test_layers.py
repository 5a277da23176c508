import dataclasses
import io
import json
from typing import Any

import numpy as np
from PIL import Image

from inklings.predictions.dense import DensePrediction
from inklings.predictions.guarantee import Guarantee, with_promises
from inklings.predictions.head import MEMBERS
from inklings.predictions.numbers import coded
from inklings.testing.folders import discs
from inklings.viewer.planes import png
from inklings.viewer.shelf import Shelf


def plane(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_grey_pictures_come_back_as_they_were() -> None:
    numbers = np.random.default_rng(0).integers(0, 256, (37, 53), dtype=np.uint8)
    np.testing.assert_array_equal(plane(png(numbers)), numbers)


def test_tiles_of_labels_hold_the_codes_of_the_mask(viewer: Any) -> None:
    about = viewer.ask("/api/cases/case3").json
    finest = about["levels"][1]
    found = plane(viewer.ask(f"/api/cases/case3/layers/labels/tile/{finest}/0/0").body)
    np.testing.assert_array_equal(found, (discs(3) > 0).astype(np.uint8))
    half = plane(viewer.ask(f"/api/cases/case3/layers/labels/tile/{finest - 1}/0/0").body)
    assert half.shape == (32, 40)
    assert abs(float((half > 0).mean()) - float((discs(3) > 0).mean())) < 0.01


def test_tiles_of_a_prediction_hold_its_probabilities_and_classes(viewer: Any) -> None:
    finest = viewer.ask("/api/cases/case4").json["levels"][1]
    heat = plane(viewer.ask(f"/api/cases/case4/layers/prediction0.0/tile/{finest}/0/0").body)
    drawn = plane(viewer.ask(f"/api/cases/case4/layers/prediction0/tile/{finest}/0/0").body)
    with np.load(viewer.desk.shelf.predictions[0].folder / "cases" / "case4.npz") as file:
        np.testing.assert_array_equal(heat, file["dense"][0])
        np.testing.assert_array_equal(drawn, file["dense"][0] >= 127.5)


def test_a_guaranteed_mask_is_a_layer_that_is_never_smaller_and_has_no_objects(viewer: Any) -> None:
    predicted = viewer.desk.shelf.predictions[0]
    ids = [layer["id"] for layer in viewer.ask("/api/cases/case4").json["layers"]]
    assert "prediction0.guaranteed" not in ids
    promise = Guarantee(
        "fnr", "dense", predicted.head.classes[0], 0.1, 0.9, 0.1, ("p",), None, 0.05, 0.3, 0.2, (),
        "c", "val", None, "w", "", "0",
    )  # fmt: skip
    predicted.head.settings.update(with_promises(predicted.head, [promise]).settings)
    about = viewer.ask("/api/cases/case4").json
    assert [one["guaranteed"] for one in about["layers"] if one["id"] == "prediction0"] == [False]
    finest = about["levels"][1]
    path = f"/api/cases/case4/layers/prediction0.guaranteed/tile/{finest}/0/0"
    dense = DensePrediction.read(predicted.folder, "case4").dense[0]
    np.testing.assert_array_equal(plane(viewer.ask(path).body), dense >= 25.5)
    best = plane(viewer.ask(f"/api/cases/case4/layers/prediction0/tile/{finest}/0/0").body)
    np.testing.assert_array_equal(best, dense >= 127.5)


def test_the_spread_over_runs_is_a_layer_of_its_own(viewer: Any) -> None:
    predicted = viewer.desk.shelf.predictions[0]
    said = DensePrediction.read(predicted.folder, "case4")
    spread = np.arange(said.dense.size, dtype=np.uint8).reshape(said.dense.shape)
    dataclasses.replace(said, spread=spread).write(predicted.folder)
    assert "prediction0.0.spread" not in [
        layer["id"] for layer in viewer.ask("/api/cases/case4").json["layers"]
    ]
    predicted.head.settings[MEMBERS] = ["a", "b"]
    about = viewer.ask("/api/cases/case4").json
    title = next(one["title"] for one in about["layers"] if one["id"] == "prediction0.0.spread")
    assert "spread of" in title
    finest = about["levels"][1]
    tile = viewer.ask(f"/api/cases/case4/layers/prediction0.0.spread/tile/{finest}/0/0").body
    np.testing.assert_array_equal(plane(tile), spread[0])


def test_of_several_classes_the_one_that_exceeds_its_threshold_most_is_drawn() -> None:
    dense = np.array([[[120, 200, 10]], [[60, 240, 10]]], np.uint8)
    found = coded(dense, (0.5, 0.2))
    np.testing.assert_array_equal(found, [[2, 2, 0]])


def test_contours_follow_the_outer_edge_of_every_object(viewer: Any) -> None:
    answer = viewer.ask("/api/cases/case5/layers/labels/contours")
    features = json.loads(answer.body)["features"]
    assert len(features) == discs(5).max()
    labels = discs(5)
    total = 0.0
    for feature in features:
        ring = np.array(feature["geometry"]["coordinates"][0])
        assert (ring[0] == ring[-1]).all()
        x, y = ring.T
        total += abs(float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))) / 2
    assert abs(total - (labels > 0).sum()) < 0.06 * (labels > 0).sum()
    corner = np.argwhere(labels > 0).min(0)
    points = np.concatenate([f["geometry"]["coordinates"][0] for f in features])
    assert np.abs(points.min(0)[::-1] - corner).max() <= 0.51


def test_a_layer_that_is_not_there_is_named_in_words(viewer: Any, shelf: Shelf) -> None:  # noqa: ARG001
    answer = viewer.ask("/api/cases/case5/layers/other/contours")
    assert answer.status == 422
    assert "labels, prediction0" in answer.json["error"]
