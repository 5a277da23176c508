"""Training by several processes is the training of one with the same batches."""

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from inklings.spec import Experiment

Spec = Callable[..., Experiment]


def trained(experiment: Experiment, out: Path) -> list[dict[str, float]]:
    """Rows of ``metrics.csv`` of a run by the command, in processes of its own."""
    out.mkdir()
    experiment.write(out / "experiment.yaml")
    command = Path(sys.executable).parent / "inklings"
    if not command.is_file():
        pytest.skip("the inklings command is not installed beside this Python")
    done = subprocess.run(
        [command, "train", out / "experiment.yaml", "--out", out / "run"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with (out / "run" / "metrics.csv").open() as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one_with_the_same_global_batch(
    spec: Spec, cohort: Path, tmp_path: Path
) -> None:
    # Instance normalisation: batch statistics of a half batch would be others.
    model = {"name": "monai", "network": "UNet", "channels": [4, 8], "strides": [2]}
    options = {"model": model, "loss": "bce", "log_every": 1, "steps": 8, "batch_size": 8}
    one = trained(spec(cohort, **options, devices=1), tmp_path / "one")
    two = trained(spec(cohort, **options, devices=2), tmp_path / "two")
    losses = [[row["loss"] for row in rows if "loss" in row] for rows in (one, two)]
    assert len(losses[0]) == 8
    assert losses[0][-1] < losses[0][0]
    assert losses[1] == pytest.approx(losses[0], rel=2e-4)
    weights = [
        load_file(tmp_path / name / "run" / "weights.safetensors") for name in ("one", "two")
    ]
    for name, value in weights[0].items():
        assert (value - weights[1][name]).abs().max() < 2e-3, name
