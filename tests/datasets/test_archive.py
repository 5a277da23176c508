from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest

from inklings.datasets.archive import entries, laid_out, read
from inklings.errors import DataError, ReaderError


@pytest.fixture
def files() -> dict[str, bytes]:
    return {"a/x.bin": bytes(range(256)) * 50, "b.txt": b"", "ü/y": b"umlaut"}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archive_and_folder_hold_the_same_bytes(
    tmp_path: Path, files: dict[str, bytes], method: int
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr("__MACOSX/a/._x.bin", b"clutter")
        archive.writestr(".DS_Store", b"clutter")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path / "folder")
    for source in (tmp_path / "a.zip", tmp_path / "folder"):
        found = entries(source, tmp_path / "out" / "scratch")
        assert {entry.name: read(entry) for entry in found} == files


def test_long_extra_fields_in_a_local_header_do_not_matter(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("x")
    info.extra = b"\xfe\xca" + (2000).to_bytes(2, "little") + bytes(2000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, b"content")
    (entry,) = entries(tmp_path / "a.zip", tmp_path / "scratch")
    assert read(entry) == b"content"


def test_archives_within_archives_are_listed_too(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as archive:
        archive.writestr("x", b"content")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "inner.zip", "./deep/inner.zip")
        archive.write(tmp_path / "inner.zip", "../../evil.zip")
    (entry,) = entries(tmp_path / "outer.zip", tmp_path / "out" / "scratch")
    assert (entry.name, read(entry)) == ("x", b"content")
    assert entry.container.parent == tmp_path / "out" / "scratch"


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    "members",
    [
        {"A.zip": zipped({"x": b"of A"}), "B.zip": zipped({"x": b"of B"})},
        {"A.zip": zipped({"x": b"of A"}), "x": b"beside"},
        {"a//x": b"one", "a/x": b"another"},
    ],
)
def test_two_files_for_one_place_are_refused_and_one_twice_is_not(
    members: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(members))
    with pytest.raises(DataError, match=r"/x and .*x would both be unpacked to") as caught:
        laid_out(tmp_path / "a.zip", tmp_path / "out" / "scratch")
    assert "\n" not in str(caught.value)
    (tmp_path / "b.zip").write_bytes(zipped({"a//x": b"same", "a/x": b"same"}))
    folder = laid_out(tmp_path / "b.zip", tmp_path / "other" / "scratch")
    assert [path.read_bytes() for path in folder.rglob("x")] == [b"same"]


def test_an_archive_that_shrank_meanwhile_is_an_error_with_its_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x", bytes(5000))
    (entry,) = entries(tmp_path / "a.zip", tmp_path / "scratch")
    (tmp_path / "a.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:1000])
    with pytest.raises(ReaderError, match=r"a\.zip/x"):
        read(entry)


def test_a_rare_compression_is_refused_with_advice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x", b"content")
    with pytest.raises(DataError, match="extract the archive and give the folder"):
        entries(tmp_path / "a.zip", tmp_path / "scratch")


def test_a_corrected_archive_is_unpacked_anew_and_what_it_lost_is_removed(tmp_path: Path) -> None:
    generator = random.Random(0)
    for number in range(20):
        scratch = tmp_path / f"out{number}" / "scratch"
        several = tmp_path / f"several{number}"
        several.mkdir()
        for _ in range(3):
            names = generator.sample(["a/x", "a/y", "b", "ü/z"], generator.randint(1, 4))
            # Bytes of one length: neither size nor name tells the states apart.
            members = {name: bytes(generator.choices(range(3), k=2)) for name in names}
            (several / "one.zip").write_bytes(zipped(members))
            folder = laid_out(several, scratch) / "one"
            found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
            assert {name: path.read_bytes() for name, path in found.items()} == members
        before = {name: path.stat().st_mtime_ns for name, path in found.items()}
        laid_out(several, scratch)
        assert {name: path.stat().st_mtime_ns for name, path in found.items()} == before
