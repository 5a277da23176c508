import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import twenty
from pycocotools import mask as owner
from pycocotools.coco import COCO

from inklings.errors import LabelError
from inklings.labels import coco
from inklings.labels.annotations import images_in, read_outlines
from inklings.labels.kinds import IRRELEVANT
from inklings.labels.outlines import Outline


def document(*annotations: dict[str, Any], size: tuple[int, int] = (20, 30)) -> dict[str, Any]:
    return {
        "images": [{"id": 0, "file_name": "a.png", "height": size[0], "width": size[1]}],
        "annotations": [{"id": 0, "image_id": 0, "category_id": 0, **one} for one in annotations],
        "categories": [{"id": 0, "name": "cell", "keypoints": ["nose", "tail"]}],
    }


def test_twenty_objects_come_back_and_are_the_same_to_pycocotools(tmp_path: Path) -> None:
    drawing = twenty.back(coco.write, tmp_path, twenty.picture())
    assert twenty.overlaps(drawing) == [1.0] * 20
    assert [one.name for one in drawing.outlines] == twenty.names()
    with contextlib.redirect_stdout(io.StringIO()):
        there = COCO(str(tmp_path / "annotations.json"))
    found = there.loadAnns(sorted(there.getAnnIds()))
    assert [one["id"] for one in found] == list(range(1, 21))
    for one, mask in zip(found, twenty.masks(), strict=True):
        assert (there.annToMask(one) == mask).all()
        assert one["area"] == mask.sum()
    assert {there.cats[one["category_id"]]["name"] for one in found} == {"gland", "lumen"}


@pytest.mark.parametrize("seed", range(20))
def test_run_lengths_are_those_of_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 70, 2)) < rng.random()
    theirs = owner.encode(np.asfortranarray(mask.astype(np.uint8)))
    ours = coco.encoded(mask)
    assert ours == {"size": theirs["size"], "counts": theirs["counts"].decode()}
    assert (coco.decoded(ours) == mask).all()
    assert (owner.decode(ours) == mask).all()
    flat = np.ravel(mask, order="F")
    runs = np.diff([0, *(np.flatnonzero(np.diff(flat)) + 1), flat.size]).tolist()
    plain = {"size": list(mask.shape), "counts": [0, *runs] if flat[0] else runs}
    assert (coco.decoded(plain) == mask).all()


def test_a_list_of_polygons_is_their_union_and_one_object() -> None:
    left, right = [2, 2, 8, 2, 8, 8, 2, 8], [5, 5, 12, 5, 12, 12, 5, 12]
    drawing = coco.read(document({"segmentation": [left, right]}))
    (mask,) = [twenty.Picture("a", "a", (20, 30), ()).mask(one) for one in drawing.outlines]
    both = owner.merge(owner.frPyObjects([left, right], 20, 30))
    assert (mask == owner.decode(both)).all()
    assert mask.sum() == 36 + 49 - 9


def test_a_square_from_2_to_5_is_nine_samples() -> None:
    drawing = coco.read(document({"segmentation": [[2, 2, 5, 2, 5, 5, 2, 5]]}))
    (mask,) = [twenty.Picture("a", "a", (20, 30), ()).mask(one) for one in drawing.outlines]
    assert np.argwhere(mask).tolist() == [[y, x] for y in (2, 3, 4) for x in (2, 3, 4)]


def test_boxes_crowds_and_key_points_keep_their_kind() -> None:
    crowd = {"size": [20, 30], "counts": [100, 40, 460]}
    drawing = coco.read(
        document(
            {"bbox": [2, 3, 10, 5], "score": 0.5},
            {"segmentation": crowd, "iscrowd": 1},
            {"keypoints": [4, 6, 2, 0, 0, 0], "bbox": [0, 0, 0, 0]},
        )
    )
    box, many, nose = drawing.outlines
    assert (box.kind, box.rings) == ("box", (((2.5, 1.5), (7.5, 11.5)),))
    assert many.name == IRRELEVANT
    assert (nose.name, nose.kind, nose.rings) == ("cell: nose", "point", (((6.0, 4.0),),))
    assert drawing.lost == (
        "score (1)",
        "iscrowd (a crowd counts neither for nor against) (1)",
    )


