"""Against an archive in this process that fails as it is told; a real one is in test_orthanc."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomweb_stub import Stub, stub
from volume_runs import NAME, NUMBER, study

from inklings.archives import dicomweb
from inklings.archives.dicomweb import Archive
from inklings.archives.place import Place, hashed
from inklings.errors import DataError, SpecError

UID = "1.2.3"


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setattr(dicomweb, "WAITS", (0.01, 0.01, 0.01))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    with stub() as made:
        made.put(*study(tmp_path / "study", UID).iterdir())
        yield made


def archive(made: Stub, below: str = f"/studies/{UID}") -> Archive:
    return Archive(Place.parse(made.url + below))


def pixels(folder: Path) -> dict[str, np.ndarray]:
    read = [pydicom.dcmread(path) for path in folder.glob("*.dcm")]
    return {str(one.SOPInstanceUID): one.pixel_array for one in read}


def test_files_come_as_they_are_stored_under_names_that_say_nothing(
    there: Stub, tmp_path: Path
) -> None:
    (one,) = archive(there).series()
    folder = archive(there).fetch(one, tmp_path / "down")
    assert {path.read_bytes() for path in folder.iterdir()} == set(there.files.values())
    assert folder == tmp_path / "down" / hashed(UID) / hashed(f"{UID}.1")
    said = " ".join(str(path) for path in folder.iterdir())
    assert not any(word in said for word in (*NAME.replace("^", " ").split(), NUMBER, UID))


def test_what_a_server_warns_of_is_not_repeated(
    there: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    there.warning = f"299 archive: no fuzzy matching of {NAME}"
    assert len(archive(there, "").series({"PatientID": NUMBER})) == 1
    assert NAME not in caplog.text


@pytest.mark.parametrize("cut", [0, 700, 1500, 2500, 5000])
def test_an_answer_cut_in_the_middle_loses_nothing(there: Stub, tmp_path: Path, cut: int) -> None:
    there.cut = cut
    (one,) = archive(there).series()
    folder = archive(there).fetch(one, tmp_path)
    assert {path.read_bytes() for path in folder.iterdir()} == set(there.files.values())


def test_what_is_there_is_not_asked_for_again(there: Stub, tmp_path: Path) -> None:
    (one,) = archive(there).series()
    folder = archive(there).fetch(one, tmp_path)
    gone = sorted(folder.iterdir())[2]
    gone.unlink()
    there.asked.clear()
    archive(there).fetch(one, tmp_path)
    files = [line for line in there.asked if "?" not in line]
    assert len(files) == 1
    assert "/instances/" in files[0]
    assert gone.is_file()


def test_a_busy_archive_is_asked_again_and_a_silent_one_is_an_error(
    there: Stub, tmp_path: Path
) -> None:
    there.busy = 2
    (one,) = archive(there).series()
    there.busy = 99
    with pytest.raises(DataError, match="503"):
        archive(there).fetch(one, tmp_path)


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_large_object_is_stored_whole_by_a_busy_archive(
    there: Stub, tmp_path: Path, size: int
) -> None:
    """dicomweb-client's own second try would send nothing."""
    path = sorted((tmp_path / "study").iterdir())[0]
    made = pydicom.dcmread(path)
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = "1.9"
    made.PixelData = bytes(size)
    made.save_as(tmp_path / "large.dcm")
    there.busy = 2
    archive(there).store([tmp_path / "large.dcm"])
    assert pydicom.dcmread(io.BytesIO(there.files["1.9"])).PixelData == bytes(size)


def test_an_object_refused_with_a_status_of_success_is_an_error(
    there: Stub, tmp_path: Path
) -> None:
    there.part = True
    with pytest.raises(DataError, match=r"did not store .* 0xa700"):
        archive(there).store(sorted((tmp_path / "study").iterdir())[:1])


def test_who_asks_stands_in_the_environment(
    there: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.token = "open-sesame"
    with pytest.raises(DataError, match=r"401.*INKLINGS_DICOMWEB_TOKEN"):
        archive(there).series()
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("INKLINGS_DICOMWEB_TOKEN", "open-sesame")  # goes before ~/.netrc
    assert len(archive(there).series()) == 1


def test_half_a_user_and_a_token_in_the_clear_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLINGS_DICOMWEB_USER", "me")
    with pytest.raises(SpecError, match="both"):
        Archive(Place("https://h"))
    monkeypatch.setenv("INKLINGS_DICOMWEB_PASSWORD", "secret")
    with pytest.raises(SpecError, match="in the clear") as told:
        Archive(Place("http://pacs.example"))
    assert "secret" not in str(told.value)


def test_errors_hold_no_query(there: Stub) -> None:
    there.busy = 99
    with pytest.raises(DataError) as told:
        archive(there, "").series({"PatientID": NUMBER})
    assert NUMBER not in str(told.value)
    gone = Archive(Place("http://127.0.0.1:9"))
    with pytest.raises(DataError, match="connection failed") as told:
        gone.series({"PatientID": NUMBER})
    assert NUMBER not in str(told.value)


def test_a_query_chooses_and_pages_end(there: Stub, tmp_path: Path) -> None:
    there.put(*study(tmp_path / "b", "1.2.4").iterdir())
    assert {one.study for one in archive(there, "").series({"Modality": "MR"})} == {UID, "1.2.4"}
    with pytest.raises(DataError, match="got none"):
        archive(there, "").series({"Modality": "CT"})
    one = archive(there, "/studies/1.2.4").series()
    assert [(s.study, s.uid, s.modality) for s in one] == [("1.2.4", "1.2.4.1", "MR")]
