import pytest

from inklings.cohorts.stages import Seen, require_one_split
from inklings.errors import DataError


def test_stages_of_one_split_may_judge_what_none_has_seen() -> None:
    stages = {"detector": Seen(frozenset("ab"), "x"), "classifier": Seen(frozenset("abc"), "x")}
    require_one_split(stages, ["d", "e"])


def test_a_scan_that_trained_one_stage_may_not_judge_another() -> None:
    stages = {"detector": Seen(frozenset("ab"), "x"), "classifier": Seen(frozenset("c"), "x")}
    with pytest.raises(DataError, match=r"stage classifier has learnt from 1 of the 2 .* \(c\)"):
        require_one_split(stages, ["c", "d"])


def test_stages_of_two_splits_are_refused_even_if_nothing_overlaps_yet() -> None:
    stages = {"detector": Seen(frozenset("a"), "x"), "malignancy": Seen(frozenset("b"), None)}
    with pytest.raises(DataError, match="detector x, malignancy none: a scan may train one"):
        require_one_split(stages)
