import json
from pathlib import Path

import pytest
import torch

from inklings.errors import DataError, SpecError
from inklings.runs.run import ModelConfig, Run, RunRecord, write_model
from inklings.testing.runs import model_config, untrained_run


def test_weights_and_record_come_back_as_they_were(tmp_path: Path) -> None:
    plan = model_config(channels=("core", "nucleus"))
    untrained_run(tmp_path, channels=plan.channels)
    model = plan.build()
    write_model(tmp_path, model, plan)
    with pytest.raises(DataError, match=r"expected the weights that this run has written"):
        Run.load(tmp_path)
    RunRecord.read(tmp_path).write(tmp_path)
    run = Run.load(tmp_path)
    assert run.model_config == plan
    assert run.thresholds == (0.5,)
    assert run.record.trained_on == ("p1", "p2")
    assert not run.model.training
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])


def test_fingerprints_differ_with_the_weights(tmp_path: Path) -> None:
    first, second = (Run.load(untrained_run(tmp_path / str(s), seed=s)) for s in (0, 1))
    assert first.weights_sha256 != second.weights_sha256
    assert len(first.weights_sha256) == 64


def test_classes_may_have_the_names_of_channels_that_are_none() -> None:
    plain = model_config(channels=("core",), classes=("core",))
    assert (plain.kept, plain.core) == ((0,), None)
    inner = model_config(channels=("core", "core"), classes=("core",))
    assert (inner.kept, inner.core) == ((0, 1), 1)
    both = ("background", "background", "core")
    rest = model_config(channels=both, classes=both[1:], activation="softmax")
    assert (rest.kept, rest.core) == ((1, 2), None)


def test_classes_come_first_and_core_last() -> None:
    plan = model_config(channels=("background", "core", "b", "a"), classes=("a", "b"))
    assert plan.kept == (3, 2, 1)
    assert plan.core == 2
    assert model_config().core is None


def test_a_class_without_a_channel_is_refused() -> None:
    with pytest.raises(SpecError, match="every class among the output channels"):
        model_config(classes=("gland",))


def test_an_unfinished_training_is_named_as_such(tmp_path: Path) -> None:
    untrained_run(tmp_path)
    (tmp_path / "run.json").unlink()
    with pytest.raises(DataError, match="has not finished; resume it with"):
        Run.load(tmp_path)


def test_a_folder_that_is_no_run_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a run made by 'inklings train'"):
        Run.load(tmp_path)
    with pytest.raises(DataError, match="there is no such file"):
        Run.load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json", "run.json"])
def test_a_damaged_file_is_one_line(tmp_path: Path, name: str) -> None:
    untrained_run(tmp_path)
    (tmp_path / name).write_text("{}")
    with pytest.raises(DataError, match=name) as caught:
        Run.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    untrained_run(tmp_path)
    record = json.loads((tmp_path / "model.json").read_text())
    record["model"]["options"]["width"] = 8
    (tmp_path / "model.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match="do not fit the network"):
        Run.load(tmp_path)


def test_records_survive_the_disk(tmp_path: Path) -> None:
    record = RunRecord((0.25, 0.5), ("a",), "x", 3, 1.5, {"torch": "2"}, {"cores": 2}, 0.1, ("w",))
    record.write(tmp_path)
    assert RunRecord.read(tmp_path) == record
    plan = model_config(resize=128, activation="softmax")
    plan.write(tmp_path)
    assert ModelConfig.read(tmp_path) == plan
