from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inklings.cohorts.case import Case
from inklings.cohorts.splits import SplitOptions, assign, strata, units
from inklings.errors import DataError, SpecError


def case(number: int, patient: str | None = None, **facts: str) -> Case:
    name = f"c{number:03d}"
    return Case(name, patient or name, {"image": Path("x.png")}, facts=facts)


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[list[Case], list[list[str]]]:
    count = draw(st.integers(12, 60))
    patients = draw(st.lists(st.integers(0, 30), min_size=count, max_size=count))
    kinds = draw(st.lists(st.sampled_from("abc"), min_size=count, max_size=count))
    cases = [case(i, f"p{patients[i]}", modality=kinds[i]) for i in range(count)]
    names = st.sampled_from([one.id for one in cases])
    return cases, draw(st.lists(st.lists(names, min_size=2, max_size=5), max_size=6))


OPTIONS = st.one_of(
    st.builds(
        SplitOptions,
        fractions=st.sampled_from([(0.7, 0.1, 0.2), (0.5, 0.25, 0.25), (0.8, 0.0, 0.2)]),
        seed=st.integers(0, 9),
    ),
    st.builds(SplitOptions, folds=st.just(4), fold=st.integers(0, 3), seed=st.integers(0, 9)),
)


@settings(max_examples=60, deadline=None)
@given(cohort=cohorts(), options=OPTIONS, data=st.data())
def test_no_patient_and_no_group_is_divided_whatever_the_order(cohort, options, data) -> None:
    cases, groups = cohort
    together = units(cases, groups)
    if len(together) < 4:
        return
    stratum = strata(cases, {})
    split = assign(together, stratum, options)
    assert split.keys() == {one.id for one in cases}
    for group in groups:
        assert len({split[name] for name in group}) == 1
    by_patient = defaultdict(set)
    for one in cases:
        by_patient[one.patient].add(split[one.id])
    assert all(len(parts) == 1 for parts in by_patient.values())
    shuffled = data.draw(st.permutations(cases))
    mixed = [group[::-1] for group in groups[::-1]]
    assert assign(units(shuffled, mixed), strata(shuffled, {}), options) == split


def test_groups_that_share_a_case_or_a_patient_are_joined() -> None:
    cases = [case(0, "p"), case(1, "p"), case(2), case(3), case(4)]
    assert units(cases, [["c001", "c002"], ["c002", "c003"], ["c004", "gone"]]) == [
        ("c000", "c001", "c002", "c003"),
        ("c004",),
    ]


def counts(split: dict[str, str]) -> tuple[int, int, int]:
    number = Counter(split.values())
    return number["train"], number["val"], number["test"]


@pytest.mark.parametrize("seed", range(5))
def test_single_cases_hit_the_fractions_within_one_case(seed: int) -> None:
    cases = [case(i) for i in range(97)]
    split = assign(units(cases, []), strata(cases, {}), SplitOptions(seed=seed))
    assert max(abs(n - 97 * f) for n, f in zip(counts(split), (0.7, 0.1, 0.2), strict=True)) <= 1


def test_every_stratum_is_divided_alike() -> None:
    cases = [case(i, modality="rare" if i % 10 == 0 else "common") for i in range(200)]
    split = assign(units(cases, []), strata(cases, {}), SplitOptions(seed=1))
    rare = {one.id: split[one.id] for one in cases if one.facts["modality"] == "rare"}
    assert counts(split) == (140, 20, 40)
    assert counts(rare) == (14, 2, 4)


def test_label_presence_is_balanced() -> None:
    cases = [case(i) for i in range(100)]
    present = {one.id: ("nucleus",) for one in cases[:20]}
    split = assign(units(cases, []), strata(cases, present), SplitOptions())
    assert counts({name: split[name] for name in present}) == (14, 2, 4)


def test_groups_of_unequal_size_come_close() -> None:
    cases = [case(i) for i in range(100)]
    sizes = [11, 7, 6, 5, 5, 4, 4, 4, 3, 3, 3, 3, 2, 2, 2]
    groups, at = [], 0
    for size in sizes:
        groups.append([one.id for one in cases[at : at + size]])
        at += size
    split = assign(units(cases, groups), strata(cases, {}), SplitOptions())
    assert counts(split) == (70, 10, 20)


def test_another_seed_is_another_split() -> None:
    cases = [case(i) for i in range(50)]
    splits = [assign(units(cases, []), strata(cases, {}), SplitOptions(seed=s)) for s in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]


def test_every_case_is_tested_in_exactly_one_fold() -> None:
    cases = [case(i, f"p{i // 2}") for i in range(60)]
    tested: list[str] = []
    for fold in range(5):
        split = assign(units(cases, []), strata(cases, {}), SplitOptions(folds=5, fold=fold))
        tested += [name for name, part in split.items() if part == "test"]
        assert counts(split) == (36, 12, 12)
    assert sorted(tested) == [one.id for one in cases]


def test_a_part_that_was_asked_for_is_never_empty() -> None:
    cases = [case(i, f"p{i // 10}") for i in range(30)]
    split = assign(units(cases, []), strata(cases, {}), SplitOptions((0.9, 0.05, 0.05)))
    assert counts(split) == (10, 10, 10)


def test_too_few_groups_are_refused() -> None:
    cases = [case(i, "one") for i in range(9)]
    with pytest.raises(DataError, match=r"at least 3 independent groups .* got 1 with 9 cases"):
        assign(units(cases, []), strata(cases, {}), SplitOptions())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fractions": (0.7, 0.1, 0.1)}, "add up to 1"),
        ({"fractions": (1.2, -0.4, 0.2)}, "add up to 1"),
        ({"folds": 2}, "at least 3 folds"),
        ({"folds": 5, "fold": 5}, "from 0 to 4, got 5"),
    ],
)
def test_impossible_options_are_refused(options, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        SplitOptions(**options)


def test_an_unknown_fact_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(SpecError, match="got 'site'; known: modality"):
        strata([case(0, modality="a")], {}, "site")
