"""Small chests and small networks, made once."""

import numpy as np
import pytest

from inklings.applications.lung_nodules.spec import DETECTION
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.labels.kinds import BallLabel
from inklings.simulation.phantoms.chest import Chest, chest
from inklings.simulation.phantoms.luna import write_mhd
from inklings.spec import Experiment

SHAPE = (48, 96, 96)


@pytest.fixture(scope="session")
def phantom() -> Chest:
    return chest(3, SHAPE, nodules=4)


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chests")
    cases = []
    for seed, split in ((1, "train"), (2, "train"), (3, "val"), (4, "test")):
        scan = chest(seed, SHAPE, nodules=3)
        path = folder / f"chest-{seed}.mhd"
        write_mhd(path, scan.image, scan.geometry)
        labels = tuple(
            BallLabel("ct", "nodule", n.centre_mm, n.diameter_mm, k % 2 == 0)
            for k, n in enumerate(scan.nodules)
        )
        cases.append(Case(f"chest-{seed}", f"patient-{seed}", {"ct": path}, labels, split))
    Cohort("chests", tuple(cases), ("nodule",)).write(folder)
    return folder


@pytest.fixture(scope="session")
def experiment(cohort):
    def made(task: str, section: dict | None = None, **changes):
        model = {
            "detection": {"name": "centre_point", "width": 4, "blocks": 1},
            "candidates": {"name": "nodule_net", "width": 4},
            "malignancy": {"name": "nodule_net", "width": 4},
        }[task]
        training = {
            "steps": 4, "batch_size": 2, "checkpoint_every": 2, "loggers": [], "log_every": 1,
            "precision": "32-true",
        }  # fmt: skip
        loss = "centre_point" if task == "detection" else "bce"
        usual = {**DETECTION, "side": 32} if task == "detection" else {"side": 16}
        own = usual | (section or {})
        record = {
            "task": task, "cohort": str(cohort), "model": model, "loss": loss,
            "training": training | changes.pop("training", {}), task: own, **changes,
        }  # fmt: skip
        return Experiment.check(record, "test")

    return made


@pytest.fixture(scope="session")
def detector(experiment, tmp_path_factory):
    from inklings.tasks.train import train

    out = tmp_path_factory.mktemp("runs") / "detector"
    train(experiment("detection"), out)
    return out


@pytest.fixture(scope="session")
def runs(experiment, detector, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cascade")
    from inklings.tasks.train import train

    (folder / "detector").symlink_to(detector)
    train(experiment("candidates", {"detector": str(detector)}), folder / "classifier")
    train(experiment("malignancy"), folder / "malignancy")
    return folder


@pytest.fixture(scope="session")
def published(cohort, tmp_path_factory):
    """Every nodule 1 mm beside its centre, and five other places of each scan but the last."""
    rows = ["seriesuid,coordX,coordY,coordZ,class"]
    for case in Cohort.read(cohort).cases[:-1]:
        for ball in case.labels:
            x, y, z = ball.centre_mm
            rows += [f"{case.id},{x + 1},{y},{z},1"]
            rows += [f"{case.id},{x + k},{y + 30},{z},0" for k in (1, 2)]
    rows += ["elsewhere,1,2,3,1"]
    path = tmp_path_factory.mktemp("published") / "candidates.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="session")
def segmenter(experiment, tmp_path_factory):
    from inklings.tasks.train import train

    model = {"name": "unet", "width": 4, "depth": 2, "up": "transposed"}
    record = experiment("detection").model_dump(mode="json", exclude={"detection"})
    record |= {"task": "nodule_segmentation", "model": model, "loss": "luna_dice"}
    out = tmp_path_factory.mktemp("segmenters") / "segmenter"
    train(Experiment.check(record, "test"), out)
    return out


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
