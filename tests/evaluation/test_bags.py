"""Scores of bags."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as theirs

from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.evaluation.bag_metrics import Answers, confusion, kappa, metrics_of
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.evaluation.instance_truth import instance_truth
from inklings.evaluation.intervals import Bootstrap
from inklings.evaluation.ranking import auc, auprc
from inklings.evaluation.scores import Scores
from inklings.predictions.bags import BagPrediction
from inklings.predictions.head import Head, Provenance
from inklings.reports.bag_sections import groups
from inklings.simulation.phantoms.bags import vector_bags

RNG = np.random.default_rng(0)


def write_predictions(
    folder: Path, cohort: Cohort, noise: float, trained_on: tuple[str, ...] = (), seed: int = 0
) -> None:
    """Noisy oracles: what they say of bags and instances is the truth and some noise."""
    rng = np.random.default_rng(seed)
    settings = {"task": "binary", "warning": ""}
    head = Head(("hit",), (0.5,), Provenance("run", "x", None, "0"), trained_on, settings, "bags")
    head.write(folder)
    truth = instance_truth(folder.parent / "c")
    for case in cohort.part("test"):
        own = truth[case.id] * 4.0 - 2 + noise * rng.normal(size=len(truth[case.id]))
        p = 1 / (1 + np.exp(-own.max()))
        attention = np.full(len(own), 1 / len(own), np.float32)
        BagPrediction(
            case.id,
            Path("x"),
            np.array([p]),
            np.array([own.max()]),
            own[:, None].astype(np.float32),
            attention,
        ).write(folder)


def test_areas_agree_with_scikit_learn_also_with_weights_and_ties() -> None:
    score = RNG.integers(0, 20, 300) / 20
    truth = RNG.random(300) < 0.3 + 0.4 * score
    weights = RNG.integers(0, 3, (3, 300)).astype(float)
    for row, value, area in zip(
        weights, auc(score, truth, weights), auprc(score, truth, weights), strict=True
    ):
        assert value == pytest.approx(theirs.roc_auc_score(truth, score, sample_weight=row))
        expected = theirs.average_precision_score(truth, score, sample_weight=row)
        assert area == pytest.approx(expected)
    assert np.isnan(auc(score, np.ones(300, bool)))[0]


def test_kappas_agree_with_scikit_learn() -> None:
    truth, said = RNG.integers(0, 4, (2, 200))
    table = confusion(truth, said, np.ones((1, 200)), 4)
    assert kappa(table)[0] == pytest.approx(theirs.cohen_kappa_score(truth, said))
    quadratic = theirs.cohen_kappa_score(truth, said, weights="quadratic")
    assert kappa(table, power=2)[0] == pytest.approx(quadratic)


def test_every_metric_is_best_for_a_perfect_answer_and_blind_to_order() -> None:
    truth = RNG.integers(0, 3, 60).astype(float)
    perfect = Answers(np.eye(3)[truth.astype(int)], truth.astype(int), truth)
    order = RNG.permutation(60)
    shuffled = Answers(perfect.probability[order], perfect.decided[order], truth[order])
    one = np.ones((1, 60))
    for metric in metrics_of("ordinal", ("a", "b", "c")):
        value = metric.value(perfect, one)[0]
        assert value == pytest.approx(1.0 if metric.higher else 0.0)
        assert metric.value(shuffled, one)[0] == pytest.approx(value)


def test_accuracy_is_of_the_set_and_not_a_mean_over_batches(tmp_path: Path) -> None:
    cohort = vector_bags(tmp_path / "c", 240)
    write_predictions(tmp_path / "p", cohort, 1.5)
    table = evaluate(tmp_path / "p", tmp_path / "c")
    said = [line["decided"] == line["truth"] for line in table.cases]
    assert table["accuracy"].value == pytest.approx(np.mean(said))
    assert table["accuracy"].low < table["accuracy"].value < table["accuracy"].high
    assert table["balanced_accuracy"].n == 40
    assert table["instance_auc"].value > 0.8
    assert table["instance_auc_attention"].value < 0.7
    assert any("attention is not evidence" in line for line in table.head["warnings"])
    table.write(tmp_path / "p")
    assert "AUC" in table.text()


def test_groups_are_scored_as_if_they_were_all_there_is(tmp_path: Path) -> None:
    cohort = vector_bags(tmp_path / "c", 240)
    cases = [
        dataclasses.replace(case, facts={"site": "ab"[k // 3 % 2]}) for k, case in enumerate(cohort)
    ]
    cohort = dataclasses.replace(cohort, cases=tuple(cases))
    cohort.write(tmp_path / "c")
    write_predictions(tmp_path / "p", cohort, 1.5)
    table = evaluate(tmp_path / "p", tmp_path / "c", Settings(by=("site",)))
    site = {case.id: case.facts["site"] for case in cohort}
    for row in table.files["groups.csv"]:
        own = [line for line in table.cases if site[line["case"]] == row["group"]]
        if row["metric"] == "accuracy":
            assert row["value"] == pytest.approx(np.mean([x["decided"] == x["truth"] for x in own]))
        if row["metric"] == "auc":
            truth, said = ([float(x[k]) for x in own] for k in ("truth", "p0"))
            assert row["value"] == pytest.approx(theirs.roc_auc_score(truth, said))
            assert row["n"] == row["patients"] == len(own)
    assert "by site, the worst first: Accuracy" in table.text()
    with pytest.raises(SpecError, match="there are: site"):
        evaluate(tmp_path / "p", tmp_path / "c", Settings(by=("stain",)))


def test_a_better_run_is_told_from_a_worse_one_on_the_same_bags(tmp_path: Path) -> None:
    cohort = vector_bags(tmp_path / "c", 300)
    write_predictions(tmp_path / "p", cohort, 0.3)
    write_predictions(tmp_path / "q", cohort, 6.0, seed=1)
    settings = Settings(metrics=("auc",))
    table = evaluate(tmp_path / "p", tmp_path / "c", settings, tmp_path / "q")
    change = table.changes[0]
    assert change.value > 0.1
    assert change.low > 0
    assert change.p < 0.05


def test_patients_the_run_learnt_from_are_refused(tmp_path: Path) -> None:
    cohort = vector_bags(tmp_path / "c")
    write_predictions(tmp_path / "p", cohort, 0.3, (cohort.part("test")[0].patient,))
    with pytest.raises(SpecError, match="too optimistic"):
        evaluate(tmp_path / "p", tmp_path / "c")


def test_unknown_metrics_are_named(tmp_path: Path) -> None:
    cohort = vector_bags(tmp_path / "c")
    write_predictions(tmp_path / "p", cohort, 0.3)
    with pytest.raises(SpecError, match="no metric of bags named 'dice'"):
        evaluate(tmp_path / "p", tmp_path / "c", Settings(metrics=("dice",)))


def test_a_class_that_nobody_answered_has_no_numbers_and_costs_no_others(tmp_path: Path) -> None:
    cohort = dataclasses.replace(vector_bags(tmp_path / "c", 60), classes=("miss", "hit"))
    cohort.write(tmp_path / "c")
    settings = {"task": "multilabel", "warning": ""}
    source = Provenance("run", "x", None, "0")
    Head(cohort.classes, (0.5, 0.5), source, (), settings, "bags").write(tmp_path / "p")
    for case in cohort.part("test"):
        p = RNG.random(2)
        row = np.zeros((len(instance_truth(tmp_path / "c")[case.id]), 2), np.float32)
        BagPrediction(case.id, Path("x"), p, p, row, None).write(tmp_path / "p")
    table = evaluate(tmp_path / "p", tmp_path / "c", Settings(bootstrap=Bootstrap(20)))
    of = {
        label: [row.value for row in table if row.label == label and row.metric in ("auc", "f1")]
        for label in cohort.classes
    }
    assert np.isnan(of["miss"]).all()
    assert np.isfinite(of["hit"]).all()
    table.write(tmp_path / "p")
    assert "miss" in table.text()
    assert [title for title, _ in groups(Scores.read(tmp_path / "p"))][:3] == [
        "Diagnosis", "Agreement", "Probability",
    ]  # fmt: skip
