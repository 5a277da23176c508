"""Labels as arrays: hand-counted areas, and errors that say both sides."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy import ndimage

from inklings.cohorts.case import Case
from inklings.cohorts.rasterise import annotate
from inklings.errors import LabelError
from inklings.geometry import Geometry
from inklings.labels.files import write_mask
from inklings.labels.kinds import (
    IRRELEVANT,
    BagLabel,
    BallLabel,
    BoxLabel,
    Label,
    MaskLabel,
    PointLabel,
    PolygonLabel,
)
from inklings.labels.marks import Annotation

CLASSES = ("nucleus", "lumen")


def drawn(*labels: Label, shape: tuple[int, ...] = (20, 30), **options: str) -> Annotation:
    case = Case("c1", "p1", {"image": Path("image.png")}, labels)
    return annotate(case, "image", Geometry(shape), CLASSES, **options)


def mask(path: Path, array: np.ndarray, kind: str = "classes", extent: str = "complete") -> Label:
    write_mask(path, array)
    return MaskLabel(path, "image", kind, CLASSES if kind == "classes" else CLASSES[:1], extent)


def test_box_covers_its_samples_and_is_exhaustive() -> None:
    a = drawn(BoxLabel("image", "lumen", (2, 3), (6, 10)))
    assert (a.category == 2).sum() == 4 * 7
    assert a.objects[2, 3] == a.objects[5, 9] == 1
    assert a.objects[6, 9] == 0
    assert a.known.all()
    assert a.exhaustive
    assert a.separated


def test_ellipse_rule_knows_the_middle_and_the_outside_of_a_box() -> None:
    a = drawn(BoxLabel("image", "nucleus", (4, 4), (16, 24)), boxes="ellipse")
    # ellipse with half axes 3 and 5 about (9.5, 13.5)
    expected = sum(
        ((y - 9.5) / 3) ** 2 + ((x - 13.5) / 5) ** 2 <= 1 for y in range(20) for x in range(30)
    )
    assert (a.category == 1).sum() == expected
    assert (~a.known).sum() == 12 * 20 - expected


@pytest.mark.parametrize("side", [1, 2, 3])
def test_ellipse_of_the_smallest_boxes_is_not_empty(side: int) -> None:
    a = drawn(BoxLabel("image", "nucleus", (4, 4), (4 + side, 4 + side)), boxes="ellipse")
    assert a.category.any()


def test_small_box_shows_on_a_large_one_whatever_the_order() -> None:
    small = BoxLabel("image", "lumen", (5, 5), (7, 7))
    large = BoxLabel("image", "nucleus", (2, 2), (12, 12))
    for labels in [(small, large), (large, small)]:
        a = drawn(*labels)
        assert (a.category == 2).sum() == 4
        assert (a.category == 1).sum() == 96


def test_point_is_a_disc_and_the_rest_is_unknown() -> None:
    a = drawn(PointLabel("image", "nucleus", (8, 8)))
    assert (a.category == 1).sum() == 21  # centres within 2.5 of the middle one
    assert (a.known == (a.category > 0)).all()
    assert not a.exhaustive


def test_point_with_a_diameter_at_the_corner_is_cut_by_the_grid() -> None:
    a = drawn(PointLabel("image", "nucleus", (0, 0), 4.0))
    assert (a.category == 1).sum() == 6  # the quarter of a disc of radius 2 with its axes


def test_polygon_fills_by_the_even_odd_rule() -> None:
    square = ((-0.5, -0.5), (-0.5, 3.5), (3.5, 3.5), (3.5, -0.5))
    assert drawn(PolygonLabel("image", "nucleus", square)).category.sum() == 16
    triangle = ((0.5, 0.5), (0.5, 8.6), (8.6, 0.5))
    a = drawn(PolygonLabel("image", "nucleus", triangle))
    assert (a.category == 1).sum() == 36  # 8 + 7 + ... + 1
    bow = ((1.5, 1.5), (1.5, 9.5), (9.5, 1.5), (9.5, 9.5))
    assert drawn(PolygonLabel("image", "nucleus", bow)).category[5, 1] == 0


def test_polygon_beyond_the_grid_is_cut() -> None:
    square = ((-5.5, -5.5), (-5.5, 3.5), (3.5, 3.5), (3.5, -5.5))
    assert drawn(PolygonLabel("image", "nucleus", square)).category.sum() == 16


def test_instances_keep_their_numbers(tmp_path: Path) -> None:
    array = np.zeros((20, 30), np.uint16)
    array[2:4, 2:4], array[4:6, 2:4] = 7, 300
    a = drawn(mask(tmp_path / "m.png", array, "instances"))
    assert set(np.unique(a.objects)) == {0, 7, 300}
    assert a.separated
    assert a.known.all()


def test_objects_of_a_class_mask_are_components_and_not_separated(tmp_path: Path) -> None:
    array = np.zeros((20, 30), np.uint8)
    array[2:4, 2:4], array[4:6, 4:6], array[2:4, 4:6], array[15:, 20:] = 1, 1, 2, 1
    a = drawn(mask(tmp_path / "m.png", array))
    assert len(np.unique(a.objects)) == 4  # corners join, classes do not
    assert a.objects[2, 2] == a.objects[5, 5] != a.objects[2, 5]
    assert not a.separated


def test_positives_are_known_only_where_marked(tmp_path: Path) -> None:
    array = np.zeros((20, 30), np.uint8)
    array[:5, :5] = 1
    a = drawn(mask(tmp_path / "m.png", array, extent="positives"))
    assert a.known.sum() == 25
    assert not a.exhaustive


def test_largest_value_of_a_partial_mask_is_unlabelled(tmp_path: Path) -> None:
    for kind, dtype, name in [("classes", np.uint8, "a.png"), ("instances", np.uint16, "b.png")]:
        array = np.full((20, 30), np.iinfo(dtype).max, dtype)
        array[:5, :5], array[5:10, :5] = 1, 0
        a = drawn(mask(tmp_path / name, array, kind, "partial"))
        assert a.known.sum() == 50
        assert (a.category == 1).sum() == 25
        assert not a.exhaustive


def test_a_mask_stands_over_boxes_and_boxes_over_points(tmp_path: Path) -> None:
    array = np.full((20, 30), 255, np.uint8)
    array[:10] = 0
    array[0, 0] = 1
    a = drawn(
        PointLabel("image", "lumen", (5, 5)),
        BoxLabel("image", "nucleus", (8, 8), (12, 12)),
        mask(tmp_path / "m.png", array, extent="partial"),
    )
    assert a.category[5, 5] == 0  # the mask says background
    assert (a.category == 1).sum() == 1 + 2 * 4  # its own sample, and the box below row 10
    assert a.known.all()  # boxes are exhaustive
    assert a.objects[0, 0] != a.objects[10, 8]


def test_masks_of_several_files_add_up(tmp_path: Path) -> None:
    one = np.zeros((20, 30), np.uint16)
    two = one.copy()
    one[0, :3], two[5, :4] = 1, 1
    write_mask(tmp_path / "2.png", two)
    a = drawn(
        mask(tmp_path / "1.png", one, "instances"),
        MaskLabel(tmp_path / "2.png", "image", "instances", ("lumen",)),
    )
    assert (a.category == 1).sum() == 3
    assert (a.category == 2).sum() == 4
    assert len(np.unique(a.objects)) == 3


def test_codes_follow_the_names_of_the_label_not_its_order(tmp_path: Path) -> None:
    write_mask(tmp_path / "m.png", np.full((20, 30), 1, np.uint8))
    a = drawn(MaskLabel(tmp_path / "m.png", "image", "classes", ("lumen",)))
    assert (a.category == 2).all()


def test_wrong_shape_names_both_shapes_and_the_case(tmp_path: Path) -> None:
    label = mask(tmp_path / "m.png", np.zeros((9, 7), np.uint8))
    with pytest.raises(LabelError, match=r"case c1: m.png.*\(20, 30\).*\(9, 7\)"):
        drawn(label)


def test_unexpected_codes_are_listed(tmp_path: Path) -> None:
    array = np.zeros((20, 30), np.uint8)
    array[0, :2] = 3, 255
    with pytest.raises(LabelError, match=r"codes 0\.\.2 \(nucleus, lumen\), got 3, 255"):
        drawn(mask(tmp_path / "m.png", array))


def test_unknown_class_wrong_dimensions_and_no_label_are_explained() -> None:
    with pytest.raises(LabelError, match="expected one of the classes nucleus, lumen, got 'liver'"):
        drawn(BoxLabel("image", "liver", (0, 0), (2, 2)))
    with pytest.raises(LabelError, match=r"box of 2 coordinates.*got 3"):
        drawn(BoxLabel("image", "lumen", (0, 0, 0), (2, 2, 2)))
    with pytest.raises(LabelError, match="case c1: expected a mask, polygon, box or point"):
        drawn(BagLabel("nucleus", True))


def test_colours_are_not_taken_for_classes(tmp_path: Path) -> None:
    Pillow.new("RGB", (30, 20)).save(tmp_path / "m.png")
    with pytest.raises(LabelError, match="one plane of whole numbers"):
        drawn(MaskLabel(tmp_path / "m.png", "image", "classes", CLASSES))


def test_boxes_and_points_work_in_volumes() -> None:
    a = drawn(
        BoxLabel("image", "nucleus", (0, 0, 0), (2, 3, 4)),
        PointLabel("image", "lumen", (6, 6, 6), 2.0),
        shape=(10, 10, 10),
    )
    assert (a.category == 1).sum() == 24
    assert (a.category == 2).sum() == 7  # the centre and its six neighbours


def test_ball_of_20_mm_has_its_volume_on_any_grid_and_irrelevant_ones_are_not_drawn() -> None:
    geometry = Geometry((30, 60, 60), (2.0, 1.0, 1.0), (-10.0, 5.0, 100.0), frame="a")
    centre = tuple(geometry.to_points([15.0, 30.0, 20.0]).tolist())
    labels = (
        BallLabel("ct", "nucleus", centre, 20.0, True, (4, 5)),
        BallLabel("ct", IRRELEVANT, tuple(geometry.to_points([5.0, 5.0, 5.0]).tolist())),
    )
    case = Case("c1", "p1", {"ct": Path("a.mhd")}, labels)
    a = annotate(case, "ct", geometry, CLASSES)
    assert (a.category == 1).sum() * 2.0 == pytest.approx(np.pi / 6 * 20**3, rel=0.03)
    assert a.objects.max() == 1
    assert a.category[15, 30, 20] == 1
    assert not a.exhaustive


def _components(codes: np.ndarray) -> np.ndarray:
    """Class by class over the whole grid, as they are defined."""
    numbers = np.zeros(codes.shape, np.int32)
    for code in range(1, int(codes.max()) + 1):
        found, _ = ndimage.label(codes == code, np.ones((3,) * codes.ndim))
        numbers[found > 0] = found[found > 0] + numbers.max()
    return numbers


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("extent", ["complete", "partial", "positives", "correction"])
def test_objects_of_two_masks_are_what_their_definition_says(
    tmp_path: Path, seed: int, extent: str
) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.choice([0, 1, 2], (12, 14), p=[0.6, 0.25, 0.15]).astype(np.uint8)
    above = rng.choice([0, 0, 1, 2, 255 if extent in ("partial", "correction") else 0], (12, 14))
    above = above.astype(np.uint8)
    labels = [mask(tmp_path / "a.png", codes), mask(tmp_path / "b.png", above, extent=extent)]
    found = drawn(*labels, shape=(12, 14))
    objects, category = _components(codes), codes.copy()
    upper = np.where(above == 255, 0, above).astype(np.uint8)
    if extent == "correction":
        objects[above != 255], category[above != 255] = 0, 0
    numbers = _components(upper)
    here = upper > 0
    objects[here] = numbers[here] + objects.max()
    category[here] = upper[here]
    assert np.array_equal(found.objects, objects)
    assert np.array_equal(found.category, category)
    assert found.known.all()
    assert found.objects.dtype == np.int32


def test_components_are_told_apart_only_where_objects_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = np.zeros((12, 14), np.uint8)
    codes[2:4, 2:4] = codes[7:9, 7:9] = 2
    found = drawn(mask(tmp_path / "a.png", codes), shape=(12, 14))
    calls = []
    label = ndimage.label
    monkeypatch.setattr(ndimage, "label", lambda *a: calls.append(a[0].shape) or label(*a))
    assert found.category.max() == 2
    assert not calls
    assert found.objects.max() == 2
    assert found.objects is found.objects
    assert calls == [(7, 7)]  # the box around the class
