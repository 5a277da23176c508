"""A card says what a run is and rests on, and what nobody knows of it."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from inklings.calibration.fitting import Estimate, Fitted, Quality
from inklings.calibration.maps import Map
from inklings.calibration.record import Calibration
from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.files import write_json
from inklings.labels.kinds import BoxLabel
from inklings.predictions.guarantee import Guarantee, maps_of, write
from inklings.predictions.outputs import remember
from inklings.reports.card import FILE, write_card
from inklings.reports.run import run_report
from inklings.runs.run import RunRecord
from inklings.testing.folders import SPLITS, write_cohort, write_predictions, write_run
from inklings.testing.runs import untrained_run

EXPERIMENT = """
cohort: elsewhere
model: {name: unet, width: 2, depth: 1}
loss: bce
sampling: {size: 16}
training: {steps: 2, batch_size: 2, loggers: [], keep_steps: [1]}
inference: {window: 64}
"""


def invoke(*words: object) -> str:
    done = CliRunner().invoke(app, [*map(str, words)])
    assert done.exit_code == 0, done.output
    return done.stdout


def text_of(run: Path) -> str:
    write_card(run)
    return (run / FILE).read_text()


def changed(cohort: Path, facts: dict[str, Any], **of_cases: str) -> Path:
    """The cohort with more facts, of itself and of every case."""
    there = Cohort.read(cohort)
    cases = tuple(
        dataclasses.replace(case, facts={**case.facts, **of_cases}) for case in there.cases
    )
    dataclasses.replace(there, cases=cases, facts={**there.facts, **facts}).write(cohort)
    return cohort


def test_a_training_leaves_a_card_that_names_weak_labels_and_what_is_missing(
    tmp_path: Path,
) -> None:
    full, weak, out = write_cohort(tmp_path / "full"), tmp_path / "weak", tmp_path / "run"
    invoke("weaken", full, "--kind", "box", "--seed", 7, "--out", weak)
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    invoke("train", tmp_path / "experiment.yaml", "--set", f"cohort={weak}", "--out", out)
    said = (out / FILE).read_text()
    for line in (
        "Task: segmentation",
        "Network: unet (width 2, depth 1)",
        "Loss: bce",
        "Steps: 2; best: 2",
        "Input, channels: 3",
        "Cohort: discs, 6 cases of 6 patients",
        "Part train: 2 cases of 2 patients",
        "Part val: 1 case of 1 patient",
        "Part test: 3 cases of 3 patients",
        f"Split: {Cohort.read(weak).split_hash}",
        "Modality: histology (3), fluorescence (3)",
        "Licence: CC0",
        "Citation: not recorded",
        "Training labels: complete masks of instances (2)",
        "Simulated label noise: box (seed 7, 6 cases)",
        "Annotators: not recorded",
        "No test scores belong to this run yet",
        "How good it is: no test scores belong to this run yet",
        "Other sites: the origin of the images is not recorded",
        "How much is missed at most in new patients: no guarantee",
    ):
        assert f"- {line}\n" in said
    assert "not a medical device" in said
    assert "- nucleus: ECE was not measured\n" in said
    assert "- Probabilities of nucleus: not calibrated\n" in said
    assert "- Steps: 1; best: 1\n" in (out / "steps" / "1" / FILE).read_text()
    for words in (("calibrate", out, weak), ("report", out)):
        (out / FILE).unlink()
        invoke(*words)
        assert "- nucleus: none; not calibrated: " in (out / FILE).read_text()
    assert (out / FILE).read_text().split("## Calibration")[0] == said.split("## Calibration")[0]
    assert "Simulated label noise: box (seed 7, 6 cases)" in (out / "report.html").read_text()


def test_without_a_calibration_that_is_said_and_with_one_its_numbers(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort")
    run = untrained_run(tmp_path / "run")
    before = text_of(run)
    assert "- Its probabilities: not calibrated\n" in before
    assert "was not measured (no calibration.json)" in before
    assert before == text_of(run)
    one, two = Estimate(0.2, 0.1, 0.3), Estimate(0.05, 0.01, 0.1)
    fitted = Fitted(
        "nucleus", Map("temperature", 0.5, 0.5), "a reason",
        Quality(one, one, one), Quality(two, two, two),
    )  # fmt: skip
    digest = RunRecord.read(run).weights_sha256
    Calibration((fitted,), ("p2",), Cohort.read(cohort).split_hash, digest).write(run)
    after = text_of(run)
    assert "- Held out for it: 1 patient not used to train the weights\n" in after
    assert "- nucleus: temperature 2; a reason\n" in after
    said = r"- nucleus: ECE 0.2000 \[0.1000, 0.3000] before, 0.0500 \[0.0100, 0.1000] after"
    assert said in after
    assert "no calibration\n" not in after


def test_promises_about_probabilities_of_before_are_counted_and_not_listed(tmp_path: Path) -> None:
    run = untrained_run(tmp_path / "run")
    digest, split = RunRecord.read(run).weights_sha256, None
    made = Guarantee(
        "fnr", "dense", "nucleus", 0.1, 0.9, 0.1, ("p",), None, 0.05, 0.3, 0.2, (), "c", "val",
        split, digest, "", "0", maps=maps_of(None),
    )  # fmt: skip
    write(run, [made, dataclasses.replace(made, risk="missed", maps=None)])
    before = text_of(run)
    assert before.count("at most 0.1 with 90 % confidence") == 2
    fitted = Fitted("nucleus", Map("temperature", 0.5, 0.5), "a reason", None, None)
    Calibration((fitted,), ("p2",), split, digest).write(run)
    after = text_of(run)
    assert after.count("at most 0.1 with 90 % confidence") == 1  # nobody kept its maps
    assert "- 1 void since a new calibration: repeat 'inklings calibrate --risk'\n" in after
    again = dataclasses.replace(made, maps=maps_of([{"nucleus": str(fitted.change)}]))
    write(run, [again])
    assert " void " not in text_of(run)


def test_scores_are_those_of_patients_not_learnt_from_and_of_these_weights(tmp_path: Path) -> None:
    cohort = changed(write_cohort(tmp_path / "cohort"), {}, site="A")
    test, val = (write_predictions(tmp_path / part, cohort, split=part) for part in ("test", "val"))
    run = write_run(tmp_path / "run", cohort, test)
    assert "No test scores belong to this run yet" in text_of(run)
    table = evaluate(test, cohort, Settings(by=("site",)))
    table.write(test)
    said = text_of(run)
    assert "No test scores" not in said
    dice = next(line for line in table.text().splitlines() if line.startswith("Dice"))
    assert said.count(dice) == 1
    assert "by site, the worst first" in said
    assert "- Enough patients: 3 patients of discs are too few for firm conclusions\n" in said
    assert "- Other sites than A: all images with a known origin are from it\n" in said
    assert "- Whether it is worse" not in said
    evaluate(val, cohort, Settings(split="val", allow_seen=True)).write(val)
    remember(run, val)
    assert text_of(run) == said
    record = {**RunRecord.read(run).__dict__, "weights_sha256": "1" * 64}
    write_json(run / "run.json", record)
    assert "No test scores belong to this run yet" in text_of(run)


def test_what_a_cohort_says_is_no_markup_and_annotators_are_counted(tmp_path: Path) -> None:
    cohort = changed(write_cohort(tmp_path / "cohort"), {"citation": "<b> *A* [B](C)\n# D"})
    there = Cohort.read(cohort)
    drawn = tuple(
        dataclasses.replace(
            case, labels=(BoxLabel("image", "nucleus", (1, 1), (9, 9), f"reader {k % 2}"),)
        )
        for k, case in enumerate(there.cases)
    )
    dataclasses.replace(there, cases=drawn).write(cohort)
    said = text_of(write_run(tmp_path / "run", cohort))
    assert "- Citation: \\<b> \\*A\\* \\[B](C) # D\n" in said
    assert "- Annotators: 2, known of 2 of 2 labels\n" in said
    assert "- Training labels: box labels (2)\n" in said
    assert "reader" not in said


def test_a_cohort_that_is_gone_or_has_no_test_part_is_said(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort", [s for s in SPLITS if s != "test"])
    run = write_run(tmp_path / "run", cohort)
    assert "- Patients of a test part: the cohort has none\n" in text_of(run)
    cohort.rename(tmp_path / "elsewhere")
    said = text_of(run)
    assert "- Cohort: cohort, which cannot be read now\n" in said
    assert "- Licence: not recorded\n" in said
    assert "- Training labels: not recorded\n" in said


def test_a_run_that_cannot_be_written_gets_its_report_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", write_cohort(tmp_path / "cohort"))

    def refuses(path: Path, text: str) -> None:  # noqa: ARG001
        raise OSError(errno.EROFS, "read-only", str(path))

    monkeypatch.setattr("inklings.reports.card.write_text", refuses)
    page = run_report(run, out=tmp_path / "page.html")
    assert "Model card" in page.read_text()
    assert not (run / FILE).exists()
    assert "cannot be written, so there is no new card.md" in capsys.readouterr().err
