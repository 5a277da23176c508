from __future__ import annotations

from pathlib import Path

import pytest

from inklings.datasets.pairing import pairs
from inklings.errors import DataError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def paired(root: Path, images: str = "i/*", masks: str = "m/*") -> dict[str, str | None]:
    found = pairs(str(root / images), str(root / masks))
    return {p.id: p.mask.relative_to(root).as_posix() if p.mask else None for p in found}


def test_names_pair_whatever_their_suffix_and_ending(tmp_path: Path) -> None:
    touch(tmp_path, "i/a.jpg", "i/b_image.tif", "i/c.png", "m/a_mask.png", "m/b.png")
    assert paired(tmp_path) == {"a": "m/a_mask.png", "b": "m/b.png", "c": None}


def test_endings_are_not_taken_off_when_nothing_would_be_left(tmp_path: Path) -> None:
    touch(tmp_path, "i/_mask.png", "m/_mask.png")
    assert paired(tmp_path) == {"_mask": "m/_mask.png"}


def test_names_that_repeat_in_folders_pair_by_folder(tmp_path: Path) -> None:
    touch(tmp_path, "x/1/a.png", "x/2/a.png", "y/1/a.png", "y/2/a_seg.png")
    assert paired(tmp_path, "x/**/*.png", "y/**/*.png") == {
        "1_a": "y/1/a.png",
        "2_a": "y/2/a_seg.png",
    }


def test_a_folder_stands_for_the_pictures_in_it(tmp_path: Path) -> None:
    touch(tmp_path, "i/a.png", "i/notes.txt", "m/a.png")
    assert paired(tmp_path, "i", "m") == {"a": "m/a.png"}


def test_ids_hold_only_what_may_name_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "i/scan 1 (left).png", "m/scan 1 (left).png")
    assert list(paired(tmp_path)) == ["scan_1__left_"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["i/a.png", "m/a.png", "m/b.png"], "no image belongs to the mask .*b.png"),
        (["i/a.png", "m/a.png", "m/a_mask.png"], "two masks for the image a.png"),
        (["i/a.png"], "expected masks that match .* found none"),
        (["m/a.png"], "expected images that match .* found none"),
        (["i/a b.png", "i/a_b.png", "m/a_b.png"], "would become case 'a_b'"),
        (["i/a.png", "i/a.jpg", "m/a.png"], "several images are called 'a'"),
    ],
)
def test_names_that_do_not_pair_are_one_clear_line(
    tmp_path: Path, names: list[str], said: str
) -> None:
    touch(tmp_path, *names)
    with pytest.raises(DataError, match=said):
        paired(tmp_path)


@pytest.mark.parametrize(("images", "masks"), [("i", "i"), ("i/*", "i/*_mask.png")])
def test_what_both_patterns_match_is_a_mask_if_it_is_called_one(
    tmp_path: Path, images: str, masks: str
) -> None:
    touch(tmp_path, "i/a.png", "i/a_mask.png", "i/b.png")
    assert paired(tmp_path, images, masks) == {"a": "i/a_mask.png", "b": None}


def test_a_mask_beside_images_needs_its_image(tmp_path: Path) -> None:
    touch(tmp_path, "i/a.png", "i/a_mask.png", "i/b_mask.png")
    with pytest.raises(DataError, match=r"no image belongs to the mask .*b_mask.png"):
        paired(tmp_path, "i", "i")


def test_one_file_cannot_be_image_and_mask(tmp_path: Path) -> None:
    touch(tmp_path, "i/a.png", "i/b.png")
    with pytest.raises(DataError, match="make the patterns disjoint"):
        paired(tmp_path, "i/*", "i/b.png")
