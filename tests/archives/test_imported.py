from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomweb_stub import stub
from typer.testing import CliRunner
from volume_runs import NAME, NUMBER, study

from inklings.archives import dicomweb
from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case


def call(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["import", "dicomweb", *(str(word) for word in words)])
    assert result.exit_code == code, result.output
    return result.output


def test_series_that_fit_become_the_cohort_of_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dicomweb, "WAITS", (0.01,))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    out = tmp_path / "cohort"
    with stub() as there:
        there.put(*study(tmp_path / "a", "1.2.3").iterdir())
        ask = [there.url, "--query", "Modality=MR", "--query", f"PatientID={NUMBER}", "--out", out]
        there.busy = 99
        assert "503" in call(*ask, code=2)
        there.busy, there.cut = 0, 2500
        call(*ask, "--workers", "1")
        (case,) = Cohort.read(out)
        with open_case(case) as image:
            read = image.read(image.geometry.full)[0]
        files = map(pydicom.dcmread, (tmp_path / "a").iterdir())
        stored = {one.InstanceNumber: one.pixel_array for one in files}
        np.testing.assert_array_equal(read, [stored[k] for k in sorted(stored)])
        there.put(*study(tmp_path / "b", "1.2.4").iterdir())
        call(*ask, "--workers", "1")
        assert len(Cohort.read(out)) == 2
        written = [p for p in out.rglob("*") if p.suffix in (".json", ".jsonl", ".yaml", ".csv")]
        kept = "".join(path.read_text("latin-1") for path in written)
        assert not any(word in kept for word in (*NAME.replace("^", " ").split(), NUMBER))
        assert "expected the URL of a study, or --query" in call(
            there.url, "--out", tmp_path / "b2", code=2
        )
        assert "expected a keyword" in call(
            there.url, "--query", "Modlity=MR", "--out", out, code=2
        )
        twice = ("--query", "Modality=MR", "--query", "Modality=CT")
        assert "--query Modality: expected it once" in call(there.url, *twice, "--out", out, code=2)


def test_what_we_predicted_is_no_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    ours = study(tmp_path / "ours", "1.2.3")
    for path in ours.iterdir():
        made = pydicom.dcmread(path)
        made.SeriesInstanceUID, made.Modality, made.Manufacturer = "1.2.3.9", "SEG", "inklings"
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = f"{made.SOPInstanceUID}.9"
        made.save_as(path)
    with stub() as there:
        there.put(*study(tmp_path / "a", "1.2.3").iterdir(), *ours.iterdir())
        told = call(f"{there.url}/studies/1.2.3", "--out", tmp_path / "cohort", "--workers", "1")
    assert "made by inklings" in told
    assert len(list((tmp_path / "cohort" / "dicom").rglob("*.dcm"))) == 6
