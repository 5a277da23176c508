"""What every family of metrics must pass; a plug-in inherits `MetricContract` in its tests."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from inklings.evaluation.metric import DEFAULT, Metric, Options
from inklings.evaluation.pairs import Pair, Segmentation


def squares(shift: int = 0, case: str = "squares", patient: str = "p") -> Pair:
    """Four squares of 8 x 8 on 48 x 48, predicted ``shift`` samples too far down, for certain."""
    true, said = np.zeros((2, 48, 48), np.int32)
    for number, (y, x) in enumerate(((4, 4), (4, 28), (28, 4), (28, 28)), 1):
        true[y : y + 8, x : x + 8] = number
        said[y + shift : y + shift + 8, x : x + 8] = number
    return Pair(
        patient=patient,
        case=case,
        predicted=Segmentation.of(said > 0, said, (said > 0).astype(float)),
        reference=Segmentation.of(true > 0, true),
    )


class MetricContract:
    """Tests of one family of metrics; name it as ``family``, the function of `Options`."""

    family: ClassVar[staticmethod[[Options], tuple[Metric, ...]]]

    def metrics(self) -> tuple[Metric, ...]:
        """The metrics under test."""
        return type(self).family(DEFAULT)

    def test_names_are_unique_and_files_can_bear_them(self) -> None:
        """A name is a column of a table."""
        names = [metric.name for metric in self.metrics()]
        assert len(set(names)) == len(names) > 0
        assert all(name == name.lower() and not set(name) & set(' ,:"') for name in names)

    def test_worse_is_never_better(self) -> None:
        """Perfect is best, and a larger shift scores no better than a smaller one."""
        for metric in self.metrics():
            values = [metric([squares(shift)]) for shift in (0, 1, 2)]
            signed = values if metric.higher else [-v for v in values]
            assert signed[0] >= signed[1] >= signed[2], f"{metric.name}: {values}"

    def test_order_of_cases_does_not_matter(self) -> None:
        """A set has no order."""
        pairs = [squares(shift) for shift in (0, 1, 2, 3)]
        for metric in self.metrics():
            assert math.isclose(metric(pairs), metric(pairs[::-1])), metric.name

    def test_a_case_twice_is_a_case_of_weight_two(self) -> None:
        """Sums over cases are all that counts, so the bootstrap may weigh them."""
        one, other = squares(1), squares(3)
        for metric in self.metrics():
            sums = np.stack([metric.measure(one), metric.measure(other)])
            weighed = float(metric.summarise(np.array([[2.0, 1.0]]) @ sums)[0])
            assert math.isclose(weighed, metric([one, one, other])), metric.name

    def test_nothing_to_say_is_zeros_and_their_summary_is_undefined(self) -> None:
        """A metric that no case defines is NaN, not 0."""
        for metric in self.metrics():
            zeros = np.zeros_like(metric.measure(squares()))
            assert math.isnan(float(metric.summarise(zeros))), metric.name
