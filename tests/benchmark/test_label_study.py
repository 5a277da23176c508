import dataclasses
from pathlib import Path

import pytest

from inklings.benchmark.label_cell import LEARNERS, LabelCell
from inklings.benchmark.label_study import LabelStudyPlan, default_experiment, study, summary
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.simulation.phantoms.cohort import nuclei_cohort

TINY = default_experiment(
    ["model={name: unet, width: 2, depth: 2}", "training={steps: 2, batch_size: 2}"]
)


def row(weakness: str, learner: str, dice: float, seed: int = 0) -> dict[str, object]:
    return {
        "weakness": weakness,
        "learner": learner,
        "seed": seed,
        "budget": 1,
        "dice_mean": dice,
        "label_dice": 0.5,
    }


def test_default_plan_holds_every_learner_on_every_weakness_and_ours_on_three_seeds() -> None:
    cells = list(LabelStudyPlan().cells())
    assert len(set(cells)) == len(cells)
    ours = [cell for cell in cells if cell.learner == "inklings"]
    assert len(ours) == 3 * 10
    for name in LEARNERS:
        assert {c.weakness for c in cells if c.learner == name} == set(LabelStudyPlan().weaknesses)
    long = {(c.weakness, c.learner) for c in cells if c.budget == 3}
    assert long == {
        (w, name) for w in LabelStudyPlan().long for name in LEARNERS if name != "inklings"
    }


def test_gap_by_hand() -> None:
    # naive .5, oracle .9, ours .8 and .9: (.85 - .5) / (.9 - .5) = .875
    rows = [
        row("full", "naive", 0.9),
        row("full", "inklings", 0.9),
        row("box", "naive", 0.5),
        row("box", "inklings", 0.8),
        row("box", "inklings", 0.9, seed=1),
    ]
    full, box = summary(rows)
    assert box.gap == pytest.approx(0.875)
    assert box.retained == pytest.approx(0.85 / 0.9)
    assert full.gap != full.gap  # nothing was lost, so no share of it can be won back


def test_weakness_that_leaves_no_mask_is_refused() -> None:
    with pytest.raises(SpecError, match="'points' leaves none"):
        LabelStudyPlan(weaknesses=("points",))


def test_unknown_learner_is_refused_with_those_there_are() -> None:
    with pytest.raises(SpecError, match="no learner named 'nnpuu'; known: naive, naive-tuned"):
        LabelStudyPlan(learners=("nnpuu",))


def test_cells_have_names_that_are_files() -> None:
    assert LabelCell("drop:keep=0.5+dilate:pixels=4", "naive", 1, 3).name == (
        "drop_keep0.5+dilate_pixels4--naive--s1--x3"
    )


def test_study_of_an_unsplit_cohort_says_what_to_do(tmp_path: Path) -> None:
    nuclei_cohort(tmp_path / "cohort", patients=2, size=64)
    with pytest.raises(DataError, match="'inklings split"):
        study(tmp_path / "cohort", tmp_path / "study", LabelStudyPlan(seeds=1))


def test_study_goes_on_where_it_stopped_and_writes_its_table(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    cohort = nuclei_cohort(folder, patients=6, size=64)
    parts = ["train", "train", "train", "val", "test", "test"]
    _split(cohort, parts).write(folder)
    plan = LabelStudyPlan(weaknesses=("drop:keep=0.5",), learners=("naive", "inklings"), seeds=1)
    rows = study(folder, tmp_path / "study", plan, TINY, workers=1)
    assert {(r["weakness"], r["learner"]) for r in rows} == {
        (w, name) for w in ("full", "drop:keep=0.5") for name in ("naive", "inklings")
    }
    assert all(0 <= r["dice_mean"] <= 1 and r["images"] == 2 for r in rows)
    table = (tmp_path / "study" / "study.csv").read_text()
    assert "full,oracle,0,1," in table

    finished = sorted((tmp_path / "study" / "cells").iterdir())
    finished[0].unlink()
    times = {path: path.stat().st_mtime_ns for path in finished[1:]}
    again = study(folder, tmp_path / "study", plan, TINY, workers=1)
    assert {path: path.stat().st_mtime_ns for path in finished[1:]} == times
    keep = ("weakness", "learner", "dice_mean", "dice_pooled", "threshold", "prior_estimated")
    assert [[r[k] for k in keep] for r in again] == [[r[k] for k in keep] for r in rows]

    other = TINY.model_copy(update={"loss": TINY.loss.model_copy(update={"name": "dice"})})
    with pytest.raises(DataError, match="another study"):
        study(folder, tmp_path / "study", plan, other, workers=1)


def _split(cohort: Cohort, parts: list[str]) -> Cohort:
    cases = [
        dataclasses.replace(case, split=part)
        for case, part in zip(cohort.cases, parts, strict=True)
    ]
    return dataclasses.replace(cohort, cases=tuple(cases))
