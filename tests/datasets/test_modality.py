from __future__ import annotations

import numpy as np
import pytest

from inklings.datasets.modality import modality

DARK = np.full((40, 40), 12, np.uint8)
BRIGHT = np.full((40, 40), 225, np.uint8)


def with_nuclei(ground: np.ndarray, value: int) -> np.ndarray:
    image = ground.copy()
    image[5:15, 5:15] = image[20:30, 20:30] = value
    return image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (with_nuclei(DARK, 200), "fluorescence"),
        (with_nuclei(BRIGHT, 60), "bright-field"),
        (np.stack([with_nuclei(DARK, 200)] * 3, -1), "fluorescence"),
        (np.stack([with_nuclei(BRIGHT, 60)] * 3, -1), "bright-field"),
        (np.stack([BRIGHT, with_nuclei(BRIGHT, 90) - 30, BRIGHT], -1), "stained"),
        (with_nuclei(DARK, 200).astype(np.uint16) * 257, "fluorescence"),
        (with_nuclei(BRIGHT, 60).astype(np.uint16) * 257, "bright-field"),
    ],
)
def test_colour_and_ground_decide(image: np.ndarray, expected: str) -> None:
    assert modality(image) == expected
