import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inklings.errors import DataError
from inklings.exports.geojson import GeoJson, polygons, signed_area
from inklings.exports.npz import Npz
from inklings.exports.source import ExportSource
from inklings.geometry import Region
from inklings.inference.predict import predict
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.guarantee import Guarantee, with_promises
from inklings.predictions.numbers import coded
from inklings.predictions.shift import certainty_of, shift
from inklings.predictions.slides import SlidePrediction, folder_of
from inklings.spec import Component
from inklings.testing.runs import pictures, slides, untrained_run
from inklings.viewer.desk import Desk
from inklings.viewer.shelf import open_shelf


def test_a_rectangle_spans_the_edges_of_its_samples() -> None:
    objects = np.zeros((10, 12), int)
    objects[2:5, 3:9] = 1
    ((ring,),) = polygons(objects)
    assert ring.min(axis=0).tolist() == [3, 2]
    assert ring.max(axis=0).tolist() == [9, 5]
    assert signed_area(ring) == pytest.approx(18 - 4 / 8)  # the corners are cut
    assert (ring[0] == ring[-1]).all()


def test_a_hole_is_a_ring_that_turns_the_other_way() -> None:
    objects = np.zeros((20, 20), int)
    objects[2:18, 2:18] = 1
    objects[7:12, 7:12] = 0
    ((outer, hole),) = polygons(objects)
    assert signed_area(outer) > 0 > signed_area(hole)
    assert signed_area(outer) + signed_area(hole) == pytest.approx(256 - 25, abs=1)


def test_every_object_is_a_feature(predictions: Path, tmp_path: Path) -> None:
    out = GeoJson()(ExportSource.open(predictions), tmp_path / "out")
    features = json.loads((out / "full.geojson").read_text())["features"]
    assert len(features) == 3
    assert {f["properties"]["classification"]["name"] for f in features} == {"nucleus"}
    assert [len(f["geometry"]["coordinates"]) for f in features] == [1, 1, 2]
    assert json.loads((out / "empty.geojson").read_text())["features"] == []


def test_outlines_of_slides_are_those_of_the_prediction_and_other_formats_say_so(
    tmp_path: Path,
) -> None:
    run = untrained_run(tmp_path / "run", intensity=Component(name="half"), spacing_um=1.0)
    images = slides(tmp_path / "images", 2, shape=(300, 300))
    predict(run, [pictures(images, 1)], tmp_path / "p", threshold=0.01)
    source = ExportSource.open(tmp_path / "p")
    out = GeoJson()(source, tmp_path / "out")
    assert sorted(path.name for path in out.iterdir()) == [
        "p000.geojson",
        "s000.geojson",
        "s001.geojson",
    ]
    own = folder_of(tmp_path / "p", "s001") / "outlines.geojson"
    assert (out / "s001.geojson").read_bytes() == own.read_bytes()
    with pytest.raises(DataError, match=r"2 slides .*only geojson"):
        Npz()(source, tmp_path / "npz")


def test_guaranteed_outlines_of_a_slide_hold_all_that_reaches_the_promised_threshold(
    tmp_path: Path,
) -> None:
    """Of each class by itself, where two overlap as well; in QuPath's order of corners."""
    names = ("a", "b")
    look = {"intensity": Component(name="half"), "spacing_um": 1.0}
    run = untrained_run(tmp_path / "run", channels=names, classes=names, **look)
    image = slides(tmp_path / "images", 1, shape=(300, 300))
    predict(run, [image], tmp_path / "p")  # whose own outlines leave out small regions
    there = PredictionFolder.open(tmp_path / "p")
    record = SlidePrediction.read(there.path, "s000")
    with record.heatmap(there.path) as heat:
        said = np.concatenate([*heat.bands()], 1)
    cuts = [(int(np.median(plane[plane > 0])) - 0.5) / 255 for plane in said]
    promises = [
        Guarantee(
            "fnr", "dense", name, 0.1, None, cut, ("p",), None, 0.0, 0.5, 0.2,
            (certainty_of(there, "s000", name),) * 30, "c", "val", None, "w", "", "0",
        )
        for name, cut in zip(names, cuts, strict=True)
    ]  # fmt: skip
    with_promises(replace(there.head, thresholds=(1.0, 1.0)), promises).write(there.path)
    out = GeoJson()(ExportSource.open(there.path).promised(), tmp_path / "out")
    features = json.loads((out / "s000.geojson").read_text())["features"]
    for name, plane, cut in zip(names, said, cuts, strict=True):
        own = [f for f in features if f["properties"]["classification"]["name"] == name]
        rings = [np.array(ring) for f in own for ring in f["geometry"]["coordinates"]]
        area = sum(signed_area(ring) for ring in rings) / np.prod(record.factor)
        assert abs(area) == pytest.approx(np.count_nonzero(plane >= 255 * cut))
    assert (said >= 255 * np.array(cuts)[:, None, None]).all(0).any()  # they do overlap
    shelf = open_shelf([there.path])
    layers, (case,) = Desk(shelf).layers, shelf
    drawn = layers.layer(case, "prediction0.guaranteed")
    codes = layers.read(case, drawn, 1, Region((0, 0), record.map_shape))
    np.testing.assert_array_equal(codes, coded(said, cuts))
    lines = shift(PredictionFolder.open(there.path), {"s000": "new"})
    assert ["1 new patients are too few to say" in line for line in lines] == [True, True]
