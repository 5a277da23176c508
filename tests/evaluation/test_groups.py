from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.case import Case
from inklings.errors import SpecError
from inklings.evaluation.groups import group_lines, group_records, grouped, require_columns
from inklings.evaluation.scores import Row

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
        "  b        0.200 (0.100 to 0.300)  1 cases of 1 patients, few",
    ]
    assert next((r["by"], r["group"], r["class"]) for r in group_records(groups)) == (
        "site", "b", "liver",
    )  # fmt: skip


def test_a_column_that_no_case_has_is_refused_with_those_that_exist() -> None:
    with pytest.raises(SpecError, match=r"no column 'stain'.*there are: site"):
        require_columns(cases(), ["site", "stain"])
