"""Calibrated through the commands: fitted on the validation part, applied, scored, refused."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from inklings.calibration.record import FILE, Calibration
from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.inference.bags import BagPredictor
from inklings.labels.kinds import BagLabel, BoxLabel, MaskLabel
from inklings.predictions.bags import BagPrediction
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import CALIBRATION
from inklings.predictions.likeness import FILE as LIKENESS
from inklings.runs.run import Run, RunRecord, write_model
from inklings.simulation.phantoms.bags import value_bags, vector_bags
from inklings.spec import Experiment
from inklings.tasks.train import train
from inklings.testing.bags import bag_experiment

FEW = ("--json", "--quiet", "--resamples", 20)
PARTS = ["train"] * 6 + ["val"] * 7 + ["test"] * 5


def write_cohort(folder: Path) -> Path:
    """Discs whose masks are wrong in a tenth of the samples, so that nobody can be certain."""
    (folder / "files").mkdir(parents=True)
    rng, cases = np.random.default_rng(0), []
    for i, part in enumerate(PARTS):
        y, x = np.mgrid[:48, :48]
        mask = np.zeros((48, 48), np.bool_)
        for cy, cx in rng.integers(6, 42, (4, 2)):
            mask |= (y - cy) ** 2 + (x - cx) ** 2 <= 36
        noisy = 60 + 90 * mask + rng.normal(0, 15, (3, 48, 48))
        image = np.clip(noisy, 0, 255).astype(np.uint8)
        picture, label = folder / "files" / f"{i}.png", folder / "files" / f"{i}-mask.png"
        Image.fromarray(np.moveaxis(image, 0, -1)).save(picture)
        Image.fromarray((mask ^ (rng.random(mask.shape) < 0.1)).astype(np.uint8)).save(label)
        labels = (MaskLabel(label, "image", "classes", ("disc",)),)
        cases.append(Case(f"case{i:02}", f"patient{i:02}", {"image": picture}, labels, part))  # type: ignore[arg-type]
    Cohort("discs", tuple(cases), ("disc",)).write(folder)
    return folder


def edited(cohort: Path, out: Path, change: Callable[[Case], Case]) -> Path:
    """The cohort with other cases, elsewhere."""
    whole = Cohort.read(cohort)
    dataclasses.replace(whole, cases=tuple(change(case) for case in whole)).write(out)
    return out


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A cohort, and a run on it that was certain of everything: its last layer is ten-fold."""
    home = tmp_path_factory.mktemp("calibrated")
    cohort = write_cohort(home / "cohort")
    record = {
        "cohort": str(cohort),
        "model": {"name": "unet", "width": 4, "depth": 2},
        "loss": "bce",
        "sampling": {"size": 32},
        "training": {
            "steps": 40, "batch_size": 4, "learning_rate": 0.01, "precision": "32-true",
            "loggers": [],
        },
    }  # fmt: skip
    run = train(Experiment.check(record, "test"), home / "run")
    assert Calibration.read(run, Run.load(run).weights_sha256) is not None
    loaded = Run.load(run)
    state = loaded.model.state_dict()
    last = [name for name in state if name.endswith("weight")][-1].rpartition(".")[0]
    for name in (f"{last}.weight", f"{last}.bias"):
        state[name] *= 10
    for of_these_weights in (FILE, LIKENESS):
        (run / of_these_weights).unlink()
    write_model(run, loaded.model, loaded.model_config)
    loaded.record.write(run)
    return cohort, run


