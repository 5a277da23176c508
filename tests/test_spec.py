from pathlib import Path

import pytest
import yaml

from inklings.errors import DataError, SpecError
from inklings.spec import Component, Experiment, SegmentationExperiment

SHORT = "cohort: c\nmodel: unet\nloss: {name: nnpu, prior: 0.1}\ntraining: {steps: 10}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "e.yaml"
    path.write_text(SHORT)
    return path


def test_a_name_alone_and_a_name_with_options_are_one_thing(file: Path) -> None:
    experiment = Experiment.load(file)
    assert experiment.model == Component(name="unet")
    assert experiment.loss == Component(name="nnpu", options={"prior": 0.1})


def test_the_resolved_file_says_every_default_and_reads_back_equal(
    file: Path, tmp_path: Path
) -> None:
    experiment = Experiment.load(file)
    experiment.write(tmp_path / "resolved.yaml")
    assert Experiment.load(tmp_path / "resolved.yaml") == experiment
    resolved = yaml.safe_load((tmp_path / "resolved.yaml").read_text())
    assert resolved["training"]["batch_size"] == experiment.training.batch_size
    assert set(resolved) == set(SegmentationExperiment.model_fields)


@pytest.mark.parametrize(
    ("change", "path", "expected"),
    [
        ("training.steps=25", "training.steps", 25),
        ("cohort=/a b/c", "cohort", Path("/a b/c")),
        ("model.width=8", "model.options", {"width": 8}),
        ("loss.prior=0.3", "loss.options", {"prior": 0.3}),
        ("sampling.augment=[flips]", "sampling.augment", (Component(name="flips"),)),
        ("inference.threshold=0.7", "inference.threshold", 0.7),
    ],
)
def test_set_replaces_one_value_at_any_depth(
    file: Path, change: str, path: str, expected: object
) -> None:
    value: object = Experiment.load(file, [change])
    for name in path.split("."):
        value = getattr(value, name)
    assert value == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "training.stepps=3",
            r"training\.stepps: task segmentation has no such key; did you mean 'steps'",
        ),
        ("training.steps=-1", r"training\.steps: input should be greater than 0"),
        ("training.epochs=3", "give exactly one of steps and epochs"),
        ("inference.threshold=1.5", r"inference\.threshold"),
        ("nonsense", "--set: expected key=value, got 'nonsense'"),
        ("training.steps.more=3", "--set training.steps.more: 'steps' holds 10"),
        ("training.steps=[", "does not parse as YAML"),
    ],
)
def test_a_mistake_names_its_key(file: Path, change: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Experiment.load(file, [change])


def test_every_problem_is_one_line(file: Path) -> None:
    with pytest.raises(SpecError) as error:
        Experiment.load(file, ["training.steps=-1", "training.batch_size=0", "sampling.size=x"])
    lines = str(error.value).splitlines()
    assert len(lines) == 4
    assert str(file) in lines[0]


def test_a_file_that_is_not_an_experiment_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- a\n- b\n")
    with pytest.raises(SpecError, match="expected keys and values, got list"):
        Experiment.load(tmp_path / "list.yaml")
    with pytest.raises(DataError, match="expected an experiment file at"):
        Experiment.load(tmp_path / "none.yaml")


@pytest.mark.parametrize("word", ["false", "False", "FALSE", "no", "off", "0", "'False'", '"no"'])
def test_false_is_false_however_it_is_written(file: Path, word: str) -> None:
    assert Experiment.load(file, [f"training.deterministic={word}"]).training.deterministic is False
    with pytest.raises(SpecError, match=r"training\.deterministic"):
        Experiment.load(file, ["training.deterministic=perhaps"])
