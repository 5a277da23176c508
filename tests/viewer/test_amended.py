import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.rasterise import annotate
from inklings.errors import DataError, LabelError
from inklings.evaluation.truth import truth
from inklings.geometry import Geometry
from inklings.labels.corrections import Correction, Shape, add_correction, shape_of
from inklings.labels.kinds import BagLabel, Label, MaskLabel, PolygonLabel
from inklings.simulation.chain import Chain
from inklings.simulation.weaken import weaken
from inklings.testing.folders import discs, write_cohort
from inklings.testing.runs import blobs, write_pyramid
from inklings.viewer.amended import amend, stencil

SQUARE = Shape("polygon", ((30.0, 30.0), (30.0, 39.0), (39.0, 39.0), (39.0, 30.0)))


def correct(folder: Path, case: str, *made: tuple[str, Shape]) -> Path:
    for action, shape in made:
        one = Correction.now(case, action, "nucleus", "ann", image="image", shape=shape)  # type: ignore[arg-type]
        add_correction(folder, one)
    return folder


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        (SQUARE, 100),
        (Shape("stroke", ((10.0, 10.0), (10.0, 40.0)), (3.0,)), 30 * 7 + 29),
        (Shape("ball", ((32.0, 40.0),), (5.0, 10.0)), np.pi * 50),
        (Shape("polygon", ((-50.0, -50.0), (-50.0, -40.0), (-40.0, -40.0))), 0),
    ],
)
def test_shapes_cover_the_samples_they_should(shape: Shape, area: float) -> None:
    assert stencil(shape, (64, 80)).sum() == pytest.approx(area, rel=0.05)
    assert stencil(shape, (32, 40), 2.0).sum() == pytest.approx(area / 4, rel=0.15)


def test_a_polygon_in_a_volume_stays_in_its_plane() -> None:
    shape = Shape("polygon", ((1.0, 1.0), (1.0, 3.0), (3.0, 3.0), (3.0, 1.0)), plane=2)
    inside = stencil(shape, (4, 6, 6))
    assert inside.any(axis=(1, 2)).tolist() == [False, False, True, False]
    with pytest.raises(LabelError, match="plane"):
        stencil(Shape("polygon", shape.points, plane=4), (4, 6, 6))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_stroke_in_a_volume_lies_in_a_plane_of_any_axis(axis: int) -> None:
    """Radii of 2 and 1 samples around a point: 5 x 3 less the corners."""
    shape = Shape("stroke", ((4.0, 5.0),), (2.0, 1.0), plane=3, axis=axis)
    inside = np.moveaxis(stencil(shape, (9, 10, 11)), axis, 0)
    assert np.flatnonzero(inside.any((1, 2))).tolist() == [3]
    assert inside[3].sum(1)[2:7].tolist() == [1, 1, 3, 1, 1]
    assert shape == shape_of(dataclasses.asdict(shape))


