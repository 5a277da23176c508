"""From a folder with names in every file to scores, tables and pictures that hold none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.labels.files import read_mask
from inklings.labels.kinds import MaskLabel
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance
from inklings.simulation.phantoms.chaos import write_studies

NAME = "ZEBRAFISH"


def run(*words: object) -> str:
    ran = CliRunner().invoke(app, [str(word) for word in words])
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_no_report_table_or_picture_holds_the_name_of_a_patient(tmp_path: Path) -> None:
    root = write_studies(tmp_path / "chaos", patients=1, shape=(12, 48, 48))
    for path in root.rglob("*.dcm"):
        said = pydicom.dcmread(path)
        said.PatientName, said.PatientID = f"{NAME}^ANNA", f"{NAME}-7"
        said.OperatorsName = said.ReferringPhysicianName = NAME
        said.save_as(path)
    cohort, predictions = tmp_path / "cohort", tmp_path / "predictions"
    told = run("import", "chaos", root, "--modality", "mr-t1-inphase", "--out", cohort)
    told += run("check", cohort) + run("show", cohort)
    read = Cohort.read(cohort)
    head = Head(read.classes, (0.5,) * len(read.classes), Provenance("r", "0" * 64, None, "0"))
    head.write(predictions)
    for case in read:
        label = case.labels[0]
        assert isinstance(label, MaskLabel)
        codes = read_mask(label.path)
        dense = np.stack([(codes == k) * 255 for k in range(1, len(read.classes) + 1)])
        image = next(iter(case.images.values()))
        DensePrediction(case.id, image, dense.astype(np.uint8)).write(predictions)
    told += run("evaluate", predictions, "--cohort", cohort, "--split", "all")
    for kind in ("nifti", "nrrd", "montage", "npz"):
        told += run("export", predictions, "--to", kind, "--cohort", cohort)
    assert NAME not in told
    written = [p for folder in (cohort, predictions) for p in folder.rglob("*") if p.is_file()]
    assert len(written) > 20
    for path in written:
        assert NAME not in str(path)
        assert NAME.encode() not in path.read_bytes(), path
    # An object of DICOM belongs to its patient, and says so: it goes back to the archive.
    run("export", predictions, "--to", "dicom-seg", "--cohort", cohort)
    said = pydicom.dcmread(next((predictions / "exports" / "dicom-seg").glob("*.dcm")))
    assert said.PatientID == f"{NAME}-7"
