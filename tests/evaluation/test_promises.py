"""Promises are made of patients who were not learnt from, kept in the head, and looked at."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from inklings.bags.sets import set_of
from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.evaluation.intervals import Bootstrap
from inklings.evaluation.promises import parse, parse_confidence, promise
from inklings.evaluation.scores import Scores
from inklings.findings.finding import Finding
from inklings.labels.kinds import BagLabel, BallLabel
from inklings.predictions.bags import BagPrediction
from inklings.predictions.dense import DensePrediction
from inklings.predictions.findings import Findings
from inklings.predictions.guarantee import of_head, with_promises
from inklings.predictions.head import Head, Provenance
from inklings.testing.folders import write_cohort, write_predictions

TENTH, SURE = Fraction("0.1"), Fraction("0.9")
FEW = Settings(bootstrap=Bootstrap(20))
GRADES = ("one", "two", "three")


def bags(
    root: Path, count: int = 60, rare: int = 0, task: str = "multiclass", spread: float = 1.0
) -> Path:
    """Half of the bags validate, half test; ``rare`` of each half are of the third class."""
    rng = np.random.default_rng(count)
    cases, answers = [], []
    for k in range(2 * count):
        true = 2 if k // 2 < rare else (k // 2) % 2
        part: Split = "val" if k % 2 else "test"
        labels = tuple(BagLabel(name, j == true) for j, name in enumerate(GRADES))
        cases.append(Case(f"b{k}", f"p{k}", {}, labels, part))
        raw = np.exp(rng.normal(0, spread, 3) + 2 * (np.arange(3) == true))
        answers.append(raw / raw.sum())
    cohort = Cohort("bags", tuple(cases), GRADES)
    cohort.write(root / "bags")
    origin = Provenance("run", "w", cohort.split_hash, "0")
    head = Head(GRADES, (0.5,) * 3, origin, ("other",), {"task": task}, "bags")
    head.write(root / "said")
    for case, p in zip(cases, answers, strict=True):
        BagPrediction(case.id, Path("x"), p, p, np.zeros((1, 3), np.float32)).write(root / "said")
    return root


def promised(root: Path, confidence: Fraction | None = SURE) -> Scores:
    """The scores of the test part, after a promise on the validation part."""
    made = promise(root / "said", root / "bags", {"sets": TENTH}, confidence)
    with_promises(Head.read(root / "said"), made.guarantees).write(root / "said")
    return evaluate(root / "said", root / "bags", FEW)


def test_the_threshold_is_the_score_at_the_rank(tmp_path: Path) -> None:
    """30 patients of a class, on average: rank ceil(31 * 0.9) = 28, so two may lose."""
    root = bags(tmp_path)
    (one, two, three) = promise(root / "said", root / "bags", {"sets": TENTH}).guarantees
    own = sorted(
        float(BagPrediction.read(root / "said", case.id).probability[0])
        for case in Cohort.read(root / "bags")
        if case.split == "val" and BagLabel("one", True) in case.labels
    )
    assert (one.rank, len(one.patients), one.threshold) == (28, 30, own[2])
    assert (two.label, three.threshold, three.rank) == ("two", 0.0, None)


def test_a_class_without_patients_is_in_every_set(tmp_path: Path) -> None:
    root = bags(tmp_path)
    scores = promised(root)
    head = Head.read(root / "said")
    said = [set_of(BagPrediction.read(root / "said", f"b{k}"), head) for k in range(40)]
    assert all("three" in names for names in said)
    assert min(map(len, said)) < 3
    promises = {one.label: one for one in of_head(head)}
    assert "expected at least 22 patients with it, got 0" in promises["three"].notes[0]
    assert "0 among them; 1 of all bags have it in their set" in promises["three"].line
    assert len(scores.files["promises.csv"]) == 2  # nobody to judge the third by


def test_scores_say_whether_a_promise_was_held(tmp_path: Path) -> None:
    root = bags(tmp_path)
    scores = promised(root)
    row = scores.files["promises.csv"][0]
    head = Head.read(root / "said")
    lost = [
        "one" not in set_of(BagPrediction.read(root / "said", case.id), head)
        for case in Cohort.read(root / "bags")
        if case.split == "test" and BagLabel("one", True) in case.labels
    ]
    assert row["value"] == pytest.approx(np.mean(lost))
    assert (row["patients"], row["held"], row["calibrated"]) == (30, np.mean(lost) <= 0.1, 0)
    said = "held" if row["held"] else "NOT HELD"
    assert f"in 30 patients: {said}; " in scores.text()


def test_patients_of_the_calibration_prove_nothing(tmp_path: Path) -> None:
    root = bags(tmp_path)
    promised(root)
    scores = evaluate(root / "said", root / "bags", replace(FEW, split="val"))
    assert any("calibrated on 30 of the 30 scored" in line for line in scores.head["warnings"])


def test_findings_are_counted_and_no_share_of_an_image(tmp_path: Path) -> None:
    """Ten scans with one lesion each, found with 0.9, and a false alarm of 0.3."""
    cases = tuple(
        Case(f"s{k}", f"p{k}", {}, (BallLabel("ct", "lesion", (0.0, 0.0, 0.0), 6.0),), "val")
        for k in range(10)
    )
    cohort = Cohort("scans", cases, ("lesion",))
    cohort.write(tmp_path / "scans")
    origin = Provenance("run", "w", cohort.split_hash, "0")
    Head(("lesion",), (0.5,), origin, ("other",), {}, "findings").write(tmp_path / "said")
    for case in cases:
        found = tuple(
            Finding("lesion", p, at, 6.0) for p, at in ((0.9, (0.0, 0.0, 0.0)), (0.3, (90.0, 0, 0)))
        )
        Findings(case.id, found).write(tmp_path / "said")
    asked = {"missed": TENTH, "alarms": Fraction(20)}
    missed, alarms = promise(tmp_path / "said", tmp_path / "scans", asked).guarantees
    assert "; 1 findings a scan, 1 at the threshold of the run)" in missed.line
    assert "; 2 findings a scan, 1 at the threshold of the run)" in alarms.line
    with pytest.raises(DataError, match="expected at least 24 patients, got 10"):
        promise(tmp_path / "said", tmp_path / "scans", {"alarms": Fraction(4)})


def test_grades_between_two_of_a_set_are_in_it(tmp_path: Path) -> None:
    root = bags(tmp_path, count=75, rare=25, task="ordinal", spread=2.0)
    promised(root)
    head = Head.read(root / "said")
    seen = set()
    for k in range(150):
        names = set_of(BagPrediction.read(root / "said", f"b{k}"), head)
        places = [GRADES.index(name) for name in names]
        assert places == list(range(places[0], places[-1] + 1))
        seen.add(names)
    assert len(seen) > 3


def test_too_few_patients_are_told_how_many_it_takes(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort", ["train", "val", "val", "test"])
    said = write_predictions(tmp_path / "said", cohort, split="val")
    with pytest.raises(DataError, match="expected at least 25 patients with it, got 2"):
        promise(said, cohort, {"fnr": TENTH}, SURE)
    with pytest.raises(DataError, match="expected at least 9 patients with it, got 2"):
        promise(said, cohort, {"fnr": TENTH})


def test_sets_that_would_hold_everything_are_refused(tmp_path: Path) -> None:
    root = bags(tmp_path, count=20)
    with pytest.raises(DataError, match="one is in every set: expected at least 22 patients"):
        promised(root)


def test_nothing_is_promised_by_patients_that_were_learnt_from(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort", ["train", "val", "val", "test"])
    said = write_predictions(tmp_path / "said", cohort, split="all")
    for part in ("train", "all"):
        with pytest.raises(DataError, match=r"trained on 1 of the patients that the guarantee"):
            promise(said, cohort, {"fnr": Fraction("0.4")}, split=part)
    (made,) = promise(said, cohort, {"fnr": Fraction("0.4")}, split="val").guarantees
    assert "2 of the 2 patients are those that weights" in made.notes[0]
    head = Head.read(said)
    replace(head, provenance=replace(head.provenance, split_hash="another")).write(said)
    with pytest.raises(DataError, match="trained on split another"):
        promise(said, cohort, {"fnr": Fraction("0.4")}, split="val")


def test_a_promise_that_only_the_whole_image_holds_is_none(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort", ["train", *["val"] * 9])
    said = write_predictions(tmp_path / "said", cohort, split="val", shift=30)
    with pytest.raises(DataError, match="only the whole image holds it"):
        promise(said, cohort, {"fnr": TENTH})
    for case in Cohort.read(cohort).part("val"):
        one = DensePrediction.read(said, case.id)
        replace(one, dense=np.full_like(one.dense, 130)).write(said)
    with pytest.raises(DataError, match="only the whole image holds it"):
        promise(said, cohort, {"fnr": TENTH})


def test_a_promise_by_test_patients_says_that_they_are_used_up(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort", ["train", "test", "test"])
    said = write_predictions(tmp_path / "said", cohort)
    (made,) = promise(said, cohort, {"fnr": Fraction("0.4")}, split="test").guarantees
    assert "2 of the 2 patients are test patients" in made.notes[0]


def test_sizes_and_risks_are_those_of_the_mask_that_is_cut(tmp_path: Path) -> None:
    """It is never smaller than the best one, here from 0.05 on, nor than another promise asks."""
    cohort = write_cohort(tmp_path / "cohort", ["train", *["val"] * 9, "test", "test"])
    said = write_predictions(tmp_path / "said", cohort, split="all")
    head = replace(Head.read(said), thresholds=(0.05,))
    head.write(said)
    asked = {"fnr": Fraction("0.4"), "missed": Fraction("0.4")}
    made = promise(said, cohort, asked, split="val").guarantees
    assert all(one.threshold > 0.1 and one.size == one.best_size for one in made)
    with_promises(head, made).write(said)
    rows = evaluate(said, cohort, FEW).files["promises.csv"]
    dense = [DensePrediction.read(said, f"case{k}").dense[0] for k in (10, 11)]
    size = np.mean([one >= 0.05 * 255 for one in dense])
    assert [row["size"] for row in rows] == pytest.approx([size, size])
    with_promises(replace(head, thresholds=(1.0,)), made).write(said)
    rows = evaluate(said, cohort, FEW).files["promises.csv"]
    size = np.mean([one >= 255 * min(of.threshold for of in made) for one in dense])
    assert [row["size"] for row in rows] == pytest.approx([size, size])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fnd=0.1"], "did you mean fnr"),
        (["fnr"], "expected a number"),
        (["fnr=1"], "below 1"),
        (["fnr=nan"], "expected a number"),
        (["alarms=100"], "below 100"),
        (["fnr=0.1", "fnr=0.2"], "given twice"),
    ],
)
def test_risks_are_read_as_they_are_written_or_refused(words: list[str], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        parse(words)
    assert parse(["fnr=0.1", "alarms=2.5"]) == {"fnr": TENTH, "alarms": Fraction(5, 2)}
    assert parse_confidence("0.95") == Fraction(19, 20)


def test_a_risk_of_another_kind_of_predictions_is_refused(tmp_path: Path) -> None:
    root = bags(tmp_path, count=2)
    with pytest.raises(SpecError, match="does not apply to predictions of bags; there are: sets"):
        promise(root / "said", root / "bags", {"fnr": TENTH})
