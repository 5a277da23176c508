from pathlib import Path

import numpy as np
import pytest

from inklings.data.array_cache import ArrayCache, arrays_of_cases, by_case, fingerprint
from inklings.data.examples import Examples, from_masks


def tiles() -> Examples:
    masks = [np.full((4, 4), i % 2 == 0) for i in range(5)]
    plain = from_masks([np.zeros((1, 4, 4), np.uint8)] * 5, masks)
    return Examples(plain.images, plain.targets, plain.ids, groups=("a", "a", "b", "b", "b"))


def test_what_is_kept_is_made_once(tmp_path: Path) -> None:
    shelf, made = ArrayCache(tmp_path), []

    def make() -> np.ndarray:
        made.append(1)
        return np.arange(6).reshape(2, 3)

    first, again = shelf.keep("x", make), shelf.keep("x", make)
    assert made == [1]
    assert isinstance(again, np.memmap)
    assert (first == again).all()
    assert shelf.part("other").keep("x", make) is not None
    assert made == [1, 1]


def test_what_was_interrupted_is_made_again(tmp_path: Path) -> None:
    def broken() -> np.ndarray:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ArrayCache(tmp_path).keep("x", broken)
    assert not list(tmp_path.iterdir())
    assert ArrayCache(tmp_path).keep("x", lambda: np.ones(2)).tolist() == [1, 1]


def test_without_a_folder_arrays_stay_in_memory() -> None:
    assert not isinstance(ArrayCache().keep("x", lambda: np.ones(2)), np.memmap)


def test_arrays_are_made_case_by_case(tmp_path: Path) -> None:
    asked = []

    def make(mine: list[int]) -> np.ndarray:
        asked.append(list(mine))
        return np.array(mine) * 10

    wanted = [True, True, False, True, True]
    found = list(arrays_of_cases(tiles(), ArrayCache(tmp_path), make, "count", wanted))
    assert asked == [[0, 1], [3, 4]]
    assert [(i, int(value)) for i, value in found] == [(0, 0), (1, 10), (3, 30), (4, 40)]
    assert by_case(tiles()) == [[0, 1], [2, 3, 4]]


def test_other_labels_have_another_fingerprint() -> None:
    labels = tiles()
    other = labels.with_targets([*labels.targets[1:], labels.targets[0]])
    assert fingerprint(labels) == fingerprint(tiles())
    assert fingerprint(labels) != fingerprint(other)


def test_other_pixels_have_another_fingerprint() -> None:
    """A file that was repaired under the same name and the same labels."""
    labels = tiles()
    images = [image.copy() for image in labels.images]
    images[2][0, 3, 3] = 9
    other = Examples(tuple(images), labels.targets, labels.ids, labels.groups)
    assert fingerprint(labels) != fingerprint(other)
