from pathlib import Path

import numpy as np
import pytest
import twenty
import yaml

from inklings.errors import LabelError
from inklings.labels import yolo
from inklings.labels.annotations import images_in, read_outlines
from inklings.labels.outlines import Outline


def read(tmp_path: Path, text: str) -> list[Outline]:
    (tmp_path / "data.yaml").write_text("names: {0: cell, 1: gland}\n")
    path = tmp_path / "labels" / "train" / "a.txt"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return list(read_outlines(path).on((40, 100)))


def test_five_numbers_are_a_box_of_shares_named_by_the_description_above(tmp_path: Path) -> None:
    (box,) = read(tmp_path, "1 0.5 0.25 0.2 0.1\n")
    assert (box.name, box.kind) == ("gland", "box")
    assert np.allclose(box.rings[0], ((7.5, 39.5), (11.5, 59.5)))


def test_one_long_line_makes_all_lines_outlines(tmp_path: Path) -> None:
    (outline,) = read(tmp_path, "0 .1 .1 .5 .1 .5 .5\n0 .5 .5 .2 .2\n")
    assert np.allclose(outline.rings[0], ((3.5, 9.5), (3.5, 49.5), (19.5, 49.5)))
    drawing = read_outlines(tmp_path / "labels" / "train" / "a.txt")
    assert drawing.odd == ("line 2: an outline of 2 corners, in a file of outlines",)


def test_twenty_outlines_without_holes_come_back(tmp_path: Path) -> None:
    outer = [Outline(one.name, one.rings[:1]) for one in twenty.outlines()]
    picture = twenty.Picture("p1", "p1.png", twenty.SIZE, tuple(outer))
    drawing = twenty.back(yolo.write, tmp_path, picture)
    assert twenty.overlaps(drawing, [picture.mask(one) for one in outer]) == [1.0] * 20
    assert [one.name for one in drawing.outlines] == twenty.names()
    assert yaml.safe_load((tmp_path / "data.yaml").read_text())["names"] == {0: "lumen", 1: "gland"}


def test_boxes_alone_are_written_as_boxes(tmp_path: Path) -> None:
    box = Outline("cell", (((1.5, 2.0), (7.0, 9.5)),), "box")
    picture = twenty.Picture("p1", "p1.png", (20, 30), (box,))
    (found,) = twenty.back(yolo.write, tmp_path, picture).on((20, 30))
    assert found.kind == "box"
    assert np.allclose(found.rings, box.rings)


def test_holes_and_parts_that_are_left_out_are_told() -> None:
    many = sum(bool(one.parts or one.rings[1:]) for one in twenty.outlines())
    assert many >= 10
    assert yolo.write([twenty.picture()]).lost == (
        f"holes and further parts of objects, of which the outer ring is written ({many})",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 .5 .5 .2\n", "line 1: expected a class and four numbers, got 4"),
        ("0.5 .5 .5 .2 .2\n", "line 1: a class 0.5"),
        ("0 50 50 20 20\n", "line 1: shares outside of 0 to 1"),
        ("0 .5 .5 0 .2\n", "line 1: a box of 0 x 0.2"),
    ],
)
def test_lines_that_are_no_objects_are_told(tmp_path: Path, text: str, message: str) -> None:
    assert not read(tmp_path, text)
    (told,) = read_outlines(tmp_path / "labels" / "train" / "a.txt").odd
    assert told.startswith(message)


def test_words_key_points_and_classes_without_a_name_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a b c\n")
    assert images_in(path) == {}
    with pytest.raises(LabelError, match="lines of numbers"):
        read_outlines(path)
    path.write_text("7 .5 .5 .2 .2\n")
    drawing = read_outlines(path)
    assert drawing.outlines[0].name == "7"
    assert drawing.lost == ("classes without a name, called by their numbers (1)",)
    (tmp_path / "data.yaml").write_text("names: [cell]\nkpt_shape: [5, 3]\n")
    with pytest.raises(LabelError, match="key points"):
        read_outlines(path)
