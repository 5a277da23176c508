"""Outlines of other programs: read as shapely sees them, whatever else is in their files."""

from __future__ import annotations

import gzip
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from shapely import affinity
from slide_files import picture, tiled

from inklings.cohorts.case import Case
from inklings.cohorts.region import annotate_region
from inklings.errors import LabelError
from inklings.geometry import Geometry, Region
from inklings.labels.annotations import read_outlines
from inklings.labels.kinds import Label, PolygonLabel
from inklings.labels.marks import Annotation, draw_marks
from inklings.labels.outlines import labels_of

SIDE = 96
STAR = [(30, 5), (48, 88), (3, 30), (90, 28), (14, 80)]  # crosses itself
RING = [(10, 10), (70, 10), (70, 70), (10, 70)]
HOLE = [(30, 30), (30, 50), (50, 50), (50, 30)]


def closed(points: list[tuple[float, float]]) -> list[list[float]]:
    return [list(point) for point in (*points, points[0])]


def feature(geometry: Any, name: str | None = "T", **more: Any) -> dict[str, Any]:
    said = {} if name is None else {"classification": {"name": name}}
    return {"type": "Feature", "geometry": geometry, "properties": {**said, **more}}


def polygon(*rings: list[tuple[float, float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [closed(ring) for ring in rings]}


GOOD = feature(polygon(RING, HOLE))


def drawn(path: Path, names: dict[str, str] | None = None) -> Annotation:
    labels = labels_of(read_outlines(path).outlines, "slide", names or {})
    classes = sorted({k.name for k in labels} - {"irrelevant", "examined"})
    return draw_marks(labels, (SIDE, SIDE), classes, "filled")


def write(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def within(shape: Any) -> np.ndarray:
    """Samples whose centres lie in a shape that counts from the corner of the first pixel."""
    rows, columns = np.indices((SIDE, SIDE))
    return np.asarray(shapely.contains_xy(shape, columns + 0.5, rows + 0.5))


WALL = within(shapely.Polygon(RING, [HOLE]))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda f: {"type": "FeatureCollection", "features": [f]},
        lambda f: [f],
        lambda f: f,
        lambda f: f["geometry"],
        lambda f: feature({"type": "GeometryCollection", "geometries": [f["geometry"]]}),
        lambda f: feature({"type": "MultiPolygon", "coordinates": [f["geometry"]["coordinates"]]}),
        lambda f: {"type": "FeatureCollection", "features": [f], "bbox": [0, 0, 9, 9]},
        lambda f: [{**f, "properties": None}],
        lambda f: [{**f, "properties": {"classification": None, "name": "T"}}],
        lambda f: [{**f, "properties": {"classification": {"names": ["T", "inner"]}}}],
        lambda f: [{**f, "geometry": {**f["geometry"], "coordinates": [
            [[x, y, 0.0] for x, y in ring] for ring in f["geometry"]["coordinates"]]}}],
    ],
)  # fmt: skip
def test_every_form_of_geojson_gives_the_outline_with_its_hole(tmp_path: Path, wrap: Any) -> None:
    path = write(tmp_path / "a.geojson", wrap(GOOD))
    assert read_outlines(path).odd == ()
    np.testing.assert_array_equal(drawn(path).category > 0, WALL)


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (feature(None), "no geometry"),
        ({"type": "Feature", "properties": {}}, "no geometry"),
        (feature({"type": "Polygon", "coordinates": []}), "without coordinates"),
        (feature({"type": "Polygon", "coordinates": [[]]}), "0 corners"),
        (feature({"type": "Polygon", "coordinates": None}), "without coordinates"),
        (feature({"type": "MultiPolygon", "coordinates": [[]]}), "0 corners"),
        (feature({"type": "Polygon", "coordinates": [[[1, 1], [2, 2], [1, 1]]]}), "2 corners"),
        (feature({"type": "Polygon", "coordinates": [[["x", 1], [2, 2], [3, 3]]]}), "not as the"),
        (feature({"type": "Polygon", "coordinates": [[1, 2, 3]]}), "not as the"),
        (feature({"type": "Point", "coordinates": [float("nan"), 1]}), "no number"),
        (feature({"type": "Point", "coordinates": [1e308, 1]}), "beyond any image"),
        (feature({"type": "LineString", "coordinates": []}), "without coordinates"),
        (feature({"type": "MultiLineString", "coordinates": [[]]}), "without a place"),
        (feature({"type": "Circle", "coordinates": [1, 2]}), "type 'Circle'"),
        (feature(polygon(RING), objectType="tmaCore"), "is no annotation"),
        ("text", "a str"), (None, "a NoneType"), ([1], "a list"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 1])
