from pathlib import Path

from inklings.cohorts.cohort import Cohort
from inklings.reports.examples import labelled, mean_over, ranked, spread
from inklings.testing.folders import write_cohort


def lines(count: int) -> list[dict[str, object]]:
    return [{"case": f"c{k}", "dice": ((k * 7) % count) / count} for k in range(count)]


def test_worst_median_and_best_are_what_they_say() -> None:
    groups = ranked(lines(29), "dice", 3)
    scores = {name: [line["dice"] for line in group] for name, group in groups.items()}
    assert scores["worst"] == [0, 1 / 29, 2 / 29]
    assert scores["median"] == [13 / 29, 14 / 29, 15 / 29]
    assert scores["best"] == [26 / 29, 27 / 29, 28 / 29]


def test_no_case_is_shown_twice_where_there_are_few() -> None:
    shown = [line["case"] for group in ranked(lines(5), "dice", 3).values() for line in group]
    assert len(shown) == len(set(shown)) == 5


def test_cases_without_a_score_are_not_ranked() -> None:
    assert ranked([{"case": "a", "dice": None}], "dice", 3)["worst"] == []


def test_examples_come_from_training_and_from_every_kind(tmp_path: Path) -> None:
    cohort = Cohort.read(write_cohort(tmp_path, ["train"] * 6 + ["test"] * 2))
    shown = spread(cohort, 4)
    assert {case.split for case in shown} == {"train"}
    assert {case.facts["modality"] for case in shown} == {"fluorescence", "histology"}


def test_a_labelled_case_shows_how_many_objects_are_marked(tmp_path: Path) -> None:
    cohort = Cohort.read(write_cohort(tmp_path))
    example = labelled(cohort.cases[0], cohort.classes, None, "")
    assert example is not None
    assert example.notes[0] == "9 marked"
    assert example.picture.count("M") >= 9


def test_a_case_of_several_classes_is_ranked_by_their_mean() -> None:
    line = {"case": "a", "dice:head": 0.8, "dice:tail": 0.6, "iou:head": 0.1}
    assert mean_over(line, "dice")["dice"] == 0.7
    assert mean_over({"case": "b", "dice": 0.5}, "dice")["dice"] == 0.5
    assert "dice" not in mean_over({"case": "c"}, "dice")
