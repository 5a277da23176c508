"""Objects that say nothing, or lie on something else, are set aside by every format that can hold
them, and the others of their file are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inklings.errors import LabelError
from inklings.labels.annotations import images_in, read_outlines
from inklings.labels.outlines import Drawing

Corners = list[tuple[float, float]]
Objects = list[tuple[str, Corners]]


def coco(objects: Objects, **more: Any) -> str:
    names = list(dict.fromkeys(name for name, _ in objects))
    return json.dumps({
        "images": [{"id": 1, "file_name": "a.png", "width": 80, "height": 50}],
        "categories": [{"id": 7 * k, "name": name} for k, name in enumerate(names)],
        "annotations": [
            {"id": k, "image_id": 1, "category_id": 7 * names.index(name), "iscrowd": 0,
             "segmentation": [[float(v) for place in corners for v in place]]}
            for k, (name, corners) in enumerate(objects)
        ],
        **more,
    })  # fmt: skip


def labelme(objects: Objects) -> str:
    shapes = [
        {"label": name, "points": corners, "shape_type": "polygon", "group_id": None, "flags": {}}
        for name, corners in objects
    ]
    return json.dumps({
        "version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": "a.png",
        "imageHeight": 50, "imageWidth": 80,
    })  # fmt: skip


def cvat(objects: Objects) -> str:
    shapes = "".join(
        f'<polygon label="{name}" points="{";".join(f"{x},{y}" for x, y in corners)}"/>'
        for name, corners in objects
    )
    return f'<annotations><image name="a.png" width="80" height="50">{shapes}</image></annotations>'


def region(kind: str, value: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": f"{kind}labels", "value": value, "original_width": 80, "original_height": 50,
        "to_name": "image", "from_name": "label", **more,
    }  # fmt: skip


def task(results: list[dict[str, Any]], **more: Any) -> str:
    return json.dumps([
        {"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": results}], **more}
    ])  # fmt: skip


def label_studio(objects: Objects) -> str:
    return task([
        region("polygon", {
            "points": [(x / 0.8, y / 0.5) for x, y in corners], "polygonlabels": [name]
        })
        for name, corners in objects
    ])  # fmt: skip


def geojson(objects: Objects, plane: dict[str, int] | None = None) -> str:
    features = [
        {"type": "Feature", "properties": {"classification": {"name": name}},
         "geometry": {"type": "Polygon", "coordinates": [[*corners, corners[0]]], "plane": plane}}
        for name, corners in objects
    ]  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "features": features})


WRITERS: dict[str, tuple[Callable[[Objects], str], str]] = {
    "coco": (coco, ".json"), "labelme": (labelme, ".json"), "cvat": (cvat, ".xml"),
    "label_studio": (label_studio, ".json"), "geojson": (geojson, ".geojson"),
}  # fmt: skip


def read(tmp_path: Path, text: str, suffix: str) -> Drawing:
    path = tmp_path / f"a{suffix}"
    path.write_text(text, encoding="utf-8")
    parts = images_in(path)
    return read_outlines(path, next(iter(parts.values())) if parts else None)


@pytest.mark.parametrize("kind", WRITERS)
def test_what_has_no_class_or_no_inside_is_told_and_costs_no_other(
    tmp_path: Path, kind: str
) -> None:
    write, suffix = WRITERS[kind]
    generator = np.random.default_rng(0)
    for _ in range(10):
        objects: Objects = []
        said: list[str | None] = []
        for _ in range(int(generator.integers(1, 8))):
            x, y = map(float, generator.integers(0, 40, 2))
            whole = [(x, y), (x + 4, y), (x + 4, y + 6), (x, y + 6)]
            name, corners, why = [
                ("Gefäß", whole, None),
                (" ", whole, "no class"),
                ("b", [(x, y), (x + 3, y), (x + 9, y)], "no inside"),
                ("b", [(x, y), (x + 9, y + 6), (x + 3, y + 2), (x + 6, y + 4)], "no inside"),
                ("b", [(x, y)] * 4, "no inside"),
            ][int(generator.integers(5))]
            objects.append((name, corners))
            said.append(why)
        drawing = read(tmp_path, write(objects), suffix)
        wanted = [whole for (_, whole), why in zip(objects, said, strict=True) if why is None]
        got = [[(x + 0.5, y + 0.5) for y, x in one.rings[0]] for one in drawing.outlines]
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, b)
        reasons = [why for why in said if why]
        assert len(drawing.odd) == len(reasons)
        assert all(why in one for why, one in zip(reasons, drawing.odd, strict=True))


@pytest.mark.parametrize("write", [coco, labelme])
def test_a_class_that_is_null_is_none(tmp_path: Path, write: Callable[[Objects], str]) -> None:
    text = write([("a", SQUARE), ("gone", SQUARE)]).replace('"gone"', "null")
    drawing = read(tmp_path, text, ".json")
    assert [one.name for one in drawing.outlines] == ["a"]
    assert "no class" in drawing.odd[0]


def test_a_category_without_a_name_that_nothing_is_of_costs_nothing(tmp_path: Path) -> None:
    categories = [{"id": 7}, {"id": 0, "name": "a"}]
    drawing = read(tmp_path, coco([("a", SQUARE)], categories=categories), ".json")
    assert [one.name for one in drawing.outlines] == ["a"]
    assert not drawing.odd


SQUARE = [(1.0, 1.0), (9.0, 1.0), (9.0, 9.0), (1.0, 9.0)]
RECTANGLE = {"x": 5, "y": 5, "width": 9, "height": 9, "rotation": 0, "rectanglelabels": ["a"]}


@pytest.mark.parametrize(
    ("text", "suffix", "words"),
    [
        (geojson([("a", SQUARE)], {"c": -1, "z": 3, "t": 0}), ".geojson", "plane z=3, t=0"),
        (task([region("rectangle", RECTANGLE, item_index=1)]), ".json", "on image 2 of its task"),
        (
            coco([], categories=[{"id": 1, "name": "a"}], annotations=[
                {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 10],
                 "attributes": {"occluded": False, "rotation": 45.0}}
            ]),
            ".json", "a box turned by 45 degrees",
        ),
        (
            task([], annotations=[], predictions=[{"result": []}]), ".json",
            "1 predictions, which nobody has made an annotation of",
        ),
    ],
)  # fmt: skip
def test_what_lies_on_another_plane_or_image_or_askew_is_set_aside(
    tmp_path: Path, text: str, suffix: str, words: str
) -> None:
    drawing = read(tmp_path, text, suffix)
    assert not drawing.outlines
    assert words in drawing.odd[0]


def test_what_cannot_be_decided_for_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    same = [{"id": 0, "name": "a"}, {"id": 0, "name": "b"}]
    with pytest.raises(LabelError, match="one category of id 0, got 'a' and 'b'"):
        read(tmp_path, coco([("a", SQUARE)], categories=same), ".json")
    two = [region("rectangle", RECTANGLE), region("rectangle", RECTANGLE, to_name="other")]
    with pytest.raises(LabelError, match=r"2 images of one task \(image, other\)"):
        read(tmp_path, task(two), ".json")


def test_boxes_that_begin_at_pixel_0_of_voc_are_noted(tmp_path: Path) -> None:
    for first in (0, 1):
        text = (
            "<annotation><filename>a.png</filename><object><name>a</name><bndbox>"
            f"<xmin>{first}</xmin><ymin>4</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
            "</annotation>"
        )
        drawing = read(tmp_path, text, ".xml")
        assert len(drawing.outlines) == 1
        assert bool(drawing.lost) == (first == 0)
