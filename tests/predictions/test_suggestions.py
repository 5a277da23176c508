"""Which cases to correct next, from predictions whose uncertainty is known."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.errors import DataError, SpecError
from inklings.findings.finding import Finding
from inklings.labels.corrections import Correction, Shape, add_correction, undo
from inklings.predictions import suggestions
from inklings.predictions.bags import BagPrediction
from inklings.predictions.dense import DensePrediction
from inklings.predictions.findings import Findings
from inklings.predictions.head import Head, Provenance
from inklings.predictions.suggestions import lacking_dice, suggest

MADE = Provenance("run", "w", None, "0")


def pictures(folder: Path, shape: tuple[int, ...] = (8, 8)) -> Path:
    """A square that is sure, one that is not, one in part, and a picture without any."""
    for case, inside in {"sure": 255, "doubtful": 140, "some": 200, "empty": 0}.items():
        dense = np.zeros((2, *shape), np.uint8)
        dense[0][(slice(2, 6),) * len(shape)] = inside
        DensePrediction(case, Path("x"), dense).write(folder)
    Head(("a", "b"), (0.5, 0.5), MADE).write(folder)
    return folder


def correction(folder: Path, case: str) -> Correction:
    """A stroke on a case."""
    shape = Shape("stroke", ((1.0, 1.0), (2.0, 2.0)), (1.0,))
    made = Correction.now(case, "is", "a", "ann", image="image", shape=shape)
    add_correction(folder, made)
    return made


@pytest.mark.parametrize("shape", [(8, 8), (6, 8, 8)])
def test_the_most_doubtful_mask_comes_first(shape: tuple[int, ...], tmp_path: Path) -> None:
    found = suggest(pictures(tmp_path, shape))
    assert [one.case for one in found] == ["doubtful", "some", "empty", "sure"]
    assert found[0].gain == 1
    assert found[-1].measures["uncertainty"] == pytest.approx(0)


def test_what_dice_lacks_is_as_worked_by_hand_and_does_not_grow_with_size() -> None:
    # Two masks of 10 at .8, one of 1,000 at .8: 2 * 8 + s of 8 + 10 + s, s the median of 10.
    sums = np.array([[[8, 8, 10]], [[8, 8, 10]], [[800, 800, 1000]]], np.float64)
    small, _, large = lacking_dice(sums)
    assert small == pytest.approx(1 - 26 / 28)
    assert large == pytest.approx(1 - 1610 / 1810)
    assert abs(large - small) < 0.05
    none = lacking_dice(np.zeros((2, 1, 3)))
    np.testing.assert_allclose(none, 0)


def test_corrected_cases_are_left_out_until_that_is_undone(tmp_path: Path) -> None:
    folder = pictures(tmp_path)
    made = correction(folder / "corrections", "doubtful")
    assert suggest(folder)[0].case == "some"
    assert suggest(folder, tmp_path / "others")[0].case == "doubtful"
    undo(folder / "corrections", "doubtful", made.id)
    assert suggest(folder)[0].case == "doubtful"
    for case in ("sure", "doubtful", "some", "empty"):
        correction(folder / "corrections", case)
    with pytest.raises(DataError, match="not yet corrected"):
        suggest(folder)


def test_runs_that_differ_and_images_that_are_far_count_as_well(tmp_path: Path) -> None:
    folder = pictures(tmp_path)
    for case, spread in {"sure": 90, "doubtful": 0, "some": 10, "empty": 0}.items():
        said = DensePrediction.read(folder, case)
        replace(said, spread=np.full_like(said.dense, spread)).write(folder)
    table = "case,distance,nearer,of,unlike,by\nempty,9,9,9,yes,network\nsure,1,1,9,no,network\n"
    (folder / "likeness.csv").write_text(table)
    assert suggest(folder, by=["disagreement"])[0].case == "sure"
    assert suggest(folder, by=["distance"])[0].case == "empty"
    mixed = {one.case: one for one in suggest(folder)}
    assert set(mixed["sure"].measures) == {"uncertainty", "disagreement", "distance"}
    # Ranks: as certain as the empty one (a tie of 0 and 1 of 3), the largest spread, the nearer.
    assert mixed["sure"].gain == pytest.approx((0.5 / 3 + 1 + 0) / 3)


def test_bags_go_by_entropy_and_findings_by_the_sum_of_theirs(tmp_path: Path) -> None:
    bags, none = tmp_path / "bags", np.zeros((1, 1), np.float32)
    for case, p in {"yes": 0.99, "half": 0.5, "no": 0.2}.items():
        one = BagPrediction(case, Path("x"), np.array([p]), np.zeros(1), none)
        one.write(bags)
    Head(("a",), (0.5,), MADE, kind="bags").write(bags)
    assert [one.case for one in suggest(bags)] == ["half", "no", "yes"]
    assert suggest(bags)[0].measures["uncertainty"] == pytest.approx(1)  # bit
    scans = tmp_path / "scans"
    for case, scores in {"one": [0.5], "two": [0.5, 0.5], "zero": []}.items():
        made = tuple(Finding("nodule", score, (0.0, 0.0, 0.0), 5.0) for score in scores)
        Findings(case, made, facts={"image": "x"}).write(scans)
    Head(("nodule",), (0.5,), MADE, kind="findings").write(scans)
    assert [one.case for one in suggest(scans)] == ["two", "one", "zero"]


def test_the_command_prints_so_many_and_writes_all(tmp_path: Path) -> None:
    folder = pictures(tmp_path)
    done = CliRunner().invoke(app, ["suggest", str(folder), "--count", "2"])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("  1  doubtful  (uncertainty 0.")
    assert len(done.stdout.splitlines()) == 3
    with (folder / "suggestions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["case"] for row in rows] == ["doubtful", "some", "empty", "sure"]
    assert rows[0]["distance"] == ""


@pytest.mark.parametrize(("by", "said"), [("luck", "got luck"), ("disagreement", "several runs")])
def test_what_cannot_be_ranked_by_is_refused(by: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=said):
        suggest(pictures(tmp_path), by=[by])


def test_a_list_is_read_as_it_was_written_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    assert suggestions.read_suggestions(tmp_path) == {}
    made = [suggestions.Suggestion(case, 0.5, {"uncertainty": 0.1}) for case in ("b", "a,c")]
    written = suggestions.write_suggestions(tmp_path, made)
    assert suggestions.read_suggestions(tmp_path) == {"b": 1, "a,c": 2}
    written.write_text("place,case\nfirst,b\n")
    with pytest.raises(DataError, match="a place and a case"):
        suggestions.read_suggestions(tmp_path)
