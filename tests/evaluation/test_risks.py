"""What patients lose at each threshold, beside other libraries and by hand."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import recall_score

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.evaluation.evaluate import source
from inklings.evaluation.froc import Reference, match
from inklings.evaluation.promises import selected
from inklings.evaluation.risks import LEVELS, SCORES, Losses, finding_losses, losses_of
from inklings.findings.points import PointTable
from inklings.inference.predict import predict
from inklings.labels.kinds import BagLabel, PointLabel, PolygonLabel
from inklings.predictions.bags import BagPrediction
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance
from inklings.predictions.shift import certainty
from inklings.predictions.slides import SlidePrediction
from inklings.spec import Component
from inklings.testing.folders import discs, write_cohort, write_predictions
from inklings.testing.runs import slides, untrained_run


def of_discs(folder: Path, risk: str, per_patient: int = 1) -> Losses:
    cohort = write_cohort(folder / "cohort", per_patient=per_patient)
    mine = source(write_predictions(folder / "said", cohort, split="all", shift=3))
    (found,) = losses_of(mine, selected(mine, cohort, "all"), risk, cohort)
    return found


def said_and_true(folder: Path, k: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    return DensePrediction.read(folder / "said", f"case{k}").dense[0], discs(k)


def test_missed_area_is_one_less_recall_of_scikit_learn_at_every_threshold(tmp_path: Path) -> None:
    found = of_discs(tmp_path, "fnr")
    assert len(found.patients) == 6
    for row, patient in zip(found.loss, found.patients, strict=True):
        dense, true = said_and_true(tmp_path, int(patient.removeprefix("patient")))
        for k in (0, 1, 60, 128, 200, 255):
            mask = dense >= np.float32(LEVELS[k] * 255)
            assert row[k] == pytest.approx(1 - recall_score(true.ravel() > 0, mask.ravel()))


def test_missed_objects_are_those_that_the_mask_does_not_touch(tmp_path: Path) -> None:
    found = of_discs(tmp_path, "missed")
    for row, patient in zip(found.loss, found.patients, strict=True):
        dense, true = said_and_true(tmp_path, int(patient.removeprefix("patient")))
        names = set(np.unique(true)) - {0}
        for k in (0, 1, 128, 254, 255):
            touched = set(np.unique(true[dense >= np.float32(LEVELS[k] * 255)])) - {0}
            assert row[k] == pytest.approx(1 - len(touched) / len(names))


def test_a_patient_loses_the_mean_of_its_cases_and_counts_once(tmp_path: Path) -> None:
    one, two = of_discs(tmp_path / "a", "fnr"), of_discs(tmp_path / "b", "fnr", per_patient=2)
    assert len(two.patients) == 3
    alone = dict(zip(one.patients, one.loss, strict=True))
    for row, patient in zip(two.loss, two.patients, strict=True):
        k = 2 * int(patient.removeprefix("patient"))
        np.testing.assert_allclose(row, (alone[f"patient{k}"] + alone[f"patient{k + 1}"]) / 2)


def test_losses_only_grow_and_predictions_only_shrink(tmp_path: Path) -> None:
    for risk in ("fnr", "missed"):
        found = of_discs(tmp_path / risk, risk)
        assert (np.diff(found.loss) >= 0).all()
        assert (np.diff(found.size) <= 0).all()
        assert (found.loss[:, 0] == 0).all()
        assert (found.size[:, 0] == 1).all()


def test_of_slides_the_size_is_a_share_of_the_tissue(tmp_path: Path) -> None:
    """All tissue is the whole slide, however much glass is around it."""
    look = {"intensity": Component(name="half"), "spacing_um": 1.0}
    run = untrained_run(tmp_path / "run", channels=("a",), classes=("a",), **look)
    images = slides(tmp_path / "images", 1, shape=(300, 300))
    predict(run, [images], tmp_path / "said")
    ring = ((0.0, 0.0), (0.0, 299.0), (299.0, 299.0), (299.0, 0.0))
    label = PolygonLabel("image", "a", ring)
    case = Case("s000", "p", {"image": images / "s000.tiff"}, (label,))
    Cohort("c", (case,), ("a",)).write(tmp_path / "c")
    there = source(tmp_path / "said")
    (found,) = losses_of(there, selected(there, tmp_path / "c", "all"), "fnr", tmp_path / "c")
    record = SlidePrediction.read(tmp_path / "said", "s000")
    with record.heatmap(tmp_path / "said") as heat:
        levels = np.concatenate([*heat.bands()], 1)[0]
    assert (levels > 0).mean() < 0.9
    wanted = [(levels >= k).sum() / (levels > 0).sum() for k in range(1, 256)]
    np.testing.assert_allclose(found.size[0, 1:], wanted, atol=0.02)
    assert found.size[0, 0] == 1


def test_points_do_not_say_what_is_missed(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort")
    mine = source(write_predictions(tmp_path / "said", cohort, split="all"))
    points = tuple(
        Case(c.id, c.patient, c.images, (PointLabel("image", "nucleus", (20.0, 20.0)),), c.split)
        for c in Cohort.read(cohort)
    )
    Cohort("points", points, ("nucleus",)).write(cohort)
    with pytest.raises(DataError, match="expected a whole reference"):
        losses_of(mine, selected(mine, cohort, "all"), "fnr", cohort)


def test_findings_lose_what_matching_at_each_threshold_says() -> None:
    rng = np.random.default_rng(0)
    scans = tuple(f"s{k}" for k in range(12))
    places = rng.uniform(0, 200, (30, 3))
    objects = [(scans[k % 9], *places[k], 12.0) for k in range(30)]
    near = [(scans[k % 9], *(places[k] + rng.normal(0, 4, 3)), rng.random()) for k in range(30)]
    far = [(scans[k % 12], *rng.uniform(0, 200, 3), rng.random()) for k in range(40)]
    marks = PointTable.of(near + far, "probability")
    ignored = PointTable.of([], "diameter_mm")
    patients = tuple(f"p{k // 2}" for k in range(12))
    reference = Reference(scans, PointTable.of(objects, "diameter_mm"), ignored, patients)
    missed = finding_losses(marks, reference, "missed")
    alarms = finding_losses(marks, reference, "alarms")
    assert len(alarms.patients) == 6
    assert len(missed.patients) == 5  # the last has nothing to be found
    assert missed.thresholds[0] == 0
    assert alarms.thresholds[0] == SCORES[-1]
    for threshold in (0.1, 0.4, 0.8):
        kept = marks.values["probability"] >= SCORES[np.abs(SCORES - threshold).argmin()]
        some = PointTable(
            marks.cases[kept], marks.points[kept],
            {"probability": marks.values["probability"][kept]},
        )  # fmt: skip
        now = match(some, reference)
        lost = np.isnan(now.best)
        for risk, found in (("missed", missed), ("alarms", alarms)):
            loss = dict(zip(found.patients, found.at(threshold)[0], strict=True))
            for patient, value in loss.items():
                own = [k for k, name in enumerate(patients) if name == patient]
                if risk == "missed":
                    each = [
                        lost[now.object_scan == k].mean()
                        for k in own
                        if (now.object_scan == k).any()
                    ]
                else:
                    each = [(now.false_scan == k).sum() / 100 for k in own]
                assert value == pytest.approx(np.mean(each))


def of_bags(folder: Path, task: str, truth: list[str], said: NDArray[np.float64]) -> Path:
    """Bags ``b0, b1, ...`` of patients with two bags each."""
    classes = ("low", "mid", "high")
    cases = tuple(
        Case(f"b{k}", f"p{k // 2}", {}, tuple(BagLabel(c, c == name) for c in classes), "val")
        for k, name in enumerate(truth)
    )
    Cohort("bags", cases, classes).write(folder / "bags")
    settings = {"task": task}
    head = Head(classes, (0.5,) * 3, Provenance("run", "x", None, "0"), ("r",), settings, "bags")
    head.write(folder / "said")
    for case, p in zip(cases, said, strict=True):
        BagPrediction(case.id, Path("x"), p, p, np.zeros((1, 3), np.float32)).write(folder / "said")
    return folder / "said"


def test_a_set_loses_a_patient_if_it_lacks_the_truth_of_any_of_its_bags(tmp_path: Path) -> None:
    said = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.9, 0.05, 0.05]])
    folder = of_bags(tmp_path, "multiclass", ["low", "low", "mid", "low"], said)
    mine = source(folder)
    found = {
        one.label: one
        for one in losses_of(mine, selected(mine, tmp_path / "bags", None), "sets", tmp_path)
    }
    low = found["low"]
    assert low.thresholds.tolist() == [0.4, 0.7, 0.9]
    by_patient = dict(zip(low.patients, low.loss.tolist(), strict=True))
    assert by_patient == {"p0": [0, 1, 1], "p1": [0, 0, 0]}
    assert found["mid"].patients == ("p1",)
    assert found["high"].patients == ()


def test_a_bag_without_a_number_is_in_no_set_and_loses_everywhere(tmp_path: Path) -> None:
    said = np.array([[0.7, 0.2, 0.1], [np.nan, np.nan, np.nan]])
    mine = source(of_bags(tmp_path, "multiclass", ["low", "low"], said))
    low, _, _ = losses_of(mine, selected(mine, tmp_path / "bags", None), "sets", tmp_path)
    assert low.thresholds[0] == 0.7
    assert low.loss[:, 0].tolist() == [1]  # of two bags of a patient the worst


@pytest.mark.parametrize("values", [[0.5, 0.5], [1.0, 0.0, 0.0], [0.2, 0.9, 0.4, 0.0]])
def test_certainty_is_the_mean_weighted_by_itself(values: list[float]) -> None:
    assert certainty(values) == pytest.approx(np.average(values, weights=values))
    assert certainty([]) == certainty([0.0]) == 0
