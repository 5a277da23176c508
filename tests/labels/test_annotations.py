import json
from pathlib import Path

import pytest

from inklings.errors import LabelError
from inklings.labels.annotations import read_outlines
from inklings.labels.kinds import PointLabel, PolygonLabel
from inklings.labels.outlines import labels_of, lines_of

SQUARE = [[10, 20], [30, 20], [30, 50], [10, 50], [10, 20]]
HOLE = [[15, 25], [20, 25], [20, 30], [15, 30], [15, 25]]
OUTER = ((19.5, 9.5), (19.5, 29.5), (49.5, 29.5), (49.5, 9.5))
INNER = ((24.5, 14.5), (24.5, 19.5), (29.5, 19.5), (29.5, 14.5))


def feature(kind: str, coordinates: object, **properties: object) -> dict[str, object]:
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": properties,
    }


def written(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps(document))
    return path


def test_qupath_polygons_have_holes_and_lie_half_a_pixel_lower(tmp_path: Path) -> None:
    one = feature("Polygon", [SQUARE, HOLE], classification={"name": "Tumor"})
    found = read_outlines(written(tmp_path, {"type": "FeatureCollection", "features": [one]}))
    assert labels_of(found.outlines, "slide", {}) == [
        PolygonLabel("slide", "Tumor", OUTER, (INNER,))
    ]


@pytest.mark.parametrize("wrap", ["list", "feature"])
def test_qupath_writes_lists_and_single_features_too(tmp_path: Path, wrap: str) -> None:
    one = feature("MultiPolygon", [[SQUARE], [HOLE]], name="island")
    found = read_outlines(written(tmp_path, [one] if wrap == "list" else one))
    (island,) = found.outlines
    assert (island.name, island.polygons) == ("island", ((OUTER,), (INNER,)))


def test_points_become_points_and_lines_lines(tmp_path: Path) -> None:
    features = [
        feature("MultiPoint", [[4, 6], [8, 10]], classification={"name": "cell"}),
        feature("LineString", SQUARE),
    ]
    drawing = read_outlines(written(tmp_path, features))
    (line,) = lines_of(drawing.outlines, {})
    assert (line.kind, line.rings) == ("line", ((*OUTER, OUTER[0]),))
    labels = labels_of(drawing.outlines, "slide", {})
    assert labels == [
        PointLabel("slide", "cell", (5.5, 3.5)),
        PointLabel("slide", "cell", (9.5, 7.5)),
    ]


APERIO = """<?xml version="1.0"?><Annotations MicronsPerPixel="0.25">
<Annotation Id="1" Name="Tumor"><Attributes/><Regions>
 <Region Id="1" Type="0" NegativeROA="0"><Vertices>
  <Vertex X="10" Y="20"/><Vertex X="30" Y="20"/><Vertex X="30" Y="50"/><Vertex X="10" Y="50"/>
 </Vertices></Region>
 <Region Id="2" Type="0" NegativeROA="1"><Vertices>
  <Vertex X="15" Y="25"/><Vertex X="20" Y="25"/><Vertex X="20" Y="30"/><Vertex X="15" Y="30"/>
 </Vertices></Region>
 <Region Id="3" Type="3"><Vertices><Vertex X="1" Y="1"/><Vertex X="2" Y="2"/></Vertices></Region>
</Regions></Annotation>
<Annotation Id="2" Name=""><Attributes><Attribute Name="Description" Value="Stroma"/></Attributes>
<Regions><Region Id="1" Type="2"><Vertices><Vertex X="100" Y="100"/><Vertex X="140" Y="120"/>
</Vertices></Region></Regions></Annotation></Annotations>"""


def test_aperio_has_layers_with_negative_regions_and_ellipses(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(APERIO)
    tumour, stroma = labels_of(read_outlines(path).outlines, "slide", {"Tumor": "tumour"})
    assert tumour == PolygonLabel("slide", "tumour", OUTER, (INNER,))
    assert isinstance(stroma, PolygonLabel)
    assert stroma.name == "Stroma"
    rows, columns = zip(*stroma.vertices, strict=True)
    assert (min(rows), max(rows)) == pytest.approx((99.5, 119.5), abs=0.1)
    assert (min(columns), max(columns)) == pytest.approx((99.5, 139.5), abs=0.1)


ASAP = """<?xml version="1.0"?><ASAP_Annotations><Annotations>
<Annotation Name="a" Type="Polygon" PartOfGroup="_0" Color="#F4FA58"><Coordinates>
 <Coordinate Order="1" X="30" Y="20"/><Coordinate Order="0" X="10" Y="20"/>
 <Coordinate Order="2" X="30" Y="50"/><Coordinate Order="3" X="10" Y="50"/></Coordinates>
</Annotation>
<Annotation Name="b" Type="Spline" PartOfGroup="_2"><Coordinates>
 <Coordinate Order="0" X="15" Y="25"/><Coordinate Order="1" X="20" Y="25"/>
 <Coordinate Order="2" X="20" Y="30"/><Coordinate Order="3" X="15" Y="30"/></Coordinates>
</Annotation>
<Annotation Name="dot" Type="Dot" PartOfGroup="None"><Coordinates>
 <Coordinate Order="0" X="4" Y="6"/></Coordinates>
</Annotation>
</Annotations><AnnotationGroups/></ASAP_Annotations>"""


def test_asap_groups_are_classes_and_camelyons_2_can_be_a_hole(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(ASAP)
    labels = labels_of(read_outlines(path).outlines, "slide", {"_0": "tumour", "_2": "hole"})
    assert labels == [
        PolygonLabel("slide", "tumour", OUTER, (INNER,)),
        PointLabel("slide", "dot", (5.5, 3.5)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected annotations of COCO"),
        ("{", "damaged annotations"),
        ('{"type": "Topology"}', "got type .Topology"),
        ("<html/>", "got 'html'"),
        ("<Annotations>", "damaged XML"),
    ],
)
def test_what_is_no_annotation_is_explained(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(LabelError, match=message):
        read_outlines(path)


@pytest.mark.parametrize("said", ["1", "true", "True"])
def test_a_negative_region_of_imagescope_is_a_hole(tmp_path: Path, said: str) -> None:
    def region(low: int, high: int, negative: str) -> str:
        corners = ((low, low), (high, low), (high, high), (low, high))
        vertices = "".join(f'<Vertex X="{x}" Y="{y}"/>' for x, y in corners)
        return f'<Region NegativeROA="{negative}"><Vertices>{vertices}</Vertices></Region>'

    regions = region(0, 90, "0" if said == "1" else "false") + region(30, 60, said)
    path = tmp_path / "a.xml"
    path.write_text(
        f'<Annotations><Annotation Name="t"><Regions>{regions}</Regions></Annotation></Annotations>'
    )
    (outline,) = read_outlines(path).outlines
    assert len(outline.rings) == 2
