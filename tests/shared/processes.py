"""Trainings in processes of their own, and whether two of them came to the same."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from inklings.spec import Experiment


def same_weights(a: Path, b: Path) -> bool:
    return (a / "weights.safetensors").read_bytes() == (b / "weights.safetensors").read_bytes()


def rows(run: Path) -> list[list[str]]:
    """Rows of metrics.csv without what depends on the clock."""
    lines = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
    timed = [lines[0].index(name) for name in ("seconds", "images_per_second")]
    return [[v for i, v in enumerate(line) if i not in timed] for line in lines]


def step(run: Path) -> int:
    """Step of the last checkpoint; -1 before the first."""
    try:
        state = json.loads((run / "checkpoints/last/state.json").read_text())
    except (FileNotFoundError, ValueError):
        return -1
    return int(state["state"]["global_step"])


class Killed:
    """Trains in a process of its own, which is killed without warning."""

    def __init__(self, experiment: Experiment, out: Path) -> None:
        self.file = out.parent / f"{out.name}.yaml"
        experiment.write(self.file)
        self.out = out

    def start(self) -> subprocess.Popen[bytes]:
        call = [sys.executable, "-c", "from inklings.cli import run; run()"]
        settings = ["train", str(self.file), "--out", str(self.out), "--resume", "--quiet"]
        environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
        return subprocess.Popen([*call, *settings], env=environment)

    def kill_when(self, ready: Callable[[], bool]) -> bool:
        """Whether it was still running when it was killed."""
        process = self.start()
        while process.poll() is None and not ready():
            time.sleep(0.002)
        running = process.poll() is None
        if running:
            process.send_signal(signal.SIGKILL)
        process.wait()
        return running

    def step(self) -> int:
        return step(self.out)
