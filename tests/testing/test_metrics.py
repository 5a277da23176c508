from typing import ClassVar

import numpy as np
import pytest

from inklings.evaluation.metric import Metric, Options, mean, mean_of_cases
from inklings.evaluation.pairs import Pair
from inklings.testing.metrics import MetricContract, squares


def _wrong_direction(_: Options) -> tuple[Metric, ...]:
    def error(pair: Pair) -> float:
        return float((pair.predicted.mask != pair.reference.mask).mean())

    return (mean_of_cases("error", "Error", error),)


class _Broken(MetricContract):
    family: ClassVar = staticmethod(_wrong_direction)


def test_contract_catches_a_metric_whose_direction_is_wrong() -> None:
    with pytest.raises(AssertionError, match="error"):
        _Broken().test_worse_is_never_better()


def test_contract_catches_a_metric_that_calls_nothing_zero() -> None:
    class Zero(MetricContract):
        family: ClassVar = staticmethod(
            lambda _: (Metric("zero", "", lambda __: np.ones(2), lambda s: np.nan_to_num(mean(s))),)
        )

    with pytest.raises(AssertionError, match="zero"):
        Zero().test_nothing_to_say_is_zeros_and_their_summary_is_undefined()


def test_squares_overlap_as_drawn() -> None:
    pair = squares(shift=2)
    assert np.count_nonzero(pair.predicted.mask & pair.reference.mask) == 4 * 6 * 8
