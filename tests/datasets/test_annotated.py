import json
from pathlib import Path

import numpy as np
import pytest
import shapely
import twenty
from PIL import Image as Pillow

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.rasterise import annotate
from inklings.datasets.annotated import Piece
from inklings.datasets.findings import ImportFinding
from inklings.datasets.folder import Folder
from inklings.datasets.importing import Report, run
from inklings.datasets.outlined import OnImage, Reading, _stroked, labels_in
from inklings.errors import DataError, LabelError
from inklings.exports.export import export
from inklings.geometry import Geometry
from inklings.labels import coco
from inklings.labels.kinds import BagLabel, BoxLabel, MaskLabel, PolygonLabel
from inklings.labels.outlines import Outline


def pictures(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(np.full(twenty.SIZE, 99, np.uint8)).save(root / name)


def imported(tmp_path: Path, annotations: str, out: str = "cohort", **more: object) -> Report:
    folder = Folder(str(tmp_path / "images/**/*.png"), annotations=annotations, **more)
    return run(folder, tmp_path / out, workers=1)


def document(*names: str, size: tuple[int, int] = twenty.SIZE) -> str:
    images = [{"id": k, "file_name": name, "height": size[0], "width": size[1]}
              for k, name in enumerate(names)]  # fmt: skip
    box = {"category_id": 1, "bbox": [2, 3, 10, 5]}
    boxes = [{"id": k, "image_id": k, **box} for k in range(len(names))]
    categories = [{"id": 1, "name": "cell"}]
    return json.dumps({"images": images, "annotations": boxes, "categories": categories})


def test_twenty_objects_survive_import_export_and_import(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "p1.png")
    (tmp_path / "all.json").write_bytes(coco.write([twenty.picture()]).content["annotations.json"])
    first = imported(tmp_path, str(tmp_path / "all.json")).cohort
    assert set(first.classes) == {"gland", "lumen"}
    drawn = annotate(first.cases[0], "image", Geometry(twenty.SIZE), first.classes)
    assert drawn.objects.max() == 20
    union = np.any(twenty.masks(), 0)
    assert ((drawn.objects > 0) == union).all()
    done = export(tmp_path / "cohort", "coco", tmp_path / "again")
    again = imported(tmp_path, str(done.path / "annotations.json"), "second").cohort
    assert again.cases[0].labels == first.cases[0].labels


def test_names_with_folders_find_their_image_and_open_nothing(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "a/x.png", "b/x.png", "b/y.png")
    secret = tmp_path / "secret.png"
    secret.write_text("not an image")
    path = tmp_path / "all.json"
    path.write_text(document("b/x.png", "../../images/b/y.png", str(secret)))
    report = imported(tmp_path, str(path), patient="(x|y)")
    labelled = {case.id: len(case.labels) for case in report.cohort}
    assert labelled == {"a_x": 0, "b_x": 1, "b_y": 1}
    assert "annotations of 1 images that are not here" in " ".join(report.words)
    assert [f.kind for f in report.findings if f.case == "a_x"] == ["no label"]


def test_a_name_that_fits_two_images_is_refused(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "a/x.png", "b/x.png")
    (tmp_path / "all.json").write_text(document("x.png"))
    with pytest.raises(DataError, match=r"fits a/x.png and b/x.png"):
        imported(tmp_path, str(tmp_path / "all.json"))


def test_annotations_of_another_size_set_their_image_aside(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "x.png")
    (tmp_path / "all.json").write_text(document("x.png", size=(120, 90)))
    report = imported(tmp_path, str(tmp_path / "all.json"))
    (finding,) = report.findings
    assert report.left_out == ("x",)
    assert "of 90 x 120 pixels, the image has 120 x 90; turned upright" in finding.detail


def test_a_damaged_file_is_one_line_and_a_strange_one_is_told(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "x.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "all.json").write_text(document("x.png")[:-20])
    with pytest.raises(LabelError, match=r"all\.json: damaged annotations"):
        imported(tmp_path, str(tmp_path / "labels"))
    (tmp_path / "labels" / "all.json").write_text(document("x.png"))
    (tmp_path / "labels" / "other.json").write_text('{"version": 1}')
    report = imported(tmp_path, str(tmp_path / "labels"))
    assert "1 files of annotations belong to no image (other.json)" in report.words


def test_yolo_lies_in_folders_of_its_own_with_names_above(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "train/x.png", "val/x.png")
    for k, part in enumerate(("train", "val")):
        (tmp_path / "labels" / part).mkdir(parents=True)
        (tmp_path / "labels" / part / "x.txt").write_text(f"{k} .5 .5 .5 .5\n")
    (tmp_path / "labels" / "classes.txt").write_text("cell\ngland\n")
    cohort = imported(tmp_path, str(tmp_path / "labels")).cohort
    boxes = {case.id: case.labels[0] for case in cohort}
    assert boxes["val_x"] == BoxLabel("image", "gland", (22.5, 30.0), (67.5, 90.0))


def test_strokes_are_known_under_them_only(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "x.png")
    line = {"type": "LineString", "coordinates": [[10.5, 20.5], [30.5, 20.5]]}
    features = [
        {"type": "Feature", "geometry": line, "properties": {"classification": {"name": name}}}
        for name in ("gland", "background")
    ]
    features[1]["geometry"] = {"type": "LineString", "coordinates": [[10.5, 40.5], [10.5, 50.5]]}
    (tmp_path / "x.geojson").write_text(json.dumps(features))
    cohort = imported(tmp_path, str(tmp_path / "x.geojson")).cohort
    (label,) = cohort.cases[0].labels
    assert isinstance(label, MaskLabel)
    assert label.extent == "partial"
    drawn = annotate(cohort.cases[0], "image", Geometry(twenty.SIZE), cohort.classes)
    assert drawn.known.sum() == 21 + 11
    assert drawn.category[20, 10:31].all()
    assert not drawn.category[40:51, 10].any()


@pytest.mark.parametrize("width", [2.5, 8.0, 1e12])
def test_a_wide_stroke_is_all_nearer_than_half_of_its_width(width: float) -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.indices((40, 700))
    for _ in range(5):
        places = rng.uniform(-30, (70, 730), (3, 2))
        stroke = Outline("cell", (tuple(map(tuple, places.tolist())),), "line", width=width)
        found = _stroked([stroke], (40, 700)).samples == 1
        way = shapely.LineString(places[:, ::-1])
        away = shapely.distance(way, shapely.points(columns, rows))
        assert found[away < width / 2 - 1e-6].all()
        assert (away[found] < max(width / 2, 0.75)).all()


@pytest.mark.parametrize("far", [1e6, 1e9, 1e18, 1e308])
def test_a_stroke_that_goes_far_beyond_the_image_is_drawn_to_its_border(far: float) -> None:
    stroke = Outline("cell", (((20.0, 5.0), (20.0, far), (far, 7.0)),), "line")
    found = _stroked([stroke], (40, 60)).samples == 1
    assert found[20, 5:].all()
    assert found.sum() == 55
    wide = Outline("cell", stroke.rings, "line", width=2 * far)
    assert (_stroked([wide], (40, 60)).samples == 1).all()


def test_strokes_of_more_classes_than_a_byte_holds_keep_theirs() -> None:
    strokes = [Outline(f"c{k}", (((float(k), 0.0),),), "line") for k in range(300)]
    mask = _stroked(strokes, (300, 2))
    assert mask.samples[:, 0].tolist() == list(range(1, 301))
    assert (mask.samples[:, 1] == 65535).all()


def test_strokes_beyond_the_image_are_told_and_say_nothing(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[500, 500], [1e9, 600]]}
    (tmp_path / "x.geojson").write_text(json.dumps({"geometry": line, "type": "Feature"}))
    findings: list[ImportFinding] = []
    piece = Piece(tmp_path / "x.geojson")
    assert not labels_in(piece, OnImage("x", twenty.SIZE), Reading(), "image", findings)
    assert [(f.kind, f.count) for f in findings] == [("outlines outside", 1)]


def test_lines_on_slides_are_told_and_kept_out(tmp_path: Path) -> None:
    lines = {"type": "MultiLineString", "coordinates": [[[0, 0], [5, 5]], [[1, 0], [5, 5]]]}
    collection = {"type": "GeometryCollection", "geometries": [lines]}
    (tmp_path / "x.geojson").write_text(json.dumps({"geometry": collection, "type": "Feature"}))
    findings: list[ImportFinding] = []
    on = OnImage("x", twenty.SIZE, strokes=False)
    assert not labels_in(Piece(tmp_path / "x.geojson"), on, Reading(), "slide", findings)
    assert [(f.kind, f.count) for f in findings] == [("odd outlines", 2)]
    assert "annotation: a line, which has no inside" in findings[0].detail


def test_choices_and_outlines_keep_their_kind_in_the_table(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "x.png")
    (tmp_path / "all.json").write_text(document("x.png"))
    cohort = imported(tmp_path, str(tmp_path / "all.json"), names={"cell": "nucleus"}).cohort
    assert Cohort.read(tmp_path / "cohort").cases == cohort.cases
    ring = ((1.0, 1.0), (1.0, 5.0), (5.0, 5.0))
    label = PolygonLabel("image", "cell", ring, (), ((ring, ring),), "ann", "2026-01-01")
    case = type(cohort.cases[0])("x", "x", cohort.cases[0].images, (label, BagLabel("sick", False)))
    Cohort("c", (case,), ("cell",)).write(tmp_path / "kept")
    assert Cohort.read(tmp_path / "kept").cases[0].labels == case.labels
    assert cohort.classes == ("nucleus",)
    assert Outline("cell").kind == "polygon"
