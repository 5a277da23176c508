"""What trains: processor, device, versions, and the precision that is fastest on it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import psutil
import torch

import inklings
from inklings.inference.device import best_device, native_bf16


def precision(asked: str) -> str:
    """``auto`` resolved: bf16 where the hardware multiplies in it, else fp32."""
    if asked != "auto":
        return asked
    return "bf16-mixed" if native_bf16(best_device()) else "32-true"


def describe() -> dict[str, Any]:
    """Processor, cores, memory and device, for the record of a run."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor_name(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
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


def _cpuinfo(key: str) -> str:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""


def _processor_name() -> str:
    return _cpuinfo("model name") or platform.processor() or "unknown"
