import json
from pathlib import Path

import numpy as np
import pytest

from inklings.errors import DataError
from inklings.exports.geojson import GeoJson, polygons, signed_area
from inklings.exports.npz import Npz
from inklings.exports.source import ExportSource
from inklings.inference.predict import predict
from inklings.predictions.slides import folder_of
from inklings.spec import Component
from inklings.testing.runs import pictures, slides, untrained_run


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
