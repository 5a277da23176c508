"""What a training may cost, and what a network of some width then costs on a machine.

The unit is the second of one processor core that multiplies in bf16. Costs of a step were
measured on U-Nets (experiments/plan); they need to be right within a factor of two, since the
clock and not the number of steps ends a training; a rehearsal sets them right
(`inklings.planning.forecast`).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inklings import machine
from inklings.changes import change
from inklings.errors import SpecError

_PER_SAMPLE = {1: 75e-9, 2: 30e-9, 4: 13e-9}
_PER_VOXEL = 80e-9
_WITHOUT_BF16 = 0.35
_SHARED = 0.75  # what each further core adds
_GPU = 60.0


@dataclass(frozen=True)
class Budget:
    """Time and machine.

    Attributes:
        minutes: Of training.
        cores: Threads that compute.
        memory: Bytes that may be used, of the graphics processor where there is one.
        bf16: Whether bfloat16 is multiplied in hardware.
        gpu: Name of the graphics processor; empty where there is none.
        stated: Whether somebody said how much memory may be used.
        speed: How many times faster steps were here than the constants say.
    """

    minutes: float
    cores: int
    memory: int
    bf16: bool
    gpu: str = ""
    stated: bool = False
    speed: float = 1.0

    @property
    def seconds(self) -> float:
        """In seconds of one core with bf16."""
        if self.gpu:
            return 60 * self.minutes * self.speed * _GPU
        speed = self.speed * (1.0 if self.bf16 else _WITHOUT_BF16)
        return 60 * self.minutes * speed * (1 + _SHARED * (self.cores - 1))

    def steps(self, samples: int, width: int, stride: int = 1) -> int:
        """Steps that fit, of batches of ``samples`` pixels through a U-Net of ``width``."""
        return int(self.seconds / (samples * width * _PER_SAMPLE[stride]))

    def steps_3d(self, voxels: int, width: int) -> int:
        """Steps that fit, of batches of ``voxels`` through a 3-D U-Net of ``width``."""
        return int(self.seconds / (voxels * width * _PER_VOXEL))

    def describe(self) -> str:
        """One line."""
        where = self.gpu or (
            f"{self.cores} core{'s' if self.cores > 1 else ''} "
            f"{'with' if self.bf16 else 'without'} bf16"
        )
        minutes = f"{self.minutes:g} minute{'' if self.minutes == 1 else 's'}"
        return f"{minutes} of {where}, {self.memory / 2**30:.1f} GB"


def asked_minutes(minutes: float | None, changes: Sequence[str]) -> float | None:
    """Minutes of training as ``--minutes`` or ``--set training.minutes=`` says them.

    Raises:
        SpecError: If they are no finite number above 0, or both are said and differ.
    """
    record: dict[str, Any] = {}
    for text in changes:
        change(record, text)
    training = record.get("training")
    by_change = training.get("minutes") if isinstance(training, dict) else None
    if None not in (minutes, by_change) and minutes != by_change:
        raise SpecError(f"expected --minutes {minutes:g} or training.minutes={by_change}, got both")
    said, option = (minutes, "--minutes") if by_change is None else (by_change, "training.minutes")
    if said is None:
        return None
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 < said < math.inf:
        raise SpecError(f"{option}: expected a finite number above 0, got {said}")
    return float(said)


def without_minutes(changes: Sequence[str]) -> list[str]:
    """Changes but for ``training.minutes``, which the budget of a plan already has."""
    kept = []
    for text in changes:
        record: dict[str, Any] = {}
        change(record, text)
        said = record.get("training")
        if isinstance(said, dict) and "minutes" in said:
            del said["minutes"]
            if not said:
                continue
            text = f"training={json.dumps(said)}"
        kept.append(text)
    return kept


def of_processor(minutes: float, memory: int | None = None) -> Budget:
    """The budget on the processor of this machine; half of its free memory unless it is said."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    cores = machine.cores()
    if threads.isdigit() and int(threads) > 0:
        cores = min(cores, int(threads))
    free = machine.memory_bytes()[1] // 2
    bf16 = machine.processor_has_bf16()
    return Budget(minutes, cores, memory or free, bf16, stated=memory is not None)
