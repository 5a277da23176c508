import dataclasses
from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.cohort import Cohort
from inklings.labels.kinds import BagLabel
from inklings.labels.marks import Annotation
from inklings.reports import strokes
from inklings.reports.gallery import CLASS_COLOURS, choose, gallery, overlay, panel, picture
from inklings.simulation.phantoms.cohort import nuclei_cohort


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return nuclei_cohort(tmp_path_factory.mktemp("gallery"), patients=9, size=(64, 80))


def test_colours_of_eight_bits_are_shown_as_they_are() -> None:
    array = np.random.default_rng(0).integers(0, 255, (3, 8, 9), np.uint8)
    assert (picture(array) == np.moveaxis(array, 0, -1)).all()


def test_a_dark_picture_is_stretched_over_the_whole_range() -> None:
    array = np.random.default_rng(0).poisson(5, (1, 64, 64)).astype(np.uint16)
    shown = picture(array)
    assert (shown.min(), shown.max()) == (0, 255)


def test_a_volume_is_shown_by_its_middle_slice() -> None:
    array = np.zeros((1, 5, 8, 8), np.float32)
    array[0, 2, :4] = 1
    assert (picture(array)[:4] == 255).all()


def test_objects_have_the_colour_of_their_class_where_there_are_several() -> None:
    objects = np.zeros((40, 40), np.int32)
    objects[5:15, 5:15], objects[25:35, 25:35] = 1, 2
    category = np.where(objects == 2, 3, objects).astype(np.uint8)
    known = np.ones((40, 40), np.bool_)
    drawn = overlay(
        np.zeros((40, 40, 3), np.uint8), Annotation(objects, category, known, True, True), 3
    )
    found = {tuple(map(int, c)) for c in drawn.reshape(-1, 3)}
    assert CLASS_COLOURS[0] in found
    assert CLASS_COLOURS[2] in found
    assert CLASS_COLOURS[1] not in found


@pytest.mark.parametrize("side", [440, 200, 64])
def test_strokes_have_the_colour_of_their_class_and_of_background_and_the_rest_is_clear(
    side: int,
) -> None:
    """Lines of one sample on 300 x 300, at sizes where every second or fourth would be left out."""
    category, known = np.zeros((300, 300), np.uint8), np.zeros((300, 300), np.bool_)
    for row, code in ((51, 1), (102, 2), (201, 0)):
        category[row, 20:280], known[row, 20:280] = code, True
    annotation = Annotation(category.astype(np.int32), category, known, False, False)
    assert strokes.is_strokes(annotation)
    clear = np.full((side, side, 3), 7, np.uint8)
    drawn = strokes.painted(clear, annotation, CLASS_COLOURS)
    found = {tuple(map(int, c)) for c in np.unique(drawn.reshape(-1, 3), axis=0)}
    assert found == {(7, 7, 7), strokes.BACKGROUND, *CLASS_COLOURS[:2]}
    at = round(51 * side / 300), side // 2
    assert CLASS_COLOURS[0] in {tuple(map(int, c)) for c in drawn[at[0] - 2 : at[0] + 3, at[1]]}
    assert (drawn == 7).all(-1).mean() > 0.9


def test_of_a_volume_the_slice_with_most_strokes_is_shown() -> None:
    category = np.zeros((4, 16, 16), np.uint8)
    category[1, 3, 3:5], category[2, 3, 3:9] = 1, 1
    known = category > 0
    known[3] = True
    array = np.arange(4)[None, :, None, None] * np.ones((1, 4, 16, 16), int)
    shown, said = strokes.plane(
        array, Annotation(category.astype(np.int32), category, known, False, False)
    )
    assert (shown == 2).all()
    assert said.category.sum() == 6


def test_labels_that_are_no_strokes_are_outlined_as_before() -> None:
    category = np.zeros((20, 20), np.uint8)
    category[5:9, 5:9] = 1
    for known in (np.ones((20, 20), np.bool_), category > 0):
        annotation = Annotation(category.astype(np.int32), category, known, True, True)
        assert not strokes.is_strokes(annotation)


def test_titles_tell_size_kind_and_objects(cohort: Cohort) -> None:
    case = cohort.cases[0]
    assert panel(case, cohort.classes).title == "n000"
    words = panel(case, cohort.classes).subtitle.split(" · ")
    assert words == ["64 × 80", case.facts["modality"], f"{case.facts['nuclei']} objects"]


def test_what_cannot_be_read_or_drawn_says_so(cohort: Cohort, tmp_path: Path) -> None:
    case = cohort.cases[0]
    lost = dataclasses.replace(case, images={"image": tmp_path / "none.png"})
    bare = dataclasses.replace(case, labels=())
    bag = dataclasses.replace(case, labels=(BagLabel("nucleus", False),))
    assert panel(lost, cohort.classes).picture is None
    assert panel(bare, cohort.classes).subtitle.endswith("unlabelled")
    assert panel(bag, cohort.classes).subtitle.endswith("no nucleus")
    assert len(gallery(cohort, [lost, bare, bag]).axes) >= 3


def test_the_choice_shows_every_modality(cohort: Cohort) -> None:
    modalities = {case.facts["modality"] for case in cohort}
    chosen = choose(cohort, len(modalities))
    assert {case.facts["modality"] for case in chosen} == modalities
    assert len(set(map(id, choose(cohort, 99)))) == 9