def test_corrections_overrule_both_ways_and_say_nothing_elsewhere(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort")
    weaken(cohort, Chain.parse("drop:keep=0.3"), 0, tmp_path / "weak")
    labels = discs(3)
    case = next(case for case in Cohort.read(tmp_path / "weak") if case.id == "case3")
    before = annotate(case, "image", Geometry(labels.shape), ("nucleus",))
    kept = np.argwhere(before.category > 0)[0]
    wrong = Shape("ball", (tuple(map(float, kept)),), (2.0, 2.0))
    made = correct(tmp_path / "made", "case3", ("is", SQUARE), ("is_not", wrong))
    done = amend(made, tmp_path / "weak", tmp_path / "new")
    assert (done.cases, done.actions["is"], done.actions["is_not"]) == (1, 1, 1)
    again = next(case for case in Cohort.read(tmp_path / "new") if case.id == "case3")
    after = annotate(again, "image", Geometry(labels.shape), ("nucleus",))
    inside, outside = stencil(SQUARE, labels.shape), stencil(wrong, labels.shape)
    assert (after.category[inside & ~outside] == 1).all()
    assert (after.category[outside] == 0).all()
    assert after.known[inside | outside].all()
    rest = ~inside & ~outside
    np.testing.assert_array_equal(after.category[rest], before.category[rest])
    np.testing.assert_array_equal(after.known[rest], before.known[rest])


def test_the_corrected_cohort_stays_and_the_truth_stays_in_reach(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort")
    weaken(cohort, Chain.parse("drop:keep=0.3"), 0, tmp_path / "weak")
    files = {
        path: path.read_bytes()
        for folder in ("cohort", "weak")
        for path in (tmp_path / folder).rglob("*")
        if path.is_file()
    }
    amend(correct(tmp_path / "made", "case3", ("is", SQUARE)), tmp_path / "weak", tmp_path / "new")
    assert all(path.read_bytes() == data for path, data in files.items())
    standard = {case.id: case.labels for case in truth(tmp_path / "new")}
    assert standard == {case.id: case.labels for case in Cohort.read(cohort)}


def test_masks_of_objects_stay_masks_of_objects(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort")
    amend(correct(tmp_path / "made", "case3", ("is", SQUARE)), cohort, tmp_path / "new")
    case = next(case for case in Cohort.read(tmp_path / "new") if case.id == "case3")
    drawn = annotate(case, "image", Geometry(discs(3).shape), ("nucleus",))
    assert drawn.separated
    (number,) = np.unique(drawn.objects[stencil(SQUARE, discs(3).shape)])
    assert (drawn.objects == number).sum() == 100


def test_an_answer_for_the_case_replaces_the_one_before(tmp_path: Path) -> None:
    write_pyramid(tmp_path / "s.tiff", blobs((600, 500)), um=0.5)
    labels = (BagLabel("cancer", False), BagLabel("other", True))
    case = Case("s", "p", {"slide": tmp_path / "s.tiff"}, labels)
    Cohort("slides", (case,), ("cancer", "other")).write(tmp_path / "cohort")
    made = [Correction.now("s", "bag", "cancer", "ann", present=True)]
    square = Shape("polygon", ((100.0, 100.0), (100.0, 200.0), (200.0, 200.0)))
    made.append(Correction.now("s", "is", "other", "ann", image="slide", shape=square))
    for one in made:
        add_correction(tmp_path / "made", one)
    amend(tmp_path / "made", tmp_path / "cohort", tmp_path / "new")
    (new,) = Cohort.read(tmp_path / "new")
    bags = {label.name: label.present for label in new.labels if isinstance(label, BagLabel)}
    assert bags == {"cancer": True, "other": True}
    drawn = annotate(new, "slide", Geometry((600, 500)), ("cancer", "other"))
    assert drawn.known.mean() == pytest.approx(5000 / 300_000, rel=0.05)
    assert set(np.unique(drawn.category[drawn.known])) == {2}


def test_what_cannot_be_taken_over_is_said(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort")
    with pytest.raises(DataError, match="corrections"):
        amend(tmp_path / "none", cohort, tmp_path / "new")
    made = correct(tmp_path / "made", "case77", ("is", SQUARE))
    assert amend(made, cohort, tmp_path / "new").unknown == ("case77",)
    with pytest.raises(DataError, match="not empty"):
        amend(made, cohort, tmp_path / "new")


@pytest.mark.parametrize("kind", ["mask", "outline", "slide"])
def test_what_is_not_one_class_stays_what_it_is_of_another(kind: str, tmp_path: Path) -> None:
    """Left half a, right half b, as a mask, as an outline of b alone, and on a slide."""
    folder, side = tmp_path / "cohort", 96 if kind == "slide" else 24
    folder.mkdir()
    codes = np.repeat(np.array([[0 if kind != "mask" else 1, 2]], np.uint8), side // 2, 1)
    codes = np.repeat(codes, side, 0)
    picture = folder / ("i.tif" if kind == "slide" else "i.png")
    if kind == "slide":
        write_pyramid(picture, np.zeros((side, side, 3), np.uint8))
    else:
        Image.fromarray(np.zeros((side, side), np.uint8)).save(picture)
    Image.fromarray(codes).save(folder / "m.png")
    half, end = side / 2 - 0.5, side - 0.5
    ring = ((-0.5, half), (-0.5, end), (end, end), (end, half))
    label: Label = PolygonLabel("image", "b", ring)
    if kind == "mask":
        label = MaskLabel(folder / "m.png", "image", "classes", ("a", "b"))
    case = Case("x", "p", {"image": picture}, (label,))
    Cohort("two", (case,), ("a", "b")).write(folder)
    rows = [(action, name, row) for row, (action, name) in enumerate(
        [("is_not", "a"), ("is_not", "b"), ("is", "a"), ("is_not", "b"), ("reject", "a")]
    )]  # fmt: skip
    for action, name, row in rows:
        row = 4 * min(row, 3)  # the last two one upon the other
        line = Shape("stroke", ((row, 0.0), (row, side - 1.0)), (0.4,))
        add_correction(
            tmp_path / "made",
            Correction.now("x", action, name, "ann", image="image", shape=line),  # type: ignore[arg-type]
        )
    (new,) = amend(tmp_path / "made", folder, tmp_path / "out").cohort
    found = annotate(new, "image", Geometry((side, side)), ("a", "b")).category
    expected = codes.copy()
    expected[0, : side // 2] = 0  # is not a
    expected[4, side // 2 :] = 0  # is not b
    expected[8] = 1  # is a
    expected[12] = 0  # is neither
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("action", ["is", "reject"])
def test_what_cannot_be_amended_leaves_nothing_behind(action: str, tmp_path: Path) -> None:
    """The second case speaks of a class that the cohort does not have."""
    cohort = write_cohort(tmp_path / "cohort")
    made = correct(tmp_path / "made", "case0", ("is", SQUARE))
    other = Correction.now("case1", action, "cyst", "ann", image="image", shape=SQUARE)  # type: ignore[arg-type]
    path = add_correction(made, other)
    with pytest.raises(LabelError, match="case case1: expected one of the classes nucleus"):
        amend(made, cohort, tmp_path / "out")
    assert not [p for p in tmp_path.glob("out/**/*") if p.is_file()]
    path.unlink()
    assert amend(made, cohort, tmp_path / "out").cases == 1
