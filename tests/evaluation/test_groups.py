import dataclasses
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.evaluation.groups import columns_of, group_lines, group_records, grouped, names_of
from inklings.evaluation.scores import Row
from inklings.labels.kinds import MaskLabel
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head, Provenance

DICE = {"a0": 0.9, "a1": 0.8, "b0": 0.2, "b1": 0.4, "c0": 0.6}


def cases() -> list[Case]:
    facts = ({"site": name[0]} if name != "c0" else {"site": " "} for name in DICE)
    return [
        Case(name, f"p{name}", {"image": Path("x")}, facts=f)
        for name, f in zip(DICE, facts, strict=True)
    ]


def rows_of(higher: bool = True):  # type: ignore[no-untyped-def]
    def of(ids: set[str]) -> tuple[Row, ...]:
        value = float(np.mean([DICE[i] for i in ids]))
        n = len(ids)
        return (Row("dice", value, value - 0.1, value + 0.1, n, n, "", "liver", "Dice", higher),)

    return of


@pytest.mark.parametrize(("higher", "order"), [(True, "b unknown a"), (False, "a unknown b")])
def test_the_worst_group_is_first_and_cases_without_a_value_are_one(
    higher: bool, order: str
) -> None:
    groups = list(grouped(rows_of(higher), set(DICE), cases(), ["site"]))
    assert [group.name for group in groups] == order.split()
    assert {g.name: g.rows[0].value for g in groups} == pytest.approx(
        {"a": 0.85, "b": 0.3, "unknown": 0.6}
    )


def test_lines_have_intervals_and_say_where_patients_are_few() -> None:
    groups = list(grouped(rows_of(), set(DICE) - {"b1"}, cases(), ["site"]))
    assert group_lines(groups)[:2] == [
        "by site, the worst first: Dice",
        "  b        0.200 (0.100 to 0.300)  1 cases of 1 patient, few",
    ]
    assert next((r["by"], r["group"], r["class"]) for r in group_records(groups)) == (
        "site", "b", "liver",
    )  # fmt: skip


def test_a_column_without_a_row_says_so() -> None:
    groups = list(grouped(lambda _: (), set(DICE), cases(), ["site"]))
    assert group_lines(groups) == ["by site: not judged, no metric of these is one of groups"]


def sites(root: Path) -> tuple[Path, Path, Path]:
    """Two cases of site a with strokes, two of b with whole masks; a dense reference of ``a0``."""
    y, x = np.indices((32, 32))
    disc = (np.hypot(y - 16, x - 16) < 8).astype(np.uint8)
    strokes = np.where((y == 16) | (y == 2), disc, 255).astype(np.uint8)
    own, dense = [], []
    head = Head(("disc",), (0.5,), Provenance("r", "", None, ""), ("other",), {})
    for k, name in enumerate(("a0", "a1", "b0", "b1")):
        image = root / f"{name}.png"
        Image.fromarray(disc * 200).save(image)
        Image.fromarray(disc).save(root / f"{name}-whole.png")
        Image.fromarray(strokes).save(root / f"{name}-strokes.png")
        whole = MaskLabel(root / f"{name}-whole.png", "image", "classes", ("disc",))
        part = MaskLabel(root / f"{name}-strokes.png", "image", "classes", ("disc",), "partial")
        label, facts = part if name[0] == "a" else whole, {"site": name[0]}
        own.append(Case(name, f"p{name}", {"image": image}, (label,), facts=facts))
        dense.append(Case(name, f"p{name}", {"image": image}, (whole,)))
        said = np.roll(disc, k, 0)[None] * np.uint8(255)
        DensePrediction(name, image, said).write(root / "said")
    head.write(root / "said")
    Cohort("own", tuple(own), ("disc",)).write(root / "own")
    Cohort("strokes", tuple(own[:2]), ("disc",)).write(root / "strokes")
    Cohort("whole", tuple(dense[:1]), ("disc",)).write(root / "whole")
    return root / "said", root / "own", root / "whole"


def test_a_group_that_a_metric_is_not_of_does_not_stop_the_others(tmp_path: Path) -> None:
    said, own, _ = sites(tmp_path)
    table = evaluate(said, own, Settings(split="all", metrics=("dice",), by=("site",)))
    assert table["dice"].n == 2
    assert {line["group"]: line["n"] for line in table.files["groups.csv"]} == {"b": 2}
    assert any(line.startswith("  a  not judged") for line in table.head["groups"])


