import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from inklings.applications.lung_nodules import error_analysis
from inklings.applications.lung_nodules.error_analysis import Rated
from inklings.applications.lung_nodules.search import Settings, find_nodules, require_unseen
from inklings.applications.lung_nodules.spec import DETECTION
from inklings.applications.lung_nodules.stages import Cascade
from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.detection.predictor import DetectionPredictor
from inklings.errors import DataError, SpecError
from inklings.files import write_yaml
from inklings.inference.predict import predict
from inklings.labels.kinds import BallLabel
from inklings.predictions.findings import Findings
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.outputs import remembered
from inklings.runs.run import Run, write_model
from inklings.simulation.phantoms.chest import chest
from inklings.simulation.phantoms.luna import write_mhd
from inklings.spec import Experiment
from inklings.tasks.train import train


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A cohort of four small chests and a detector that calls everything a nodule."""
    folder = tmp_path_factory.mktemp("study")
    cases = []
    for seed, split in ((1, "train"), (2, "train"), (3, "test"), (4, "test")):
        scan = chest(seed, (48, 96, 96), nodules=2)
        path = folder / "scans" / f"chest-{seed}.mhd"
        write_mhd(path, scan.image, scan.geometry)
        labels = tuple(
            BallLabel("ct", "nodule", n.centre_mm, n.diameter_mm, n.malignant) for n in scan.nodules
        )
        cases.append(Case(f"chest-{seed}", f"p{seed}", {"ct": path}, labels, split))
    Cohort("chests", tuple(cases), ("nodule",)).write(folder / "cohort")
    record = {
        "cohort": str(folder / "cohort"),
        "model": {"name": "centre_point", "width": 4, "blocks": 1},
        "loss": "centre_point",
        "training": {"steps": 2, "batch_size": 2, "loggers": [], "precision": "32-true"},
        "task": "detection",
        "detection": {**DETECTION, "side": 32},
    }
    train(Experiment.check(record, "test"), folder / "run")
    stage = Run.load(folder / "run")
    torch.nn.init.ones_(stage.model.head.bias)
    write_model(folder / "run", stage.model, stage.model_config)
    stage.record.write(folder / "run")  # with the checksum of these weights
    return folder


def test_one_command_writes_findings_table_and_pictures(study, tmp_path) -> None:
    ct = study / "scans" / "chest-3.mhd"
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app, ["nodules", str(ct), "--run", str(study / "run"), "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    assert "found nodule candidates" in result.output
    assert "nodule prob" in result.output
    assert "center xyz" in result.output
    assert "voxels -> " in result.output
    assert "0 nodules called" in result.output
    assert "Outside the lungs (table, wall, bowel)" in (out / "report.html").read_text()
    findings = Findings.read(out, "chest-3")
    assert len(findings) > 3
    rows = list(csv.DictReader((out / "findings.csv").open()))
    assert len(rows) == len(findings)
    assert {"seriesuid", "coordX", "coordY", "coordZ", "probability"} <= set(rows[0])
    first = findings.found[0]
    with Image.open(out / str(first.word("picture"))) as picture:
        assert picture.size[0] > 3 * 150


def test_series_names_scans_of_cohorts_and_files(study, tmp_path) -> None:
    scans = sorted((study / "scans").glob("*.mhd"))
    for k, inputs in enumerate(([study / "cohort"], scans)):
        out = tmp_path / str(k)
        words = ["nodules", *map(str, inputs), "--run", str(study / "run"), "--out", str(out)]
        result = CliRunner().invoke(app, [*words, "--series", "chest-3"])
        assert result.exit_code == 0, result.output
        assert PredictionFolder.open(out).cases == ("chest-3",)
        wrong = CliRunner().invoke(app, [*words, "--series", "chest-3,chest-9"])
        assert wrong.exit_code == 2
        assert "expected ids of cases, got 'chest-9'" in wrong.stderr


def test_tuning_asks_a_classifier_that_had_no_weight(study, tmp_path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "detector").symlink_to(study / "run")
    record = {
        "cohort": str(study / "cohort"),
        "model": {"name": "nodule_net", "width": 4},
        "loss": "bce",
        "training": {"steps": 1, "batch_size": 2, "loggers": [], "precision": "32-true"},
        "task": "candidates",
        "candidates": {"side": 16, "detector": str(study / "run")},
    }
    train(Experiment.check(record, "test"), run / "classifier")
    replace(Cascade.load(run), weight=0.0).write(run)
    for tuning, scores in (
        (False, {"detector_score"}),
        (True, {"detector_score", "classifier_score"}),
    ):
        out = tmp_path / f"tuning-{tuning}"
        settings = Settings(tuning=tuning)
        find_nodules(run, [study / "scans" / "chest-3.mhd"], out, settings, say=lambda _: None)
        found = Findings.read(out, "chest-3")
        said = [{name for name in one.attributes if name.endswith("_score")} for one in found]
        assert all(names == scores for names in said)


def test_finished_cases_are_skipped_and_the_rest_is_done(study, tmp_path) -> None:
    run, lines = study / "run", list[str]()
    first = find_nodules(run, [study / "scans" / "chest-3.mhd"], tmp_path, say=lines.append)
    again = predict(run, [study / "cohort"], tmp_path, split="test")
    assert (first.finished, again.finished, again.skipped) == (1, 1, 1)
    assert len(list((tmp_path / "findings").glob("*.json"))) == 2


def test_predict_takes_a_detector_and_its_head_says_what_found_it(study, tmp_path) -> None:
    out = tmp_path / "found"
    words = ["predict", str(study / "run"), str(study / "cohort"), "--split", "test"]
    result = CliRunner().invoke(app, [*words, "--out", str(out), "--threshold", "0.4"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("2 predicted in")
    there = PredictionFolder.open(out)
    assert (there.kind, there.cases) == ("findings", ("chest-3", "chest-4"))
    assert there.head.trained_on == Run.load(study / "run").record.trained_on
    assert there.head.thresholds == (0.4,)
    assert there.head.provenance.weights_sha256 == Run.load(study / "run").weights_sha256
    assert len((out / "findings.csv").read_text().splitlines()) > 2
    assert remembered(study / "run")[-1] == out.resolve()
    again = CliRunner().invoke(app, [*words, "--out", str(out)])
    assert again.exit_code == 2
    assert "choose another --out" in again.stderr


def test_findings_of_0_1_without_a_head_are_read_but_not_gone_on_with(study, tmp_path) -> None:
    run, scan, out = study / "run", study / "scans" / "chest-3.mhd", tmp_path / "out"
    find_nodules(run, [scan], out, say=lambda _: None)
    (out / "predictions.yaml").unlink()
    there = PredictionFolder.open(out)
    assert there.head.trained_on == Run.load(run).record.trained_on
    assert there.image("chest-3") == scan.resolve()
    with pytest.raises(SpecError, match="do not say whose weights made them; choose another"):
        predict(run, [scan], out)
    found = Findings.read(out, "chest-3")
    stages = {"stages": {"detector": str(tmp_path / "gone")}}
    replace(found, facts={**found.facts, **stages}).write(out)
    there = PredictionFolder.open(out)
    assert there.head.trained_on is None
    assert "nobody knows" in there.notes[0]


def test_a_stage_without_its_detector_predicts_nothing(study, tmp_path) -> None:
    write_yaml(tmp_path / "run" / "experiment.yaml", {
        "cohort": "c", "model": "nodule_net", "loss": "bce", "training": {"steps": 1},
        "task": "malignancy",
    })  # fmt: skip
    with pytest.raises(DataError, match=r"task malignancy cannot predict alone; put it"):
        predict(tmp_path / "run", [study / "cohort"], tmp_path / "out")


def test_a_file_that_is_no_ct_fails_alone(study, tmp_path) -> None:
    picture = tmp_path / "picture.png"
    Image.new("L", (64, 64)).save(picture)
    summary = find_nodules(
        study / "run",
        [picture, study / "scans" / "chest-3.mhd"],
        tmp_path / "out",
        say=lambda _: None,
    )
    assert summary.finished == 1
    assert "expected a scan" in summary.failed["picture"]
    assert summary.code == 3


def test_validation_for_every_nodule(study, tmp_path, monkeypatch) -> None:
    asked = Rated(np.array([0.2, 0.7]), np.array([9.0, 8.0]), np.array([False, True]), ("a", "b"))
    monkeypatch.setattr(error_analysis, "rated", lambda *_: asked)
    words = ["nodules", str(study / "cohort"), "--run", str(study / "run"), "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*words, "--split", "test", "--validation"])
    assert result.exit_code == 0, result.output
    assert "CPM" in result.output
    record = json.loads((tmp_path / "error_analysis.json").read_text())
    cases = Cohort.read(study / "cohort").part("test")
    nodules = sum(len(case.labels) for case in cases)
    curves = list(csv.DictReader((tmp_path / "roc.csv").open()))
    assert {row["score"] for row in curves} == {"model", "diameter"}
    assert (tmp_path / "roc.png").is_file()
    page = (tmp_path / "report.html").read_text()
    assert "Malignancy compared with the diameter" in page
    assert "model, AUC 1.000" in page
    for rule in ("reference", "luna16"):
        assert record[rule]["losses"]["nodules"] == nodules
    assert json.loads((tmp_path / "froc.json").read_text())["counts"]["objects"] == nodules


def test_patients_that_trained_a_stage_are_not_scored(study) -> None:
    with pytest.raises(SpecError, match="stage detector was trained on 2 of the patients"):
        require_unseen(study / "run", [study / "cohort"], "train")
    require_unseen(study / "run", [study / "cohort"], "test")


@pytest.mark.slow
def test_workers_find_what_one_process_finds(study, tmp_path) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    for out, workers in ((one, None), (many, 2)):
        find_nodules(
            study / "run", [study / "cohort"], out, split="test", workers=workers,
            say=lambda _: None,
        )  # fmt: skip
    for path in sorted((one / "findings").glob("*.json")):
        mine, theirs = (Findings.read(there, path.stem) for there in (path.parents[1], many))
        assert len(mine) == len(theirs) > 0
        for a, b in zip(mine, theirs, strict=True):  # other numbers of threads add in another order
            assert a.centre_mm == pytest.approx(b.centre_mm, abs=1e-3)
            assert (a.score, a.diameter_mm) == pytest.approx((b.score, b.diameter_mm), rel=1e-4)
            for word in ("picture", "side", "zone"):
                assert a.word(word) == b.word(word)
        assert mine.stage_counts == theirs.stage_counts


REAL = Path(__file__).parents[4] / "shared" / "data" / "lidc_idri_0001.zip"


@pytest.mark.skipif(not REAL.is_file(), reason="the real CT of LIDC-IDRI is not here")
@pytest.mark.slow
def test_the_real_scan_leaves_dicom_objects_beside_its_series(study, tmp_path) -> None:
    find_nodules(study / "run", [REAL], tmp_path, Settings(dicom=True), say=lambda _: None)
    findings = Findings.read(tmp_path, "lidc_idri_0001")
    assert Cascade.load(study / "run").threshold == 0.5
    assert not findings.facts.get("warnings")
    assert (tmp_path / "dicom" / "lidc_idri_0001_report.dcm").is_file()
    assert (tmp_path / "dicom" / "lidc_idri_0001_seg.dcm").is_file()


def test_the_old_name_of_the_option_says_the_new_one(study, tmp_path) -> None:
    words = ["nodules", str(study / "cohort"), "--run", str(study / "run"), "--split", "test"]
    result = CliRunner().invoke(app, [*words, "--out", str(tmp_path), "--choose"])
    assert result.exit_code == 2  # thresholds are tuned on --split val
    assert "--choose is now --tune-thresholds" in result.stderr


def test_a_detector_of_0_1_is_told_to_see_scans_turned(study, tmp_path, capsys) -> None:
    old = shutil.copytree(study / "run", tmp_path / "old")
    record = json.loads((old / "model.json").read_text())
    del record["orientation"]
    (old / "model.json").write_text(json.dumps(record))
    DetectionPredictor(old, [study / "cohort"], {})
    assert "trained by 0.1" in capsys.readouterr().err
