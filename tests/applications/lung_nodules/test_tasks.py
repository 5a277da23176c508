import csv
import dataclasses
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from inklings.applications.lung_nodules.examples import (
    BoxCrops,
    CandidateBoxes,
    boxes_of,
    collect,
)
from inklings.applications.lung_nodules.tasks.malignancy import MalignancyTask, freeze
from inklings.cache import Cache
from inklings.cohorts.cohort import Cohort
from inklings.data import TRANSFORMS
from inklings.datasets.luna_candidates import CANDIDATES, published_candidates
from inklings.errors import DataError, SpecError
from inklings.models.nodule_net import LunaNet, NoduleNet
from inklings.runs.run import Run
from inklings.tasks.train import train


def test_a_run_says_whom_it_has_seen_and_loads_again(detector) -> None:
    stage = Run.load(detector)
    assert stage.record.trained_on == ("patient-1", "patient-2", "patient-3")
    assert stage.record.facts["steps"] == 4
    assert stage.task == "detection"
    assert {p.name for p in detector.glob("*.safetensors")} == {"weights.safetensors"}
    assert not list(detector.rglob("*.pt")) + list(detector.rglob("*.pkl"))


def test_an_interrupted_training_ends_in_the_weights_of_one_that_was_not(
    experiment, detector, tmp_path, monkeypatch
) -> None:
    from inklings.tasks import train as module

    def killed(*_args, **_options):
        raise KeyboardInterrupt

    # As a kill after the last checkpoint: nothing has been written of the finished run.
    short = experiment("detection")
    monkeypatch.setattr(module, "write_model", killed)
    with pytest.raises(KeyboardInterrupt):
        train(short, tmp_path / "run")
    monkeypatch.undo()
    assert not (tmp_path / "run" / "run.json").exists()
    train(short, tmp_path / "run")
    one, other = Run.load(detector).model, Run.load(tmp_path / "run").model
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_a_finished_run_is_not_trained_again(experiment, detector) -> None:
    with pytest.raises(SpecError, match="finished run"):
        train(experiment("detection"), detector)
    before = (detector / "run.json").stat().st_mtime_ns
    train(experiment("detection"), detector, resume=True)
    assert (detector / "run.json").stat().st_mtime_ns == before


def test_classifier_learns_from_candidates_of_the_detector(experiment, detector, tmp_path) -> None:
    spec = experiment("candidates", {"detector": str(detector)}, training={"validate_every": 2})
    train(spec, tmp_path / "run")
    stage = Run.load(tmp_path / "run")
    assert 0 < stage.record.thresholds[0] < 1
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    seen = {int(row["step"]): float(row["val_f1"]) for row in rows if row["val_f1"]}
    assert sorted(seen) == [2, 4]
    assert stage.record.facts["best_step"] == max(seen, key=lambda k: (seen[k], -k))
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["facts"]["cases"] > 6


@pytest.mark.parametrize(
    ("section", "got"), [({}, "neither"), ({"detector": "run", "file": "candidates"}, "both")]
)
def test_candidates_are_of_a_detector_or_of_a_file(experiment, section, got) -> None:
    with pytest.raises(SpecError, match=rf"expected detector .* or file .*, got {got}"):
        experiment("candidates", section)


