"""The first screen of a report says what the numbers below it say, in sentences."""

import dataclasses
import math
from pathlib import Path

import pytest

from inklings.evaluation.changes import Change
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.evaluation.scores import Row, Scores
from inklings.reports.glance import glance
from inklings.reports.material import Material, gather
from inklings.reports.run import run_report
from inklings.testing.folders import write_cohort, write_predictions, write_run


@pytest.fixture
def scored(tmp_path: Path) -> Material:
    cohort = write_cohort(tmp_path / "cohort")
    write_predictions(tmp_path / "found", cohort)
    run = write_run(tmp_path / "run", cohort, tmp_path / "found")
    evaluate(tmp_path / "found", cohort, Settings(metrics=("dice",))).write(tmp_path / "found")
    return gather(run, tmp_path / "found")


def with_cases(material: Material, dices: dict[str, dict[str, float]]) -> Material:
    """The same with other scores: patient to case to Dice."""
    cases = tuple(
        {"case": case, "patient": who, "dice": dice}
        for who, own in dices.items()
        for case, dice in own.items()
    )
    row = Row("dice", 0.7, 0.5, 0.9, len(cases), len(dices), "", "disc", "Dice, mean of cases")
    head = {"patients": len(dices), "split": "test"}
    return dataclasses.replace(material, table=Scores((row,), cases, head))


def test_few_patients_the_worst_of_them_and_the_worst_cases_are_named(scored: Material) -> None:
    dices = {"p1": {"a": 0.9, "b": 0.8}, "p2": {"c": 0.2, "d": 0.6}, "p3": {"e": 1.0}}
    said = glance(with_cases(scored, dices))
    assert said is not None
    good, bad, after = said.values()
    start = "Dice, mean of cases: 0.700 over 5 cases of 3 patients, "
    assert good[0] == f"{start}0.500 to 0.900 with 95 % confidence."
    assert good[1].startswith("3 patients are few")
    # By hand: p2 has (0.2 + 0.6) / 2, the others 0.85 and 1.
    assert "p2, Dice 0.40 in the mean of 2 cases; of all others 0.93" in bad[0]
    assert bad[1] == "Worst cases: c (0.20), d (0.60), b (0.80)."
    assert after[0].startswith("Score more patients: 3")


def test_many_cases_have_quantiles_and_many_patients_are_not_called_few(scored: Material) -> None:
    dices = {f"p{k}": {f"c{k}": k / 20} for k in range(21)}
    said = glance(with_cases(scored, dices))
    assert said is not None
    assert "Half of the cases reach a Dice of 0.50; one in ten stays below 0.10." in next(
        iter(said.values())
    )
    assert not any("few" in line for lines in said.values() for line in lines)


def test_images_unlike_the_training_images_and_groups_are_said(scored: Material) -> None:
    assert scored.predictions is not None
    table = "case,distance,nearer,of,unlike,by\nx,9,9,9,yes,network\ny,1,1,9,no,network\n"
    (scored.predictions / "likeness.csv").write_text(table)
    made = with_cases(scored, {"p1": {"x": 0.5}, "p2": {"y": 0.9}})
    assert made.table is not None
    groups = {**made.table.head, "groups": ["by stain: worst pas, Dice 0.500"]}
    made = dataclasses.replace(made, table=dataclasses.replace(made.table, head=groups))
    said = glance(made)
    assert said is not None
    assert "Unlike the training images: 1 images (x)." in said["For whom not?"]
    assert "By stain: worst pas, Dice 0.500." in said["For whom not?"]
    assert any("unlike" in line for line in said["What next?"])


def test_what_is_undefined_and_metrics_that_rank_no_case_are_said_too(scored: Material) -> None:
    made = with_cases(scored, {"p1": {"x": math.nan}})
    assert made.table is not None
    rows = (
        dataclasses.replace(made.table.rows[0], value=math.nan, low=math.nan, high=math.nan, n=0),
        Row("froc", 0.5, 0.3, 0.7, 20, 20, "", "lesion", "FROC"),
    )
    for row, said in zip(
        rows,
        (
            "Dice, mean of cases: not defined for any of these cases.",
            "FROC: 0.500 over 20 cases of 20 patients, 0.300 to 0.700 with 95 % confidence.",
        ),
        strict=True,
    ):
        found = glance(
            dataclasses.replace(made, table=dataclasses.replace(made.table, rows=(row,)))
        )
        assert found is not None
        assert found["Is it good enough?"] == [said]


def test_the_report_begins_with_it_and_counts_objects_only_where_they_score(
    scored: Material, tmp_path: Path
) -> None:
    page = run_report(scored.run, scored.predictions, tmp_path / "page.html").read_text()
    assert page.index("Is it good enough?") < page.index('id="results"')
    assert "objects found" not in page


def test_sure_losses_against_another_run_are_said_as_loudly_as_gains(scored: Material) -> None:
    many = {f"p{k}": {f"c{k}": 0.7} for k in range(12)}
    material = with_cases(scored, many)
    assert material.table is not None
    changes = tuple(
        Change(name, "disc", title, first, second, first - second, low, high, p, higher)
        for name, title, first, second, low, high, p, higher in (
            ("dice", "Dice", 0.82, 0.80, 0.01, 0.03, 0.04, True),
            ("hd95", "Hausdorff distance, 95 %", 90.0, 36.0, 20.0, 88.0, 0.012, False),
            ("recall", "Recall", 0.71, 0.80, -0.15, -0.03, 0.0001, True),
            ("precision", "Precision", 0.70, 0.71, -0.05, 0.03, 0.6, True),
        )
    )
    table = dataclasses.replace(material.table, changes=changes)
    found = glance(dataclasses.replace(material, table=table))
    assert found is not None
    assert found["Is it good enough?"][-2:] == [
        "Worse than the other run: Hausdorff distance, 95 % 36.0 to 90.0 (p 0.012), "
        "Recall 0.800 to 0.710 (p < 0.001).",
        "Better than the other run: Dice 0.800 to 0.820 (p 0.040).",
    ]


def test_without_scores_there_is_nothing_to_say(scored: Material) -> None:
    assert glance(dataclasses.replace(scored, table=None)) is None


@pytest.mark.parametrize("metric", ["auc", "concordance", "mae"])
def test_a_run_on_whole_cases_begins_with_what_says_most_of_it(
    metric: str, scored: Material
) -> None:
    rows = [
        Row(name, 0.7, 0.5, 0.9, 20, 20, "", "all", name)
        for name in ("other", "concordance_ipcw", metric)
    ]
    table = Scores(tuple(rows), (), {"patients": 20, "split": "test"})
    said = glance(dataclasses.replace(scored, table=table))
    assert said is not None
    assert said["Is it good enough?"][0].startswith(f"{metric}: 0.700 over 20 cases")
