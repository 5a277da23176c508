from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.cohorts.region import annotate_overview, annotate_region, overview_factor
from inklings.errors import LabelError
from inklings.geometry import Region
from inklings.labels.kinds import BoxLabel, Label, MaskLabel, PointLabel, PolygonLabel
from inklings.testing.slides import write_levels

SHAPE = (612, 836)
SQUARE = ((99.5, 199.5), (99.5, 599.5), (499.5, 599.5), (499.5, 199.5))
HOLE = ((199.5, 299.5), (199.5, 399.5), (299.5, 399.5), (299.5, 299.5))


def case(tmp_path: Path, *labels: Label) -> Case:
    path = tmp_path / "slide.tif"
    if not path.exists():
        slide = np.full((*SHAPE, 3), 220, np.uint8)
        write_levels(path, [slide, slide[::4, ::4]])
    return Case("a", "a", {"slide": path}, labels)


def codes() -> np.ndarray:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 4, (SHAPE[0] // 17 + 1, SHAPE[1] // 17 + 1)).astype(np.uint8)
    return small.repeat(17, 0).repeat(17, 1)[: SHAPE[0], : SHAPE[1]]


@pytest.mark.parametrize("suffix", [".tif", ".png", ".npy"])
@pytest.mark.parametrize("factor", [1.0, 2.0, 3.3, 16.0])
def test_a_mask_on_a_coarser_grid_is_the_code_under_each_centre(
    tmp_path: Path, suffix: str, factor: float
) -> None:
    mask = codes()
    path = tmp_path / f"mask{suffix}"
    if suffix == ".tif":
        planes = np.dstack([mask, np.zeros_like(mask), np.zeros_like(mask)])
        write_levels(path, [planes, planes[2::4, 2::4]])
    elif suffix == ".png":
        Pillow.fromarray(mask).save(path)
    else:
        np.save(path, mask)
    subject = case(
        tmp_path, MaskLabel(path, "slide", "classes", ("stroma", "background", "tumour"))
    )
    view = open_case(subject).shrunk(factor)
    region = Region((3, 5), (view.geometry.shape[0] - 7, view.geometry.shape[1] - 9))
    found = annotate_region(subject, "slide", view.geometry, region, ("tumour", "stroma"))
    rows, columns = (
        np.minimum(((np.arange(s, s + n) + 0.5) * factor).astype(int), m - 1)
        for s, n, m in zip(region.start, region.size, SHAPE, strict=True)
    )
    wanted = np.array([0, 2, 0, 1], np.uint8)[mask[rows][:, columns]]
    exact = (found.category == wanted).mean()
    if factor == int(factor) and not (suffix == ".tif" and factor > 4):
        assert exact == 1.0
    else:  # at borders between codes: a coarser level has kept a neighbour within its pixel
        assert exact > 0.8
    assert found.known.all()
    assert found.exhaustive


def test_a_mask_may_be_much_coarser_than_its_slide(tmp_path: Path) -> None:
    small = np.zeros((38, 52), np.uint8)
    small[10:20, 10:20] = 1
    Pillow.fromarray(small).save(tmp_path / "m.png")
    subject = case(tmp_path, MaskLabel(tmp_path / "m.png", "slide", "classes", ("tumour",)))
    view = open_case(subject).shrunk(4.0)
    found = annotate_region(subject, "slide", view.geometry, view.geometry.full, ("tumour",))
    rows, columns = np.nonzero(found.category)
    assert (rows.min(), rows.max()) == pytest.approx((40, 80), abs=1)
    assert (columns.min(), columns.max()) == pytest.approx((40, 80), abs=1)


def test_the_mask_of_another_slide_is_refused(tmp_path: Path) -> None:
    Pillow.fromarray(np.zeros((50, 52), np.uint8)).save(tmp_path / "m.png")
    subject = case(tmp_path, MaskLabel(tmp_path / "m.png", "slide", "classes", ("tumour",)))
    view = open_case(subject).shrunk(4.0)
    with pytest.raises(LabelError, match="other proportions; give the mask of this slide"):
        annotate_region(subject, "slide", view.geometry, view.geometry.full, ("tumour",))


@pytest.mark.parametrize("factor", [1.0, 2.0, 4.0, 5.7])
def test_outlines_with_holes_keep_their_area_on_any_grid(tmp_path: Path, factor: float) -> None:
    subject = case(tmp_path, PolygonLabel("slide", "tumour", SQUARE, (HOLE,)))
    view = open_case(subject).shrunk(factor)
    found = annotate_region(subject, "slide", view.geometry, view.geometry.full, ("tumour",))
    area = found.category.sum() * factor**2
    assert area == pytest.approx(400 * 400 - 100 * 100, rel=0.02)
    assert found.known.all()


@pytest.mark.parametrize("factor", [1.0, 2.0, 5.7])
def test_regions_of_marks_are_parts_of_the_whole(tmp_path: Path, factor: float) -> None:
    subject = case(
        tmp_path,
        PolygonLabel("slide", "tumour", SQUARE, (HOLE,)),
        BoxLabel("slide", "stroma", (20, 30), (90, 700)),
        PointLabel("slide", "tumour", (560.0, 700.0), 21.0),
    )
    view = open_case(subject).shrunk(factor)
    classes = ("stroma", "tumour")
    whole = annotate_region(subject, "slide", view.geometry, view.geometry.full, classes)
    height, width = view.geometry.shape
    for y in range(0, height, 73):
        for x in range(0, width, 61):
            size = (min(73, height - y), min(61, width - x))
            part = annotate_region(subject, "slide", view.geometry, Region((y, x), size), classes)
            here = slice(y, y + size[0]), slice(x, x + size[1])
            np.testing.assert_array_equal(part.category, whole.category[here])
            np.testing.assert_array_equal(part.known, whole.known[here])


def test_a_region_that_no_outline_reaches_is_known_to_hold_nothing(tmp_path: Path) -> None:
    subject = case(tmp_path, PolygonLabel("slide", "tumour", SQUARE))
    view = open_case(subject).shrunk(1.0)
    found = annotate_region(subject, "slide", view.geometry, Region((0, 0), (50, 50)), ("tumour",))
    assert found.known.all()
    assert not found.category.any()


def test_beyond_the_border_nothing_is_known(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.ones(SHAPE, np.uint8))
    subject = case(tmp_path, MaskLabel(tmp_path / "m.npy", "slide", "classes", ("tumour",)))
    view = open_case(subject).shrunk(2.0)
    found = annotate_region(
        subject, "slide", view.geometry, Region((-5, 400), (20, 40)), ("tumour",)
    )
    assert found.known.sum() == 15 * 18
    assert (found.category > 0).sum() == 15 * 18


def test_points_alone_leave_the_rest_unknown(tmp_path: Path) -> None:
    subject = case(tmp_path, PointLabel("slide", "tumour", (300.0, 300.0), 40.0))
    view = open_case(subject).shrunk(4.0)
    found = annotate_region(subject, "slide", view.geometry, view.geometry.full, ("tumour",))
    assert found.known.sum() * 16 == pytest.approx(np.pi * 20**2, rel=0.1)
    assert not found.exhaustive


def test_unlabelled_slides_are_told_by_name(tmp_path: Path) -> None:
    subject = case(tmp_path)
    view = open_case(subject).shrunk(4.0)
    with pytest.raises(LabelError, match="case a: expected a mask, polygon, box or point"):
        annotate_region(subject, "slide", view.geometry, view.geometry.full, ("tumour",))


def test_codes_beyond_those_that_are_named_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.full(SHAPE, 3, np.uint8))
    subject = case(tmp_path, MaskLabel(tmp_path / "m.npy", "slide", "classes", ("a", "tumour")))
    view = open_case(subject).shrunk(4.0)
    with pytest.raises(LabelError, match=r"expected codes 0\.\.2"):
        annotate_region(subject, "slide", view.geometry, view.geometry.full, ("a", "tumour"))


def test_an_overview_of_a_slide_fits_into_memory(tmp_path: Path) -> None:
    assert overview_factor((8000, 4000)) == 16
    assert overview_factor((100_000, 90_000)) == 32
    np.save(tmp_path / "m.npy", np.ones(SHAPE, np.uint8))
    subject = case(tmp_path, MaskLabel(tmp_path / "m.npy", "slide", "classes", ("tumour",)))
    assert annotate_overview(subject, "slide", ("tumour",)).category.shape == (38, 52)


def test_a_cohort_on_disk_keeps_holes_and_stated_spacing(tmp_path: Path) -> None:
    subject = case(tmp_path, PolygonLabel("slide", "tumour", SQUARE, (HOLE,)))
    stated = Case("b", "b", subject.images, subject.labels, facts={"spacing_um": "0.25"})
    Cohort("c", (subject, stated), ("tumour",)).write(tmp_path / "c")
    first, second = Cohort.read(tmp_path / "c")
    assert first.labels == subject.labels
    assert open_case(first).geometry.spacing is None
    assert open_case(second).geometry.spacing == (0.00025, 0.00025)
