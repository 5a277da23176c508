"""Nothing of a detector knows what it detects: bright balls of an MR, and no lungs anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.detection.candidates import Candidate
from inklings.detection.find import find
from inklings.detection.gather import image_name
from inklings.detection.predictor import searched
from inklings.detection.scan import whole
from inklings.errors import DataError, LabelError, SpecError
from inklings.evaluation.findings import froc
from inklings.evaluation.intervals import Bootstrap
from inklings.evaluation.marks import from_cohort, read_marks
from inklings.inference.items import Item
from inklings.inference.predict import predict
from inklings.labels.kinds import IRRELEVANT, BallLabel, PointLabel
from inklings.predictions.findings import Findings
from inklings.predictions.head import CALIBRATION, Head
from inklings.readers import open_image
from inklings.runs.run import Run
from inklings.spec import Component, Experiment
from inklings.spec.detection import Detection, DetectionExperiment
from inklings.tasks.calibrate import calibrate
from inklings.tasks.detection import DetectionTask, hits_of
from inklings.tasks.train import train

SHAPE, SPACING = (24, 32, 32), (2.0, 2.0, 2.0)
PARTS: tuple[Split, ...] = ("train", "train", "train", "test", "test")


def written(folder: Path, seed: int) -> tuple[Path, list[tuple[np.ndarray, float]]]:
    """An MR of arbitrary units with two bright balls, whose places and sizes in voxels come back.

    The array of a NIfTI is ``(x, y, z)``; here x grows to the right, as the file's axes say.
    """
    rng = np.random.default_rng(seed)
    places = np.array([[7, 9, 10], [16, 22, 21]]) + rng.uniform(-2, 2, (2, 3))
    values = rng.normal(300, 12, SHAPE)
    index = np.moveaxis(np.indices(SHAPE), 0, -1)
    for place in places:
        values[np.linalg.norm(index - place, axis=-1) < 3] += 400
    path = folder / f"mr{seed}.nii.gz"
    stored = values.astype(np.int16).transpose(2, 1, 0)
    nibabel.save(nibabel.Nifti1Image(stored, np.diag([*SPACING[::-1], 1.0])), path)
    return path, [(place, 6.0) for place in places]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half of the lesions are points in voxels, half are balls in mm."""
    return lesions(tmp_path_factory.mktemp("lesions"), PARTS)


def lesions(folder: Path, parts: Sequence[Split]) -> Path:
    folder.mkdir(exist_ok=True)
    cases = []
    for seed, part in enumerate(parts):
        path, found = written(folder, seed)
        labels = []
        with open_image(path) as image:
            for number, (place, voxels) in enumerate(found):
                if number:
                    x, y, z = image.geometry.to_points(place).tolist()
                    labels.append(BallLabel("mr", "lesion", (x, y, z), 2.0 * voxels))
                else:
                    labels.append(PointLabel("mr", "lesion", tuple(place.tolist()), voxels))
        cases.append(Case(f"mr{seed}", f"p{seed}", {"mr": path}, tuple(labels), part))
    Cohort("lesions", tuple(cases), ("lesion",)).write(folder)
    return folder


def experiment(cohort: Path, steps: int = 60, **section: object) -> Experiment:
    record = {
        "task": "detection",
        "cohort": str(cohort),
        "model": {"name": "centre_point", "width": 6, "blocks": 1, "prior": 0.05},
        "loss": "centre_point",
        "training": {
            "steps": steps, "batch_size": 4, "learning_rate": 0.01, "loggers": [],
            "precision": "32-true",
        },
        "detection": {"side": 24, "foreground": 0.7, "spacing_mm": 2.0, "reference_mm": 12.0}
        | section,
    }  # fmt: skip
    return Experiment.check(record, "test")


def test_lesions_of_an_mr_are_learnt_found_by_their_name_and_scored(
    cohort: Path, tmp_path: Path
) -> None:
    run = Run.load(train(experiment(cohort), tmp_path / "run"))
    assert run.model_config.classes == ("lesion",)
    for case in Cohort.read(cohort).part("test"):
        with open_image(case.images["mr"]) as image:
            found = find(run, *whole(image), case.id)
        assert {one.name for one in found} == {"lesion"}
        assert found.stage_counts["voxels"] == np.prod(SHAPE)
        assert "warnings" not in found.facts
        best = found.found[0]
        assert best.diameter_mm == pytest.approx(12.0, rel=0.4)
        found.write(tmp_path / "found")
    reference = from_cohort(cohort, "test")
    assert reference.name == "lesion"
    table = froc(read_marks(tmp_path / "found"), reference, Bootstrap(20))
    counts = table.facts["counts"]
    assert (counts["objects"], counts["hits"]) == (4, 4)
    assert table.rows[-1].value > 0.8
    assert "4 lesions in 2 scans, 4 hit" in table.facts["summary"][0]


