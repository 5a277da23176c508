import pytest
import torch

from inklings.tasks.pixels import learn
from inklings.training import machine


def test_fp16_is_said_to_be_bf16_where_no_graphics_processor_trains(
    spec, discs, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    trained = learn(spec(precision="16-mixed", steps=2), discs)
    assert trained.precision == "bf16-mixed"
    assert "16-mixed is not available here; using bf16-mixed" in capsys.readouterr().err
    learn(spec(precision="bf16-mixed", steps=2), discs)
    assert "instead" not in capsys.readouterr().err


@pytest.mark.parametrize("asked", ["16-mixed", "bf16-mixed", "32-true"])
def test_on_a_graphics_processor_precision_is_what_was_asked_for(asked, monkeypatch) -> None:
    monkeypatch.setattr(machine, "best_device", lambda: torch.device("cuda"))
    assert machine.precision(asked) == asked
