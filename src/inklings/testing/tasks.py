"""What every task must pass; plug-ins inherit these tests and say what to train on.

class TestMyTask(TaskContract):
def record(self, folder: Path) -> dict[str, Any]:
write_a_small_cohort(folder / "cohort")
return {"task": "mine", "cohort": str(folder / "cohort"), ...}
"""

# ruff: noqa: D102 - the names of the tests are the claims.

from __future__ import annotations

import dataclasses
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pytest
import torch

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import InklingsError, SpecError
from inklings.inference.predict import predict
from inklings.labels.kinds import BagLabel, BallLabel
from inklings.reports.card import sections_of
from inklings.reports.material import gather
from inklings.runs.run import Run
from inklings.sections import section_at
from inklings.spec import TASKS, Experiment
from inklings.tasks import task_of
from inklings.tasks.base import Task
from inklings.tasks.train import train
from inklings.testing.stand_in import stand_in


class TaskContract(ABC):
    """A task says what it means before data are opened, and leaves runs that load again."""

    @abstractmethod
    def record(self, folder: Path) -> dict[str, Any]:
        """An experiment of a few steps in which ``task`` is said; its cohort lies in ``folder``."""

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, Path]:
        """One run for all the claims about runs."""
        folder = tmp_path_factory.mktemp("world")
        record = cls().record(folder)
        told = {"loggers": [], "precision": "32-true", **record["training"]}
        experiment = Experiment.check({**record, "training": told}, "contract")
        return experiment, train(experiment, folder / "run")

    def test_its_experiment_leads_to_it(self, tmp_path: Path) -> None:
        experiment = Experiment.check(self.record(tmp_path), "contract")
        assert experiment.task in TASKS
        assert isinstance(task_of(experiment), Task)

    def test_a_key_that_it_does_not_have_is_an_error(self, tmp_path: Path) -> None:
        record = self.record(tmp_path)
        with pytest.raises(SpecError, match="nonsense"):
            Experiment.check({**record, "nonsense": 1}, "contract")
        kind: Any = TASKS.get(record["task"])
        for key in record:
            if key not in ("model", "loss") and isinstance(record[key], dict):
                assert section_at(kind, key) is not None
                with pytest.raises(SpecError, match=f"{key}.nonsense"):
                    Experiment.check({**record, key: {**record[key], "nonsense": 1}}, "contract")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"training": {"patience": 2}}, r"training\.patience"),
            ({"training": {"minutes": 1, "deterministic": True}}, r"training\.deterministic"),
            ({"training": {"devices": 2, "batch_size": 3}}, r"training\.batch_size"),
            ({"training": {"optimiser": "addam"}}, "did you mean 'adam'"),
            ({"training": {"schedule": "one_cycel"}}, "did you mean 'one_cycle'"),
            ({"model": "unett"}, "no model named"),
            ({"loss": "bcee"}, "no loss named"),
        ],
    )
    def test_what_cannot_be_is_refused_before_data_are_opened(
        self, tmp_path: Path, changes: dict[str, Any], message: str
    ) -> None:
        record = self.record(tmp_path)
        told = {**record["training"], **changes.get("training", {})}
        record |= {**changes, "training": told, "cohort": str(tmp_path / "nowhere")}
        with pytest.raises(SpecError, match=message):
            train(Experiment.check(record, "contract"), tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_a_run_says_what_it_is_and_loads_again(self, trained: tuple[Experiment, Path]) -> None:
        experiment, out = trained
        run, cohort = Run.load(out), Cohort.read(experiment.cohort)
        seen = {case.patient for case in (*cohort.part("train"), *cohort.part("val"))}
        assert run.experiment == experiment
        assert run.task == experiment.task
        assert set(run.record.trained_on) == seen
        assert len(run.thresholds) == len(run.classes)
        assert run.record.facts["steps"] == experiment.training.steps

    def test_a_run_has_a_model_card_that_names_what_was_not_tested(
        self, trained: tuple[Experiment, Path]
    ) -> None:
        experiment, out = trained
        card = {part.title: part.lines for part in sections_of(gather(out, scored=False))}
        assert f"Task: {experiment.task}" in card["Model"]
        assert f"Steps: {experiment.training.steps}; " in "\n".join(card["Model"])
        assert f"Split: {Cohort.read(experiment.cohort).split_hash}" in card["Data"]
        assert "Licence: not recorded" in card["Data"]
        assert not any(line.startswith("Learnt from: not") for line in card["Labels"])
        assert "How good it is: no test scores belong to this run yet" in card["Not tested"]

    def test_fit_validation_and_prediction_hold_on_any_device(
        self, trained: tuple[Experiment, Path], tmp_path: Path
    ) -> None:
        experiment, _ = trained
        every = {"validate_every": 1} if task_of(experiment).validates else {}
        training = experiment.training.model_copy(update=every)
        with stand_in() as device:
            train(experiment.model_copy(update={"training": training}), tmp_path / "run")
            if experiment.predictor:
                inputs, out = [experiment.cohort], tmp_path / "said"
                assert not predict(tmp_path / "run", inputs, out, split="test").failed
        assert device.computed
        assert not device.stayed

    def test_a_validation_part_of_one_answer_does_not_cost_the_training(
        self, trained: tuple[Experiment, Path], tmp_path: Path
    ) -> None:
        experiment, _ = trained
        cohort = Cohort.read(experiment.cohort)
        cases = [_yes_alone(case) if case.split == "val" else case for case in cohort]
        Cohort(cohort.name, tuple(cases), cohort.classes, cohort.facts).write(tmp_path / "one")
        every = {"validate_every": 1} if task_of(experiment).validates else {}
        training = experiment.training.model_copy(update={"steps": 1, **every})
        changed = {"cohort": tmp_path / "one", "training": training}
        run = Run.load(train(experiment.model_copy(update=changed), tmp_path / "run"))
        assert len(run.thresholds) == len(run.classes)

    def test_a_run_that_was_cut_off_ends_in_the_same_weights(
        self, trained: tuple[Experiment, Path], tmp_path: Path
    ) -> None:
        experiment, whole = trained
        out = shutil.copytree(whole, tmp_path / "cut")
        for name in ("run.json", "weights.safetensors", "model.json"):
            (out / name).unlink()
        again = Run.load(train(experiment, out)).model.state_dict()
        expected = Run.load(whole).model.state_dict()
        assert all(torch.equal(expected[name], again[name]) for name in expected)

    def test_patients_of_the_test_part_may_not_have_been_seen(
        self, trained: tuple[Experiment, Path], tmp_path: Path
    ) -> None:
        experiment, out = trained
        cohort = Cohort.read(experiment.cohort)
        swapped = {"train": "test", "test": "train", "val": "val"}
        moved = [dataclasses.replace(c, split=swapped[c.split or "val"]) for c in cohort]  # type: ignore[arg-type]
        Cohort(cohort.name, tuple(moved), cohort.classes, cohort.facts).write(tmp_path / "moved")
        other = experiment.model_copy(update={"cohort": tmp_path / "moved"})
        with pytest.raises(InklingsError, match="would be too good"):
            train(other, tmp_path / "second", start=out)


def _yes_alone(case: Case) -> Case:
    """Without the bags and balls that somebody called negative."""
    kept = [
        label
        for label in case.labels
        if not (isinstance(label, BagLabel) and not label.present)
        and not (isinstance(label, BallLabel) and label.malignant is False)
    ]
    return dataclasses.replace(case, labels=tuple(kept))
