"""Old spellings of keys are understood, with one line each; what is stored is read in silence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from inklings.cli import app
from inklings.errors import SpecError
from inklings.predictions.head import Head, Provenance
from inklings.renamed import KEYS, OPTIONS, SIMULATED, VALUES, options_renamed, renamed
from inklings.runs.run import ModelConfig
from inklings.sections import Component
from inklings.simulation.chain import Chain
from inklings.spec import Experiment, Volumes
from inklings.spec.before import load_experiment

LEAST: dict[str, Any] = {"cohort": "c", "model": "unet", "loss": "bce", "training": {"steps": 1}}
TASKS = {"bags": "bags", "detection": "detection"}
# Of each new key a value that is not its default; whole sections are those of their keys.
GIVEN: dict[str, Any] = {
    "sampling.foreground": 0.25,
    "volumes.foreground": None,
    "inference.mirroring": "zx",
    "inference.components": "largest",
    "self_training": {"share": 0.25},
    "self_training.iterations": 3,
    "teacher.pixel_classifier": {"trees": 7},
    "teacher.pixel_classifier.pixels": 300,
    "teacher.pixel_classifier.filter_scale": 9.0,
    "teacher.pixel_classifier.false_positive_rate": [0.03],
    "teacher.pixel_classifier.ignore_band": 4.0,
    "teacher.false_positive_rate": [0.03, 0.01],
    "teacher.ignore_band": 5.0,
    "teacher.subsample": 3,
    "teacher.sampling.foreground": 0.75,
    "correction.trusted": ["case-1"],
    "detection.foreground": 0.75,
    "bags.max_instances": 12,
}


def nested(path: str, value: Any) -> Any:
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def record(path: str, value: Any) -> dict[str, Any]:
    task = {"task": TASKS[section]} if (section := path.split(".")[0]) in TASKS else {}
    given = nested(path, value)
    if path.startswith("correction."):
        given["correction"]["name"] = "auto"
    return {**LEAST, **task, **given}


def written(path: Path, what: Mapping[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(dict(what), sort_keys=False))
    return path


def lines_of(old: str) -> list[str]:
    """What is said of the last key of an old path, and of renamed sections above it."""
    parts = old.split(".")
    paths = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    return [f"{path} is now {KEYS[path]}" for path in paths if path in KEYS]


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("old", KEYS)
def test_an_old_key_in_a_file_means_the_new_one_and_says_so_once(
    old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = GIVEN[KEYS[old]]
    now = Experiment.load(written(tmp_path / "new.yaml", record(KEYS[old], value)))
    assert said(capsys) == []
    path = written(tmp_path / "old.yaml", record(old, value))
    assert Experiment.load(path) == now
    assert said(capsys) == [f"{path}: {line}" for line in lines_of(old)]


@pytest.mark.parametrize("old", KEYS)
def test_an_old_key_after_set_means_the_new_one_and_says_so_once(
    old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new, value = KEYS[old], GIVEN[KEYS[old]]
    base = {k: v for k, v in record(new, value).items() if k != new.split(".")[0]}
    if new.startswith("correction."):
        base["correction"] = "auto"
    path = written(tmp_path / "e.yaml", base)
    text = yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()
    now = Experiment.load(path, [f"{new}={text}"])
    assert said(capsys) == []
    assert Experiment.load(path, [f"{old}={text}"]) == now
    assert said(capsys) == [f"--set: {line}" for line in lines_of(old)]


@pytest.mark.parametrize("old", KEYS)
def test_both_names_of_a_value_are_refused(old: str, tmp_path: Path) -> None:
    new, value = KEYS[old], GIVEN[KEYS[old]]
    both = record(new, value)
    here = both
    for key in new.split(".")[:-1]:
        here = here[key]
    here[old.rpartition(".")[2]] = value
    with pytest.raises(SpecError, match=rf"{old} is now {new}, and both are given"):
        Experiment.load(written(tmp_path / "e.yaml", both))


@pytest.mark.parametrize(
    ("place", "old", "new"), [(p, *pair) for p, words in VALUES.items() for pair in words.items()]
)
@pytest.mark.parametrize("one_word", [True, False])
def test_an_old_word_is_understood_in_a_section_and_in_its_place(
    place: str, old: str, new: str, one_word: bool, tmp_path: Path, capsys: Any
) -> None:
    at = place.rpartition(".")[0] if one_word else place
    path = written(tmp_path / "e.yaml", {**LEAST, **nested(at, old)})
    found: Any = Experiment.load(path)
    for key in place.split("."):
        found = getattr(found, key)
    assert found == new
    assert said(capsys) == [f"{path}: {at}: {old} is now {at}: {new}"]
    changed = Experiment.load(written(tmp_path / "none.yaml", LEAST), [f"{at}={old}"])
    assert changed == Experiment.load(written(tmp_path / "new.yaml", {**LEAST, **nested(at, new)}))
    assert said(capsys) == [f"--set: {at}: {old} is now {at}: {new}"]


@pytest.mark.parametrize("old", KEYS)
def test_the_experiment_of_a_run_of_before_is_read_in_silence(
    old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = Experiment.check(record(KEYS[old], GIVEN[KEYS[old]]), "new")
    resolved = now.model_dump(mode="json")
    written(tmp_path / "experiment.yaml", spelt_before(resolved))
    assert spelt_before(resolved) != resolved
    assert load_experiment(tmp_path) == now
    assert said(capsys) == []


def spelt_before(what: Any, above: str = "") -> Any:
    """A resolved record as it was written before: the table, the other way."""
    keys = {new: old for old, new in KEYS.items()}
    words = {p: {new: old for old, new in of.items()} for p, of in VALUES.items()}
    found = {}
    for key, value in what.items():
        place = f"{above}{key}"
        inside = above if key == "options" else f"{place}."
        value = spelt_before(value, inside) if isinstance(value, dict) else value
        value = words.get(place, {}).get(value, value) if isinstance(value, str) else value
        found[keys.get(place, place).rpartition(".")[2]] = value
    return found


def test_models_of_volumes_and_heads_of_predictions_of_before_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unet = Component(name="unet")
    config = ModelConfig(unet, 1, ("a",), ("a",), volumes=Volumes(view="2.5d", foreground=0.5))
    config.write(tmp_path)
    path = tmp_path / "model.json"
    path.write_text(
        path.read_text().replace('"2.5d"', '"context"').replace('"foreground"', '"organ"')
    )
    assert '"organ"' in path.read_text()
    assert ModelConfig.read(tmp_path) == config

    settings = {"mirroring": "x", "volumes": {"view": "3d", "foreground": 0.7}}
    head = Head(("a",), (0.5,), Provenance("r", "w", None, "0.1"), settings=settings)
    head.write(tmp_path)
    path = tmp_path / "predictions.yaml"
    text = path.read_text().replace("mirroring", "flips").replace("3d", "patches")
    path.write_text(text.replace("foreground", "organ"))
    assert Head.read(tmp_path) == head
    assert said(capsys) == []


def test_every_row_has_a_value_here() -> None:
    assert set(GIVEN) == set(KEYS.values())
    assert renamed({"candidates": {"positives": 0.5}}) == {"candidates": {"positives": 0.5}}


@pytest.mark.parametrize(
    ("command", "old", "new"), [(c, *pair) for c, rows in OPTIONS.items() for pair in rows.items()]
)
def test_an_old_option_of_a_command_is_the_new_one_and_says_so(
    command: str, old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["x", old, f"{old}=y", "--out", "z"]
    assert options_renamed(command, typed) == ["x", new, f"{new}=y", "--out", "z"]
    assert said(capsys) == [f"{old} is now {new}"] * 2
    assert options_renamed("show", typed) == typed
    choices = {name for param in commands()[command].params for name in all_names(param)}
    assert new in choices
    assert old not in choices


def commands() -> dict[str, Any]:
    return typer.main.get_command(app).commands  # type: ignore[attr-defined]


def all_names(param: Any) -> list[str]:
    return [*param.opts, *param.secondary_opts]


def test_a_command_takes_an_old_option(tmp_path: Path) -> None:
    words = ["predict", str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--no-flips"]
    answer = CliRunner().invoke(app, words)
    assert "--no-flips is now --no-mirroring" in answer.stderr
    assert "No such option" not in answer.stderr


def test_an_old_option_of_weak_labels_is_the_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    for old, new in SIMULATED.items():
        assert Chain.parse(f"dilate:pixels=4,{old}=0.3") == Chain.parse(
            f"dilate:pixels=4,{new}=0.3"
        )
        assert said(capsys) == [f"--kind: {old} is now {new}"]
