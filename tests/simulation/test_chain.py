"""Chains: how they are written, refused, repeated."""

import numpy as np
import pytest

from inklings.errors import SpecError
from inklings.simulation.chain import Chain, apply, stream


def test_options_go_to_the_kind_that_has_them() -> None:
    chain = Chain.parse("drop+dilate", keep=0.5, pixels=4, gap=None)
    assert chain.describe() == [
        {"kind": "drop", "keep": 0.5},
        {"kind": "dilate", "pixels": 4, "boundary_error": 0.0},
    ]
    assert chain == Chain.parse(["drop", "dilate"], keep=0.5, pixels=4)
    assert chain == Chain.parse("drop:keep=0.5+dilate:pixels=4")
    assert Chain.parse(str(chain)) == chain


@pytest.mark.parametrize(
    ("kinds", "options", "message"),
    [
        ("dorp", {}, "did you mean 'drop'"),
        ("drop", {}, "weakening 'drop': missing a required argument: 'keep'"),
        ("drop", {"keep": 1.5}, "expected keep between 0 and 1, got 1.5"),
        ("drop", {"keep": 0.5, "pixels": 3}, "no kind of drop takes --pixels; remove it"),
        ("dilate+jitter", {"pixels": 3}, "more than one kind takes --pixels"),
        ("drop:keep=0.5,keep=0.2", {}, "'keep' is given twice"),
        ("drop:keep=x", {}, "expected a number for keep, got 'x'"),
        ("drop:keep", {}, "expected option=value, got 'keep'"),
        ("drop:keep=0.5,size=2", {}, "unexpected keyword argument 'size'"),
        ("points+drop", {"keep": 0.5}, "'points': expected it last"),
        ("erode", {"depth": 1}, "expected depth from 0 to below 1"),
    ],
)
def test_mistakes_are_explained(kinds: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Chain.parse(kinds, **options)


def test_a_chain_of_two_draws_what_each_alone_draws(discs: np.ndarray) -> None:
    dropped = apply(discs, Chain.parse("drop", keep=0.5), stream(0, "a"))
    both = apply(discs, Chain.parse("drop+dilate", keep=0.5, pixels=3), stream(0, "a"))
    assert set(np.unique(both)) == set(np.unique(dropped))
    wide = apply(dropped, Chain.parse("dilate", pixels=3), stream(7, "b"))
    assert (both == wide).all()


def test_chance_depends_on_seed_and_case_only() -> None:
    draws = {(s, c): stream(s, c).random() for s in (0, 1) for c in ("a", "b")}
    assert len(set(draws.values())) == 4
    assert stream(1, "b").random() == draws[1, "b"]
    assert stream(0, "a").random() == pytest.approx(0.932893, abs=1e-6)  # on every machine
