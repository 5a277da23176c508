"""Weak labels of the real nuclei are as weak as those of the published sketch."""

from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.cohort import Cohort
from inklings.datasets.dsb2018 import Dsb2018
from inklings.datasets.importing import run
from inklings.labels.files import read_mask
from inklings.simulation.chain import Chain, apply, stream

ARCHIVE = Path(__file__).parents[2] / ".." / "shared" / "data" / "dsb2018_stage1_train.zip"

# kind: mean precision and recall over images, as measured when the study was planned
MEASURED = {
    "drop:keep=0.5": (1.00, 0.50),
    "drop:keep=0.25": (1.00, 0.25),
    "drop:keep=0.1": (1.00, 0.10),
    "erode": (1.00, 0.34),
    "dilate:pixels=4": (0.57, 1.00),
    "dilate:pixels=8": (0.39, 1.00),
    "box": (0.75, 1.00),
    "hull": (0.41, 1.00),
    "drop:keep=0.5+dilate:pixels=4": (0.57, 0.52),
}


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    if not ARCHIVE.exists():
        pytest.skip("the nuclei archive is not in ../shared/data")
    folder = tmp_path_factory.mktemp("nuclei")
    run(Dsb2018(ARCHIVE, None, False), folder / "cohort", 2)
    cases = Cohort.read(folder / "cohort").cases
    return {case.id: read_mask(case.labels[0].path).astype(np.int32) for case in cases}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MEASURED)
def test_precision_and_recall_are_those_of_the_plan(
    kind: str, nuclei: dict[str, np.ndarray]
) -> None:
    precision, recall = [], []
    for case, objects in nuclei.items():
        weak = apply(objects, Chain.parse(kind), stream(0, case))
        right = ((weak > 0) & (objects > 0)).sum()
        recall.append(right / max((objects > 0).sum(), 1))
        if (weak > 0).any():
            precision.append(right / (weak > 0).sum())
    found = (float(np.mean(precision)), float(np.mean(recall)))
    assert found == pytest.approx(MEASURED[kind], abs=0.02)