def test_published_candidates_are_what_a_classifier_learns_from(
    experiment, cohort, published, tmp_path
) -> None:
    spec = experiment("candidates", {"file": str(published), "max_candidates": 4})
    train(spec, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["facts"]["cases"] == 2 * (3 + 4)
    case = Cohort.read(cohort).part("train")[0]
    places = published_candidates(str(published), cohort, [case.id])[case.id]
    boxes = boxes_of(case, spec, None, published=places)
    assert boxes.positive.tolist() == [True] * 3 + [False] * 4
    aside = np.add([ball.centre_mm for ball in case.labels], [1, 0, 0])
    assert boxes.point_mm[:3] == pytest.approx(aside)
    # A published place has no size, so that none tells a nodule from what is none.
    draw = BoxCrops(boxes, spec)
    sizes = {float(draw(np.random.default_rng(k))[0][1].mean()) for k in range(8)}
    assert sizes.pop() == pytest.approx(np.log(1 / 8))
    assert not sizes


def test_the_table_that_a_cohort_came_with_goes_by_its_name(cohort, tmp_path) -> None:
    table = {"case": ["chest-1"], "x": [1.0], "y": [2.0], "z": [3.0], "nodule": [True]}
    pq.write_table(pa.table({**table, "table": ["candidates"]}), tmp_path / CANDIDATES)
    points, nodule = published_candidates("candidates", tmp_path, [])["chest-1"]
    assert (points.tolist(), nodule.tolist()) == ([[1.0, 2.0, 3.0]], [True])
    other = tmp_path / "candidates.csv"
    other.write_text("seriesuid,coordX,coordY,coordZ,class\nelsewhere,1,2,3,1\n")
    with pytest.raises(DataError, match="got none of them"):
        published_candidates(str(other), cohort, ["chest-1"])


def test_half_malignant_a_quarter_benign_a_quarter_no_nodule(
    experiment, cohort, published, tmp_path
) -> None:
    asked = {"file": str(published), "non_nodules": 0.25, "augment": (), "monitor": "auc"}
    spec = experiment("malignancy", asked)
    cases = Cohort.read(cohort).part("train")
    known = published_candidates(str(published), cohort, [case.id for case in cases])
    boxes = collect(cases, spec, None, published=known)
    assert boxes.extra.sum() == 2 * 6
    assert not boxes.positive[boxes.extra].any()
    kinds = np.where(boxes.extra, 2, np.where(boxes.positive, 0, 1)).astype(np.uint8)
    plain = dataclasses.replace(boxes, cubes=kinds[:, None, None, None] * np.ones_like(boxes.cubes))
    draw = BoxCrops(plain, spec)
    drawn = [draw(np.random.default_rng(k)) for k in range(800)]
    kind = np.rint([255 * inputs[0].mean() for inputs, _, _ in drawn])
    shares = [(kind == k).mean() for k in range(3)]
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.05)
    sizes = np.array([inputs[1].mean() for inputs, _, _ in drawn])
    assert sizes[kind == 2].min() > np.log(1 / 8) + 0.5  # that of a nodule, not the 1 mm of none
    train(experiment("malignancy", asked, training={"validate_every": 2}), tmp_path / "run")
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    seen = {int(row["step"]): float(row["val_auc"]) for row in rows if row["val_auc"]}
    best = Run.load(tmp_path / "run").record.facts["best_step"]
    assert best == max(seen, key=lambda k: (seen[k], -k))


@pytest.mark.parametrize(
    "section",
    [
        {"non_nodules": 0.25},
        {"file": "candidates"},
        {"file": "candidates", "non_nodules": 0.6, "positives": 0.5},
    ],
)
def test_shares_that_cannot_be_are_refused(experiment, section) -> None:
    with pytest.raises(SpecError, match=r"expected (non_nodules|positives) .*; (give|lower)"):
        experiment("malignancy", section)


def test_the_head_begins_anew_where_a_classifier_is_tuned(experiment, cohort, tmp_path) -> None:
    spec = experiment("malignancy", {"finetune": 1})
    torch.manual_seed(1)
    first = {k: v + 1.0 for k, v in NoduleNet(2, 1, width=4).state_dict().items()}
    prepared = MalignancyTask().prepare(spec, Cohort.read(cohort), tmp_path, first)
    assert prepared.initial is not None
    assert set(first) - set(prepared.initial) == {"head.weight", "head.bias"}
    whole = experiment("malignancy")
    assert MalignancyTask().prepare(whole, Cohort.read(cohort), tmp_path, first).initial == first


def test_no_scan_trains_one_stage_and_judges_another(
    experiment, cohort, detector, tmp_path
) -> None:
    """The cross-stage check: the detector has seen what shall now be a test patient."""
    other = Cohort.read(cohort)
    splits = {"chest-1": "test", "chest-4": "train"}
    moved = Cohort(
        other.name,
        tuple(
            type(c)(c.id, c.patient, c.images, c.labels, splits.get(c.id, c.split)) for c in other
        ),
        other.classes,
    )
    moved.write(tmp_path / "cohort")
    spec = experiment("candidates", {"detector": str(detector)})
    spec = spec.model_copy(update={"cohort": tmp_path / "cohort"})
    with pytest.raises(DataError, match="too good"):
        train(spec, tmp_path / "run")


def test_malignancy_learns_from_rated_nodules(experiment, tmp_path) -> None:
    train(experiment("malignancy"), tmp_path / "run")
    assert Run.load(tmp_path / "run").model_config.classes == ("malignant",)


