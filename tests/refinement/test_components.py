import numpy as np

from inklings.refinement.components import Components


def test_what_touches_is_one_and_what_does_not_is_two() -> None:
    probability = np.zeros((20, 40), np.uint8)
    probability[2:8, 2:10] = probability[8:12, 8:16] = 128
    probability[2:12, 24:34] = 200
    objects = Components(min_size=1)(probability, 0.5)
    assert np.bincount(objects.ravel())[1:].tolist() == [48 + 32, 100]


def test_the_threshold_itself_belongs_to_the_object() -> None:
    probability = np.full((4, 4), 128, np.uint8)
    assert Components(min_size=1)(probability, 128 / 255).max() == 1
    assert Components(min_size=1)(probability, 129 / 255).max() == 0
