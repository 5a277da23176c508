import pytest

from inklings.cohorts.label_checks import difference
from inklings.geometry import Geometry

CT = Geometry((30, 64, 64), (2.5, 0.7, 0.7), (-20.0, -30.0, 5.0))


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (CT, ""),
        (Geometry((30, 64, 63), CT.spacing), "shape 30 x 64 x 63 instead of 30 x 64 x 64"),
        (Geometry(CT.shape, (2.0, 0.7, 0.7), CT.origin), "(off by up to 0.5 mm)"),
        (Geometry(CT.shape, CT.spacing, (-20.0, -30.0, 8.0)), "(off by up to 3 mm)"),
        (Geometry(CT.shape), ""),
    ],
)
def test_the_difference_of_two_grids_is_told_in_numbers(label: Geometry, words: str) -> None:
    assert words in difference(CT, label)
    assert bool(words) == bool(difference(CT, label))
