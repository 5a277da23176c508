"""Who wins races whose scores are worked out by hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.planning.plan import Choice
from inklings.planning.races import Candidate, Races, Result, lines_of_races, races_of, run_races
from inklings.spec import Experiment

COHORT = Cohort("none", (), ("object",))
Scores = dict[tuple[str, int], list[float]]


def candidates(*names: str) -> tuple[Candidate, ...]:
    """The plan's own choice, and rivals by the width of their networks, 0 for own."""
    found = []
    for k, name in enumerate(("own", *names)):
        lines = {
            "cohort": "c",
            "loss": "bce",
            "training.minutes": 9.0,
            "training.seed": 5,
            "model.width": 8 + k,
        }
        choices = [Choice(key, value, "why") for key, value in lines.items()]
        choices.insert(4, Choice("model.name", "unet", "why"))
        key = "model.width" if k else ""
        found.append(Candidate(key, name, ("first", "last"), tuple(choices)))
    return tuple(found)


@dataclasses.dataclass
class Track:
    """Races with scores that are known: by width and round, of each patient."""

    scores: Scores
    steps: int = 500
    run: list[tuple[int, float, int]] = dataclasses.field(default_factory=list)

    def __call__(self, experiment: Experiment, _: Cohort, seconds: float, seed: int) -> Result:
        width = experiment.model.options["width"]  # type: ignore[attr-defined]
        self.run.append((width, seconds, seed))
        name = {8: "own", 9: "a", 10: "b"}[width]
        values = self.scores[name, seed - 5]
        return Result(self.steps, {f"p{i}": v for i, v in enumerate(values)})


def raced(track: Track, folder: Path, *rivals: str) -> Races:
    before = Races({}, 12.0, candidates(*rivals))
    return run_races(before, track, COHORT, folder / "plan.races.json")


EVEN = [0.70, 0.72, 0.74, 0.76]


def test_rounds_cost_the_same_and_the_better_rival_and_the_plan_go_on(tmp_path: Path) -> None:
    track = Track({
        ("own", 0): EVEN, ("a", 0): [0.75] * 4, ("b", 0): [0.80] * 4,
        ("own", 1): EVEN, ("b", 1): [0.82, 0.81, 0.83, 0.84],
    })  # fmt: skip
    races = raced(track, tmp_path, "a", "b")
    # A quarter of 12 minutes is 180 s, 90 s a round: of three 30 s each, of two 45 s.
    assert track.run == [(8, 30, 5), (9, 30, 5), (10, 30, 5), (8, 45, 6), (10, 45, 6)]
    assert races.winner() == 2
    assert races.lines() == (
        "model.width a: dropped behind a better one: .750 against .730 on 4 validation patients "
        "after 30 s (seed 5)",
        "model.width b: won .812 against .730 on 4 validation patients after 30 and 45 s "
        "(seed 5 and 6)",
    )


def test_the_line_of_the_winner_says_that_it_won_and_the_clock_has_what_is_left(
    tmp_path: Path,
) -> None:
    track = Track({("own", 0): EVEN, ("a", 0): [0.9] * 4, ("own", 1): EVEN, ("a", 1): [0.9] * 4})
    text = raced(track, tmp_path, "a").plan().text()
    assert (
        "width: 9  # why; won .900 against .730 on 4 validation patients after 45 and 45 s" in text
    )
    assert "minutes: 9.0  # 12 without the races" in text  # all of its share was spent
    assert lines_of_races(tmp_path / "plan.yaml") == (
        "model.width a: won .900 against .730 on 4 validation patients after 45 and 45 s (seed 5 "
        "and 6)",
    )
    assert races_of(tmp_path / "plan.yaml") == tmp_path / "plan.races.json"


def test_a_rival_that_is_behind_ends_the_races_and_its_minutes_go_to_the_training(
    tmp_path: Path,
) -> None:
    track = Track({("own", 0): EVEN, ("a", 0): [0.6] * 4})
    plan = raced(track, tmp_path, "a").plan()
    assert plan.record["model"]["width"] == 8
    assert plan.record["training"]["minutes"] == 10.5  # 12 without two races of 45 s
    assert "a was tried: lost .600 against .730 on 4 validation patients after 45 s" in plan.text()


@pytest.mark.parametrize("seed", range(6))
def test_what_patients_differ_by_chance_keeps_the_plans_own_choice(
    seed: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    own, theirs = 0.7 + 0.05 * rng.standard_normal((2, 2, 6))
    theirs += 0.05
    theirs, own = (one + max(0.0, 0.001 - (theirs - own).mean(1).min()) * sign
                   for one, sign in ((theirs, 1), (own, 0)))  # ahead in both rounds  # fmt: skip
    scores = {("own", k): list(own[k]) for k in range(2)}
    scores |= {("a", k): list(theirs[k]) for k in range(2)}
    races = raced(Track(scores), tmp_path, "a")
    test = stats.ttest_rel(theirs.mean(0), own.mean(0), alternative="greater")
    assert races.winner() == int(test.pvalue < 0.05)
    assert ("won" in races.lines()[0]) == (test.pvalue < 0.05)


def test_a_rival_must_be_ahead_on_both_seeds(tmp_path: Path) -> None:
    scores = {("own", 0): EVEN, ("a", 0): [0.99] * 4, ("own", 1): [0.80] * 4, ("a", 1): [0.79] * 4}
    races = raced(Track(scores), tmp_path, "a")
    assert races.winner() == 0
    assert "no more than chance: .890 against .765" in races.lines()[0]


def test_what_was_run_is_not_run_again(tmp_path: Path) -> None:
    scores = {("own", 0): EVEN, ("a", 0): [0.9] * 4, ("own", 1): EVEN, ("a", 1): [0.9] * 4}
    whole = raced(Track(scores), tmp_path, "a")
    kept = tmp_path / "plan.races.json"
    assert Races.read(kept) == whole
    for done in range(4):  # ended by its user after so many
        before = dataclasses.replace(whole, laps=whole.laps[:done])
        track = Track(scores)
        assert run_races(before, track, COHORT, kept) == whole
        assert len(track.run) == 4 - done


def test_races_that_can_say_nothing_are_refused_in_one_line(tmp_path: Path) -> None:
    track = Track({("own", 0): EVEN}, steps=40)
    told = "a race of 45 s is 40 steps here, of which nothing can be said .* --minutes 30 or more"
    with pytest.raises(SpecError, match=told):
        raced(track, tmp_path, "a")
    for few in ([], [0.7], [0.7, 0.8, 0.9]):  # of the others no sample shows anything
        with pytest.raises(DataError, match=f"in at least 4 .* got them in {len(few)}"):
            raced(Track({("own", 0): few}), tmp_path, "a")
    assert not list(tmp_path.iterdir())
