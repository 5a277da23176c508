"""Contract of every supervision, and what each makes of each kind of label."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.case import Case
from inklings.cohorts.rasterise import annotate
from inklings.errors import LabelError, SpecError
from inklings.geometry import Geometry, Region
from inklings.labels.files import write_mask
from inklings.labels.kinds import BagLabel, BoxLabel, Label, MaskLabel, PointLabel, PolygonLabel
from inklings.supervision import SUPERVISIONS
from inklings.supervision.base import Target

GRID = Geometry((24, 32))
CLASSES = ("nucleus",)


def case(*labels: Label) -> Case:
    return Case("c1", "p1", {"image": Path("image.png")}, labels)


@pytest.fixture
def mask(tmp_path: Path) -> Callable[[str], MaskLabel]:
    """A mask of one square object of 8 x 8 of the given extent; partial: left half labelled."""

    def make(extent: str) -> MaskLabel:
        array = np.zeros(GRID.shape, np.uint16)
        array[4:12, 4:12] = 1
        if extent == "partial":
            array[:, 16:] = 65535
        write_mask(tmp_path / f"{extent}.png", array)
        return MaskLabel(tmp_path / f"{extent}.png", "image", "instances", CLASSES, extent)

    return make


def target(name: str, *labels: Label, cores: bool = False) -> Target:
    build = SUPERVISIONS.build(name, {"classes": CLASSES, "cores": cores})
    return build.target(case(*labels), GRID)


@pytest.mark.parametrize("cores", [False, True])
@pytest.mark.parametrize("name", sorted(set(SUPERVISIONS) - {"bag"}))
@pytest.mark.parametrize("kind", ["complete", "partial", "positives", "box", "point", "polygon"])
def test_known_is_never_true_where_nothing_was_annotated(
    name: str, kind: str, cores: bool, mask: Callable[[str], MaskLabel]
) -> None:
    marks: dict[str, Label] = {
        "box": BoxLabel("image", "nucleus", (4, 4), (12, 12)),
        "point": PointLabel("image", "nucleus", (8, 8)),
        "polygon": PolygonLabel("image", "nucleus", ((4, 4), (4, 12), (12, 8))),
    }
    label = marks.get(kind) or mask(kind)
    said = annotate(case(label), "image", GRID, CLASSES).known
    try:
        told = target(name, label, cores=cores)
    except (LabelError, SpecError):
        point = kind == "point"
        refused = {"full": True, "boxes": cores or point, "points": cores or not point}
        assert refused.get(name)
        return
    assert not (told.known[0] & ~said).any()
    assert told.value.shape == (1 + cores, *GRID.shape)
    assert told.value.dtype == np.uint8
    assert not told.value[:, ~told.known[0]].any()
    assert (told.value[-1] <= told.value[0]).all()


def test_full_tells_everything_and_names_the_case_when_it_cannot(
    mask: Callable[[str], MaskLabel],
) -> None:
    told = target("full", mask("complete"))
    assert told.known[0].all()
    assert told.value.sum() == 64 * 255
    for extent, share in [("partial", "50.0%"), ("positives", "8.3%")]:
        with pytest.raises(LabelError, match=f"case c1.*'full'.*{share}.*supervision 'auto'"):
            target("full", mask(extent))


def test_partial_boxes_are_half_an_ellipse_an_unknown_rim_and_a_known_outside() -> None:
    told = target("partial", BoxLabel("image", "nucleus", (4, 4), (20, 20)))
    positive = told.value[0] == 255
    assert positive.sum() == pytest.approx(np.pi * 4 * 4, rel=0.1)
    assert told.known[0].sum() == 24 * 32 - 16 * 16 + positive.sum()


def test_positive_unlabelled_never_states_a_negative(mask: Callable[[str], MaskLabel]) -> None:
    for extent in ("complete", "positives", "partial"):
        told = target("positive_unlabelled", mask(extent))
        assert (told.known[0] == (told.value[0] == 255)).all()
        assert told.known[0].sum() == 64


@pytest.mark.parametrize(
    ("extent", "like"),
    [("complete", "full"), ("partial", "partial"), ("positives", "positive_unlabelled")],
)
def test_auto_goes_by_the_labels_of_the_case(
    extent: str, like: str, mask: Callable[[str], MaskLabel]
) -> None:
    auto, other = (target(n, mask(extent), cores=True) for n in ("auto", like))
    assert (auto.known == other.known).all()
    assert (auto.value == other.value).all()


def test_auto_makes_negatives_of_absence_and_nothing_of_presence() -> None:
    assert target("auto", BagLabel("nucleus", False)).known.all()
    assert not target("auto", BagLabel("nucleus", False)).value.any()
    assert not target("auto", BagLabel("nucleus", True)).known.any()
    assert not target("auto").known.any()
    assert not target("auto", BagLabel("something else", False)).known.any()


def test_absence_is_known_of_the_classes_that_are_absent_and_of_no_other() -> None:
    auto = SUPERVISIONS.build("auto", {"classes": ("a", "b")})
    told = auto.target(case(BagLabel("a", False)), GRID)
    assert told.known_of(0).all()
    assert not told.known_of(1).any()
    assert auto.target(case(BagLabel("a", False), BagLabel("b", False)), GRID).known.all()
    drawn = auto.target(case(PointLabel("image", "b", (8, 8)), BagLabel("a", False)), GRID)
    assert drawn.known_of(0).all()
    assert 0 < drawn.known_of(1).sum() < drawn.known_of(0).sum()


@pytest.mark.parametrize("name", ["auto", "partial", "positive_unlabelled", "scribbles"])
@pytest.mark.parametrize("cores", [False, True])
def test_of_classes_that_a_case_does_not_annotate_only_what_was_drawn_is_known(
    name: str, cores: bool
) -> None:
    made = SUPERVISIONS.build(name, {"classes": ("a", "b", "c"), "cores": cores})
    whole = case(
        BoxLabel("image", "a", (2, 2), (10, 10)), BoxLabel("image", "b", (12, 12), (20, 20))
    )
    told = made.target(dataclasses.replace(whole, annotates=("a",)), GRID)
    full = made.target(whole, GRID)
    np.testing.assert_array_equal(told.value, full.value)
    np.testing.assert_array_equal(told.known_of(0), full.known_of(0))
    np.testing.assert_array_equal(told.known_of(1), full.positive(1))
    assert not told.known_of(2).any()
    assert len(full.known) == 1


def test_full_refuses_a_case_that_annotates_a_part_of_the_classes() -> None:
    full = SUPERVISIONS.build("full", {"classes": ("a", "b")})
    one = dataclasses.replace(case(BoxLabel("image", "a", (2, 2), (10, 10))), annotates=("a",))
    with pytest.raises(LabelError, match="labels of a alone of a, b; use supervision 'auto'"):
        full.target(one, GRID)


def test_auto_refuses_labels_that_deny_each_other() -> None:
    with pytest.raises(LabelError, match="case c1: labels mark 'nucleus' and a bag label"):
        target("auto", PointLabel("image", "nucleus", (8, 8)), BagLabel("nucleus", False))


def test_one_cohort_mixes_full_partial_boxes_points_and_bags(
    mask: Callable[[str], MaskLabel],
) -> None:
    cases = [
        (mask("complete"),),
        (mask("partial"),),
        (BoxLabel("image", "nucleus", (4, 4), (12, 12)),),
        (PointLabel("image", "nucleus", (8, 8)),),
        (BagLabel("nucleus", True),),
        (BagLabel("nucleus", False),),
    ]
    known = [int(target("auto", *labels, cores=True).known.sum()) for labels in cases]
    disc, ellipse, everything = 21, 12, 24 * 32
    assert known == [everything, everything // 2, everything - 64 + ellipse, disc, 0, everything]


def test_several_labels_of_a_case_add_up(mask: Callable[[str], MaskLabel]) -> None:
    told = target("auto", mask("partial"), PointLabel("image", "nucleus", (20, 25)))
    assert told.known[0].sum() == 24 * 16 + 21
    assert (told.value[0] == 255).sum() == 64 + 21


def test_cores_part_touching_objects(tmp_path: Path) -> None:
    array = np.zeros(GRID.shape, np.uint16)
    array[4:12, 4:12], array[4:12, 12:20] = 1, 2
    write_mask(tmp_path / "m.png", array)
    label = MaskLabel(tmp_path / "m.png", "image", "instances", CLASSES)
    told = target("full", label, cores=True)
    assert SUPERVISIONS.build("full", {"classes": CLASSES, "cores": True}).channels == (
        "nucleus",
        "core",
    )
    # the largest depth of an 8 x 8 square is 4, so samples of depth 3 and 4 are core
    assert (told.value[1] == 255).sum() == 2 * 4 * 4
    assert not told.value[1][:, 10:14].any()


def test_cores_of_a_class_mask_are_those_of_its_components(tmp_path: Path) -> None:
    array = np.zeros(GRID.shape, np.uint8)
    array[4:12, 4:12], array[14:17, 20:23] = 1, 1
    write_mask(tmp_path / "m.png", array)
    told = target("full", MaskLabel(tmp_path / "m.png", "image", "classes", CLASSES), cores=True)
    assert (told.value[1] == 255).sum() == 16 + 1


def test_classes_have_a_channel_each(tmp_path: Path) -> None:
    array = np.zeros(GRID.shape, np.uint8)
    array[0], array[1:3] = 1, 2
    write_mask(tmp_path / "m.png", array)
    label = MaskLabel(tmp_path / "m.png", "image", "classes", ("a", "b"))
    told = SUPERVISIONS.build("auto", {"classes": ("a", "b")}).target(case(label), GRID)
    assert [(channel == 255).sum() for channel in told.value] == [32, 64]


def test_labels_on_two_images_are_refused() -> None:
    labels = (PointLabel("t1", "nucleus", (1, 1)), PointLabel("t2", "nucleus", (1, 1)))
    with pytest.raises(LabelError, match="expected labels on one image, got labels on t1, t2"):
        target("auto", *labels)


def test_a_bag_label_is_said_of_every_sample_and_masks_are_not_looked_at() -> None:
    bag = SUPERVISIONS.build("bag", {"classes": ("a", "b")})
    labels = (BagLabel("a", True), BagLabel("b", False), PointLabel("image", "b", (3, 3)))
    told = bag.target(case(*labels), GRID)
    assert told.known[0].all()
    assert told.value[0].min() == 255
    assert told.value[1].max() == 0
    with pytest.raises(LabelError, match="case c1: expected a bag label for b, got none"):
        bag.target(case(BagLabel("a", True)), GRID)


@pytest.mark.parametrize("name", sorted(set(SUPERVISIONS) - {"bag", "points"}))
def test_a_region_is_told_what_the_whole_is_told_there(
    name: str, mask: Callable[[str], MaskLabel]
) -> None:
    supervision = SUPERVISIONS.build(name, {"classes": CLASSES})
    region = Region((3, 5), (11, 20))
    whole = supervision.target(case(mask("complete")), GRID)
    part = supervision.target(case(mask("complete")), GRID, region)
    assert (part.value == whole.value[:, 3:14, 5:25]).all()
    assert (part.known == whole.known[:, 3:14, 5:25]).all()
