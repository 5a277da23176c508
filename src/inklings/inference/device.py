"""What the processor at hand does quickly."""

from __future__ import annotations

import torch

from inklings.machine import processor_has_bf16


def best_device() -> torch.device:
    """The first accelerator if there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def native_bf16(device: torch.device) -> bool:
    """Whether ``device`` multiplies bfloat16 in hardware; emulation would be slower."""
    if device.type == "cuda":
        return bool(torch.cuda.get_device_capability(device) >= (8, 0))
    return device.type == "cpu" and processor_has_bf16()
