"""Mask files: what is written is what is read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inklings.errors import LabelError, ReaderError
from inklings.labels.files import as_stored, mask_suffix, read_mask, unlabelled, write_mask
from inklings.labels.kinds import MaskLabel


@pytest.mark.parametrize(
    ("dtype", "shape", "suffix"),
    [
        (np.uint8, (5, 7), ".png"),
        (np.uint16, (5, 7), ".png"),
        (np.uint32, (5, 7), ".npy"),
        (np.uint8, (3, 5, 7), ".npy"),
    ],
)
def test_round_trip_is_exact(
    tmp_path: Path, dtype: type, shape: tuple[int, ...], suffix: str
) -> None:
    mask = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    assert mask_suffix(mask) == suffix
    write_mask(tmp_path / f"m{suffix}", mask)
    back = read_mask(tmp_path / f"m{suffix}")
    assert back.dtype == dtype
    assert (back == mask).all()
    assert [p.name for p in tmp_path.iterdir()] == [f"m{suffix}"]  # nothing temporary stays


def test_unlabelled_is_the_largest_value_of_the_type() -> None:
    numbers = np.array([[-1, 0, 3]])
    assert as_stored(numbers, "classes").tolist() == [[255, 0, 3]]
    assert as_stored(numbers, "instances").tolist() == [[65535, 0, 3]]
    assert as_stored(np.array([[-1, 65535]]), "instances").dtype == np.uint32
    label = MaskLabel(Path("m.png"), "image", "classes", ("a",), "partial")
    assert unlabelled(label, as_stored(numbers, "classes")).tolist() == [[True, False, False]]


def test_what_a_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"write it as \.npy"):
        write_mask(tmp_path / "m.png", np.zeros((2, 2, 2), np.uint8))
    with pytest.raises(LabelError, match="at most 254 classes"):
        as_stored(np.array([[255]]), "classes")


def test_damaged_missing_and_wrong_files_are_explained(tmp_path: Path) -> None:
    write_mask(tmp_path / "m.png", np.ones((50, 50), np.uint16))
    (tmp_path / "m.png").write_bytes((tmp_path / "m.png").read_bytes()[:70])
    with pytest.raises(ReaderError, match="truncated"):
        read_mask(tmp_path / "m.png")
    with pytest.raises(ReaderError, match="no such file"):
        read_mask(tmp_path / "n.png")
    with pytest.raises(LabelError, match="no such file"):
        read_mask(tmp_path / "n.npy")
    np.save(tmp_path / "f.npy", np.zeros((2, 2)))
    with pytest.raises(LabelError, match="whole numbers"):
        read_mask(tmp_path / "f.npy")
    Pillow.new("RGBA", (4, 4)).save(tmp_path / "c.png")
    with pytest.raises(LabelError, match="one plane"):
        read_mask(tmp_path / "c.png")
