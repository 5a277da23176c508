"""Races of tiny networks whose winner is certain by how the pictures were drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.labels.kinds import MaskLabel
from inklings.planning.plan import Choice
from inklings.planning.races import Candidate, Races, run_races
from inklings.tasks import racing
from inklings.tasks.rehearsal import without_company


def lit(folder: Path) -> Cohort:
    """Discs that are lit from the left, and others that are from the right: mirror images."""
    rng, cases = np.random.default_rng(0), []
    y, x = np.mgrid[:48, :48]
    for i in range(22):
        mask, picture = np.zeros((48, 48), np.uint8), np.full((48, 48), 100, np.uint8)
        for code, cy in zip(rng.permutation((1, 2)), (12, 36), strict=True):
            cx = rng.integers(10, 38)
            inside = (y - cy) ** 2 + (x - cx + 0.5) ** 2 < 64  # as wide on either side of cx
            mask[inside] = code
            picture[inside] = np.where((x < cx) == (code == 1), 220, 20)[inside]
        for name, array in (("", picture), ("-mask", mask)):
            Image.fromarray(array).save(folder / f"{i}{name}.png")
        label = MaskLabel(folder / f"{i}-mask.png", "image", "classes", ("left", "right"))
        part: Any = "train" if i < 12 else "val" if i < 20 else "test"
        cases.append(Case(f"c{i}", f"p{i // 2}", {"image": folder / f"{i}.png"}, (label,), part))
    Cohort("lit", tuple(cases), ("left", "right")).write(folder / "cohort")
    return Cohort.read(folder / "cohort")


def candidate(cohort: Cohort, name: str, augment: list[str]) -> Candidate:
    lines = {
        "cohort": str(cohort.folder),
        "loss": "bce_dice",
        "model": {"name": "unet", "width": 8, "depth": 2, "stride": 2},
        "sampling.size": 48,
        "sampling.augment": augment,
        "training.batch_size": 4,
        "training.minutes": 0.75,
        "inference.threshold": 0.5,
    }
    key = "sampling.augment" if name else ""
    return Candidate(key, name, ("lit", "end"), tuple(Choice(k, v, "") for k, v in lines.items()))


@pytest.fixture
def _by_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Races of as many steps as they were given seconds: the same on any machine."""

    def bounded(training: Any, *, minutes: float, seed: int) -> Any:
        return without_company(training, steps=round(60 * minutes), seed=seed)

    monkeypatch.setattr(racing, "without_company", bounded)


@pytest.mark.usefixtures("_by_steps")
def test_flips_that_map_one_class_onto_the_other_lose_to_none(tmp_path: Path) -> None:
    cohort = lit(tmp_path)
    for case in cohort.part("test"):  # whose files nobody may open
        case.images["image"].unlink()
    own, other = candidate(cohort, "", ["flips"]), candidate(cohort, "no flips", [])
    races = run_races(
        Races({}, 100 * 4 * 4 / 60, (own, other)), racing.race, cohort, tmp_path / "races.json"
    )
    assert races.winner() == 1
    assert [(lap.candidate, lap.seed, lap.steps) for lap in races.laps] == [
        (0, 0, 100), (1, 0, 100), (0, 1, 100), (1, 1, 100)
    ]  # fmt: skip
    assert all(set(lap.dice) == {"p6", "p7", "p8", "p9"} for lap in races.laps)
    # With flips a disc is of either class: at best one of both gets all discs, Dice 2 / 3 and 0.
    assert max(lap.mean for lap in races.of(0)) < 0.72
    assert min(lap.mean for lap in races.of(1)) > 0.8
    assert "won" in races.plan().text()


@pytest.mark.usefixtures("_by_steps")
def test_the_same_experiment_and_seed_come_to_the_same_score(tmp_path: Path) -> None:
    cohort = lit(tmp_path)
    experiment = candidate(cohort, "", []).plan.experiment
    assert racing.race(experiment, cohort, 10.0, 3) == racing.race(experiment, cohort, 10.0, 3)


def test_a_race_without_masks_to_judge_by_is_refused(tmp_path: Path) -> None:
    cohort = lit(tmp_path)
    alone = Cohort("lit", cohort.part("train"), cohort.classes, folder=cohort.folder)
    with pytest.raises(SpecError, match="expected validation cases with complete masks"):
        racing.race(candidate(cohort, "", []).plan.experiment, alone, 1.0, 0)
