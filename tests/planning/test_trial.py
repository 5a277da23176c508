"""Which lines are put to the test, and where nothing can be said."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.planning.conftest import Drawn, Writer, ball
from tests.planning.test_planned import hearts, lobes, strokes, tissue

from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.planning.budget import Budget
from inklings.planning.doubts import doubts
from inklings.planning.fingerprint import fingerprint
from inklings.planning.plan import Plan
from inklings.planning.planned import plan_cohort
from inklings.planning.races import Races, Result
from inklings.planning.trial import Trial
from inklings.spec import Experiment


def judged(folder: Path, patients: int = 4) -> Path:
    """The same cohort with so many validation patients."""
    cohort, cases = Cohort.read(folder), []
    for i, case in enumerate(cohort):
        part: Any = "val" if i < patients else "test" if case.split == "test" else "train"
        cases.append(dataclasses.replace(case, split=part))
    dataclasses.replace(cohort, cases=tuple(cases)).write(folder)
    return folder


@dataclasses.dataclass
class Track:
    """Races that whatever differs from the plan wins."""

    run: list[Experiment] = dataclasses.field(default_factory=list)

    def __call__(self, experiment: Experiment, cohort: Cohort, _: float, seed: int) -> Result:
        self.run.append(experiment)
        best = experiment != self.run[0]
        patients = {case.patient for case in cohort.part("val")}
        return Result(400, dict.fromkeys(patients, 0.8 if best else 0.5 + seed / 100))


def tried(folder: Path, budget: Budget, tmp_path: Path, **how: Any) -> tuple[Plan, Track, Races]:
    track, kept = Track(), tmp_path / "plan.races.json"
    plan = plan_cohort(folder, budget, trial=Trial(track, kept), **how)
    return plan, track, Races.read(kept)


@pytest.mark.parametrize(
    ("apart", "view", "other"),
    [(1.0, "3d", None), (2.5, "3d", "2.5d"), (4.0, "2.5d", "3d"), (7.0, "2.5d", None)],
)
def test_the_view_is_doubted_where_planes_lie_neither_near_nor_far(
    apart: float, view: str, other: str | None, writer: Writer, core: Budget
) -> None:
    cohort = judged(writer.volumes(lobes, ("front", "back"), (apart, 1.0, 1.0)))
    assert plan_cohort(cohort, core).record["volumes"]["view"] == view
    found = {one.key: one for one in doubts(fingerprint(Cohort.read(cohort)))}
    assert ("volumes.view" in found) == (other is not None)
    if other:
        assert found["volumes.view"].name == other


def test_a_view_that_wins_brings_its_own_network_and_the_plan_says_so(
    writer: Writer, core: Budget, tmp_path: Path
) -> None:
    cohort = judged(writer.volumes(lobes, ("front", "back"), (4.0, 1.0, 1.0)))
    plan, track, races = tried(cohort, core, tmp_path)
    assert plan.record["volumes"]["view"] == "3d"
    assert plan.record["model"]["name"] == "unet3d"
    assert "either view may be better; won .800 against .505 on 4 validation" in plan.text()
    assert plan.record["training"]["minutes"] == pytest.approx(5 - races.spent, abs=1e-3)
    assert plan.head[0].startswith("Planned by 'inklings plan' for 5 minutes of")
    _, again, _ = tried(cohort, core, tmp_path)
    assert len(track.run) >= 4
    assert not again.run  # all of them lie there
    _, anew, _ = tried(cohort, dataclasses.replace(core, minutes=6), tmp_path)
    assert len(anew.run) == len(track.run)


def sides(rng: np.random.Generator) -> Drawn:
    """Two chambers, of which one lies left of the other in some three of four cases."""
    image, mask = hearts(rng)
    if rng.random() < 0.2:
        image, mask = image[..., ::-1].copy(), mask[..., ::-1].copy()
    return image, mask


def test_sides_that_nearly_always_agree_are_doubted(writer: Writer) -> None:
    cohort = judged(writer.volumes(sides, ("rv", "lv"), (10.0, 1.5, 1.5)), patients=0)
    seen = fingerprint(Cohort.read(cohort))
    assert "x" not in seen.fixed
    (found,) = [one for one in doubts(seen) if one.key == "sampling.augment[]"]
    assert found.name == "not mirrored along x"
    assert "x" in found.seen.fixed


def test_what_user_or_recipe_say_is_not_doubted(
    writer: Writer, core: Budget, tmp_path: Path
) -> None:
    cohort = judged(writer.volumes(lobes, ("front", "back"), (4.0, 1.0, 1.0)))
    _, _, races = tried(cohort, core, tmp_path, changes=["volumes.view=2.5d"])
    assert not [one for one in races.candidates if one.key == "volumes.view"]


def test_without_a_doubt_all_minutes_are_the_trainings(
    writer: Writer, core: Budget, tmp_path: Path
) -> None:
    cohort = judged(writer.volumes(hearts, ("left", "right"), (10.0, 1.5, 1.5)))
    changes = ["model.stride=1"]
    plan, track, races = tried(cohort, core, tmp_path, changes=changes)
    assert not track.run
    assert len(races.candidates) == 1
    assert plan == plan_cohort(cohort, core, changes=changes)
    assert races.lines() == ()


def ring(rng: np.random.Generator) -> Drawn:
    """One small disc."""
    mask = ball((64, 64), (rng.uniform(20, 44), rng.uniform(20, 44)), 5).astype(np.uint8)
    return mask * 100, mask


def test_objects_of_middling_size_doubt_the_stride(writer: Writer, core: Budget) -> None:
    cohort = judged(writer.pictures(ring))
    found = {one.key: one.name for one in doubts(fingerprint(Cohort.read(cohort)))}
    assert plan_cohort(cohort, core).record["model"]["stride"] == 2  # ten pixels wide
    assert found["model.stride"] == "1"


@pytest.mark.parametrize("patients", [0, 3])
def test_too_few_validation_patients_are_refused(
    patients: int, writer: Writer, core: Budget, tmp_path: Path
) -> None:
    cohort = judged(writer.pictures(tissue), patients)
    with pytest.raises(SpecError, match=f"at least 4 validation patients .*, got {patients}; give"):
        tried(cohort, core, tmp_path)


def test_labels_that_are_no_judge_are_refused(writer: Writer, core: Budget, tmp_path: Path) -> None:
    cohort = judged(writer.volumes(strokes, ("rv", "lv"), (10.0, 1.5, 1.5), "partial"))
    with pytest.raises(SpecError, match=r"expected complete masks, .* got labels that are strokes"):
        tried(cohort, core, tmp_path)
