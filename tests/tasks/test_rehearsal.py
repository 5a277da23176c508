"""A rehearsal against the training that it forecasts, on the machine at hand."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.labels.kinds import MaskLabel
from inklings.spec import Experiment
from inklings.tasks.rehearsal import rehearse

TRAIN = """
import json, resource, sys
from pathlib import Path
from inklings.runs.run import RunRecord
from inklings.spec import Experiment
from inklings.tasks.train import train
out = Path(sys.argv[2])
train(Experiment.load(sys.argv[1]), out)
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps({"seconds": RunRecord.read(out).facts["times"]["steps"], "memory": peak}))
"""


def written(folder: Path) -> Path:
    """An experiment whose steps take most of the time and of the memory, and its cohort."""
    rng, cases = np.random.default_rng(0), []
    for i in range(6):
        mask = np.zeros((192, 192), np.uint8)
        mask[40:90, 60:120] = 1
        picture = mask * 120 + rng.integers(5, 40, mask.shape).astype(np.uint8)
        image, drawn = folder / f"{i}.png", folder / f"{i}-mask.png"
        Image.fromarray(picture).save(image)
        Image.fromarray(mask).save(drawn)
        label = MaskLabel(drawn, "image", "classes", ("disc",))
        part = "train" if i < 5 else "test"
        cases.append(Case(f"c{i}", f"p{i}", {"image": image}, (label,), part))
    Cohort("discs", tuple(cases), ("disc",)).write(folder / "cohort")
    record = {
        "cohort": str(folder / "cohort"),
        "model": {"name": "unet", "width": 24, "depth": 3},
        "loss": "bce_dice",
        "sampling": {"size": 192},
        "training": {"steps": 12, "batch_size": 8, "loggers": []},
    }
    Experiment.check(record, "test").write(folder / "experiment.yaml")
    return folder / "experiment.yaml"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_time_and_memory_of_a_training_are_as_forecast(tmp_path: Path) -> None:
    file = written(tmp_path)
    experiment = Experiment.load(file)
    ratios = []
    for turn in range(4):  # other work on the machine disturbs one or the other
        found = rehearse(experiment, Cohort.read(experiment.cohort))
        call = [sys.executable, "-c", TRAIN, str(file), str(tmp_path / f"run-{turn}")]
        done = subprocess.run(call, capture_output=True, text=True, check=True)
        real = json.loads(done.stdout.splitlines()[-1])
        assert found.memory == pytest.approx(real["memory"], rel=0.25)
        ratios.append(12 * found.step / real["seconds"])
        if 0.75 < ratios[-1] < 1.25:
            break
    assert 0.75 < ratios[-1] < 1.25, ratios
    size = sum(p.stat().st_size for p in (tmp_path / "run-0").rglob("*") if p.is_file())
    assert found.run == pytest.approx(size, rel=0.25)


def test_an_experiment_that_cannot_be_is_refused_and_not_only_left_untimed(tmp_path: Path) -> None:
    experiment = Experiment.load(written(tmp_path), ["supervision={name: boxes, cores: true}"])
    with pytest.raises(SpecError, match="supervision boxes: expected no cores"):
        rehearse(experiment, Cohort.read(experiment.cohort))
