"""Detectors and cascades: findings in mm of the patient, through the library alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

import inklings as ik
from inklings.applications.lung_nodules.spec import DETECTION
from inklings.cohorts.case import Split
from inklings.labels.kinds import BallLabel
from inklings.readers.nifti import write_nifti
from inklings.simulation.phantoms.chest import chest
from inklings.simulation.phantoms.dicom_files import SeriesText, write_series
from inklings.simulation.phantoms.luna import write_mhd

GRID = ik.Geometry((24, 32, 32), (2.0, 2.0, 2.0), (5.0, -7.0, 9.0))
PARTS: tuple[Split, ...] = ("train", "train", "val", "test")
SHORT = {"steps": 2, "batch_size": 2, "loggers": [], "precision": "32-true"}
DETECTOR = {
    "cohort": "below",
    "task": "detection",
    "model": {"name": "centre_point", "width": 4, "blocks": 1, "prior": 0.05},
    "loss": "centre_point",
    "training": SHORT,
}


def lesion(seed: int) -> tuple[np.ndarray, tuple[float, float, float]]:
    """A bright ball of 12 mm on dark, and its centre in mm."""
    rng = np.random.default_rng(seed)
    place = np.array([12, 16, 16]) + rng.uniform(-4, 4, 3)
    index = np.moveaxis(np.indices(GRID.shape), 0, -1)
    bright = 400 * (np.linalg.norm(index - place, axis=-1) < 3)
    x, y, z = GRID.to_points(place).tolist()
    return (300 + bright + rng.normal(0, 12, GRID.shape)).astype(np.int16), (x, y, z)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> ik.Cohort:
    folder = tmp_path_factory.mktemp("lesions")
    cases = []
    for seed, part in enumerate(PARTS):
        array, centre = lesion(seed)
        path = folder / f"{seed}.nii.gz"
        write_nifti(path, array, GRID)
        balls = (BallLabel("mr", "lesion", centre, 12.0),)
        cases.append(ik.Case(f"mr{seed}", f"p{seed}", {"mr": path}, balls, part))
    return ik.Cohort("lesions", tuple(cases), ("lesion",)).write(folder)


@pytest.fixture(scope="module")
def detector(cohort: ik.Cohort, tmp_path_factory: pytest.TempPathFactory) -> ik.Run:
    section = {"side": 16, "spacing_mm": 2.0, "reference_mm": 12.0}
    experiment = ik.Experiment.check({**DETECTOR, "detection": section}, "test")
    return ik.train(experiment, cohort=cohort, out=tmp_path_factory.mktemp("lesion-run") / "run")


def test_findings_of_a_scan_lie_inside_of_it_in_mm(detector: ik.Run, cohort: ik.Cohort) -> None:
    assert detector.task == "detection"
    case = cohort.part("test")[0]
    scan = ik.predict(detector, case, threshold=0.01)
    assert (scan.case, scan.classes) == (case.id, ("lesion",))
    assert scan.probability.dtype == np.float32
    assert scan.probability.shape == scan.mask.shape == (1,)
    assert scan.geometry is None
    assert scan.findings
    scores = [finding.score for finding in scan.findings]
    assert scores == sorted(scores, reverse=True)
    assert scan.probability[0] == pytest.approx(scores[0])
    with ik.open_image(case.images["mr"]) as image:
        grid = image.geometry
    for finding in scan.findings:
        assert finding.name == "lesion"
        assert finding.diameter_mm > 0
        index = grid.to_indices(finding.centre_mm)
        assert (index > -1).all()
        assert (index < np.array(grid.shape)).all()


def test_a_file_an_array_and_a_case_give_the_same_findings(
    detector: ik.Run, cohort: ik.Cohort
) -> None:
    case = cohort.part("test")[0]
    path = case.images["mr"]
    with ik.open_image(path) as image:
        array = ik.open_image(image.read(image.geometry.full)[0], geometry=image.geometry)
    of_case, *others = (ik.predict(detector, one, threshold=0.01) for one in (case, path, array))
    centres = np.array([finding.centre_mm for finding in of_case.findings])
    for other in others:
        assert np.allclose([finding.centre_mm for finding in other.findings], centres, atol=1e-3)


def test_scores_are_of_patients_that_were_not_learnt_from(
    detector: ik.Run, cohort: ik.Cohort
) -> None:
    assert 0 <= ik.evaluate(ik.predict(detector, cohort), cohort)["cpm"].value <= 1
    with pytest.raises(ik.InklingsError, match="trained on"):
        ik.evaluate(ik.predict(detector, cohort, split="train"), cohort, split="train")


def test_findings_go_to_dicom_as_from_the_shell_and_to_nothing_else(
    detector: ik.Run, tmp_path: Path
) -> None:
    text = SeriesText("lesion", "P1", modality="MR", bits=16, slope=1, intercept=0)
    write_series(tmp_path / "mr", lesion(9)[0], GRID, text)
    scan = ik.predict(detector, tmp_path / "mr", threshold=0.01)
    assert scan.findings
    out = ik.export(scan, "dicom-sr", out=tmp_path / "out")
    assert pydicom.dcmread(out / f"{scan.case}_report.dcm").Modality == "SR"
    assert pydicom.dcmread(out / f"{scan.case}_seg.dcm").Modality == "SEG"
    for name in ("nifti", "png", "csv"):
        with pytest.raises(ik.InklingsError, match="holds findings, which go to dicom-sr"):
            ik.export(scan, name, out=tmp_path / name)
    assert not (tmp_path / "nifti").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flips": True}, "does not apply to a detector"),
        ({"threshold": 2.0}, "above 0 and below 1"),
        ({"spacing_mm": (1.0, 1.0, 1.0)}, "expected images, got cases"),
    ],
)
def test_what_means_nothing_to_a_detector_is_refused_in_one_line(
    detector: ik.Run, cohort: ik.Cohort, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ik.InklingsError, match=message) as said:
        ik.predict(detector, cohort.cases[0], **options)
    assert "\n" not in str(said.value)


@pytest.mark.slow
def test_a_cascade_is_predicted_scored_and_told_apart_from_its_stages(tmp_path: Path) -> None:
    cases = []
    for seed, part in enumerate(PARTS):
        drawn = chest(seed, (32, 72, 72), nodules=3)
        write_mhd(tmp_path / f"{seed}.mhd", drawn.image, drawn.geometry)
        balls = tuple(
            BallLabel("ct", "nodule", one.centre_mm, one.diameter_mm, k % 2 == 0)
            for k, one in enumerate(drawn.nodules)
        )
        images = {"ct": tmp_path / f"{seed}.mhd"}
        cases.append(ik.Case(f"chest{seed}", f"p{seed}", images, balls, part))
    chests = ik.Cohort("chests", tuple(cases), ("nodule",)).write(tmp_path / "cohort")
    runs = tmp_path / "runs"
    second = {"model": {"name": "nodule_net", "width": 4}, "loss": "bce"}
    for name, more in {
        "detector": {"detection": {**DETECTION, "side": 32}},
        "classifier": {**second, "candidates": {"side": 16, "detector": str(runs / "detector")}},
        "malignancy": {**second, "malignancy": {"side": 16}},
    }.items():
        record = {**DETECTOR, **more, "task": [*more][-1]}
        ik.train(ik.Experiment.check(record, name), cohort=chests, out=runs / name)
    found = ik.predict(runs, chests, split="test", threshold=0.01)
    assert found.cases == tuple(case.id for case in chests.part("test"))
    for finding in found[0].findings:
        assert {"classifier_score", "malignancy_probability"} <= set(finding.attributes)
    assert 0 <= ik.evaluate(found, chests)["cpm"].value <= 1
    with pytest.raises(ik.InklingsError, match="trained on"):
        ik.evaluate(ik.predict(runs, chests, split="train"), chests, split="train")
    with pytest.raises(ik.InklingsError, match="cannot predict alone"):
        ik.predict(runs / "malignancy", chests.cases[0])