def test_an_odd_feature_is_told_with_its_number_and_loses_nothing(
    tmp_path: Path, odd: Any, why: str, place: int
) -> None:
    features = [odd, GOOD] if place == 0 else [GOOD, odd]
    path = write(tmp_path / "a.geojson", {"type": "FeatureCollection", "features": features})
    drawing = read_outlines(path)
    (told,) = drawing.odd
    assert told.startswith(f"feature {place + 1} ")
    assert why in told
    np.testing.assert_array_equal(drawn(path).category > 0, WALL)


@pytest.mark.parametrize("features", [[], None])
def test_an_empty_collection_has_no_outline(tmp_path: Path, features: Any) -> None:
    path = write(tmp_path / "a.geojson", {"type": "FeatureCollection", "features": features})
    assert read_outlines(path).outlines == ()


@pytest.mark.parametrize("name", ["a.geojson.gz", "a.geojson", "a"])
def test_gzip_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(json.dumps([GOOD]).encode()))
    np.testing.assert_array_equal(drawn(path).category > 0, WALL)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_other_systems_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.geojson"
    path.write_bytes(json.dumps([feature(polygon(RING, HOLE), "Ödem")], ensure_ascii=False)
                     .encode(encoding))  # fmt: skip
    assert [one.name for one in read_outlines(path).outlines] == ["Ödem"]


@pytest.mark.parametrize(
    "data",
    [
        b'{"type": "FeatureCollection", "features": {}}',
        b"", b"{", b"no", b"<html/>", b"<Annotations>", b'{"type": "Topology"}', b"[" * 100_000,
        gzip.compress(b"[]" * 500, mtime=0)[:-9],
        gzip.compress(b"{}", mtime=0)[:12] + b"xxxxxxxxxxxx",
    ],
)  # fmt: skip
def test_what_is_no_annotation_is_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.geojson"
    path.write_bytes(data)
    with pytest.raises(LabelError) as caught:
        read_outlines(path)
    assert "\n" not in str(caught.value)


def region(kind: str, tag: str, points: list[tuple[float, float]], negative: str = "0") -> str:
    places = "".join(f'<{tag} X="{x}" Y="{y}"/>' for x, y in points)
    return f'<Region Type="{kind}" NegativeROA="{negative}"><Vertices>{places}</Vertices></Region>'


@pytest.mark.parametrize(
    ("kinds", "tag"),
    [(("Polygon", "Rectangle", "Ellipse"), "V"), (("0", "1", "2"), "Vertex")],
    ids=["halo", "imagescope"],
)
@pytest.mark.parametrize("negative", ["1", "true", "TRUE", " True "])
def test_regions_of_halo_and_imagescope_have_holes(
    tmp_path: Path, kinds: tuple[str, ...], tag: str, negative: str
) -> None:
    corners, oval = [(74, 10), (90, 20)], [(20, 74), (60, 92)]
    regions = [
        region(kinds[0], tag, RING), region(kinds[0], tag, HOLE, negative),
        region(kinds[1], tag, corners), region(kinds[2], tag, oval),
        region("Ruler" if tag == "V" else "4", tag, corners),
    ]  # fmt: skip
    path = tmp_path / "a.annotations"
    path.write_text(
        f'<Annotations><Annotation Name="T" LineColor="255"><Regions>{"".join(regions)}'
        "</Regions></Annotation></Annotations>",
    )
    drawing = read_outlines(path)
    assert drawing.origin == "slide"
    assert drawing.odd == ("region 5 (T): a ruler, which has no inside",)
    disc = affinity.scale(shapely.Point(40, 83).buffer(1, quad_segs=64), 20, 9)
    expected = WALL | within(shapely.box(74, 10, 90, 20))
    found = drawn(path).category > 0
    np.testing.assert_array_equal(found[:72], expected[:72])
    assert found[72:].sum() == pytest.approx(within(disc).sum(), rel=0.02)


def test_a_hole_that_lies_in_no_region_of_its_layer_is_told(tmp_path: Path) -> None:
    far = [(x + 900, y) for x, y in RING]
    path = tmp_path / "a.xml"
    layer = region("0", "Vertex", RING) + region("0", "Vertex", far, "1")
    path.write_text(f'<Annotations><Annotation Name="T">{layer}</Annotation></Annotations>')
    drawing = read_outlines(path)
    assert [len(one.rings) for one in drawing.outlines] == [1]
    assert drawing.odd == ("1 holes of layer T that lie in none of its regions",)


