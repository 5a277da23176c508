import dataclasses
from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.cohort import Cohort
from inklings.labels.kinds import BagLabel
from inklings.labels.marks import Annotation
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
