"""Hazards and concordance, against values worked by hand."""

import numpy as np
import pytest

from inklings.bags.outcomes.survival import baseline_hazard, concordance, uncensored

# Five cases. Comparable pairs (earlier event first): A before B, C, D, E; B before D, E (C has
# the time of B and is censored, so B comes before C too); D before E. In all 8.
TIME = np.array([1.0, 3.0, 3.0, 4.0, 6.0])
EVENT = np.array([True, True, False, True, False])
RISK = np.array([2.0, 1.0, 1.0, 3.0, 0.0])


def test_concordance_with_ties_and_censoring() -> None:
    # A: right against B, C, E, wrong against D. B: a tie with C, wrong against D, right against E.
    # D: right against E. So 3 + .5 + 1 + 1 = 5.5 of 8.
    one = np.ones((1, 5))
    assert concordance(RISK, TIME, EVENT, one)[0] == pytest.approx(5.5 / 8)
    # Two events at one time are not comparable.
    both = np.array([True, True])
    assert np.isnan(concordance(np.array([1.0, 2.0]), np.ones(2), both, np.ones((1, 2)))[0])
    # A case that is drawn twice counts twice: pairs with A then weigh 2, 8 + 4 pairs.
    twice = np.array([[2.0, 1, 1, 1, 1]])
    assert concordance(RISK, TIME, EVENT, twice)[0] == pytest.approx((5.5 + 3) / 12)


def test_concordance_weighs_against_the_censoring() -> None:
    # Censored are C at 3, when C, D and E are left (B's event comes first): G falls to 2/3.
    assert uncensored(TIME, EVENT).tolist() == pytest.approx([1, 1, 1, 2 / 3, 2 / 3])
    # The one pair that begins at D weighs 1 / (2/3)^2 = 9/4.
    found = concordance(RISK, TIME, EVENT, np.ones((1, 5)), ipcw=True)[0]
    assert found == pytest.approx((4.5 + 2.25) / (7 + 2.25))


def test_baseline_hazard_by_hand() -> None:
    # At 1: 1 of 1 + 1 + 2 + 2; at 3: 1 of 1 + 2 + 2; at 4: 1 of 2.
    risk = np.log([1.0, 1.0, 2.0, 2.0])
    time, event = np.array([1.0, 3.0, 3.0, 4.0]), np.array([True, True, False, True])
    when, hazard = baseline_hazard(risk, time, event)
    assert when.tolist() == [1, 3, 4]
    assert hazard.tolist() == pytest.approx(np.cumsum([1 / 6, 1 / 5, 1 / 2]).tolist())
