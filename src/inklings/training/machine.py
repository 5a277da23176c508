"""What trains: processor, device, versions, and the precision that is fastest on it."""

from __future__ import annotations

import platform
from typing import Any

import lightning
import numpy as np
import torch

import inklings
from inklings import machine
from inklings.inference.device import best_device, native_bf16


def precision(asked: str) -> str:
    """What a training computes in, as Lightning names it.

    ``auto`` is bf16 where the hardware multiplies in it, else fp32. Torch trains in fp16 on
    graphics processors only, so elsewhere ``16-mixed`` is bf16, which needs no scaling.
    """
    if asked == "16-mixed" and best_device().type == "cpu":
        return "bf16-mixed"
    if asked != "auto":
        return asked
    return "bf16-mixed" if native_bf16(best_device()) else "32-true"


def describe() -> dict[str, Any]:
    """Processor, cores, memory and device, for the record of a run."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": machine.processor(),
        "cores": machine.cores(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(machine.memory_bytes()[0] / 2**30, 1),
        "device": device,
    }


def versions() -> dict[str, str]:
    """Versions of all that decides the weights."""
    return {
        "inklings": inklings.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": lightning.__version__,
        "numpy": np.__version__,
    }
