import json
import zipfile
from pathlib import Path

import pytest

from inklings.errors import DataError
from inklings.runs import bundle
from inklings.runs.bundle import INDEX, check, opened, source_of, unpack, write_bundle


@pytest.fixture
def written(tmp_path: Path) -> Path:
    (tmp_path / "weights").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "card").write_text("# Card\n")
    files = {"weights.safetensors": tmp_path / "weights", "card.md": tmp_path / "card"}
    write_bundle(tmp_path / "model.zip", "segmentation", files)
    return tmp_path / "model.zip"


def again(source: Path, out: Path, **changes: bytes | None) -> Path:
    """The same archive with some members added, replaced or left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        members = {name: old.read(name) for name in old.namelist()}
        for name, data in {**members, **changes}.items():
            if data is not None:
                new.writestr(name, data)
    return out


def test_files_come_back_byte_for_byte_and_the_same_files_give_the_same_bundle(
    written: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    unpack(written, folder)
    index = check(written, folder)
    assert (folder / "weights.safetensors").read_bytes() == bytes(range(256)) * 40
    assert sorted(index.sha256) == ["card.md", "weights.safetensors"]
    files = {name: folder / name for name in index.sha256}
    other = write_bundle(tmp_path / "again.zip", "segmentation", files)
    assert other.digest == index.digest
    assert (tmp_path / "again.zip").read_bytes() == written.read_bytes()


def test_a_bundle_is_opened_once_and_remembers_its_file(written: Path, tmp_path: Path) -> None:
    folder = opened(written)
    assert opened(written) == folder
    assert source_of(folder) == written
    assert opened(tmp_path) == source_of(tmp_path) == tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/outside",
        "deeper/outside",
        "..\\outside",
        "C:outside",
        "a/../../outside",
        "..",
        "outside" * 40,
    ],
)
def test_nothing_is_written_outside_of_the_folder(name: str, written: Path, tmp_path: Path) -> None:
    bad = again(written, tmp_path / "bad.zip", **{name: b"x"})
    with pytest.raises(DataError, match="expected plain files without a folder"):
        unpack(bad, tmp_path / "deep" / "er" / "out")
    assert not list(tmp_path.rglob("*outside*"))
    assert not (tmp_path / "deep").exists()


def test_a_link_is_not_followed(written: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(written, "a") as zipped:
        link = zipfile.ZipInfo("model.json")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        zipped.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="expected plain files"):
        unpack(written, tmp_path / "out")


def test_what_unpacks_to_more_than_a_model_is_refused(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "_SMALL", 1 << 20)
    bomb = again(written, tmp_path / "bomb.zip", **{"weights.safetensors": bytes(8 << 20)})
    with pytest.raises(DataError, match="would unpack from"):
        unpack(bomb, tmp_path / "out")
    many = again(written, tmp_path / "many.zip", **{f"f{n}": b"" for n in range(70)})
    with pytest.raises(DataError, match="at most 64 files"):
        unpack(many, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", [1 << 16, 1 << 17])
def test_weights_that_are_all_alike_come_back(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written is never refused as one that unpacks to too much."""
    monkeypatch.setattr(bundle, "_SMALL", 1 << 16)
    (tmp_path / "weights").write_bytes(bytes(size))
    files = {"weights.safetensors": tmp_path / "weights"}
    write_bundle(tmp_path / "model.zip", "segmentation", files)
    assert (opened(tmp_path / "model.zip") / "weights.safetensors").read_bytes() == bytes(size)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bundle_compressed_otherwise_is_refused(
    method: int, written: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(written, "a") as zipped:
        zipped.writestr("more", bytes(1000), method)
    with pytest.raises(DataError, match=rf"in a way that no bundle is \(method {method}\)"):
        unpack(written, tmp_path / "out")


def test_a_member_without_a_name_is_one_line(written: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(written, "a") as zipped:
        zipped.writestr(zipfile.ZipInfo(""), b"x")
    with pytest.raises(DataError, match=r"expected a bundle|expected plain files"):
        unpack(written, tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"card.md": b"# Other\n"}, r"card.md is not what was bundled \(SHA-256"),
        ({"card.md": None}, "card.md is not among its files"),
        ({"more.md": b""}, "more.md is not in its bundle.json"),
        ({INDEX: b"{}"}, "bundle.json is damaged"),
        ({INDEX: None}, "a zip without bundle.json"),
    ],
)
def test_a_changed_bundle_is_refused_by_the_name_of_the_file(
    changes: dict[str, bytes | None], said: str, written: Path, tmp_path: Path
) -> None:
    bad = again(written, tmp_path / "bad.zip", **changes)
    with pytest.raises(DataError, match=said) as caught:
        opened(bad)
    assert "\n" not in str(caught.value)


def test_a_bundle_that_is_cut_short_or_damaged_is_one_line(written: Path, tmp_path: Path) -> None:
    whole = written.read_bytes()
    with zipfile.ZipFile(written) as zipped:
        at = zipped.getinfo("weights.safetensors").header_offset + 120
    for name, data in {
        "cut": whole[: len(whole) // 2],
        "changed": whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :],
        "text": b"hello",
        "empty": b"",
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=r"expected a bundle|is not what was bundled"):
            opened(tmp_path / name)


def test_the_index_says_who_wrote_it(written: Path) -> None:
    with zipfile.ZipFile(written) as zipped:
        said = json.loads(zipped.read(INDEX))
    assert (said["task"], set(said)) == ("segmentation", {"version", "task", "sha256"})
