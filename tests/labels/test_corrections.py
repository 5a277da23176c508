from pathlib import Path

import pytest

from inklings.errors import LabelError
from inklings.labels.corrections import (
    Correction,
    Shape,
    add_correction,
    corrected_cases,
    read_corrections,
    shape_of,
    standing,
    undo,
)

SQUARE = Shape("polygon", ((1.0, 1.0), (1.0, 5.0), (5.0, 5.0)))


def made(action: str = "is", **rest: object) -> Correction:
    values = {"image": "image", "shape": SQUARE, **rest}
    return Correction.now("c", action, "nucleus", "ann", **values)  # type: ignore[arg-type]


def test_what_is_written_is_read_again_in_the_order_of_time(tmp_path: Path) -> None:
    corrections = [made(), made("reject", finding="f1", replaces={"labels": ["partial mask"]})]
    corrections += [made("is_not") for _ in range(20)]
    for one in reversed(corrections):
        add_correction(tmp_path, one)
    assert read_corrections(tmp_path, "c") == tuple(corrections)
    assert read_corrections(tmp_path, "other") == ()
    assert list(corrected_cases(tmp_path)) == ["c"]
    assert list(corrected_cases(tmp_path / "none")) == []


def test_an_undone_correction_stays_on_record_and_no_longer_stands(tmp_path: Path) -> None:
    one, two = made(), made("is_not")
    for each in (one, two):
        add_correction(tmp_path, each)
    undo(tmp_path, "c", one.id)
    after = read_corrections(tmp_path, "c")
    assert [bool(c.undone) for c in after] == [True, False]
    assert standing(after) == (two,)
    with pytest.raises(LabelError):
        undo(tmp_path, "c", one.id)


def test_of_several_answers_for_a_case_the_last_stands() -> None:
    first, last = (
        Correction.now("c", "bag", "cancer", "ann", present=present) for present in (True, False)
    )
    assert standing((first, last)) == (last,)


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "polygon", "points": [[0, 0], [1, 1]]},
        {"kind": "polygon", "points": [[0, 0, 0]] * 3},
        {"kind": "polygon", "points": [[0, 0], [1, float("nan")], [1, 2]]},
        {"kind": "stroke", "points": [[0, 0]], "radii": [-1]},
        {"kind": "ball", "points": [[0, 0]], "radii": [1]},
        {"kind": "house", "points": [[0, 0]]},
        {"kind": "polygon", "points": [[0, 0]] * 30_000},
        {"points": 3},
    ],
)
def test_shapes_that_are_none_are_refused(record: dict[str, object]) -> None:
    with pytest.raises(LabelError):
        shape_of(record)


@pytest.mark.parametrize("name", ["c.json", "c/1.json", "c/1.undone.json"])
@pytest.mark.parametrize("text", ['[{"id": 3', '[{"id": "x"}]', '{"id": "x"}', "[]", "3", "{}"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / name).write_text(text)
    if (name, text) == ("c.json", "[]"):  # a list of none is whole
        assert read_corrections(tmp_path, "c") == ()
        return
    with pytest.raises(LabelError, match=rf"{Path(name).name}: damaged"):
        read_corrections(tmp_path, "c")
