"""One disk cache: what is made of other things has another key, what is damaged is made again."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from inklings import cache as module
from inklings.cache import Cache, digest, identity, recipe
from inklings.cli import app
from inklings.errors import SpecError
from inklings.labels.kinds import BallLabel
from inklings.spec import Component

BALL = BallLabel("ct", "nodule", (1.0, 2.0, 3.0), 8.0, malignant=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BALL, dataclasses.replace(BALL, malignant=True)),
        (1, True),
        (1, "1"),
        (1.0, 1),
        ((1, 2), (12,)),
        (("a", "bc"), ("ab", "c")),
        (np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8)),
        (np.zeros(4, np.uint8), np.zeros(1, np.float32)),
        ({"w": np.zeros(3)}, {"w": np.array([0.0, 0.0, 1e-9])}),
        (Component(name="a", options={"x": 1}), Component(name="a", options={"x": 2})),
    ],
)
def test_other_values_have_another_key(one: object, other: object) -> None:
    assert digest(one) != digest(other)
    assert digest(one) == digest(one)


def test_order_of_a_mapping_is_none_and_a_value_of_unknown_kind_is_refused() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest(np.asfortranarray(np.eye(3, 4))) == digest(np.eye(3, 4))
    with pytest.raises(TypeError, match="object"):
        digest(object())


@pytest.mark.parametrize("size", [100, 5_000_000])
def test_a_file_of_the_same_size_and_time_is_another_image(tmp_path: Path, size: int) -> None:
    """As slices of a scan that an archive unpacked: two of them exchanged."""
    path = tmp_path / "scan.nii"
    path.write_bytes(bytes(size))
    os.utime(path, ns=(5, 5))
    before = identity(path)
    assert identity(path) == before
    path.write_bytes(bytes(size - 1) + b"x")
    os.utime(path, ns=(5, 5))
    assert identity(path) != before


def test_samples_in_a_file_of_their_own_and_in_folders_count(tmp_path: Path) -> None:
    header, raw = tmp_path / "a.mhd", tmp_path / "elsewhere.zraw"
    header.write_text("ElementDataFile = elsewhere.zraw\n")
    raw.write_bytes(bytes(10))
    slides = tmp_path / "b.mrxs"
    slides.write_bytes(b"s")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "Data0001.dat").write_bytes(bytes(10))
    before = identity(header), identity(slides), identity(tmp_path / "b")
    raw.write_bytes(bytes(9) + b"x")
    (tmp_path / "b" / "Data0001.dat").write_bytes(bytes(9) + b"x")
    after = identity(header), identity(slides), identity(tmp_path / "b")
    assert not set(before) & set(after)
    raw.unlink()
    assert identity(header) not in (before[0], after[0])


def test_other_code_is_another_recipe() -> None:
    assert recipe(module) != recipe(dataclasses)


def kept(cache: Cache, key: str, value: int = 0, kind: str = "scans") -> tuple[int, bool]:
    """The value under a key, and whether it was made for this."""
    made = []

    def make() -> dict[str, np.ndarray]:
        made.append(1)
        return {"x": np.full(1000, value, np.int64)}

    return int(cache.arrays(kind, key, make)["x"][0]), bool(made)


def test_what_is_kept_is_made_once_and_a_damaged_file_again_with_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = Cache(tmp_path)
    assert kept(cache, "a", 1) == (1, True)
    assert kept(cache, "a", 2) == (1, False)
    path = cache.entries()[0].path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert kept(cache, "a", 3) == (3, True)
    assert "damaged" in capsys.readouterr().err
    assert kept(cache, "a") == (3, False)


def test_without_a_folder_nothing_is_kept() -> None:
    assert kept(Cache(), "a", 1) == (1, True)
    assert kept(Cache(), "a", 2) == (2, True)


def test_where_nothing_can_be_written_work_goes_on_with_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert kept(Cache(tmp_path / "file"), "a", 4) == (4, True)
    assert "nothing is kept" in capsys.readouterr().err


def test_the_bound_holds_and_what_was_not_used_for_longest_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=30_000)  # three files of 8 kB and some
    for number, key in enumerate("abc"):
        kept(cache, key)
        os.utime(tmp_path / "scans" / f"{key}.npz", (number, number))
    kept(cache, "a")  # used again
    kept(cache, "d")
    assert {one.path.stem for one in cache.entries()} == {"a", "c", "d"}
    assert sum(one.bytes for one in cache.entries()) <= 30_000
    assert kept(Cache(tmp_path / "small", limit=100), "a", 1) == (1, True)
    assert Cache(tmp_path / "small").entries() == []


def test_the_command_lists_and_clears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLINGS_CACHE", str(tmp_path))
    monkeypatch.setenv("INKLINGS_CACHE_GB", "2")
    kept(Cache.shared(), "a")
    kept(Cache.shared(), "b", kind="boxes")
    shown = CliRunner().invoke(app, ["cache"]).stdout
    assert "boxes: 1 files" in shown
    assert f"2 files, 0.0 MB kept in {tmp_path} (at most 2 GiB)" in shown
    assert "removed" in CliRunner().invoke(app, ["cache", "--clear"]).stdout
    assert Cache.shared().entries() == []


def test_options_that_do_not_go_together_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (["--max-gb", "1"], [str(tmp_path)], [str(tmp_path), "--clear"]):
        assert CliRunner().invoke(app, ["cache", *words]).exit_code == 2
    monkeypatch.setenv("INKLINGS_CACHE_GB", "much")
    with pytest.raises(SpecError, match="expected a number of GB"):
        Cache.shared()
