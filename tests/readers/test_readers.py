from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inklings.errors import ReaderError
from inklings.readers import open_image


def test_the_first_bytes_decide_and_not_the_name(tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    with (tmp_path / "a.png").open("wb") as file:
        np.save(file, array)
    with open_image(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(image.read(image.geometry.full), array[None])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\); copy it again"),
        (b"hello, this is text", "no reader recognises this format"),
        (None, "expected an image at"),
    ],
)
def test_what_cannot_be_opened_is_explained(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ReaderError, match=message):
        open_image(path)


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match="expected a DICOM image in the folder"):
        open_image(tmp_path)


def test_nothing_is_decoded_before_the_first_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Pillow.fromarray(np.zeros((5, 6, 3), np.uint8)).save(tmp_path / "a.png")
    loads = []
    original = Pillow.Image.load
    monkeypatch.setattr(
        Pillow.Image, "load", lambda self, *a: loads.append(1) or original(self, *a)
    )
    with open_image(tmp_path / "a.png") as image:
        assert image.geometry.shape == (5, 6)
        assert not loads
