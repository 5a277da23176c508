"""The experiment is a union by task: what means nothing to a task is refused, by name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from inklings.cli import app
from inklings.errors import SpecError
from inklings.sections import Component, Section, is_section, section_at
from inklings.spec import TASKS, Experiment, SegmentationExperiment

LEAST: dict[str, Any] = {"cohort": "c", "model": "unet", "loss": "bce", "training": {"steps": 1}}
OWN: dict[str, dict[str, Any]] = {"candidates": {"candidates": {"detector": "d"}}}
SEGMENTATION = {
    "mode": "weak",
    "correction": "auto",
    "supervision": "full",
    "stains": "macenko",
    "tiles": "tiles",
    "intensity": "half",
    "self_training": {"iterations": 2},
    "sampling": {"size": 64},
    "volumes": "3d",
    "teacher": {"steps": 3},
}
OTHERS = [task for task in TASKS if task != "segmentation"]


def of(task: str, **more: Any) -> dict[str, Any]:
    return {**LEAST, "task": task, **OWN.get(task, {}), **more}


@pytest.mark.parametrize("task", OTHERS)
@pytest.mark.parametrize("key", sorted(SEGMENTATION))
def test_keys_of_a_segmentation_mean_nothing_elsewhere(task: str, key: str) -> None:
    with pytest.raises(SpecError, match=f"{key}: does not apply to task {task} .*segmentation"):
        Experiment.check(of(task, **{key: SEGMENTATION[key]}), "test")


@pytest.mark.parametrize("task", sorted(TASKS))
def test_every_task_stands_with_its_own_keys_and_reads_back_equal(
    task: str, tmp_path: Path
) -> None:
    experiment = Experiment.check(of(task), "test")
    experiment.write(tmp_path / "e.yaml")
    assert Experiment.load(tmp_path / "e.yaml") == experiment
    assert experiment.task == task


@pytest.mark.parametrize(
    ("task", "section", "message"),
    [
        ("bags", {"inference": {"threshold": "prior"}}, r"inference\.threshold"),
        ("bags", {"inference": {"window": 64}}, r"inference\.window: task bags has no such key"),
        ("detection", {"inference": {"threshold": 0.5}}, "inference: does not apply to task detec"),
        ("detection", {"detection": {"sides": 32}}, r"detection\.sides.*did you mean 'side'"),
        (
            "segmentation",
            {"bags": {"max_instances": 3}},
            "bags: does not apply to task segmentation",
        ),
        ("segmentation", {"detection": {}}, "detection: does not apply to task segmentation"),
        ("malignancy", {"malignancy": {"detector": "d"}}, r"malignancy\.detector: .*no such key"),
        ("bagss", {}, "no task named 'bagss'; did you mean 'bags'"),
    ],
)
def test_a_foreign_key_is_named_with_its_task(task: str, section: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Experiment.check(of(task, **section), "test")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"model": "bags"}, "write 'task: bags'"),
        ({"model": {"name": "bags", "pooling": "max"}}, "write 'task: bags'"),
        ({"nodules": {"stage": "detector"}}, "write 'task: detection'"),
    ],
)
def test_a_task_that_is_not_said_is_asked_for_in_one_line(record: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message) as error:
        Experiment.check({**LEAST, **record}, "test")
    assert len(str(error.value).splitlines()) == 1


def test_a_class_of_experiments_takes_no_other() -> None:
    with pytest.raises(SpecError, match="expected SegmentationExperiment, got one of task bags"):
        SegmentationExperiment.check(of("bags"), "test")


def test_the_command_ends_with_2_before_any_data_are_opened(tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text(yaml.safe_dump(of("bags", model="bags", mode="weak")))
    words = ["train", str(tmp_path / "e.yaml"), "--out", str(tmp_path / "run")]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 2
    assert "mode: does not apply to task bags" in answer.output
    assert not (tmp_path / "run").exists()


def words() -> Iterator[tuple[str, tuple[str, ...], type[Any]]]:
    """Every place of every task that one word may stand in: task, path, section or component."""
    for task in TASKS:
        todo: list[tuple[tuple[str, ...], Any]] = [((), TASKS.get(task))]
        while todo:
            path, kind = todo.pop()
            if path and kind.word:
                yield task, path, kind
            if issubclass(kind, Section):
                inner = ((key, section_at(kind, key)) for key in kind.model_fields)
                listed = "augment"
                todo += [((*path, k), one) for k, one in inner if is_section(one) and k != listed]


@pytest.mark.parametrize(("task", "path", "kind"), list(words()), ids=str)
def test_set_goes_beside_the_one_word_that_a_file_says(
    tmp_path: Path, task: str, path: tuple[str, ...], kind: type[Any]
) -> None:
    word = "3d" if kind.word == "view" else "unet"
    key = next(k for k in kind.model_fields if k != kind.word) if kind is not Component else "prior"
    value = "null" if kind is not Component else "0.5"
    record: dict[str, Any] = of(task)
    here = record
    for step in path[:-1]:
        here = here.setdefault(step, {})
    here[path[-1]] = word
    (tmp_path / "e.yaml").write_text(yaml.safe_dump(record))
    change = f"{'.'.join(path)}.{'foreground' if word == '3d' else key}={value}"
    found: Any = Experiment.load(tmp_path / "e.yaml", [change])
    for step in path:
        found = getattr(found, step)
    if kind is Component:
        assert (found.name, found.options) == (word, {"prior": 0.5})
    else:
        assert (found.view, found.foreground) == (word, None)


def test_parts_of_a_bag_model_are_words_too(tmp_path: Path) -> None:
    model = {"name": "bags", "encoder": "mlp"}
    (tmp_path / "e.yaml").write_text(yaml.safe_dump(of("bags", model=model)))
    found = Experiment.load(tmp_path / "e.yaml", ["model.encoder.hidden=[8]"])
    assert found.model.options["encoder"] == {"name": "mlp", "hidden": [8]}
