"""What the processor at hand does quickly."""

from __future__ import annotations

from itertools import chain

import torch
from torch import nn

from inklings.machine import processor_has_bf16


def best_device() -> torch.device:
    """The first accelerator if there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def graphics_processor() -> tuple[str, int] | None:
    """Name and bytes of memory of the accelerator that is used; None where there is none."""
    if best_device().type != "cuda":
        return None
    found = torch.cuda.get_device_properties(0)
    return str(found.name), int(found.total_memory)


def device_of(module: nn.Module) -> torch.device:
    """Where a model or a loss lies, so where its inputs belong; the processor if it holds none."""
    held = next(chain(module.parameters(), module.buffers()), None)
    return torch.device("cpu") if held is None else held.device


def native_bf16(device: torch.device) -> bool:
    """Whether ``device`` multiplies bfloat16 in hardware; emulation would be slower."""
    if device.type == "cuda":
        return bool(torch.cuda.get_device_capability(device) >= (8, 0))
    return device.type == "cpu" and processor_has_bf16()
