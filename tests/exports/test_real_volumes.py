"""Real scans through import, prediction and export, and back without a changed sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from export_volumes import predict as predict_by_hand
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.geometry import Geometry
from inklings.labels.files import read_mask
from inklings.labels.kinds import MaskLabel
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head, Provenance
from inklings.readers import open_image
from inklings.readers.dicom_segments import read_segments
from inklings.readers.dicom_series import source_planes
from inklings.readers.placing import placed
from inklings.simulation.phantoms.dicom_files import SeriesText, write_series
from inklings.spec import Component, Volumes
from inklings.testing.runs import untrained_run

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
CHAOS = DATA / "chaos_ct_sample.zip"
TOTAL = DATA / "totalsegmentator"
ORGANS = {1: "spleen", 2: "right kidney", 3: "left kidney", 5: "liver"}
LIVER = Head(("liver",), (0.5,), Provenance("r", "ab" * 32, None, "0"))


def run(*words: object, code: int = 0) -> str:
    ran = CliRunner().invoke(app, [str(word) for word in words])
    assert ran.exit_code == code, ran.output
    return ran.stderr if code else ran.stdout


def predicted(cohort: Path, folder: Path) -> Path:
    """Predictions of a network that has learnt nothing, half of all samples: ragged masks."""
    run_folder = untrained_run(
        folder / "run", seed=3, inference={"instances": "components", "window": 64},
        in_channels=1, channels=("liver",), classes=("liver",),
        intensity=Component(name="percentiles"),
        volumes=Volumes(view="2d", spacing_mm=(6.0, 4.0, 4.0)),
    )  # fmt: skip
    run("predict", run_folder, cohort, "--out", folder / "predictions")
    out = folder / "predictions"
    (case,) = PredictionFolder.open(out).cases
    middle = float(np.median(DensePrediction.read(out, case).dense)) / 255
    replace(Head.read(out), thresholds=(middle,)).write(out)
    return out


def decoded(path: Path, series: Path, shape: tuple[int, ...]) -> np.ndarray:
    """One segment by SimpleITK's decoder and the references of each frame."""
    said = pydicom.dcmread(path, stop_before_pixels=True)
    pixels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    order = {plane.sop: place for place, plane in enumerate(source_planes(series))}
    out = np.zeros(shape, bool)
    for frame, plane in zip(said.PerFrameFunctionalGroupsSequence, pixels, strict=True):
        source = frame.DerivationImageSequence[0].SourceImageSequence[0]
        out[order[source.ReferencedSOPInstanceUID]] = plane > 0
    return out


@pytest.mark.skipif(not CHAOS.exists(), reason="the CT of CHAOS is not beside the repository")
def test_the_ct_of_chaos_comes_back_from_dicom_seg_nifti_and_nrrd_identical(
    tmp_path: Path,
) -> None:
    cohort = tmp_path / "cohort"
    run("import", "chaos", CHAOS, "--modality", "ct", "--out", cohort)
    (case,) = Cohort.read(cohort)
    series = next(iter(case.images.values()))
    folder = predicted(cohort, tmp_path)
    prediction = DensePrediction.read(folder, case.id)
    ragged = prediction.mask(Head.read(folder))
    assert 0.01 < ragged.mean() <= 0.99
    label = case.labels[0]
    assert isinstance(label, MaskLabel)
    liver = read_mask(label.path) > 0
    truth = predict_by_hand(tmp_path / "truth", case.id, series, liver[None], LIVER)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(series)))
    scan = reader.Execute()
    for predictions, mask in ((folder, ragged), (truth, liver)):
        for kind in ("dicom-seg", "nifti", "nrrd"):
            run("export", predictions, "--to", kind)
        out = predictions / "exports"
        path = out / "dicom-seg" / f"{case.id}.dcm"
        np.testing.assert_array_equal(decoded(path, series, mask.shape), mask)
        back = read_segments(path)
        with open_image(series) as image:
            found = placed(back.masks[1], back.geometry, image.geometry).array
        np.testing.assert_array_equal(found, mask)
        for name in (f"nifti/{case.id}.nii.gz", f"nrrd/{case.id}.seg.nrrd"):
            written = SimpleITK.ReadImage(str(out / name))
            assert written.GetSize() == scan.GetSize()
            for word in ("Origin", "Spacing", "Direction"):
                mine, theirs = (getattr(i, f"Get{word}")() for i in (written, scan))
                np.testing.assert_allclose(mine, theirs, atol=1e-6)
            np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(written) > 0, mask)


@pytest.mark.skipif(not TOTAL.exists(), reason="totalsegmentator/ is not beside the repository")
@pytest.mark.parametrize("name", ["ct", "mr"])
def test_crops_of_totalsegmentator_keep_their_grids_and_organs(name: str, tmp_path: Path) -> None:
    image, mask = (
        (TOTAL / "example_ct_sm.nii.gz", TOTAL / "example_seg.nii.gz")
        if name == "ct"
        else (TOTAL / "example_mr_sm.nii.gz", TOTAL / "example_seg_mr.nii.gz")
    )
    for kind, path in (("images", image), ("masks", mask)):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"{name}.nii.gz").write_bytes(path.read_bytes())
    cohort = tmp_path / "cohort"
    run(
        "import", "nifti", "--images", tmp_path / "images", "--masks", tmp_path / "masks",
        "--values", "5=liver", "--others-are-background", "--out", cohort,
    )  # fmt: skip
    predictions = predicted(cohort, tmp_path)
    found = DensePrediction.read(predictions, name).mask(Head.read(predictions))
    run("export", predictions, "--to", "nifti")
    run("export", predictions, "--to", "nrrd")
    told = run("export", predictions, "--to", "dicom-seg", code=2)
    assert "expected a DICOM series" in told
    assert told.count("\n") == 1
    original = nibabel.load(image)
    written = nibabel.load(predictions / "exports" / "nifti" / f"{name}.nii.gz")
    np.testing.assert_allclose(written.affine, original.affine, atol=1e-4)
    np.testing.assert_array_equal(np.asarray(written.dataobj).transpose(2, 1, 0) > 0, found)


@pytest.mark.skipif(not TOTAL.exists(), reason="totalsegmentator/ is not beside the repository")
def test_four_organs_of_a_real_ct_go_through_dicom_seg_unchanged(tmp_path: Path) -> None:
    with open_image(TOTAL / "example_ct_sm.nii.gz") as image:
        geometry = Geometry(**{**vars(image.geometry), "frame": ""})
        stored = image.read(geometry.full)[0].astype(np.int16)
    text = SeriesText("total", "P", modality="CT", bits=16, slope=1, intercept=0)
    write_series(tmp_path / "ct", stored, geometry, text)
    codes = read_mask(TOTAL / "example_seg.nii.gz")
    masks = np.stack([codes == code for code in ORGANS])
    assert masks.any((1, 2, 3)).all()
    head = Head(tuple(ORGANS.values()), (0.5,) * 4, Provenance("r", "ab" * 32, None, "0"))
    folder = predict_by_hand(tmp_path / "p", "one", tmp_path / "ct", masks, head)
    run("export", folder, "--to", "dicom-seg")
    back = read_segments(folder / "exports" / "dicom-seg" / "one.dcm")
    assert list(back.names.values()) == list(ORGANS.values())
    with open_image(tmp_path / "ct") as image:
        grid = image.geometry
    for number, mask in enumerate(masks, 1):
        found = placed(back.masks[number], back.geometry, grid).array
        np.testing.assert_array_equal(found, mask)