def test_points_boxes_and_strokes_go_out_or_are_told(tmp_path: Path) -> None:
    mixed = (
        Outline("gland", (((3.5, 4.25),),), "point", annotator="ann"),
        Outline("gland", (((1.5, 2.0), (7.0, 9.5)),), "box"),
        Outline("gland", (((1.0, 2.0), (7.0, 9.5)),), "line"),
    )
    picture = twenty.Picture("p1", "p1.png", (20, 30), mixed)
    drawing = twenty.back(coco.write, tmp_path, picture)
    assert [(one.kind, one.rings) for one in drawing.outlines] == [
        ("point", mixed[0].rings),
        ("box", mixed[1].rings),
    ]
    assert coco.write([picture]).lost == (
        "annotator (1)",
        "strokes, which the format does not hold (1)",
    )


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({"segmentation": [[1, 2, 3, 4]]}, "an outline of 2 corners"),
        ({"segmentation": [[1, 2, 3, 4, 5]]}, "not as the format has it"),
        ({"segmentation": [[1, 2, 3, float("nan"), 5, 6]]}, "no number"),
        ({"segmentation": {"size": [20, 30], "counts": [5]}}, "run lengths of 5 samples"),
        ({"segmentation": {"size": [30, 20], "counts": [600]}}, "in an image of"),
        ({"segmentation": {"size": [20, 30], "counts": "\u00ff"}}, "letter"),
        ({"segmentation": {"size": [20, 30], "counts": "o"}}, "end within"),
        ({"segmentation": {"size": [20, 30], "counts": [600]}}, "without a sample"),
        ({"bbox": [2, 3, -1, 5]}, "no inside"),
        ({"category_id": 7, "bbox": [1, 1, 1, 1]}, "that the file does not name"),
        ({}, "neither outline"),
    ],
)
def test_what_is_no_object_is_told_with_its_number(
    annotation: dict[str, Any], message: str
) -> None:
    good = {"bbox": [1, 1, 2, 2]}
    drawing = coco.read(document(good, annotation))
    assert len(drawing.outlines) == 1
    assert drawing.odd[0].startswith("annotation 2: ")
    assert message in drawing.odd[0]


def test_a_file_of_many_images_gives_each_its_own(tmp_path: Path) -> None:
    both = document({"bbox": [1, 1, 2, 2]})
    both["images"].append({"id": 9, "file_name": "sub/b.png", "height": 4, "width": 4})
    both["annotations"].append({"id": 5, "image_id": 9, "category_id": 0, "bbox": [0, 0, 4, 4]})
    path = tmp_path / "all.json"
    path.write_text(json.dumps(both))
    parts = images_in(path)
    assert list(parts) == ["a.png", "sub/b.png"]
    assert read_outlines(path, parts["sub/b.png"]).size == (4, 4)
    plain = {name: json.loads(part) for name, part in coco.split(both)}
    for indent in (None, 1):  # however it is laid out, and wherever the annotations stand
        for said in (both, dict(sorted(both.items(), reverse=True))):
            path.write_text(json.dumps({"note": [1], **said}, indent=indent))
            assert {k: json.loads(part or b"") for k, part in images_in(path).items()} == plain
    path.write_text(json.dumps({**both, "annotations": []}))
    assert list(images_in(path)) == ["a.png", "sub/b.png"]
    path.write_text(json.dumps(both)[:-90])
    with pytest.raises(LabelError, match="damaged annotations"):
        images_in(path)
    both["annotations"][0]["image_id"] = 3
    path.write_text(json.dumps(both))
    with pytest.raises(LabelError, match="image 3, which the file does not list"):
        images_in(path)
