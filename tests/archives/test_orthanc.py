"""Against a real archive: Orthanc, started for the test on this machine."""

from __future__ import annotations

import io
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from orthanc import Orthanc, free_port, needs_orthanc, orthanc
from services import SENDER, service, until
from typer.testing import CliRunner
from volume_runs import study, volume_run

from inklings.archives import dicomweb
from inklings.archives.place import Place
from inklings.cli import app

pytestmark = [pytest.mark.slow, needs_orthanc]
UID = "1.2.3"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orthanc]:
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setattr(dicomweb, "WAITS", (0.1, 0.2))
    volume_run(tmp_path / "run")
    study(tmp_path / "study", UID)
    with orthanc(tmp_path / "orthanc") as made:
        yield made


def call(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


def pixels(datasets: list[pydicom.Dataset]) -> dict[str, bytes]:
    return {str(one.SOPInstanceUID): one.PixelData for one in datasets}


def read(server: Orthanc, modality: str) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(io.BytesIO(data)) for data in server.objects(modality)]


def faults(data: bytes, folder: Path) -> set[str]:
    """Errors that the validator finds in a file."""
    (folder / "one.dcm").write_bytes(data)
    told = subprocess.run(
        ["dciodvfy", str(folder / "one.dcm")], capture_output=True, text=True, check=False
    ).stderr
    assert "Segmentation" in told or "RTStructureSet" in told  # it knew what it looked at
    return {line for line in told.splitlines() if line.startswith("Error")}


def test_a_study_goes_in_by_stow_and_its_answer_comes_back_once(
    server: Orthanc, tmp_path: Path
) -> None:
    files = sorted((tmp_path / "study").iterdir())
    sent = dicomweb.Archive(Place.parse(server.url))
    sent.store(files)
    sent.store(files)
    url = f"{server.url}/studies/{UID}"
    ask = ["predict", tmp_path / "run", url, "--store", "--to", "dicom-seg", "--to", "rtstruct"]
    assert "2 objects stored" in call(*ask, "--out", tmp_path / "one")
    time.sleep(1.1)
    assert "1 cases were stored before" in call(*ask, "--out", tmp_path / "one")
    assert "1 cases were stored before" in call(*ask, "--out", tmp_path / "two")
    images = [pydicom.dcmread(path) for path in files]
    assert pixels(read(server, "MR")) == pixels(images)
    down = [pydicom.dcmread(path) for path in (tmp_path / "one" / "dicom").rglob("*.dcm")]
    assert pixels(down) == pixels(images)
    (seg,), (contours,) = read(server, "SEG"), read(server, "RTSTRUCT")
    assert contours.StudyInstanceUID == UID
    (made,) = (tmp_path / "one" / "exports" / "dicom-seg").glob("*.dcm")
    assert seg == pydicom.dcmread(made)
    if shutil.which("dciodvfy"):
        for data in (*server.objects("SEG"), *server.objects("RTSTRUCT")):
            assert not faults(data, tmp_path)


def test_a_cohort_comes_by_query_and_a_user_is_asked_for(
    server: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.upload(*(tmp_path / "study").iterdir(), *study(tmp_path / "other", "1.2.4").iterdir())
    server.stop()
    server.start(AuthenticationEnabled=True, RegisteredUsers={"me": "secret"})
    ask = ["import", "dicomweb", server.url, "--query", f"StudyInstanceUID={UID}", "--workers", "1"]
    assert "401" in call(*ask, "--out", tmp_path / "cohort", code=2)
    monkeypatch.setenv(dicomweb.USER, "me")
    monkeypatch.setenv(dicomweb.PASSWORD, "secret")
    assert "1 volumes" in call(*ask, "--out", tmp_path / "cohort")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.delenv(dicomweb.USER)
    monkeypatch.delenv(dicomweb.PASSWORD)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert "1 volumes" in call(*ask, "--out", tmp_path / "by-netrc")


def test_orthanc_sends_a_study_and_gets_its_answer_also_when_it_was_down(
    server: Orthanc, tmp_path: Path
) -> None:
    server.upload(*(tmp_path / "study").iterdir())
    server.stop()
    port = free_port()
    node = {"DicomModalities": {"ink": ["INKLINGS", "127.0.0.1", port]}, "DicomAet": SENDER}
    server.start(**node)
    with service(
        tmp_path / "run", tmp_path / "q", server.dicom, port=port, archive_ae=SENDER
    ) as made:
        (there,) = server.get("/studies")
        for _ in range(2):
            server.ask("/modalities/ink/store", there.encode())
        server.stop()
        until(lambda: bool(made.said))
        server.start(**node)
        (line,) = made.answered(1)
        assert line["outcome"] == "answered"
        (seg,) = read(server, "SEG")
        assert seg.StudyInstanceUID == UID
        server.ask("/modalities/ink/store", there.encode())  # with its own answer, which is let go
        time.sleep(2)
        assert len(made.log()) == 1
    assert len(read(server, "SEG")) == 1