@pytest.mark.parametrize("depth", [1, 2])
def test_fine_tuning_moves_the_last_layers_and_nothing_else(depth) -> None:
    """The reference's text says depth 2 where its code starts the head anew and no more."""
    for model in (NoduleNet(2, 1, width=4), LunaNet(1, 1, sides=(16, 16, 16), width=2)):
        freeze(model, depth)
        moving = {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}
        still = {name for name, p in model.named_parameters() if not p.requires_grad}
        assert "head" in moving
        assert len(moving) == depth
        assert still


def test_fine_tuning_starts_from_the_classifier(experiment, detector, tmp_path) -> None:
    spec = experiment("candidates", {"detector": str(detector)})
    train(spec, tmp_path / "classifier")
    tuned = experiment("malignancy", {"finetune": 1})
    with pytest.raises(SpecError, match="--from"):
        train(tuned, tmp_path / "none")
    train(tuned, tmp_path / "tuned", start=tmp_path / "classifier")
    before = Run.load(tmp_path / "classifier").model.state_dict()
    after = Run.load(tmp_path / "tuned").model.state_dict()
    assert torch.equal(before["levels.0.0.weight"], after["levels.0.0.weight"])
    assert not torch.equal(before["head.weight"], after["head.weight"])


def test_every_annotated_nodule_is_a_positive_box(experiment, cohort, detector) -> None:
    spec = experiment("candidates", {"detector": str(detector)})
    case = Cohort.read(cohort).part("train")[0]
    boxes = boxes_of(case, spec, Run.load(detector))
    assert boxes.positive.sum() >= len(case.labels)
    assert boxes.cubes.shape[1:] == (24, 24, 24)
    assert len(boxes_of(case, spec, None)) == len(case.labels)


def test_malignancy_learns_what_each_reader_said(experiment, cohort) -> None:
    case = Cohort.read(cohort).part("train")[0]
    ball = case.labels[0]
    said = dataclasses.replace(ball, malignant=False, ratings=(3, 3, 4, 1))
    dumb = dataclasses.replace(ball, malignant=True, ratings=())
    spec = experiment("malignancy", {"positives": 0.0, "augment": ()})
    boxes = boxes_of(dataclasses.replace(case, labels=(said, dumb)), spec, None)
    # (3 + 3 + 4 + 1) / 4 = 2.75, of the way from 1 to 5: 1.75 / 4.
    assert boxes.value == pytest.approx([0.4375, 1.0])
    assert boxes.positive.tolist() == [False, True]
    value = BoxCrops(boxes, spec)(np.random.default_rng(0))[1]
    assert value.item() == pytest.approx(0.4375)


def test_classes_are_drawn_in_the_ratio_that_is_asked_for(
    experiment, cohort, detector, tmp_path
) -> None:
    for share in (0.25, 0.5):
        spec = experiment(
            "candidates", {"detector": str(detector), "positives": share, "augment": ()}
        )
        boxes = collect(
            Cohort.read(cohort).part("train"), spec, Run.load(detector), Cache(tmp_path)
        )
        draw = BoxCrops(boxes, spec)
        drawn = [draw(np.random.default_rng(k))[1][0] for k in range(400)]
        assert np.mean(drawn) == pytest.approx(share, abs=0.07)


def test_false_alarms_that_the_detector_is_sure_of_are_drawn_most(experiment) -> None:
    spec = experiment("malignancy", {"positives": 0.0, "augment": ()})
    sure = CandidateBoxes(
        np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((1, 24, 24, 24), np.uint8),
        np.full(3, 8.0), np.array([False, False, True]), np.array([0.0, 0.0, 1.0]),
        np.zeros(3, int), np.zeros((3, 3)), np.array([0.0, 0.98, 1.0]), np.zeros(3, bool),
    )  # fmt: skip
    draw = BoxCrops(sure, spec)
    shown = [draw(np.random.default_rng(k))[0][0].mean() * 255 for k in range(400)]
    # Weights .02 and 1.00: the second comes up 98 times of a hundred.
    assert np.mean(np.rint(shown) == 1) == pytest.approx(0.98, abs=0.02)


@pytest.mark.parametrize("name", sorted(TRANSFORMS["boxes"]))
def test_changes_that_are_asked_for_reach_the_boxes_of_a_training(
    experiment, cohort, tmp_path, name
) -> None:
    def first(augment: tuple[str, ...], number: int) -> torch.Tensor:
        spec = experiment("malignancy", {"augment": augment})
        prepared = MalignancyTask().prepare(spec, Cohort.read(cohort), tmp_path, None)
        return prepared.batches(0, 1).batch(number).inputs[0, 0]

    assert any(not torch.equal(first((), k), first((name,), k)) for k in range(4))
