"""The one guard against scoring, or tuning on, patients that were trained on."""

import pytest

from inklings.cohorts.leaks import Training, clear, require_one_split, require_tunable
from inklings.errors import DataError, SpecError

DETECTOR = Training("stage detector", frozenset("ab"), "x")
CLASSIFIER = Training("stage classifier", frozenset("abc"), "x")


def test_patients_of_any_stage_are_refused_by_name() -> None:
    assert clear([DETECTOR, CLASSIFIER], "de", "x").notes == ()
    with pytest.raises(SpecError, match=r"stage classifier was trained on 1 of the .* \(c\)"):
        clear([DETECTOR, CLASSIFIER], "cd", "x")


def test_what_is_allowed_is_counted_and_noted() -> None:
    found = clear([DETECTOR, CLASSIFIER], "acd", "x", allow_seen=True)
    assert found.seen == frozenset("ac")
    assert [note.split(" (--")[0] for note in found.notes] == [
        "stage detector was trained on 1 of the 3 scored patients",
        "stage classifier was trained on 2 of the 3 scored patients",
    ]


def test_what_nobody_knows_and_what_has_changed_are_noted() -> None:
    notes = clear([Training("rival.csv"), DETECTOR], "de", "y").notes
    assert notes[0] == "nobody can know which patients rival.csv was trained on"
    assert notes[1] == "stage detector was trained on split x, but the cohort now has split y"


def test_stages_of_two_splits_are_refused_even_if_nothing_overlaps_yet() -> None:
    require_one_split([DETECTOR, CLASSIFIER])
    with pytest.raises(DataError, match="detector x, stage malignancy none: a scan may train one"):
        require_one_split([DETECTOR, Training("stage malignancy", frozenset("d"))])


def test_thresholds_are_chosen_on_validation_patients_of_the_same_split_or_on_new_ones() -> None:
    require_tunable([DETECTOR], "ab", "x")  # of its own split: the validation part
    require_tunable([DETECTOR], "cd", "y")
    with pytest.raises(DataError, match="perhaps on 1 of the 2 patients that would be tuned on"):
        require_tunable([DETECTOR], "bd", "y")
