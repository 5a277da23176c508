import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from inklings.errors import ReaderError, SpecError
from inklings.models.weights import load_weights, read_weights


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


@pytest.mark.parametrize("wrapping", [None, "state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_torch_files_load_whatever_they_are_wrapped_in(tmp_path, wrapping, prefix):
    source, target = network(), network()
    state = {prefix + name: value for name, value in source.state_dict().items()}
    torch.save({wrapping: state, "epoch": 3} if wrapping else state, tmp_path / "a.pth")
    load_weights(target, tmp_path / "a.pth")
    assert all(torch.equal(source.state_dict()[k], v) for k, v in target.state_dict().items())


def test_safetensors_load(tmp_path):
    source, target = network(), network()
    save_file(source.state_dict(), tmp_path / "a.safetensors")
    load_weights(target, tmp_path / "a.safetensors")
    assert all(torch.equal(source.state_dict()[k], v) for k, v in target.state_dict().items())


def test_a_misfit_is_one_line_that_names_what_differs(tmp_path):
    state = network().state_dict()
    state["extra"] = state.pop("0.bias")
    state["0.weight"] = torch.zeros(4, 1, 3, 3)
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(SpecError) as caught:
        load_weights(network(), tmp_path / "a.pth")
    message = str(caught.value)
    assert "missing: 0.bias; unexpected: extra" in message
    assert "of another shape: 0.weight (4, 1, 3, 3) for (2, 1, 3, 3)" in message
    assert "\n" not in message


def test_long_lists_are_cut(tmp_path):
    torch.save({f"layer{i}": torch.zeros(1) for i in range(10)}, tmp_path / "a.pth")
    with pytest.raises(SpecError, match="unexpected: layer0, layer1, layer2 and 7 more"):
        load_weights(network(), tmp_path / "a.pth")


class Evil:
    def __reduce__(self):
        return print, ("this ran",)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path, capsys):
    torch.save({"weights": Evil()}, tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(pickle.dumps(Evil(), protocol=2))
    for name in ("a.pth", "b.pth"):
        with pytest.raises(ReaderError, match="could run code"):
            read_weights(tmp_path / name)
    assert capsys.readouterr().out == ""


def test_a_whole_pickled_network_is_refused(tmp_path):
    torch.save(network(), tmp_path / "a.pth")
    with pytest.raises(ReaderError, match="save it again as a state dict"):
        read_weights(tmp_path / "a.pth")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_missing_empty_and_damaged_files_say_so_in_one_line(tmp_path, name):
    with pytest.raises(ReaderError, match="do not open"):
        read_weights(tmp_path / name)
    for content in (b"", b"no weights at all"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ReaderError) as caught:
            read_weights(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_cut_off_file_is_refused(tmp_path):
    torch.save(network().state_dict(), tmp_path / "a.pth")
    content = (tmp_path / "a.pth").read_bytes()
    (tmp_path / "a.pth").write_bytes(content[: len(content) // 2])
    with pytest.raises(ReaderError):
        read_weights(tmp_path / "a.pth")


def test_a_file_of_other_things_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "a.pth")
    with pytest.raises(ReaderError, match="expected named tensors, got list"):
        read_weights(tmp_path / "a.pth")
    torch.save({"epoch": 3}, tmp_path / "b.pth")
    with pytest.raises(ReaderError, match="got also epoch"):
        read_weights(tmp_path / "b.pth")
