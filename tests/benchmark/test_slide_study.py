import json
from pathlib import Path

import numpy as np
import pytest

from inklings.benchmark.slide_study import (
    LABELS,
    SCORES,
    SlideStudyPlan,
    scores,
    study,
    summary,
)
from inklings.errors import DataError, LabelError, SpecError
from inklings.spec import Experiment

GIVEN = ["cohort=.", "tiles=."]
NAMES = {name: "slides_weak" if name == "weak" else name for name in LABELS}


def test_scores_are_those_of_a_hand_worked_slide() -> None:
    truth = np.zeros((4, 4), bool)
    truth[:2] = True
    p = np.full((4, 4), 0.1, np.float32)
    p[1:3] = 0.9
    found = scores([(p, truth)], 0.5, tile=2)
    assert found["iou"] == pytest.approx(4 / 12)
    assert found["miou"] == pytest.approx(4 / 12)
    assert found["dice"] == pytest.approx(0.5)
    assert found["precision"] == found["recall"] == pytest.approx(0.5)
    assert found["tile_auc"] == pytest.approx(0.5)


def test_tiles_with_a_trace_of_tumour_are_not_ranked() -> None:
    truth = np.zeros((8, 32), bool)
    truth[:, :8] = True
    truth[0, 16] = True
    p = np.zeros((8, 32), np.float32)
    p[:, :8] = 0.2
    p[:, 16:24] = 1.0
    assert scores([(p, truth)], 0.5, tile=8)["tile_auc"] == 1.0


@pytest.mark.parametrize("name", sorted(LABELS))
def test_each_learner_has_a_recipe(name: str) -> None:
    recipe = Experiment.load(NAMES[name], GIVEN)
    assert (recipe.teacher is not None) == (name in ("weak", "slides"))
    assert recipe.model.name == "transunet_small"


def test_the_summary_says_how_much_of_the_gap_came_back() -> None:
    rows = [
        {"learner": n, "seed": s, "miou": v, "iou": v, "dice": v, "tile_auc": v, "minutes": 1.0}
        for n, v in (("strong", 0.8), ("naive", 0.6), ("weak", 0.75))
        for s in range(3)
    ]
    lines = list(summary(rows))
    assert lines[2].startswith("| strong | exact | 3 | 0.800 ± 0.000 |")
    assert lines[-1] == "Of the gap in mean IoU between naive and strong, weak wins back 75%."


def test_a_learner_whose_labels_teach_nothing_is_a_row_and_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_data: Path, name: str, _recipe: Experiment, seed: int) -> dict[str, float]:
        if (name, seed) == ("weak", 1):
            raise LabelError("teacher: expected more of the inside to look positive")
        return dict.fromkeys((*SCORES, "minutes"), 0.5 if name == "naive" else 0.8)

    monkeypatch.setattr("inklings.benchmark.slide_study.run", run)
    monkeypatch.setattr("inklings.benchmark.slide_study.draw", lambda out, *_: out)
    recipes = {n: Experiment.load(NAMES[n], GIVEN) for n in ("strong", "weak", "naive")}
    rows = study(tmp_path, recipes, [0, 1])
    assert len(rows) == 6
    assert "expected more of the inside" in (tmp_path / "table.csv").read_text()
    lines = list(summary(rows))
    assert "| weak | coarse | 1 refused | | | | | |" in lines
    assert "| weak | coarse | 1 | 0.800 |" in "\n".join(lines)
    assert lines[-1].endswith("weak wins back 100%, runs that were refused left out.")


def test_unknown_learners_are_refused(tmp_path: Path) -> None:
    recipe = Experiment.load("strong", GIVEN)
    with pytest.raises(SpecError, match="expected recipes of strong, naive, weak, slides, got odd"):
        study(tmp_path, {"odd": recipe}, [0])


@pytest.mark.slow
def test_a_study_goes_through_and_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inklings.weak.teacher._MORE", -1.0)  # two steps teach nothing
    plan = SlideStudyPlan(train=8, test=2, size=(1400, 1000), tile=96)
    network = "model={name: unet, width: 4, depth: 1}"
    short = [*GIVEN, "training.steps=2", "sampling.size=64", network]
    recipes = {name: Experiment.load(NAMES[name], short) for name in LABELS}
    recipes = {
        name: recipe
        if recipe.teacher is None
        else recipe.model_copy(
            update={"teacher": recipe.teacher.model_copy(update={"steps": 2, "crf": None})}
        )
        for name, recipe in recipes.items()
    }
    rows = study(tmp_path, recipes, [0], plan)
    assert [row["learner"] for row in rows] == list(LABELS)
    assert (tmp_path / "table.csv").read_text().count("\n") == 5
    cell = tmp_path / "s0" / "weak.json"
    before = json.loads(cell.read_text())
    cell.unlink()
    again = study(tmp_path, recipes, [0], plan)
    assert again[2]["iou"] == before["iou"]


def test_another_plan_or_recipe_is_not_mixed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inklings.benchmark.slide_study.run", lambda *_: {"miou": 0.5})
    monkeypatch.setattr("inklings.benchmark.slide_study.draw", lambda out, *_: out)
    study(tmp_path, {"strong": Experiment.load("strong", GIVEN)}, [0])
    longer = Experiment.load("strong", [*GIVEN, "training.steps=9"])
    with pytest.raises(DataError, match="another recipe of strong"):
        study(tmp_path, {"strong": longer}, [0])
    with pytest.raises(DataError, match="another study"):
        study(tmp_path, {}, [0], SlideStudyPlan(test=3))
