"""From labels of a case to numbers, and from probabilities to an answer."""

from pathlib import Path

import numpy as np
import pytest

from inklings.bags.task import channels, decide, probabilities, target, task_of
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import LabelError, SpecError
from inklings.labels.kinds import BagLabel

GRADES = ("g0", "g1", "g2")


def case(*labels: BagLabel) -> Case:
    return Case("a", "a", {"x": Path("x.h5")}, labels)


def one(name: str) -> Case:
    return case(*(BagLabel(grade, grade == name) for grade in GRADES))


def test_a_grade_is_learnt_as_at_least() -> None:
    assert channels("ordinal", GRADES) == ("at least g1", "at least g2")
    assert [target(one(g), GRADES, "ordinal")[0].tolist() for g in GRADES] == [
        [0, 0], [1, 0], [1, 1],
    ]  # fmt: skip


def test_unanswered_questions_are_unknown_not_negative() -> None:
    value, known = target(case(BagLabel("g1", True)), GRADES, "multilabel")
    assert value.tolist() == [0, 1, 0]
    assert known.tolist() == [False, True, False]


def test_contradictions_are_refused() -> None:
    with pytest.raises(LabelError, match="present and absent"):
        target(case(BagLabel("g0", True), BagLabel("g0", False)), GRADES, "multilabel")
    with pytest.raises(LabelError, match="exactly one class"):
        target(case(BagLabel("g0", True), BagLabel("g1", True)), GRADES, "multiclass")
    with pytest.raises(SpecError, match="several classes"):
        task_of(Cohort("c", (), ("a",)), "ordinal")


def test_probabilities_of_grades_sum_to_one_even_where_answers_cross() -> None:
    p = probabilities("ordinal", np.array([[0.9, 0.4], [0.2, 0.7]]))
    assert p[0] == pytest.approx([0.1, 0.5, 0.4])
    assert p.sum(1) == pytest.approx([1, 1])
    assert (p >= 0).all()


def test_the_median_grade_is_reported() -> None:
    p = np.array([[0.1, 0.5, 0.4], [0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    assert decide("ordinal", p, (0.5,) * 3).tolist() == [1, 0, 2]
    assert decide("multiclass", p, (0.5,) * 3).tolist() == [1, 0, 2]
    assert decide("binary", p[:, :1], (0.2,)).tolist() == [[0], [1], [1]]
