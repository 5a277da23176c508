"""Arrays in a few mapped files: what a kill, a full disk or a second writer leaves."""

import errno
from pathlib import Path

import numpy as np
import pytest

from inklings.data import packed
from inklings.data.array_cache import ArrayCache
from inklings.data.packed import PackedArrays, Store


def mapped_files() -> int:
    return len(Path("/proc/self/maps").read_text().splitlines())


def test_arrays_of_all_kinds_come_back_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 256, (3, 5, 7), np.uint8),
        rng.random((2, 2)) > 0.5,
        rng.random(11),
        np.zeros((0, 4), np.float32),
        np.asfortranarray(rng.random((4, 6), np.float32)),
        np.array(3),
    ]
    pack = PackedArrays(tmp_path)
    places = [pack.add(array) for array in arrays]
    for array, place in zip(arrays, places, strict=True):
        found = pack.view(place)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_a_full_file_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "SEGMENT", 1000)
    pack = PackedArrays(tmp_path)
    sizes = [600, 300, 300, 5000, 10]
    places = [pack.add(np.full(n, n % 251, np.uint8)) for n in sizes]
    assert [place.file for place in places] == [0, 0, 1, 2, 3]
    for n, place in zip(sizes, places, strict=True):
        assert (pack.view(place) == n % 251).all()
        assert pack.view(place).shape == (n,)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="counts mapped files on Linux")
def test_thousands_of_arrays_are_a_handful_of_mapped_files(tmp_path: Path) -> None:
    store = Store(0, tmp_path)
    before = mapped_files()
    kept = [store.keep(np.full((3, 8, 8), i % 256, np.uint8)) for i in range(3000)]
    assert mapped_files() - before < 20
    assert all((array == i % 256).all() for i, array in enumerate(kept))


def kept(folder: Path, name: str, value: float = 0.0, size: int = 50) -> tuple[float, bool]:
    """The first value of an array of a cache, and whether it was made for this."""
    made = []

    def make() -> np.ndarray:
        made.append(1)
        return np.full(size, value)

    return float(ArrayCache(folder).keep(name, make)[0]), bool(made)


def test_a_line_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    kept(tmp_path, "a", 1)
    with (tmp_path / "index.jsonl").open("a") as file:
        file.write('["b", 0, 64, [5')
    assert kept(tmp_path, "b", 2) == (2, True)
    assert kept(tmp_path, "a") == (1, False)
    assert kept(tmp_path, "b") == (2, False)


def test_what_the_disk_lost_is_made_again_with_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path, "a", 1)
    with (tmp_path / "0.bin").open("r+b") as file:
        file.seek(80)
        file.write(b"\x00" * 80)
    assert kept(tmp_path, "a", 2) == (2, True)
    assert "damaged" in capsys.readouterr().err
    assert kept(tmp_path, "a") == (2, False)


def test_two_at_once_do_not_write_over_each_other(tmp_path: Path) -> None:
    one, other = ArrayCache(tmp_path), ArrayCache(tmp_path)
    first = one.keep("a", lambda: np.zeros(50))
    other.keep("b", lambda: np.ones(50))
    one.keep("c", lambda: np.full(50, 2.0))
    assert (first == 0).all()
    assert [kept(tmp_path, name) for name in "abc"] == [(0, False), (1, False), (2, False)]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(tmp_path, "a", 1)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(PackedArrays, "add", full)
        with pytest.raises(OSError, match="No space"):
            kept(tmp_path, "b", 2)
    assert kept(tmp_path, "b", 3) == (3, True)
    assert kept(tmp_path, "a") == (1, False)
