"""Outlines of RT Structure Sets fill the samples whose centres they hold; shapely judges."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
from segmentation_files import (
    GRID,
    codes_of,
    counts,
    imported,
    leaning,
    on_plane,
    series,
    square,
    structures,
    turned,
)

from inklings.errors import ReaderError
from inklings.exports.rtstruct import keyholed
from inklings.geometry import Geometry
from inklings.readers import open_image
from inklings.readers.dicom_structures import Structure, StructureContour, fill, read_structures

shapely = pytest.importorskip("shapely", reason="shapely judges which centres lie within")

OBLONG = Geometry((6, 14, 30), (4.0, 2.5, 0.7), (-20.0, 8.0, -31.0))
GRIDS = {
    "axial": GRID,
    "oblong": OBLONG,
    "oblique": turned(33, 0),
    "sagittal": turned(90, 1),
    "upside down": turned(180, 2),
    "leaning": leaning(22),
}


def star(centre: tuple[float, float], outer: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, 17))
    radii = random.uniform(0.4 * outer, outer, 17)
    return np.array(centre) + np.stack([np.sin(angles) * radii, np.cos(angles) * radii], 1)


def judged(rings: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Centres within an odd number of rings, by shapely."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    odd = np.zeros(shape, bool)
    for ring in rings:
        inside = shapely.contains_xy(shapely.Polygon(ring), y.ravel(), x.ravel())
        odd ^= inside.reshape(shape)
    return odd


def shape_of(contours: Sequence[tuple[str, np.ndarray]], geometry: Geometry) -> object:
    outlines = tuple(StructureContour(kind, points) for kind, points in contours)
    return fill(Structure(1, "wall", outlines), geometry)


def closed(
    geometry: Geometry, place: float, ring: object, kind: str = "CLOSED_PLANAR"
) -> tuple[str, np.ndarray]:
    return kind, on_plane(geometry, place, ring)


def told(found: object) -> dict[str, int]:
    return {one.kind: one.count for one in found.remarks}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(GRIDS))
@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_stars_with_holes_and_islands_on_every_grid(name: str, kind: str, tmp_path: Path) -> None:
    geometry = GRIDS[name]
    files = series(tmp_path / "s" / "mr", geometry)
    size = geometry.shape[1:]
    middle = (size[0] / 2 + 0.137, size[1] / 2 - 0.211)
    expected = np.zeros(geometry.shape, bool)
    contours = []
    for place in (1, 2, 4):
        rings = [star(middle, 6.1, place), middle + np.array(square(-1.63, 1.71))]
        rings += [star((2.3, 2.4), 1.9, place + 9)]
        expected[place] = judged(rings, size)
        contours += [closed(geometry, place, ring, kind) for ring in rings]
    structures(tmp_path / "s" / "rs.dcm", files, [("wall", contours)])
    report = imported(tmp_path / "s", tmp_path / "c")
    np.testing.assert_array_equal(codes_of(report.cohort), expected)
    assert expected.sum() > 30
    assert {f.kind for f in report.findings} <= {"geometry", "unfilled planes", "outlines cross"}


@pytest.mark.parametrize("name", sorted(GRIDS))
def test_a_keyhole_says_the_same_as_an_outline_and_its_hole(name: str) -> None:
    geometry = GRIDS[name]
    outer, inner = np.array(square(1.3, 11.4)), np.array(square(4.2, 8.3))
    apart = shape_of([closed(geometry, 2, r) for r in (outer, inner)], geometry)
    rings = [np.concatenate([r, r[:1]])[:, ::-1] for r in (outer, inner)]
    joined = keyholed(rings)[:-1, ::-1]
    one = shape_of([closed(geometry, 2, joined)], geometry)
    np.testing.assert_array_equal(one.mask, apart.mask)
    assert one.mask.sum() == 10 * 10 - 4 * 4


def test_a_square_from_2_to_5_is_nine_samples_whatever_the_decimals(tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "mr")
    contour = closed(GRID, 3, square(2, 5))
    structures(tmp_path / "s" / "rs.dcm", files, [("wall", [contour])])
    mask = codes_of(imported(tmp_path / "s", tmp_path / "c").cohort)
    assert mask.sum() == 9
    assert mask[3, 2:5, 2:5].all()


@pytest.mark.parametrize("off", [-0.49, -0.3, 0.02, 0.3, 0.49])
def test_outlines_beside_a_slice_belong_to_the_nearest(off: float) -> None:
    found = shape_of([closed(GRID, 3 + off, square(2.5, 6.5))], GRID)
    assert np.flatnonzero(found.mask.any((1, 2))).tolist() == [3]
    assert told(found) == ({"outline moved": 1} if abs(off) > 0.05 else {})


def test_of_planes_between_slices_the_nearest_counts_and_the_others_are_told() -> None:
    contours = [closed(GRID, 3 + k / 5, square(2.5, 3.5 + k)) for k in range(6)]
    found = shape_of(contours, GRID)
    assert found.mask.sum((1, 2)).tolist()[3:5] == [1, 36]
    assert told(found) == {"outline between planes": 4}


def test_nothing_is_made_up_between_planes_that_were_drawn() -> None:
    found = shape_of([closed(GRID, k, square(2.5, 6.5)) for k in (1, 3, 6)], GRID)
    assert found.mask.any((1, 2)).tolist() == [k in (1, 3, 6) for k in range(8)]
    assert told(found) == {"unfilled planes": 3}


@pytest.mark.parametrize("place", [-0.7, -3, 7.8, 20])
def test_outlines_beyond_the_slices_are_told(place: float) -> None:
    found = shape_of([closed(GRID, place, square(2.5, 6.5))], GRID)
    assert not found.mask.any()
    assert told(found) == {"outline without plane": 1}


@pytest.mark.parametrize("shift", [-4, 15])
def test_outlines_that_leave_the_image_are_cut_and_told(shift: float) -> None:
    ring = np.array(square(2.5, 6.5)) + np.array([0, shift])
    found = shape_of([closed(GRID, 3, ring)], GRID)
    np.testing.assert_array_equal(found.mask[3], judged([ring], GRID.shape[1:]))
    assert told(found)["outside"] == 1


def test_an_outline_along_the_border_is_no_outline_that_leaves() -> None:
    y, x = GRID.shape[1] - 0.5, GRID.shape[2] - 0.5
    ring = [[-0.5, -0.5], [-0.5, x], [y, x], [y, -0.5]]
    found = shape_of([closed(GRID, 3, ring)], GRID)
    assert found.mask[3].all()
    assert told(found) == {}


@pytest.mark.parametrize(
    ("kind", "corners"),
    [("POINT", [[3, 3]]), ("OPEN_PLANAR", square(2, 6)), ("OPEN_NONPLANAR", square(2, 6)),
     ("CLOSED_PLANAR", [[2, 2], [4, 4]])],
)  # fmt: skip
def test_points_and_lines_close_nothing_and_are_told(kind: str, corners: list) -> None:
    found = shape_of([closed(GRID, 3, corners, kind), closed(GRID, 2, square(2.5, 6.5))], GRID)
    assert found.mask.sum((1, 2)).tolist() == [0, 0, 16, 0, 0, 0, 0, 0]
    assert told(found) == {"open outline": 1}


def test_an_outline_across_the_slices_is_told() -> None:
    points = GRID.to_points([[1, 3, 3], [1, 9, 3], [5, 9, 3], [5, 3, 3]])
    assert told(shape_of([("CLOSED_PLANAR", points)], GRID)) == {"outline across planes": 1}


def test_an_outline_that_is_there_twice_counts_once() -> None:
    ring = np.array(square(2.5, 6.5))
    pair = [closed(GRID, 3, ring), closed(GRID, 3, np.roll(ring, 1, axis=0)[::-1])]
    found = shape_of(pair, GRID)
    assert found.mask.sum() == 16
    assert told(found) == {"outline twice": 1}


def test_outlines_that_cross_leave_out_what_lies_in_both_and_say_so() -> None:
    ring = np.array(square(2.5, 6.5))
    found = shape_of([closed(GRID, 3, ring), closed(GRID, 3, ring + 2)], GRID)
    assert found.mask.sum() == 16 + 16 - 2 * 4
    assert told(found) == {"outlines cross": 1}


def test_an_outline_thinner_than_a_sample_is_told() -> None:
    thin = [[2.2, 2], [2.2, 9], [2.8, 9], [2.8, 2]]
    found = shape_of([closed(GRID, 3, thin)], GRID)
    assert not found.mask.any()
    assert told(found) == {"thin outline": 1}


def test_regions_of_one_name_are_one_class_and_overlap_is_counted(tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "mr")
    regions = [
        ("body", [closed(GRID, 3, square(0.5, 14.5))]),
        ("gland", [closed(GRID, 3, square(2.5, 4.5))]),
        ("gland", [closed(GRID, 3, square(8.5, 10.5))]),
        ("nothing", []),
    ]
    structures(tmp_path / "s" / "rs.dcm", files, regions)
    report = imported(tmp_path / "s", tmp_path / "c")
    assert counts(report.cohort)["T1"] == {"body": 196 - 8, "gland": 8, "nothing": 0}
    assert {f.kind: f.count for f in report.findings} == {"overlap": 8, "empty mask": 1}
    kept = imported(tmp_path / "s", tmp_path / "d", kept=("gland",))
    assert counts(kept.cohort)["T1"] == {"gland": 8}


def without_references(said: pydicom.Dataset) -> None:
    del said.ReferencedFrameOfReferenceSequence


def test_a_structure_set_belongs_to_what_it_names_or_to_its_frame(tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "p", key="p")
    series(tmp_path / "s" / "q", key="q", number=2, patient="Q")
    region = [("wall", [closed(GRID, 3, square(2.5, 6.5))])]
    for name, change in (("named", None), ("framed", without_references)):
        structures(tmp_path / "s" / "q" / "rs.dcm", files, region, change)
        report = imported(tmp_path / "s", tmp_path / name)
        assert counts(report.cohort) == {"T1": {"wall": 16}}
        matched = {f.kind for f in report.findings}
        assert matched == (set() if change is None else {"matched by place"})


def test_names_in_other_letters_come_in(tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "mr")

    def change(said: pydicom.Dataset) -> None:
        said.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
        said.StructureSetROISequence[0].ROIName = "肝臓"

    region = [("x", [closed(GRID, 3, square(2.5, 6.5))])]
    structures(tmp_path / "s" / "rs.dcm", files, region, change)
    assert counts(imported(tmp_path / "s", tmp_path / "c").cohort) == {"T1": {"肝臓": 16}}


def test_a_structure_set_is_no_image_and_the_refusal_says_what_to_do(tmp_path: Path) -> None:
    files = series(tmp_path / "mr")
    region = [("wall", [closed(GRID, 3, square(2.5, 6.5))])]
    path = structures(tmp_path / "rs.dcm", files, region)
    with pytest.raises(ReaderError, match=r"outlines \(wall\) and no samples; .*import dicom"):
        open_image(path)
    with pytest.raises(ReaderError, match="expected a DICOM RT Structure Set"):
        read_structures(Path(files[0].filename))


@pytest.mark.parametrize("geometry", [GRID, OBLONG], ids=["square", "oblong"])
def test_what_rt_utils_writes_is_filled_where_its_millimetres_lie(
    geometry: Geometry, tmp_path: Path
) -> None:
    """rt-utils 1.2.7 takes rows for columns in the spacing: its points are what counts."""
    utils = pytest.importorskip("rt_utils", reason="rt-utils writes a structure set")
    files = series(tmp_path / "s" / "mr", geometry)
    mask = np.zeros(geometry.shape, bool)
    mask[2:4, 3:9, 4:12] = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = utils.RTStructBuilder.create_new(dicom_series_path=str(tmp_path / "s" / "mr"))
        made.add_roi(mask=np.moveaxis(mask, 0, -1), name="box")
        made.save(str(tmp_path / "s" / "rs.dcm"))
    said = pydicom.dcmread(tmp_path / "s" / "rs.dcm")
    expected = np.zeros(geometry.shape, bool)
    across, down = np.array(files[0].ImageOrientationPatient, float).reshape(2, 3)
    y_mm, x_mm = map(float, files[0].PixelSpacing)
    for contour in said.ROIContourSequence[0].ContourSequence:
        points = np.array(contour.ContourData, float).reshape(-1, 3)
        places = [np.array(file.ImagePositionPatient, float) for file in files]
        place = int(np.abs([p[2] - points[0, 2] for p in places]).argmin())
        away = points - places[place]
        ring = np.column_stack([away @ down / y_mm, away @ across / x_mm])
        # Edges run through centres here, where the lower end of an axis counts.
        low, high = ring.min(0), ring.max(0)
        rows, columns = (slice(max(0, int(np.ceil(a - 1e-3))), max(0, int(np.ceil(b - 1e-3))))
                         for a, b in zip(low, high, strict=True))  # fmt: skip
        expected[place, rows, columns] = True
    report = imported(tmp_path / "s", tmp_path / "c")
    np.testing.assert_array_equal(codes_of(report.cohort), expected)
    leaves = "outside" in {f.kind for f in report.findings}
    assert leaves == (geometry is OBLONG)
