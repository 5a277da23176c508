from dataclasses import replace
from pathlib import Path

import pytest

from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.joining import joined, joined_text
from inklings.errors import DataError, SpecError
from inklings.labels.kinds import (
    BagLabel,
    Label,
    MaskLabel,
    PointLabel,
    PolygonLabel,
    SurvivalLabel,
    ValueLabel,
)


def cohort(
    name: str,
    classes: tuple[str, ...],
    ids: str,
    split: Split | None = None,
    folder: str | None = None,
    patient: str = "",
) -> Cohort:
    """One case a letter, of the patient of that letter, its picture in the folder of the cohort."""
    cases = tuple(
        Case(
            i, patient or i, {"ct": Path(folder or name) / i}, (BagLabel(classes[0], True),), split
        )
        for i in ids
    )
    return Cohort(name, cases, classes, {"licence": "CC0"})


def test_classes_unite_by_name_and_each_case_annotates_what_its_cohort_did() -> None:
    three = [cohort("A", ("liver",), "ab"), cohort("B", ("spleen", "liver"), "cd")]
    made = joined([*three, cohort("C", ("liver", "spleen", "kidney"), "e")], "all")
    assert made.classes == ("liver", "spleen", "kidney")
    assert [case.annotates for case in made] == [
        *[("liver",)] * 2,
        *[("spleen", "liver")] * 2,
        None,
    ]
    assert [case.facts["cohort"] for case in made] == ["A", "A", "B", "B", "C"]
    assert made.facts["joined"]["B"] == {"licence": "CC0"}
    assert joined_text(made) == "2 of A, 2 of B, 1 of C"
    some = replace(three[1], cases=tuple(replace(c, annotates=("spleen",)) for c in three[1]))
    assert joined([three[0], some], "all").cases[-1].annotates == ("spleen",)
    alike = joined([three[0], cohort("D", ("liver",), "z")], "all")
    assert {case.annotates for case in alike} == {None}


def test_other_cases_of_one_id_are_called_after_their_cohorts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = joined([cohort("A", ("liver",), "ab"), cohort("B", ("spleen",), "bc")], "all")
    assert [case.id for case in made] == ["A-b", "B-b", "a", "c"]
    assert [case.patient for case in made] == ["b", "b", "a", "c"]
    said = capsys.readouterr().err
    assert "case b differs between cohorts: A-b, B-b" in said
    assert "1 patients are in several cohorts by name and will share a split: b" in said
    clash = cohort("A", ("liver",), "b")
    taken = replace(clash, name="C", cases=(replace(clash.cases[0], id="A-b"),))
    with pytest.raises(DataError, match="unique case ids, got 'A-b'"):
        joined([clash, cohort("B", ("spleen",), "b"), taken], "all")


def test_one_case_of_the_same_images_gets_the_labels_of_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pair = [
        cohort("A", ("liver",), "ab", "train", "x"),
        cohort("B", ("spleen",), "b", "train", "x"),
    ]
    made = joined(pair, "all")
    assert [case.id for case in made] == ["a", "b"]
    assert made.cases[1].labels == (BagLabel("liver", True), BagLabel("spleen", True))
    assert [case.annotates for case in made] == [("liver",), ("liver", "spleen")]
    assert made.is_split
    assert "has the same images in 2 cohorts" in capsys.readouterr().err
    other = cohort("B", ("spleen",), "b", "train", "x", patient="somebody")
    with pytest.raises(DataError, match=r"case b: .* got b in A, somebody in B"):
        joined([pair[0], other], "all")


