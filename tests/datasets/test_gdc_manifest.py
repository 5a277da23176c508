import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.datasets import gdc_manifest
from inklings.datasets.gdc_manifest import compare, read_manifest
from inklings.datasets.importing import run
from inklings.datasets.tcga import Tcga
from inklings.errors import DataError
from inklings.testing.slides import write_levels

NAMES = tuple(f"TCGA-CR-{k}-01A-01-TS1.{k}.svs" for k in ("0001", "0002", "0003", "0004"))


def manifest(root: Path, folder: Path, names: tuple[str, ...]) -> Path:
    """As the portal gives it, of the files as they are now."""
    lines = ["id\tfilename\tmd5\tsize\tstate"]
    for k, name in enumerate(names):
        data = (folder / f"id-{k}" / name).read_bytes()
        lines.append(f"id-{k}\t{name}\t{hashlib.md5(data).hexdigest()}\t{len(data)}\treleased")
    path = root / "gdc_manifest.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for k, name in enumerate(NAMES):
        (tmp_path / "GDC" / f"id-{k}").mkdir(parents=True)
        picture = np.full((96, 96, 3), 200 + k, np.uint8)
        write_levels(tmp_path / "GDC" / f"id-{k}" / name, [picture])
    return tmp_path / "GDC"


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize(("harm", "said"), [(flipped, "md5 "), (cut, "bytes"), (Path.unlink, "")])
def test_what_is_not_as_the_manifest_says_is_listed(
    folder: Path, tmp_path: Path, harm: Callable[[Path], None], said: str
) -> None:
    entries = read_manifest(manifest(tmp_path, folder, NAMES))
    path = folder / "id-1" / NAMES[1]
    harm(path)
    seen = compare(entries, folder)
    assert len(seen.whole) == 3
    if harm is Path.unlink:
        assert [entry.name for entry in seen.missing] == [NAMES[1]]
    else:
        assert list(seen.damaged) == [path]
        assert said in seen.damaged[path]
        assert not seen.missing


def test_the_import_sets_aside_lists_ends_with_3_and_goes_on_when_all_is_there(
    folder: Path, tmp_path: Path
) -> None:
    told = manifest(tmp_path, folder, NAMES[:3])
    whole = {k: (folder / f"id-{k}" / NAMES[k]).read_bytes() for k in (0, 1)}
    flipped(folder / "id-0" / NAMES[0])
    (folder / "id-1" / NAMES[1]).unlink()
    words = ["import", "tcga", str(folder), "--manifest", str(told)]
    words += ["--out", str(tmp_path / "cohort"), "--workers", "1"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 3, result.output
    assert "3 files: 1 whole, 1 missing, 1 damaged; 1 slides on disk are not in it" in result.output
    for kind in ("damaged download", "missing download", "not in the manifest"):
        assert kind in result.output
    assert "1 slides (1 labelled" in result.output
    for k, data in whole.items():
        (folder / f"id-{k}" / NAMES[k]).write_bytes(data)
    report = run(Tcga(str(folder), manifest=told), tmp_path / "cohort", workers=1)
    assert [case.id for case in report.cohort] == [name.split(".")[0] for name in NAMES[:3]]
    assert [f.kind for f in report.findings if f.is_fatal] == ["not in the manifest"]


def test_sums_are_made_once_as_long_as_size_and_time_stay(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = read_manifest(manifest(tmp_path, folder, NAMES))
    made: list[int] = []

    def counted(**options: bool) -> "hashlib._Hash":
        made.append(1)
        return hashlib.new("md5", **options)

    monkeypatch.setattr(gdc_manifest.hashlib, "md5", counted)
    compare(entries, folder)
    compare(entries, folder)
    assert len(made) == len(NAMES)
    flipped(folder / "id-2" / NAMES[2])
    assert len(compare(entries, folder).damaged) == 1
    assert len(made) == len(NAMES) + 1


def test_files_may_lie_flat_but_a_name_of_two_files_belongs_to_a_folder(
    folder: Path, tmp_path: Path
) -> None:
    entries = read_manifest(manifest(tmp_path, folder, NAMES))
    (folder / "id-0" / NAMES[0]).rename(folder / NAMES[0])
    assert len(compare(entries, folder).whole) == 4
    (folder / "copy").mkdir()
    (folder / "copy" / NAMES[0]).write_bytes((folder / NAMES[0]).read_bytes())
    assert [entry.id for entry in compare(entries, folder).missing] == ["id-0"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id\tfilename\tsize\na\tb\t3\n", "expected columns id, filename, md5, size"),
        ("id\tfilename\tmd5\tsize\na\tb\tzz\t3\n", "expected 32 hexadecimal digits, got 'zz'"),
        ("id\tfilename\tmd5\tsize\n" + f"a\tb\t{'0' * 32}\t3\n" * 2, "each file once, got b 2"),
    ],
)
def test_another_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "m.txt").write_text(text)
    with pytest.raises(DataError, match=said):
        read_manifest(tmp_path / "m.txt")