def test_what_is_not_said_is_not_guessed(cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a chest CT in Hounsfield units"):
        train(experiment(cohort, 1, region="lungs"), tmp_path / "lungs")
    with pytest.raises(LabelError, match="expected balls or points called 'cyst'"):
        train(experiment(cohort, 1, class_name="cyst"), tmp_path / "cysts")
    with pytest.raises(DataError, match="expected an image called 't2', got mr"):
        train(experiment(cohort, 1, image="t2"), tmp_path / "t2")
    with pytest.raises(SpecError, match="expected window or percentiles, got zscore"):
        train(experiment(cohort, 1, intensity="zscore"), tmp_path / "zscore")
    with pytest.raises(SpecError, match="everywhere"):
        train(experiment(cohort, 1, region="everywher"), tmp_path / "region")


def test_of_several_images_the_one_is_searched_that_was_learnt_from() -> None:
    assert image_name("a", ("t1", "flair"), "flair") == "flair"
    assert image_name("a", ("mr",), None) == "mr"
    assert image_name("a", ("t1", "ct"), None) == "ct"
    assert image_name("a", ("image",), "flair") == "image"  # a file that was given by itself
    for images, wanted in ((("t1", "flair"), None), (("t1",), "flair")):
        with pytest.raises(DataError, match="case a: expected"):
            image_name("a", images, wanted)


def test_a_search_opens_the_image_that_was_learnt_from() -> None:
    """Of a case of several images the first was taken, whichever was learnt from."""
    images = {name: Path(f"{name}.nii.gz") for name in ("t1", "flair")}
    item = Item("a", images, choices={"flair": "b 500"})
    asked = experiment(Path("cohort"), image="flair")
    assert isinstance(asked, DetectionExperiment)
    one = searched(item, asked.detection.image)
    assert (one.path.name, one.choice) == ("flair.nii.gz", "b 500")


def test_points_without_a_diameter_need_one(cohort: Path, tmp_path: Path) -> None:
    known = Cohort.read(cohort)
    cases = tuple(replace(c, labels=(replace(c.labels[0], diameter=None),)) for c in known)
    Cohort(known.name, cases, known.classes).write(tmp_path / "points")
    with pytest.raises(LabelError, match=r"give detection\.default_mm"):
        train(experiment(tmp_path / "points", 1), tmp_path / "refused")
    run = Run.load(train(experiment(tmp_path / "points", 1, default_mm=12.0), tmp_path / "run"))
    assert run.model_config.classes == ("lesion",)


def test_scores_of_findings_become_probabilities(tmp_path: Path) -> None:
    parts: list[Split] = ["train"] * 3 + ["val"] * 6 + ["test"] * 3
    cohort = lesions(tmp_path / "cohort", parts)
    run = train(experiment(cohort), tmp_path / "run")
    found = calibrate(run, cohort)
    assert found.changes
    (one,) = found.classes
    assert one.before is not None
    assert one.after is not None
    assert one.after.brier.value < one.before.brier.value
    for name, asked in (("after", None), ("before", False)):
        predict(run, [cohort], tmp_path / name, split="test", calibration=asked)
    heads = [Head.read(tmp_path / name) for name in ("before", "after")]
    assert heads[1].settings[CALIBRATION] == [{"lesion": str(one.change)}]
    assert heads[1].thresholds[0] == pytest.approx(float(one.change(heads[0].thresholds[0])))
    assert set(heads[1].trained_on or ()) >= {"p3", "p8"}
    for case in ("mr9", "mr10", "mr11"):
        before, after = (Findings.read(tmp_path / name, case) for name in ("before", "after"))
        assert [f.score for f in after] == pytest.approx(
            [float(one.change(f.score)) for f in before]
        )
        assert [f.score >= heads[1].thresholds[0] for f in after] == [
            f.score >= heads[0].thresholds[0] for f in before
        ]
    rows = [
        froc(read_marks(tmp_path / name), from_cohort(cohort, "test"), Bootstrap(20)).rows
        for name in ("before", "after")
    ]
    assert [row.value for row in rows[0]] == [row.value for row in rows[1]]


def test_only_the_best_finding_in_an_object_is_true_and_what_is_irrelevant_is_neither() -> None:
    labels = (
        BallLabel("mr", "lesion", (0.0, 0.0, 0.0), 10.0),
        BallLabel("mr", IRRELEVANT, (50.0, 0.0, 0.0), None),
    )
    case = Case("a", "a", {"mr": Path("mr.nii.gz")}, labels)
    places = ((1.0, 0.0, 0.0), (0.0, 2.0, 0.0), (20.0, 0.0, 0.0), (52.0, 0.0, 0.0))
    found = [Candidate((0, 0, 0), place, 5.0, 0.9 - k / 10) for k, place in enumerate(places)]
    hits, ignored = hits_of(case, "lesion", found, Detection())
    assert hits.tolist() == [True, False, False, False]
    assert ignored.tolist() == [False, True, False, True]


def test_findings_in_lungs_are_not_calibrated(cohort: Path, tmp_path: Path) -> None:
    run = Run.load(train(experiment(cohort, 1), tmp_path / "run"))
    assert isinstance(run.experiment, DetectionExperiment)
    asked = run.experiment.detection.model_copy(update={"region": Component(name="lungs")})
    lungs = replace(run, experiment=run.experiment.model_copy(update={"detection": asked}))
    with pytest.raises(SpecError, match="all stages of a cascade"):
        DetectionTask().held_out(lungs, Cohort.read(cohort), tmp_path)
