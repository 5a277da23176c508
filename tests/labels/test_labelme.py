import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import twenty
from PIL import Image as Pillow

from inklings.labels import labelme
from inklings.labels.annotations import images_in, read_outlines
from inklings.labels.outlines import Outline


def document(*shapes: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = [{"label": "cell", "group_id": None, **shape} for shape in shapes]
    return {"shapes": said, "imagePath": "..\\images\\a.png", "imageHeight": 20, "imageWidth": 30,
            **more}  # fmt: skip


def test_twenty_objects_come_back_and_masks_are_png_in_their_boxes(tmp_path: Path) -> None:
    choice = Outline("sick", kind="choice")
    drawing = twenty.back(labelme.write, tmp_path, twenty.picture(choice))
    assert twenty.overlaps(drawing) == [1.0] * 20
    assert [one.name for one in drawing.outlines] == [*twenty.names(), "sick"]
    assert drawing.outlines[-1] == choice
    said = json.loads((tmp_path / "p1.json").read_text())
    masks = [shape for shape in said["shapes"] if shape["shape_type"] == "mask"]
    assert len(masks) >= 10
    for shape in masks:  # as labelme.utils.shape_to_mask pastes them
        (x0, y0), (x1, y1) = shape["points"]
        mask = np.asarray(Pillow.open(io.BytesIO(base64.b64decode(shape["mask"]))))
        assert mask.shape == (y1 - y0 + 1, x1 - x0 + 1)


def test_shapes_of_a_group_are_one_object_and_every_kind_is_kept(tmp_path: Path) -> None:
    triangle = [[2, 2], [8, 2], [8, 8]]
    path = tmp_path / "a.json"
    shapes: list[dict[str, Any]] = [
        {"points": triangle, "group_id": 4},
        {"points": [[12, 2], [18, 2], [18, 8]], "group_id": 4},
        {"points": [[9, 8], [3, 2]], "shape_type": "rectangle"},
        {"points": [[10, 10], [13, 14]], "shape_type": "circle"},
        {"points": [[4.5, 6.5]], "shape_type": "point"},
        {"points": [[1, 1], [5, 5]], "shape_type": "line", "flags": {"unsure": True}},
    ]
    path.write_text(json.dumps(document(*shapes, flags={"a": True, "b": False})))
    drawing = read_outlines(path)
    both, box, circle, point, line, first, second = drawing.outlines
    assert len(both.polygons) == 2
    assert (box.kind, box.rings) == ("box", (((1.5, 2.5), (7.5, 8.5)),))
    places = np.array(circle.rings[0]) + 0.5
    assert np.allclose(np.hypot(*(places - 10).T), 5)
    assert (point.kind, point.rings) == ("point", (((6.0, 4.0),),))
    assert (line.kind, line.rings) == ("line", (((0.5, 0.5), (4.5, 4.5)),))
    assert [(first.name, first.present), (second.name, second.present)] == [
        ("a", True),
        ("b", False),
    ]
    assert drawing.lost == ("flags (1)",)
    assert list(images_in(path)) == ["..\\images\\a.png"]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"points": [[1, 1], [2, 2]]}, "outline of 2 corners"),
        ({"points": [[1, 1], [2, 2]], "shape_type": "mask", "mask": "AAAA"}, "does not decode"),
        ({"points": [[1, 1]], "shape_type": "cuboid"}, "'cuboid', which is not supported"),
        ({"shape_type": "polygon"}, "not as the format has it"),
    ],
)
def test_what_is_no_shape_is_told(shape: dict[str, Any], message: str) -> None:
    drawing = labelme.read(document(shape))
    assert not drawing.outlines
    assert message in drawing.odd[0]