@pytest.fixture
def run(made: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of that run."""
    return Path(shutil.copytree(made[1], tmp_path / "run"))


def typed(*words: object) -> str:
    """What a command says."""
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: object) -> str:
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.strip().splitlines()[-1:]
    return line


def masks(out: Path) -> dict[str, list[list[bool]]]:
    there = PredictionFolder.open(out)
    return {case: DensePrediction.read(out, case).mask(there.head).tolist() for case in there.cases}


def test_probabilities_mean_more_and_masks_stay(made: tuple[Path, Path], run: Path) -> None:
    cohort, out = made[0], run.parent
    told = typed("calibrate", run, cohort)
    assert told.startswith("disc: ")
    assert "from 7 held-out patients" in told
    predict = ("predict", run, cohort, "--split", "test", "--quiet", "--out")
    typed(*predict, out / "after")
    typed(*predict, out / "before", "--no-calibration")
    assert masks(out / "after") == masks(out / "before")
    (said,) = PredictionFolder.open(out / "after").head.settings[CALIBRATION]
    assert said["disc"] != "none"
    assert PredictionFolder.open(out / "before").head.settings[CALIBRATION] is None
    errors = {}
    for name in ("before", "after"):
        rows = typed("evaluate", out / name, "--cohort", cohort, *FEW)
        errors[name] = {row["metric"]: row["value"] for row in json.loads(rows)}
    assert errors["after"]["ece"] < errors["before"]["ece"] / 2
    assert errors["after"]["brier"] < errors["before"]["brier"]
    assert errors["after"]["dice"] == errors["before"]["dice"]
    assert refused(*predict, out / "after", "--no-calibration")  # other predictions lie there
    typed("report", run, "--out", out / "report.html")
    page = (out / "report.html").read_text()
    assert "each patient was assessed with a calibration fitted on the others" in page
    assert "before calibration" in page


def test_a_training_calibrates_at_its_end_and_says_so(made: tuple[Path, Path]) -> None:
    run = made[1]
    record = RunRecord.read(run)
    assert set(record.trained_on) >= {f"patient{i:02}" for i in range(6, 13)}


def test_patients_of_the_test_part_are_never_read(
    made: tuple[Path, Path], run: Path, tmp_path: Path
) -> None:
    hidden = edited(
        made[0],
        tmp_path / "hidden",
        lambda case: dataclasses.replace(case, labels=()) if case.split == "test" else case,
    )
    typed("calibrate", run, made[0])
    with_test = (run / FILE).read_text()
    typed("calibrate", run, hidden)
    assert (run / FILE).read_text() == with_test
    assert set(json.loads(with_test)["patients"]) == {f"patient{i:02}" for i in range(6, 13)}


def test_another_split_of_the_same_patients_is_refused(
    made: tuple[Path, Path], run: Path, tmp_path: Path
) -> None:
    turn = {"train": "val", "val": "train", "test": "test"}
    other = edited(
        made[0], tmp_path / "other", lambda case: dataclasses.replace(case, split=turn[case.split])  # type: ignore[arg-type,index]
    )  # fmt: skip
    assert "was trained on split" in refused("calibrate", run, other)
    assert not (run / FILE).exists()


def test_a_patient_of_both_parts_is_refused(
    made: tuple[Path, Path], run: Path, tmp_path: Path
) -> None:
    both = edited(
        made[0],
        tmp_path / "both",
        lambda case: dataclasses.replace(case, patient="one") if case.split != "train" else case,
    )
    assert "are in the test part, too" in refused("calibrate", run, both)


def test_patients_of_a_calibration_are_not_scored_afterwards(
    made: tuple[Path, Path], run: Path, tmp_path: Path
) -> None:
    """Of a cohort that is new to the run, the validation part becomes known to it."""
    new = edited(
        made[0],
        tmp_path / "new",
        lambda case: dataclasses.replace(case, patient=f"new {case.patient}"),
    )
    typed("calibrate", run, new)
    typed("predict", run, new, "--split", "val", "--quiet", "--out", tmp_path / "out")
    line = refused("evaluate", tmp_path / "out", "--cohort", new, "--split", "val")
    assert "was trained on 7 of the patients to be scored" in line


def test_a_threshold_that_is_given_is_one_of_calibrated_probabilities(
    made: tuple[Path, Path], run: Path, tmp_path: Path
) -> None:
    typed("calibrate", run, made[0])
    out = tmp_path / "out"
    typed("predict", run, made[0], "--split", "test", "--threshold", 0.3, "--out", out)
    there = PredictionFolder.open(out)
    assert there.head.thresholds == (0.3,)
    said = DensePrediction.read(out, there.cases[0])
    assert (said.mask(there.head) == (said.dense[0] >= 76.5)).all()


def test_runs_that_are_averaged_are_calibrated_first(
    made: tuple[Path, Path], run: Path, tmp_path: Path
) -> None:
    typed("calibrate", run, made[0])
    other = shutil.copytree(made[1], tmp_path / "other")
    predict = ("predict", made[0], "--split", "test", "--quiet")
    for name, words in {
        "mine": (run,), "theirs": (other,), "both": (run, "--also", other),
    }.items():  # fmt: skip
        typed(predict[0], *words[:1], *predict[1:], *words[1:], "--out", tmp_path / name)
    there = PredictionFolder.open(tmp_path / "both")
    mine, theirs, both = (
        DensePrediction.read(tmp_path / name, there.cases[0]).dense.astype(int)
        for name in ("mine", "theirs", "both")
    )
    assert np.abs(both - (mine + theirs) / 2).max() <= 0.5
    assert (mine != theirs).any()
    assert len(there.head.settings[CALIBRATION]) == 2


@pytest.mark.parametrize(
    ("label", "why"),
    [
        (lambda _: BoxLabel("image", "disc", (5, 5), (20, 20)), "boxes do not say"),
        (
            lambda mask: dataclasses.replace(mask, extent="positives"),
            "are missing among the labels",
        ),
    ],
)
def test_labels_that_do_not_represent_their_images_are_refused_in_words(
    made: tuple[Path, Path],
    run: Path,
    tmp_path: Path,
    label: Callable[[MaskLabel], MaskLabel | BoxLabel],
    why: str,
) -> None:
    weak = edited(
        made[0],
        tmp_path / "weak",
        lambda case: dataclasses.replace(case, labels=(label(case.labels[0]),)),  # type: ignore[arg-type]
    )
    assert why in typed("calibrate", run, weak)
    found = Calibration.read(run, Run.load(run).weights_sha256)
    assert found is not None
    assert not found.changes


def test_strokes_are_refused_and_what_is_known_of_most_is_not(
    made: tuple[Path, Path], run: Path, tmp_path: Path
) -> None:
    def known(share: float) -> Callable[[Case], Case]:
        rng = np.random.default_rng(0)

        def change(case: Case) -> Case:
            (mask,) = case.labels
            assert isinstance(mask, MaskLabel)
            values = np.array(Image.open(mask.path))
            values[rng.random(values.shape) > share] = 255
            path = tmp_path / f"{share}-{case.id}.png"
            Image.fromarray(values).save(path)
            partial = dataclasses.replace(mask, path=path, extent="partial")
            return dataclasses.replace(case, labels=(partial,))

        return change

    assert "strokes and the like" in typed(
        "calibrate", run, edited(made[0], tmp_path / "few", known(0.05))
    )
    typed("calibrate", run, edited(made[0], tmp_path / "most", known(0.8)))
    found = Calibration.read(run, Run.load(run).weights_sha256)
    assert found is not None
    assert found.changes


def test_a_fixed_threshold_moves_with_the_map(made: tuple[Path, Path], run: Path) -> None:
    """What the experiment fixes is a probability of the network, and cuts where it did."""
    experiment = (run / "experiment.yaml").read_text()
    (run / "experiment.yaml").write_text(experiment.replace("threshold: auto", "threshold: 0.3"))
    dataclasses.replace(RunRecord.read(run), thresholds=(0.3,)).write(run)
    typed("calibrate", run, made[0])
    predict = ("predict", run, made[0], "--split", "test", "--quiet", "--out")
    typed(*predict, run.parent / "after")
    typed(*predict, run.parent / "before", "--no-calibration")
    assert masks(run.parent / "after") == masks(run.parent / "before")
    assert PredictionFolder.open(run.parent / "before").head.thresholds == (0.3,)
    assert PredictionFolder.open(run.parent / "after").head.thresholds != (0.3,)


def certain(run: Path, by: float) -> None:
    """Make a run of bags say ``by`` times its logits: its head is scaled."""
    loaded = Run.load(run)
    head = [name for name in loaded.model.state_dict() if name.endswith("weight")][-1]
    for name in (head, head.replace("weight", "bias")):
        loaded.model.state_dict()[name].mul_(by)
    (run / FILE).unlink()
    write_model(run, loaded.model, loaded.model_config)
    loaded.record.write(run)


def bag_errors(run: Path, cohort: Path, *words: str) -> tuple[dict[str, float], PredictionFolder]:
    """ECE and the like of the test part, and what was predicted."""
    out = run.parent / f"out{len(words)}"
    typed("predict", run, cohort, "--split", "test", "--quiet", "--out", out, *words)
    rows = json.loads(typed("evaluate", out, "--cohort", cohort, *FEW))
    return {row["metric"]: row["value"] for row in rows}, PredictionFolder.open(out)


def test_bags_mean_more_and_answers_stay(tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    whole = vector_bags(cohort, 240)
    rng = np.random.default_rng(0)
    noisy = [
        dataclasses.replace(case, labels=(BagLabel("hit", bool(rng.random() < 0.5)),))
        if rng.random() < 0.2
        else case
        for case in whole
    ]
    dataclasses.replace(whole, cases=tuple(noisy)).write(cohort)
    run = train(bag_experiment(cohort, 80), tmp_path / "run")
    certain(run, 20)
    (run / LIKENESS).unlink()  # of other weights
    typed("calibrate", run, cohort)
    before, raw = bag_errors(run, cohort, "--no-calibration")
    after, said = bag_errors(run, cohort)
    assert said.head.settings[CALIBRATION] != [{"hit": "none"}]
    assert after["ece"] < before["ece"]
    assert after["auc"] == before["auc"]
    for case in said.cases:
        one, other = (BagPrediction.read(there.path, case) for there in (said, raw))
        assert (one.probability >= said.head.thresholds) == (
            other.probability >= raw.head.thresholds
        )
    case = said.cases[0]  # as another process does it
    for there, asked in ((said, None), (raw, False)):
        out = tmp_path / str(asked)
        BagPredictor(run, [cohort], {"calibration": asked}).task(out)(case)
        assert BagPrediction.read(out, case).probability == pytest.approx(
            BagPrediction.read(there.path, case).probability
        )


def test_numbers_of_bags_have_nothing_to_calibrate(tmp_path: Path) -> None:
    value_bags(tmp_path / "c", 48)
    run = train(
        bag_experiment(tmp_path / "c", 2, loss="mse", model__pooling="mean"), tmp_path / "r"
    )
    assert "got numbers, of bags.task regression" in refused("calibrate", run, tmp_path / "c")
