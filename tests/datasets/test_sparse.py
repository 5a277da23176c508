from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from inklings.datasets.sparse import rows_of


def encoded(array: np.ndarray, form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(array).save(stream, form)
    return stream.getvalue()


def whole(data: bytes) -> np.ndarray:
    found = rows_of(data)
    assert found is not None
    band, first, (width, height) = found
    array = np.zeros((height, width), np.uint8)
    if band is not None:
        array[first : first + band.height] = np.asarray(band)
    return array


@pytest.mark.parametrize("seed", range(40))
def test_the_band_is_what_a_whole_decode_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 70, 2)
    mask = np.zeros((height, width), np.uint8)
    y, x = rng.integers(0, (height, width))
    spot = mask[y : y + rng.integers(1, 20), x : x + rng.integers(1, 20)]
    # noise makes the encoder choose all of the row filters
    spot[:] = 255 if seed % 2 else rng.integers(0, 256, spot.shape)
    assert np.array_equal(whole(encoded(mask)), mask)


@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_one_sample_in_a_corner_is_found(corner: tuple[int, int]) -> None:
    mask = np.zeros((31, 17), np.uint8)
    mask[corner] = 255
    assert np.array_equal(whole(encoded(mask)), mask)


def test_an_empty_mask_has_no_band() -> None:
    assert rows_of(encoded(np.zeros((30, 20), np.uint8))) == (None, 0, (20, 30))


@pytest.mark.parametrize(
    "data",
    [
        encoded(np.zeros((4, 4, 3), np.uint8)),
        encoded(np.zeros((4, 4), np.uint16)),
        encoded(np.zeros((4, 4), bool)),
        encoded(np.zeros((4, 4), np.uint8), "BMP"),
        encoded(np.zeros((64, 64), np.uint8))[:-20],
        b"",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_anything_else_is_left_to_the_usual_decoder(data: bytes) -> None:
    assert rows_of(data) is None
