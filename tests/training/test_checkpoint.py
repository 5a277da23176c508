import math
import pickletools
from pathlib import Path

import pytest
import torch

from inklings.errors import DataError
from inklings.training import checkpoint

STATE = {
    "global_step": 7,
    "nested": {"a": [1, 2.5, None, True], "b": (1, (2, "x"))},
    "optimiser": {"state": {0: {"step": torch.tensor(3.0), "avg": torch.randn(2, 3, 4, 4)}, 5: {}}},
    "bf16": torch.randn(3).bfloat16(),
    "odd": {"~tensor": 1, (1, 2): "pair"},
    "inf": math.inf,
    "kind": torch.float16,
    "empty": torch.zeros(0),
}


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def test_a_nested_state_comes_back_with_types_order_and_bits(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "c", STATE)
    assert same(STATE, checkpoint.load(tmp_path / "c"))
    assert checkpoint.load_step(tmp_path / "c") == 7


def test_channels_last_tensors_and_views_of_one_storage_are_stored_whole(tmp_path: Path) -> None:
    base = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    state = {"a": base, "b": base[0], "c": base}
    checkpoint.save(tmp_path, state)
    assert same(state, checkpoint.load(tmp_path))


def test_nothing_in_a_checkpoint_is_a_pickle(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "c", STATE)
    for file in (tmp_path / "c").iterdir():
        assert file.suffix in (".json", ".safetensors")
        with pytest.raises(ValueError):  # noqa: PT011
            list(pickletools.genops(file.read_bytes()))


def test_the_old_checkpoint_stands_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save(tmp_path, {"step": 1, "w": torch.ones(3)})

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(tmp_path, {"step": 2, "w": torch.zeros(3)})
    assert checkpoint.load(tmp_path)["step"] == 1
    monkeypatch.undo()
    checkpoint.save(tmp_path, {"step": 3, "w": torch.zeros(3)})
    assert sum(1 for _ in tmp_path.glob("*.safetensors")) == 1
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]


def test_a_damaged_checkpoint_is_one_line(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, STATE)
    tensors = next(tmp_path.glob("*.safetensors"))
    tensors.write_bytes(tensors.read_bytes()[:100])
    with pytest.raises(DataError, match="damaged checkpoint"):
        checkpoint.load(tmp_path)
    with pytest.raises(DataError, match="expected a checkpoint at"):
        checkpoint.load(tmp_path / "none")


def test_what_cannot_be_stored_is_named(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"checkpoint\.a\.1: cannot store a object"):
        checkpoint.save(tmp_path, {"a": [1, object()]})
