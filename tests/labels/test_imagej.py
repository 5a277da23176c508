import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import roifile
import shapely
import twenty
from roifile import ROI_TYPE, ImagejRoi

from inklings.errors import LabelError
from inklings.labels import imagej
from inklings.labels.annotations import images_in, read_outlines
from inklings.labels.outlines import Kind, Outline


def test_twenty_objects_come_back_and_roifile_reads_them(tmp_path: Path) -> None:
    drawing = twenty.back(imagej.write, tmp_path, twenty.picture())
    assert twenty.overlaps(drawing) == [1.0] * 20
    assert [one.name for one in drawing.outlines] == twenty.names()
    there = roifile.roiread(tmp_path / "p1.zip")
    assert len({roi.name for roi in there}) == len(there) == 20
    rows, columns = np.indices(twenty.SIZE)
    for roi, mask in zip(there, twenty.masks(), strict=True):
        shape = shapely.Polygon()
        for ring in roi.coordinates(multi=True):
            shape = shape.symmetric_difference(shapely.Polygon(ring))
        assert (shapely.contains_xy(shape, columns + 0.5, rows + 0.5) == mask).all()
        (top, left), (bottom, right) = np.argwhere(mask).min(0), np.argwhere(mask).max(0) + 1
        assert (roi.left, roi.top) == (left, top)
        assert roi.right >= right
        assert roi.bottom >= bottom


def test_writing_again_gives_the_same_file() -> None:
    first = imagej.write([twenty.picture()]).content["p1.zip"]
    assert imagej.write([twenty.picture()]).content["p1.zip"] == first
    names = zipfile.ZipFile(io.BytesIO(first)).namelist()
    assert len(set(names)) == len(names) == 20


def test_entries_of_one_name_are_both_read(tmp_path: Path) -> None:
    path = tmp_path / "p1.zip"
    squares = [np.array([(k, k), (k + 3, k), (k + 3, k + 3), (k, k + 3)]) for k in (2, 9)]
    with zipfile.ZipFile(path, "w") as file:
        for square in squares:
            entry = zipfile.ZipInfo("cell.roi")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the name, which is there twice
                file.writestr(entry, ImagejRoi.frompoints(square, name="cell").tobytes())
    first, second = read_outlines(path).outlines
    assert first.rings == (((1.5, 1.5), (1.5, 4.5), (4.5, 4.5), (4.5, 1.5)),)
    assert second.rings[0][0] == (8.5, 8.5)
    assert images_in(path) == {}


@pytest.mark.parametrize(
    ("kind", "ring"),
    [
        ("polygon", ((70000.25, 70000.5), (70000.25, 70010.75), (70009.0, 70010.75))),
        ("box", ((70000.25, 69999.5), (70010.75, 70003.5))),
        ("line", ((70000.25, 69999.5), (70010.75, 70003.5))),
    ],
)
def test_fractions_and_large_coordinates_are_kept(
    tmp_path: Path, kind: Kind, ring: tuple[tuple[float, float], ...]
) -> None:
    picture = twenty.Picture("p1", "p1.png", (80000, 80000), (Outline("cell", (ring,), kind),))
    (found,) = twenty.back(imagej.write, tmp_path, picture).outlines
    assert found.kind == kind
    assert np.allclose(found.rings[0], ring, atol=0.01)  # ImageJ keeps 32 bits


@pytest.mark.parametrize(
    ("roi", "kind", "rings"),
    [
        ({"roitype": ROI_TYPE.RECT, "left": 2, "top": 3, "right": 8, "bottom": 7}, "box",
         ((2.5, 1.5), (6.5, 7.5))),
        ({"roitype": ROI_TYPE.LINE, "x1": 1, "y1": 2, "x2": 5, "y2": 6, "stroke_width": 3}, "line",
         ((1.5, 0.5), (5.5, 4.5))),
    ],
)  # fmt: skip
def test_boxes_and_lines_keep_their_kind(
    tmp_path: Path, roi: dict[str, int], kind: str, rings: object
) -> None:
    path = tmp_path / "a.roi"
    path.write_bytes(ImagejRoi(name="cell-0001", **roi).tobytes())
    (found,) = read_outlines(path).outlines
    assert (found.name, found.kind, found.rings) == ("cell", kind, (rings,))


def test_whole_points_are_pixels_and_fractions_are_places(tmp_path: Path) -> None:
    for points, expected in (
        (np.array([(4, 6), (9, 9)]), (6.0, 4.0)),
        (np.array([(4.25, 6.5), (9, 9)]), (6.0, 3.75)),
    ):
        roi = ImagejRoi.frompoints(points, name="0006-0004")
        roi.roitype, roi.z_position = ROI_TYPE.POINT, 3
        path = tmp_path / "a.roi"
        path.write_bytes(roi.tobytes())
        drawing = read_outlines(path)
        assert [one.kind for one in drawing.outlines] == ["point", "point"]
        assert drawing.outlines[0].rings == ((expected,),)
        assert drawing.outlines[0].name == "annotation"
        assert drawing.lost == ("position in a stack (1)",)


def test_every_kind_goes_out_and_comes_back(tmp_path: Path) -> None:
    mixed = (
        Outline("cell", (((3.5, 4.25),),), "point"),
        Outline("cell", (((1.25, 2.0), (7.0, 9.5)),), "box"),
        Outline("duct", (((1.0, 2.0), (7.0, 9.5), (1.0, 2.0)),), "line"),
    )
    picture = twenty.Picture("p1", "p1.png", (20, 30), mixed)
    assert twenty.back(imagej.write, tmp_path, picture).outlines == mixed


@pytest.mark.parametrize("keep", [8, 60, 200])
def test_damaged_files_are_one_line(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(imagej.write([twenty.picture()]).content["p1.zip"][:keep])
    with pytest.raises(LabelError, match=r"a\.zip: damaged zip"):
        read_outlines(path)
    path = tmp_path / "a.roi"
    path.write_bytes(ImagejRoi.frompoints(np.array([(1, 1), (5, 1), (5, 5)])).tobytes()[:keep])
    try:
        drawing = read_outlines(path)
    except LabelError:
        return
    assert drawing.odd or len(drawing.outlines) == 1
