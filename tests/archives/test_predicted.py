"""From a study in an archive to what is stored beside it, by the command."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from dicomweb_stub import Stub, stub
from typer.testing import CliRunner
from volume_runs import NAME, NUMBER, study, volume_run

from inklings.archives import dicomweb
from inklings.cli import app

UID = "1.2.3"


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setattr(dicomweb, "WAITS", (0.01,))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    volume_run(tmp_path / "run")
    with stub() as made:
        made.put(*study(tmp_path / "study", UID).iterdir())
        yield made


def call(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


def objects(made: Stub, modality: str) -> list[pydicom.Dataset]:
    read = [pydicom.dcmread(io.BytesIO(data)) for data in made.files.values()]
    return [one for one in read if one.Modality == modality]


def test_twice_the_same_study_gives_one_result(there: Stub, tmp_path: Path) -> None:
    ask = [
        "predict",
        tmp_path / "run",
        f"{there.url}/studies/{UID}",
        "--store",
        "--to",
        "dicom-seg",
    ]
    ask += ["--to", "rtstruct", "--out"]
    told = call(*ask, tmp_path / "one")
    assert "2 objects stored -> 127.0.0.1" in told
    (seg,), (rt,) = objects(there, "SEG"), objects(there, "RTSTRUCT")
    assert (seg.StudyInstanceUID, rt.StudyInstanceUID) == (UID, UID)
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == f"{UID}.1"
    assert [one.SegmentLabel for one in seg.SegmentSequence] == ["liver"]
    time.sleep(1.1)  # the time of a prediction is part of what an object says
    for out in ("one", "two"):
        again = call(*ask, tmp_path / out)
        assert "0 objects stored, 1 cases were stored before" in again
    assert len(there.files) == 6 + 2
    stays = "\n".join(str(path) for path in tmp_path.rglob("*"))
    assert not any(word in told + stays for word in (*NAME.replace("^", " ").split(), NUMBER))


def test_another_result_of_the_same_study_is_stored_beside(there: Stub, tmp_path: Path) -> None:
    ask = ["predict", tmp_path / "run", f"{there.url}/studies/{UID}", "--store", "--out"]
    call(*ask, tmp_path / "one")
    call(*ask, tmp_path / "two", "--threshold", "0.51")
    assert len({one.SOPInstanceUID for one in objects(there, "SEG")}) == 2


def test_an_object_that_is_not_taken_ends_with_3(there: Stub, tmp_path: Path) -> None:
    there.part = True
    url = f"{there.url}/studies/{UID}"
    told = call("predict", tmp_path / "run", url, "--store", "--out", tmp_path / "out", code=3)
    assert "did not store" in told
    there.part = False
    told = call("predict", tmp_path / "run", url, "--store", "--out", tmp_path / "out")
    assert "1 objects stored" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["study", "--store"], "--store: expected https"),
        (["URL", "--to", "rtstruct"], "--to goes with it"),
        (["URL/studies/1.2.3", "--store", "--to", "nifti"], "--to nifti: expected dicom-seg"),
        (["URL", "--store"], "expected the URL of a study"),
        (["URL/studies/1.2.3", "http://127.0.0.2/studies/1", "--store"], "expected one archive"),
        (["URL/studies/9.9", "--store"], "got none"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_one_line_and_2(
    there: Stub, tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "study").mkdir(exist_ok=True)
    given = [word.replace("URL", there.url) for word in words]
    told = call("predict", tmp_path / "run", *given, "--out", tmp_path / "out", code=2)
    assert said in told
    assert not (tmp_path / "out" / "predictions.yaml").exists()
