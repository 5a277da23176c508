import json
from pathlib import Path

import pytest

from inklings.errors import LabelError
from inklings.labels.corrections import (
    Correction,
    Shape,
    read_corrections,
    shape_of,
    standing,
    undo,
    write_corrections,
)

SQUARE = Shape("polygon", ((1.0, 1.0), (1.0, 5.0), (5.0, 5.0)))


def made(action: str = "is", **rest: object) -> Correction:
    values = {"image": "image", "shape": SQUARE, **rest}
    return Correction.now("c", action, "nucleus", "ann", **values)  # type: ignore[arg-type]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    corrections = (made(), made("reject", finding="f1", replaces={"labels": ["partial mask"]}))
    write_corrections(tmp_path, "c", corrections)
    assert read_corrections(tmp_path, "c") == corrections
    assert read_corrections(tmp_path, "other") == ()


def test_an_undone_correction_stays_on_record_and_no_longer_stands() -> None:
    one, two = made(), made("is_not")
    after = undo((one, two), one.id)
    assert [bool(c.undone) for c in after] == [True, False]
    assert standing(after) == (two,)
    with pytest.raises(LabelError):
        undo(after, one.id)


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


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('[{"id": 3')
    with pytest.raises(LabelError, match=r"c\.json"):
        read_corrections(tmp_path, "c")
    (tmp_path / "c.json").write_text(json.dumps([{"id": "x"}]))
    with pytest.raises(LabelError, match="damaged"):
        read_corrections(tmp_path, "c")
