import json
from pathlib import Path

import numpy as np
import pytest
import shapely
import twenty

from inklings.labels import asap, dsa, qupath
from inklings.labels.annotations import read_outlines
from inklings.labels.kinds import PolygonLabel
from inklings.labels.outlines import Outline, labels_of
from inklings.labels.pictures import Writer

MIXED = (
    Outline("cell", (((3.5, 4.25),),), "point"),
    Outline("cell", (((1.5, 2.0), (7.0, 9.5)),), "box"),
    Outline("duct", (((1.0, 2.0), (7.0, 9.5)),), "line"),
)


def test_twenty_objects_come_back_from_geojson_and_are_the_same_to_shapely(tmp_path: Path) -> None:
    drawing = twenty.back(qupath.write, tmp_path, twenty.picture())
    assert twenty.overlaps(drawing) == [1.0] * 20
    features = json.loads((tmp_path / "p1.geojson").read_text())["features"]
    rows, columns = np.indices(twenty.SIZE)
    for feature, mask in zip(features, twenty.masks(), strict=True):
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        assert shape.is_valid
        assert shape.area == mask.sum()
        assert (shapely.contains_xy(shape, columns + 0.5, rows + 0.5) == mask).all()


def test_who_and_when_and_kinds_come_back_from_geojson(tmp_path: Path) -> None:
    told = Outline("gland", twenty.outlines()[1].rings, annotator="ann", time="2026-01-01")
    picture = twenty.Picture("p1", "p1.png", twenty.SIZE, (told, *MIXED))
    assert twenty.back(qupath.write, tmp_path, picture).outlines == (told, *MIXED)


def test_twenty_objects_without_parts_come_back_from_asap(tmp_path: Path) -> None:
    kept = [one for one in twenty.outlines() if not one.parts]
    picture = twenty.Picture("p1", "p1.png", twenty.SIZE, tuple(kept))
    drawing = twenty.back(asap.write, tmp_path, picture)
    labels = labels_of(drawing.outlines, "image", {})
    for label, one in zip(labels, kept, strict=True):
        assert isinstance(label, PolygonLabel)
        shown = Outline(label.name, label.polygons[0])
        assert (picture.mask(shown) == picture.mask(one)).all()


def test_parts_are_one_object_no_more_and_that_is_told() -> None:
    parts = sum(bool(one.parts) for one in twenty.outlines())
    for write in (asap.write, dsa.write):
        assert write([twenty.picture()]).lost == (f"that parts are one object ({parts})",)


def test_twenty_objects_without_parts_come_back_from_dsa(tmp_path: Path) -> None:
    kept = [one for one in twenty.outlines() if not one.parts]
    picture = twenty.Picture("p1", "p1.png", twenty.SIZE, (*kept, *MIXED))
    drawing = twenty.back(dsa.write, tmp_path, picture)
    assert twenty.overlaps(
        type(drawing)(drawing.outlines[: len(kept)]), [picture.mask(one) for one in kept]
    ) == [1.0] * len(kept)
    assert drawing.outlines[len(kept) :] == MIXED


@pytest.mark.parametrize("write", [asap.write])
def test_points_and_boxes_keep_their_kind(tmp_path: Path, write: Writer) -> None:
    picture = twenty.Picture("p1", "p1.png", (20, 30), MIXED)
    assert twenty.back(write, tmp_path, picture).outlines == MIXED[:2]
    assert write([picture]).lost == ("strokes, which the format does not hold (1)",)


def test_dsa_turns_about_centres_and_tells_arrows(tmp_path: Path) -> None:
    elements = [
        {"type": "rectangle", "center": [10, 10, 0], "width": 8, "height": 2,
         "rotation": np.pi / 2, "label": {"value": "cell"}},
        {"type": "circle", "center": [5, 6, 0], "radius": 3, "group": "nucleus"},
        {"type": "arrow", "points": [[0, 0, 0], [1, 1, 0]]},
    ]  # fmt: skip
    path = tmp_path / "a.json"
    document = {"annotation": {"name": "set", "elements": elements}, "creatorId": "u1"}
    path.write_text(json.dumps([document]))
    drawing = read_outlines(path)
    turned, circle = drawing.outlines
    assert (turned.name, circle.name, turned.annotator) == ("cell", "nucleus", "u1")
    assert np.allclose(np.ptp(np.array(turned.rings[0]), axis=0), (8, 2))
    assert np.allclose(np.ptp(np.array(circle.rings[0]), axis=0), (6, 6))
    assert drawing.odd == ("element 3: an arrow, which has no inside",)


def test_cytomine_counts_from_the_lower_left(tmp_path: Path) -> None:
    shapes = {
        "POLYGON ((2 5, 8 5, 8 9, 2 9, 2 5), (3 6, 4 6, 4 7, 3 7, 3 6))": "polygon",
        "MULTIPOLYGON (((2 5, 8 5, 8 9, 2 5)), ((12 5, 18 5, 18 9, 12 5)))": "polygon",
        "POINT (2.5 5.5)": "point",
        "LINESTRING (1 1, 2.5 3)": "line",
        "CURVE (1 1)": "",
    }
    items = [{"location": text, "term": [7], "user": 3, "created": "1"} for text in shapes]
    items[0]["termName"] = "gland"
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"collection": items}))
    drawing = read_outlines(path)
    gland, two, place, way = drawing.on((20, 30))
    assert (gland.name, two.name, gland.annotator) == ("gland", "7", "3")
    for one, text in zip((gland, two), shapes, strict=False):
        rows, columns = np.indices((20, 30))
        expected = shapely.contains_xy(shapely.from_wkt(text), columns + 0.5, 19.5 - rows)
        mask = twenty.Picture("a", "a", (20, 30), ()).mask(one)
        assert (mask == expected).all()
        assert mask.any()
    assert place.rings == (((14.0, 2.0),),)
    assert way.kind == "line"
    assert "no polygon, point or line" in drawing.odd[0]


@pytest.mark.parametrize(
    "text",
    [
        "POLYGON ((2 5, 8 NaN, 8 9, 2 9))", "POLYGON ((2 5, 8 x, 8 9, 2 9))", "POINT (1e308 2)",
        "POLYGON ((2 5, 8 5, 8 9, 2 9)", "LINESTRING ()", "POINT (1)", "POLYGON ((1 2 3, 4 5 6))",
    ],
)  # fmt: skip
def test_a_location_of_cytomine_with_a_damaged_place_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"location": text}, {"location": "POINT (1 2)"}]))
    drawing = read_outlines(path)
    assert len(drawing.outlines) == 1
    assert drawing.odd[0].startswith("annotation 1: ")
