"""A small chest, and how a detector of its nodules sees it."""

import numpy as np
import pytest

from inklings.applications.lung_nodules.spec import DETECTION
from inklings.simulation.phantoms.chest import Chest, chest
from inklings.spec.detection import Detection


@pytest.fixture(scope="session")
def phantom() -> Chest:
    return chest(3, (48, 96, 96), nodules=4)


@pytest.fixture(scope="session")
def lungs() -> Detection:
    return Detection.model_validate(DETECTION)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