def test_asap_tells_odd_annotations(tmp_path: Path) -> None:
    places = "".join(f'<Coordinate Order="{k}" X="{x}" Y="{y}"/>' for k, (x, y) in enumerate(RING))
    path = tmp_path / "a.xml"
    path.write_text(
        "<ASAP_Annotations><Annotations>"
        f'<Annotation Name="a" Type="Polygon" PartOfGroup="T"><Coordinates>{places}</Coordinates>'
        '</Annotation><Annotation Name="b" Type="Cloud" PartOfGroup="T"/>'
        '<Annotation Name="c" Type="Polygon" PartOfGroup="T"><Coordinates/></Annotation>'
        "</Annotations></ASAP_Annotations>"
    )
    drawing = read_outlines(path)
    assert len(drawing.outlines) == 1
    assert [told.split(" (")[0] for told in drawing.odd] == ["annotation 2", "annotation 3"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_smaller_outline_lies_on_the_larger_whatever_the_order(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    boxes = [(5, 5, 90, 90), (10, 10, 60, 60), (20, 20, 40, 40)]
    features = [
        feature(polygon(list(shapely.box(*box).exterior.coords)[:-1]), name)
        for box, name in zip(boxes, "abc", strict=True)
    ]
    category = drawn(write(tmp_path / "a.geojson", [features[k] for k in order])).category
    areas = [85 * 85 - 50 * 50, 50 * 50 - 20 * 20, 20 * 20]
    assert [int((category == k).sum()) for k in (1, 2, 3)] == areas


def test_rings_that_cross_themselves_are_filled_by_even_and_odd(tmp_path: Path) -> None:
    ring = np.array(STAR, float)
    fans = [shapely.Polygon([ring[0], a, b]) for a, b in pairwise(ring[1:])]
    expected = sum(within(fan).astype(int) for fan in fans) % 2 == 1
    category = drawn(write(tmp_path / "a.geojson", [feature(polygon(STAR))])).category
    np.testing.assert_array_equal(category > 0, expected)


def test_what_is_ignored_is_not_known_and_regions_say_where_was_looked(tmp_path: Path) -> None:
    outer = feature(polygon([(4, 4), (84, 4), (84, 84), (4, 84)]), "Region*")
    fold = feature(polygon([(20, 20), (40, 20), (40, 40), (20, 40)]), "Ignore*")
    tumour = feature(polygon(RING), "Tumor")
    path = write(tmp_path / "a.geojson", [fold, tumour, outer])
    found = drawn(path)
    assert (found.category > 0).sum() == 60 * 60 - 20 * 20
    assert found.known.sum() == 80 * 80 - 20 * 20
    named = drawn(path, {"Region*": "background", "Ignore*": "hole"})
    assert (named.category > 0).sum() == 60 * 60 - 20 * 20
    assert named.known.all()
    renamed = drawn(path, {"Tumor": "examined", "Region*": "unlabelled", "Ignore*": "x"})
    assert renamed.known.sum() == 0


def cells(count: int, side: int, seed: int = 0) -> tuple[Label, ...]:
    rng = np.random.default_rng(seed)
    turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    around = np.stack([np.sin(turns), np.cos(turns)], 1)
    rings = [rng.uniform(9, side - 9, 2) + rng.uniform(3, 6) * around for _ in range(count)]
    return tuple(PolygonLabel("slide", "cell", tuple(map(tuple, r.tolist()))) for r in rings)


def test_a_crop_among_very_many_cells_is_quick_and_exact(tmp_path: Path) -> None:
    side, count = 8192, 20_000
    tiled(tmp_path / "a.tif", picture(64, 64))
    labels, grid = cells(count, side), Geometry((side, side))
    case = Case("a", "a", {"slide": tmp_path / "a.tif"}, labels)
    small = Geometry((64, 64))
    begun = time.process_time()
    annotate_region(case, "slide", small, small.full, ["cell"])
    assert time.process_time() - begun < 6  # 100,000 take half a second on a quiet machine
    # The slide is 64 pixels wide; a grid that is as wide as the cells is 1/128 of a pixel.
    moved = tuple(
        PolygonLabel("slide", "cell", tuple(((y + 0.5) / 128 - 0.5, (x + 0.5) / 128 - 0.5)
                                            for y, x in k.vertices))  # type: ignore[union-attr]
        for k in labels
    )  # fmt: skip
    case = Case("a", "a", {"slide": tmp_path / "a.tif"}, moved)
    corners = [(k * 331 % 7900, k * 577 % 7900) for k in range(30)]
    annotate_region(case, "slide", grid, Region(corners[0], (256, 256)), ["cell"])
    begun = time.process_time()
    found = [annotate_region(case, "slide", grid, Region(c, (256, 256)), ["cell"]) for c in corners]
    assert (time.process_time() - begun) / len(corners) < 0.02
    shapes = [shapely.Polygon([(x, y) for y, x in k.vertices]) for k in labels]  # type: ignore[union-attr]
    tree = shapely.STRtree(shapes)
    for (y, x), annotation in zip(corners[:3], found, strict=False):
        near = tree.query(shapely.box(x - 1, y - 1, x + 257, y + 257))
        union = shapely.union_all([shapes[k] for k in near])
        rows, columns = np.indices((256, 256))
        expected = shapely.contains_xy(union, columns + x, rows + y)
        assert (annotation.category > 0).sum() == pytest.approx(expected.sum(), abs=2)
