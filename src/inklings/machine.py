"""What this machine has: processor, memory, disk, packages. No torch needed to say so."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import psutil

_BF16 = frozenset({"amx_bf16", "avx512_bf16", "bf16"})


@dataclass(frozen=True)
class Extra:
    """An optional part of inklings.

    Attributes:
        brings: What one can do with it.
        modules: Import names of the packages that make it up.
    """

    brings: str
    modules: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Modules that are not installed."""
        return tuple(name for name in self.modules if find_spec(name) is None)


EXTRAS: Mapping[str, Extra] = {
    "dicomweb": Extra("archives by DICOMweb", ("dicomweb_client", "requests")),
    "dimse": Extra("a listener for archives of images", ("pynetdicom",)),
    "monai": Extra("MONAI networks", ("monai",)),
    "tracking": Extra("MLflow and Weights & Biases logs", ("mlflow", "wandb")),
}


def since_start() -> float:
    """Seconds since this process was started, imports included."""
    return max(0.0, time.time() - float(psutil.Process().create_time()))


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> tuple[int, int]:
    """Memory in all, and free for the taking."""
    memory = psutil.virtual_memory()
    return int(memory.total), int(memory.available)


def disk_bytes(folder: Path) -> tuple[int, int]:
    """Size of the disk that holds ``folder``, and what is free on it."""
    usage = shutil.disk_usage(folder)
    return usage.total, usage.free


def processor() -> str:
    """Name of the processor, as well as the system knows it."""
    return _cpuinfo().get("model name", "") or platform.processor() or platform.machine()


def processor_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware.

    Judged by the flags that Linux lists; elsewhere False, which costs speed only.
    """
    words = f"{_cpuinfo().get('flags', '')} {_cpuinfo().get('Features', '')}".split()
    return not _BF16.isdisjoint(words)


def version(package: str) -> str | None:
    """Version of an installed distribution, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def openslide_problem() -> str | None:
    """Why slides cannot be read here, None where they can: the library itself may be missing."""
    if find_spec("openslide") is None:
        return "not installed"
    try:
        __import__("openslide")
    except (ImportError, OSError) as error:
        return " ".join(str(error).split())
    return None


@cache
def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