@pytest.mark.parametrize(
    ("splits", "patient", "kept", "reason"),
    [
        (("train", "test"), "", True, ""),
        (("train", "test"), "p", False, "it would part patient p"),
        (("train", None), "", False, "2 of 4 cases have none"),
        ((None, None), "p", False, ""),
        (("train", "train"), "p", True, ""),
    ],
)
def test_a_split_is_kept_where_it_parts_nobody(
    splits: tuple[Split | None, Split | None],
    patient: str,
    kept: bool,
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = cohort("A", ("liver",), "ab", splits[0], patient=patient)
    made = joined([one, cohort("B", ("spleen",), "cd", splits[1], patient=patient)], "all")
    assert made.is_split is kept
    said = capsys.readouterr().err
    assert (f"the split is not kept, since {reason}" in said) if reason else "not kept" not in said


def test_cohorts_have_names_of_their_own() -> None:
    one = cohort("A", ("liver",), "a")
    for several in ([one], [one, cohort("A", ("spleen",), "b")]):
        with pytest.raises(SpecError, match="two cohorts or more, each of its own name"):
            joined(several, "all")


MASK = MaskLabel(Path("m.png"), "ct", "classes", ("liver",))
POLYGON = PolygonLabel("ct", "spleen", ((0, 0), (0, 4), (4, 0)))
STROKES = replace(MASK, path=Path("s.png"), classes=("spleen",), extent="partial")
EXAMINED = replace(POLYGON, name="examined")


@pytest.mark.parametrize(
    ("first", "second", "annotates"),
    [
        ((MASK,), (POLYGON,), [("liver", "spleen")]),
        ((MASK,), (), [("liver",)]),
        ((), (STROKES,), [("spleen",)]),
        ((MASK,), (BagLabel("spleen", True),), [("liver",)]),
        ((MASK,), (STROKES,), [("liver",), ("spleen",)]),
        ((MASK,), (POLYGON, EXAMINED), [("liver",), ("spleen",)]),
        ((MASK,), (PointLabel("ct", "spleen", (1, 1)),), [("liver",), ("spleen",)]),
    ],
)
def test_labels_are_put_together_where_what_is_known_of_each_class_can_be_said(
    first: tuple[Label, ...], second: tuple[Label, ...], annotates: list[tuple[str, ...]]
) -> None:
    pair = [
        replace(one, cases=tuple(replace(case, labels=labels) for case in one))
        for one, labels in (
            (cohort("A", ("liver",), "b", folder="x"), first),
            (cohort("B", ("spleen",), "b", folder="x"), second),
        )
    ]
    for order in (1, -1):
        made = joined(pair[::order], "all")
        assert [sorted(case.annotates or ()) for case in made] == [list(a) for a in annotates]
        assert sorted(k for case in made for k in map(repr, case.labels)) == sorted(
            map(repr, (*first, *second))
        )
        assert [case.id for case in made] == (["b"] if len(annotates) == 1 else ["A-b", "B-b"])


def test_strokes_of_one_class_set_are_put_together() -> None:
    pair = [cohort(name, ("spleen",), "b", folder="x") for name in "AB"]
    pair[0] = replace(pair[0], cases=(replace(pair[0].cases[0], labels=(STROKES,)),))
    assert [(c.id, c.annotates, len(c.labels)) for c in joined(pair, "all")] == [("b", None, 2)]


def test_of_three_cases_of_one_id_those_that_show_the_same_are_one() -> None:
    """The third is another, from a cohort whose name is none of an id."""
    three = [
        cohort("A", ("liver",), "b", folder="x"),
        cohort("my own", ("liver",), "b"),
        cohort("C", ("kidney",), "b", folder="x"),
    ]
    made = joined(three, "all")
    assert [case.id for case in made] == ["A+C-b", "my_own-b"]
    assert [case.annotates for case in made] == [("liver", "kidney"), ("liver",)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (BagLabel("liver", True), BagLabel("liver", False)),
        (ValueLabel("age", 40.0), ValueLabel("age", 41.0)),
        (SurvivalLabel("os", 3.0, True), SurvivalLabel("os", 3.0, False)),
    ],
)
def test_no_answer_for_a_case_overrules_that_of_another_cohort(first: Label, second: Label) -> None:
    def pair(*labels: Label) -> list[Cohort]:
        several = [cohort(name, ("liver",), "b", folder="x") for name in "AB"]
        return [
            replace(one, cases=(replace(one.cases[0], labels=(label,)),))
            for one, label in zip(several, labels, strict=True)
        ]

    with pytest.raises(DataError, match=r"case b: expected one answer .* in A, .* in B; correct"):
        joined(pair(first, second), "all")
    assert joined(pair(first, first), "all").cases[0].labels == (first,)
