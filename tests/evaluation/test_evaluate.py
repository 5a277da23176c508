"""One way to score whatever a folder holds, and nobody who was trained on without a word."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.leaks import Training
from inklings.errors import DataError, SpecError
from inklings.evaluation.evaluate import evaluate, score
from inklings.evaluation.family import Settings
from inklings.evaluation.scores import Scores
from inklings.findings.finding import Finding
from inklings.labels.kinds import BagLabel, BallLabel
from inklings.predictions.bags import BagPrediction
from inklings.predictions.findings import Findings
from inklings.predictions.head import Head, Provenance
from inklings.testing.folders import write_cohort, write_predictions
from inklings.testing.metrics import squares

CENTRE = (0.0, 0.0, 0.0)
PARTS: tuple[Split, ...] = ("train", "val", "test", "test")


def invoke(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["evaluate", *map(str, words)])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def lesions(tmp_path: Path) -> Path:
    """A cohort of four scans with a lesion each, all found, and whom the finder was trained on."""
    (tmp_path / "scan.mhd").touch()
    cases = tuple(
        Case(
            f"c{k}", f"p{k}", {"ct": tmp_path / "scan.mhd"},
            (BallLabel("ct", "lesion", CENTRE, 8.0),), part,
        )
        for k, part in enumerate(PARTS)
    )  # fmt: skip
    cohort = Cohort("lesions", cases, ("lesion",))
    cohort.write(tmp_path / "cohort")
    origin = Provenance("runs/detector", "0", cohort.split_hash, "0")
    head = Head(("lesion",), (0.5,), origin, ("p0", "p1"), {}, "findings")
    head.write(tmp_path / "found")
    for case in cases:
        Findings(case.id, (Finding("lesion", 0.9, CENTRE, 8.0),)).write(tmp_path / "found")
    return tmp_path


def bags(root: Path) -> tuple[Path, Path]:
    cases = tuple(
        Case(f"b{k}", f"q{k}", {}, (BagLabel("tumour", k % 2 == 0),), "test") for k in range(4)
    )
    Cohort("bags", cases, ("tumour",)).write(root / "bags")
    origin = Provenance("runs/bags", "0", None, "0")
    head = Head(("tumour",), (0.5,), origin, ("r",), {"task": "binary"}, "bags")
    head.write(root / "said")
    for k, case in enumerate(cases):
        p = np.array([0.9 if k % 2 == 0 else 0.2])
        BagPrediction(case.id, Path("x"), p, p, np.zeros((2, 1), np.float32)).write(root / "said")
    return root / "said", root / "bags"


def test_findings_of_trained_on_patients_are_refused(lesions: Path) -> None:
    for words in (("--froc", "--split", "train"), ("--split", "all"), ("--split", "val")):
        code, _, error = invoke(lesions / "found", "--cohort", lesions / "cohort", *words)
        assert code == 2
        assert "run detector was trained on" in error
        assert len(error.strip().splitlines()) == 1
        assert not (lesions / "found" / "metrics.csv").exists()


def test_allowing_it_is_noted_in_every_file(lesions: Path) -> None:
    words = (lesions / "found", "--froc", "--cohort", lesions / "cohort", "--resamples", "9")
    code, told, _ = invoke(*words, "--split", "train", "--allow-seen", "--compare", words[0])
    assert code == 0
    assert "TRAINED ON 1 of the 1 patients (--allow-seen)" in told
    for name in ("metrics.csv", "cases.csv", "compare.csv", "froc.csv"):
        rows = list(csv.DictReader((lesions / "found" / name).open()))
        assert {row["seen_patients"] for row in rows} == {"1"}, name
    assert json.loads((lesions / "found" / "froc.json").read_text())["seen_patients"] == 1
    scores = Scores.read(lesions / "found")
    assert (scores.head["seen"], scores["cpm"].value) == (1, 1.0)
    assert all(record["seen_patients"] == 1 for record in scores.records())


def test_findings_are_known_without_a_flag_and_the_test_part_is_scored(lesions: Path) -> None:
    code, told, _ = invoke(lesions / "found", "--cohort", lesions / "cohort", "--resamples", "9")
    assert code == 0
    assert "2 lesions in 2 scans, 2 hit (0 never)" in told
    rows = list(csv.DictReader((lesions / "found" / "metrics.csv").open()))
    assert [row["metric"] for row in rows][::7] == ["sensitivity_0.125", "cpm"]
    assert rows[-1]["class"] == "lesion"
    assert not any("seen" in name for name in rows[0])
    cases = list(csv.DictReader((lesions / "found" / "cases.csv").open()))
    assert [(row["case"], row["patient"], row["hits"]) for row in cases] == [
        ("c2", "p2", "1"),
        ("c3", "p3", "1"),
    ]


def test_the_other_side_of_a_comparison_is_guarded_too(lesions: Path) -> None:
    other = lesions / "other"
    for case in Cohort.read(lesions / "cohort"):
        Findings(case.id, (Finding("lesion", 0.8, CENTRE, 8.0),)).write(other)
    head = Head.read(lesions / "found")
    replace(head, trained_on=("p3",), provenance=replace(head.provenance, run="other")).write(other)
    with pytest.raises(SpecError, match=r"run other was trained on 1 of .* \(p3\)"):
        evaluate(lesions / "found", lesions / "cohort", compare=other)


def test_nobody_knows_whom_a_submission_was_trained_on(lesions: Path) -> None:
    table = lesions / "marks.csv"
    table.write_text("seriesuid,coordX,coordY,coordZ,probability\nc2,0,0,1,0.9\nc3,0,0,1,0.9\n")
    scores = evaluate(table, lesions / "cohort")
    assert scores.head["warnings"] == ["nobody can know which patients marks.csv was trained on"]
    assert scores["cpm"].value == 1.0


def test_pairs_in_memory_pass_the_guard() -> None:
    pairs = [squares(0, "c", "p"), squares(1, "d", "q")]
    assert "nobody can know" in score(pairs).head["warnings"][0]
    assert score(pairs, training=Training("the net", frozenset("r"))).head["warnings"] == []
    with pytest.raises(SpecError, match=r"the net was trained on 1 .* \(q\)"):
        score(pairs, training=Training("the net", frozenset("q")))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--tolerance", "3"), "--tolerance does not apply to bags"),
        (("--empty", "skip"), "--empty does not apply to bags"),
        (("--scheduler", "tcp://x:1"), "--scheduler does not apply to bags"),
        (("--metric", "dice"), "no metric of bags named 'dice'"),
        (("--froc",), "--froc: expected findings, got bags"),
        (("--series", "s.csv"), "go with --annotations, which is missing"),
    ],
)
def test_options_that_mean_nothing_for_bags_are_refused(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    predictions, cohort = bags(tmp_path)
    code, _, error = invoke(predictions, "--cohort", cohort, *words)
    assert (code, told in error) == (2, True), error
    assert not (predictions / "metrics.csv").exists()


def test_annotations_mean_nothing_without_findings(tmp_path: Path, lesions: Path) -> None:
    predictions, cohort = bags(tmp_path)
    table = tmp_path / "annotations.csv"
    table.write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\nc2,0,0,0,6\n")
    code, _, error = invoke(predictions, "--annotations", table)
    assert (code, "--annotations does not apply to bags" in error) == (2, True)
    code, _, error = invoke(lesions / "found", "--annotations", table, "--split", "test")
    assert (code, "--split does not apply with --annotations" in error) == (2, True)
    code, _, error = invoke(lesions / "found", "--cohort", cohort, "--annotations", table)
    assert (code, "got both" in error) == (2, True)


def test_a_metric_that_is_none_is_refused_before_anything_is_scored(
    tmp_path: Path, lesions: Path
) -> None:
    there = write_cohort(tmp_path / "discs")
    predictions = write_predictions(tmp_path / "dense", there)
    for folder, cohort, near in (
        (predictions, there, "no metric named 'nonsense'"),
        (lesions / "found", lesions / "cohort", "no metric of findings named 'nonsense'"),
    ):
        code, _, error = invoke(folder, "--cohort", cohort, "--metric", "nonsense")
        assert (code, near in error) == (2, True)
    with pytest.raises(SpecError, match="did you mean 'cpm'"):
        evaluate(lesions / "found", lesions / "cohort", Settings(metrics=("cmp",)))
    assert evaluate(lesions / "found", lesions / "cohort", Settings(metrics=("cpm",))).names == [
        "cpm"
    ]


def test_instances_of_bags_are_asked_for_by_name(tmp_path: Path) -> None:
    predictions, cohort = bags(tmp_path)
    scores = evaluate(predictions, cohort, Settings(metrics=("auc", "instance_auc")))
    assert scores.names == ["auc"]  # there is no truth of instances
    assert scores["auc"].value == 1.0


def test_two_kinds_are_not_compared(tmp_path: Path, lesions: Path) -> None:
    predictions, cohort = bags(tmp_path)
    with pytest.raises(DataError, match=r"expected bags as in .*, got findings"):
        evaluate(predictions, cohort, compare=lesions / "found")


def test_scores_of_any_kind_go_where_out_says(tmp_path: Path) -> None:
    predictions, cohort = bags(tmp_path)
    code, _, _ = invoke(predictions, "--cohort", cohort, "--out", tmp_path / "scores")
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "scores").iterdir()) == [
        "cases.csv",
        "evaluation.json",
        "metrics.csv",
    ]
    assert not (predictions / "metrics.csv").exists()


def test_findings_of_a_class_that_the_cohort_does_not_mark_are_refused(lesions: Path) -> None:
    """They were scored against whatever the cohort marks, without a word."""
    head = json.loads(json.dumps(Head.read(lesions / "found").__dict__, default=str))
    assert head["classes"] == ["lesion"]
    replace(Head.read(lesions / "found"), classes=("cyst",)).write(lesions / "found")
    code, _, said = invoke(lesions / "found", "--cohort", lesions / "cohort")
    assert code == 2
    assert "expected findings of lesion, which the cohort marks, got cyst" in said