@pytest.mark.parametrize("metric", ["dice", "dice_annotated", None])
def test_beside_a_dense_reference_any_metric_may_be_asked_for_and_groups_are_of_its_cases(
    metric: str | None, tmp_path: Path
) -> None:
    said, _, whole = sites(tmp_path)
    for name in ("b0", "b1"):
        PredictionFolder.open(said).where(name).unlink()
    names = None if metric is None else (metric,)
    settings = Settings(split="all", metrics=names, by=("site",))
    for name, site in (("a0", "c"), ("a1", "d")):  # one site has no dense reference
        strokes = Cohort.read(tmp_path / "strokes")
        cases = [
            dataclasses.replace(c, facts={"site": site}) if c.id == name else c for c in strokes
        ]
        dataclasses.replace(strokes, cases=tuple(cases)).write(tmp_path / "strokes")
    table = evaluate(said, tmp_path / "strokes", settings, dense=whole)
    assert (metric or "dice") in table
    found = {line["group"] for line in table.files["groups.csv"]}
    assert found == (set() if metric == "dice_annotated" else {"c"})


def test_rows_for_json_hold_their_groups(tmp_path: Path) -> None:
    said, own, _ = sites(tmp_path)
    how = ["evaluate", str(said), "--cohort", str(own), "--split", "all", "--quiet", "--json"]
    done = CliRunner().invoke(app, [*how, "--by", "site, site"])
    assert done.exit_code == 0, done.output
    rows = {row["metric"]: row for row in json.loads(done.stdout)}
    (only,) = rows["dice"]["groups"]
    assert (only["by"], only["group"], only["n"]) == ("site", "b", 2)
    assert only["value"] == pytest.approx(rows["dice"]["value"])
    assert {g["group"] for g in rows["dice_annotated"]["groups"]} == {"a"}
    done = CliRunner().invoke(app, [*how, "--by", " ,"])
    assert done.exit_code == 2
    assert "--by: expected columns" in done.stderr


def test_a_column_that_no_case_has_is_refused_with_those_that_exist() -> None:
    with pytest.raises(SpecError, match=r"no column 'stain'.*there are: site"):
        columns_of(cases(), ["site", "stain"])


def of_values(values: list[object], column: str = "Age at scan") -> list[Case]:
    paths = {"image": Path("x")}
    return [
        Case(f"c{k}", f"p{k}", paths, facts={} if value is None else {column: value})
        for k, value in enumerate(values)
    ]


def test_columns_are_found_whatever_their_capitals_and_spaces() -> None:
    known = of_values([1, 2])
    for asked in ("Age at scan", "age_at_scan", "AGE  AT SCAN"):
        assert columns_of(known, [asked, "Age at scan"]) == ("Age at scan",)
    twice = [*known, *of_values([3], "age_at_scan")]
    assert columns_of(twice, ["age_at_scan"]) == ("age_at_scan",)
    with pytest.raises(SpecError, match="several columns are called like 'AGE AT SCAN'"):
        columns_of(twice, ["AGE AT SCAN"])


@pytest.mark.parametrize("count", [5, 30, 91])
def test_ages_are_ranges_with_as_many_cases_each(count: int) -> None:
    ages = np.random.default_rng(count).permutation(np.arange(20, 20 + count))
    names = names_of(of_values([*ages.tolist(), None, "nan"]), "Age at scan")
    assert [names[f"c{count}"], names[f"c{count + 1}"]] == ["unknown", "unknown"]
    sizes = Counter(names[f"c{k}"] for k in range(count))
    assert len(sizes) == 3
    assert max(sizes.values()) - min(sizes.values()) <= 1
    for k, age in enumerate(ages):
        low, _, high = names[f"c{k}"].partition(" to ")
        assert float(low) <= age <= float(high or low)


def test_numbers_with_patients_enough_are_names() -> None:
    names = names_of(of_values([1, 2, 3, 4] * 12), "Age at scan")
    assert set(names.values()) == {"1", "2", "3", "4"}


def test_spellings_of_one_value_are_one_group() -> None:
    values = ["H&E", "h&e", " H&E ", "PAS stain", "PAS  stain", "N/A", None]
    names = names_of(of_values([*values]), "Age at scan")
    assert Counter(names.values()) == {"H&E": 3, "PAS stain": 2, "unknown": 2}


def test_whole_numbers_are_one_value_with_and_without_a_point() -> None:
    names = names_of(of_values(["1", "1.0", "2", "2.00", 1.5, "v1.0"]), "Age at scan")
    assert Counter(names.values()) == {"1": 2, "2": 2, "1.5": 1, "v1.0": 1}


@pytest.mark.parametrize("step", [1, 100])
def test_ranges_of_long_numbers_do_not_share_a_name(step: int) -> None:
    values = [20210101 + step * k for k in range(9)]
    names = names_of(of_values([*values]), "Age at scan")
    wanted = [f"{values[k]} to {values[k + 2]}" for k in (0, 3, 6)]
    assert [names[f"c{k}"] for k in range(9)] == [one for one in wanted for _ in range(3)]
