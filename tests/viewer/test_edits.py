"""Changes of what was drawn are new corrections, and a region is measured."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inklings.labels.corrections import Correction, Shape, add_correction, read_corrections
from inklings.testing.folders import write_cohort
from inklings.viewer import edits
from inklings.viewer.amended import stencil
from inklings.viewer.shelf import Shelf


def post(running: Any, path: str, body: Any) -> Any:
    answer = running.ask(f"/api/cases/{path}", "POST", body)
    assert answer.status == 200, answer.json
    return answer.json


def test_a_change_is_a_new_correction_and_everything_can_be_undone_and_done_again(
    start: Any, scans: Shelf
) -> None:
    running = start(scans)
    running.enter()
    stroke = {"kind": "stroke", "points": [[10, 12]], "radii": [4.0], "axis": 0}
    record = {"action": "is", "name": "lesion", "image": "ct"}
    ids = [
        post(running, "a/corrections", {**record, "shape": {**stroke, "plane": k}})["id"]
        for k in (0, 3)
    ]
    said = post(running, "a/change", {"what": "between", "ids": ids})
    assert said["undone"] == []
    (made,) = said["made"]
    assert made["replaces"]["between"] == ids
    assert made["shape"]["size"][0] == 2
    again = post(running, "a/change", {"what": "between", "ids": [*ids, made["id"]]})
    assert again["undone"] == [made["id"]]
    eraser = {**stroke, "plane": 0, "radii": [30.0]}
    gone = post(running, "a/change", {"what": "erase", "ids": ids, "shape": eraser})
    assert (gone["made"], gone["undone"]) == ([], ids[:1])
    back = post(running, f"a/corrections/{ids[0]}/redo", {})
    assert back["id"] not in ids
    first, *_ = read_corrections(scans.corrections, "a")
    assert first.shape is not None
    assert back["shape"] == json.loads(json.dumps(dataclasses.asdict(first.shape)))
    standing = [
        c["shape"]["kind"] for c in running.ask("/api/cases/a/corrections").json if not c["undone"]
    ]
    assert standing == ["stroke", "mask", "stroke"]
    refused = [
        {"what": "erase", "ids": ids},  # by what?
        {"what": "join", "ids": ["nobody"]},
        {"what": "copy", "ids": [back["id"]], "by": -1},
        {"what": "divide", "ids": [back["id"]], "shape": {**stroke, "plane": 9}},
        {"what": "sweep", "ids": ids},
    ]
    for body in refused:
        answer = running.ask("/api/cases/a/change", "POST", body)
        assert answer.status == 400, body
        assert "\n" not in answer.json["error"]
    assert running.ask(f"/api/cases/a/corrections/{back['id']}/redo", "POST", {}).status == 400
    assert running.ask(f"/api/cases/a/corrections/{ids[0]}/redo", "POST", {}).status == 409
    old = {"what": "join", "ids": ids}  # one of them does not stand
    assert running.ask("/api/cases/a/change", "POST", old).status == 409


def test_of_two_changes_at_once_one_is_refused_and_nothing_stands_twice(
    start: Any, scans: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(scans)
    running.enter()
    stroke = {"kind": "stroke", "points": [[10, 12]], "radii": [4.0], "plane": 3, "axis": 0}
    record = {"action": "is", "name": "lesion", "image": "ct", "shape": stroke}
    number = post(running, "a/corrections", record)["id"]
    changed = edits.changed

    def slowly(*given: Any) -> Any:
        time.sleep(0.3)
        return changed(*given)

    monkeypatch.setattr(edits, "changed", slowly)
    bodies = [
        {"what": "erase", "ids": [number], "shape": {**stroke, "points": [at], "radii": [2.0]}}
        for at in ([10, 10], [10, 14])
    ]
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda body: running.ask("/api/cases/a/change", "POST", body), bodies)
        )
    assert sorted(answer.status for answer in answers) == [200, 409]
    (made,) = next(answer.json["made"] for answer in answers if answer.status == 200)
    standing = [c.id for c in read_corrections(scans.corrections, "a") if not c.undone]
    assert standing == [made["id"]]


ROUNDS = 12
RIVAL = """
import sys
from pathlib import Path
from starlette.exceptions import HTTPException
from inklings.viewer.desk import Desk
from inklings.viewer.shelf import open_shelf
desk = Desk(open_shelf([Path(sys.argv[1])]), author="tester")
case, name = desk.case("case3"), sys.argv[2]
cut = {"kind": "polygon", "points": [[0, 0], [0, 6], [20, 6], [20, 0]]}
print("ready", flush=True)
for line in sys.stdin:
    number = line.strip()
    try:
        if name == "delete":
            desk.undo(case, number)
            print("200", flush=True)
        else:
            body = {"what": "erase", "ids": [number], "shape": cut}
            print("200", *[made.id for made in desk.change(case, body)[0]], flush=True)
    except HTTPException as error:
        print(error.status_code, flush=True)
"""


def test_of_viewers_that_change_and_delete_one_region_at_once_just_one_is_answered_yes(
    tmp_path: Path,
) -> None:
    cohort = write_cohort(tmp_path / "cohort")
    command = [sys.executable, "-c", RIVAL, str(cohort)]
    rivals = [
        subprocess.Popen([*command, what], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for what in ("change", "change", "delete")
    ]
    shape = Shape("polygon", ((2.0, 2.0), (2.0, 14.0), (14.0, 14.0)))
    folder, expected = cohort / "corrections", set()
    assert [_line(rival) for rival in rivals] == [["ready"]] * 3
    for _ in range(ROUNDS):
        made = Correction.now("case3", "is", "nucleus", "tester", image="image", shape=shape)
        add_correction(folder, made)
        for rival in rivals:
            assert rival.stdin is not None
            rival.stdin.write(f"{made.id}\n")
            rival.stdin.flush()
        said = [_line(rival) for rival in rivals]
        assert sorted(status for status, *_ in said) == ["200", "409", "409"]
        expected |= {number for _, *numbers in said for number in numbers}
        standing = {c.id for c in read_corrections(folder, "case3") if not c.undone}
        assert standing == expected
    for rival in rivals:
        rival.communicate()


def _line(rival: subprocess.Popen[str]) -> list[str]:
    assert rival.stdout is not None
    return rival.stdout.readline().split()


def test_what_another_drew_is_not_changed(start: Any, scans: Shelf) -> None:
    one, other = start(scans), start(scans)
    other.desk.author = "somebody else"
    for running in (one, other):
        running.enter()
    shape = {"kind": "ball", "points": [[3, 10, 12]], "radii": [2.0, 3.0, 3.0]}
    body = {"action": "is", "name": "lesion", "image": "ct", "shape": shape}
    ids = [post(running, "a/corrections", body)["id"] for running in (one, other)]
    for running in (one, other):
        answer = running.ask("/api/cases/a/change", "POST", {"what": "join", "ids": ids})
        assert answer.status == 400
        assert "drawn by you" in answer.json["error"]


def test_a_fill_takes_the_bright_box_of_a_plane_and_a_dark_tile_of_a_slide(
    start: Any, scans: Shelf, placed: Shelf
) -> None:
    running = start(scans)
    running.enter()
    fill = {"point": [8, 12], "low": [0, 0], "high": [19, 23], "tolerance": 100, "plane": 3}
    body = {"action": "is", "name": "lesion", "image": "ct", "fill": fill}
    made = post(running, "a/corrections", body)
    wanted = np.zeros((6, 20, 24), np.bool_)
    wanted[3, 6:12, 8:16] = True
    (kept,) = read_corrections(scans.corrections, "a")
    assert kept.shape is not None
    np.testing.assert_array_equal(stencil(kept.shape, wanted.shape), wanted)
    assert made["shape"]["kind"] == "mask"
    for wrong in ({"plane": None}, {"point": [30, 2]}, {"high": [4, 4]}, {"tolerance": -1}):
        assert running.ask(
            "/api/cases/a/corrections", "POST", {**body, "fill": {**fill, **wrong}}
        ).status == 400  # fmt: skip
    slide = start(placed)
    slide.enter()
    fill = {"point": [180, 300], "low": [0, 0], "high": [511, 767], "tolerance": 30}
    body = {"action": "is", "name": "tumour", "image": "slide", "fill": fill}
    case = next(iter(placed.slides.values()))
    found = slide.desk.correct(case, body).shape
    assert found is not None
    inside = stencil(found, (512, 768))
    assert inside[140:240, 270:370].all()
    assert inside.sum() == pytest.approx(128 * 128, rel=0.05)


def test_a_region_is_measured_as_its_samples_are_also_when_opened_read_only(
    start: Any, scans: Shelf
) -> None:
    running = start(scans, read_only=True)
    running.enter()
    corners = [[3, 4], [3, 18], [15, 18], [15, 4]]
    shape = {"kind": "polygon", "points": corners, "plane": 3, "axis": 0}
    said = post(running, "a/measure", {"image": "ct", "shape": shape})
    case = scans.cases["a"]
    plane = running.desk.pictures.image(case).read(running.desk.pictures.image(case).geometry.full)[
        0, 3
    ]
    mask = stencil(Shape("polygon", tuple((float(y), float(x)) for y, x in corners)), plane.shape)
    inside = plane[mask].astype(float)
    (row,) = said["channels"]
    assert (said["n"], said["known"]) == (inside.size, True)
    assert said["content"] == pytest.approx(inside.size * 0.8 * 0.7)
    assert [row[k] for k in ("mean", "sd", "min", "max")] == pytest.approx(
        [inside.mean(), inside.std(), inside.min(), inside.max()]
    )
    body = {"action": "is", "name": "lesion", "image": "ct", "shape": shape}
    assert running.ask("/api/cases/a/corrections", "POST", body).status == 403


def test_no_body_of_a_change_ends_in_an_error_of_ours_or_changes_anything(
    start: Any, scans: Shelf, placed: Shelf
) -> None:
    running, bags = start(scans), start(placed)
    for each in (running, bags):
        each.enter()
    shape = {"kind": "stroke", "points": [[10, 12]], "radii": [2.0], "plane": 3, "axis": 0}
    record = {"action": "is", "name": "lesion", "image": "ct"}
    made = post(running, "a/corrections", {**record, "shape": shape})
    ball = {"kind": "ball", "points": [[3, 10, 12]], "radii": [2.0, 3.0, 3.0]}
    whole = post(running, "a/corrections", {**record, "shape": ball})
    said = post(running, "a/corrections", {"action": "bag", "name": "lesion", "present": True})
    known = running.ask("/api/cases/a/corrections").json
    fill = {"point": [8, 12], "low": [0, 0], "high": [19, 23], "tolerance": 10.0, "plane": 3}
    hostile: list[Any] = [
        None, "", "x", -1, 99, 1e9, -1e9, True, [], {}, [[]], [made["id"]] * 3, [1, 2], [[1, 2, 3]],
        {"kind": "polygon", "points": [[1, 1], [1, 5], [5, 5]], "plane": 3, "radii": [1.0]},
        {"kind": "mask", "points": [[0, 0, 0]], "radii": [0.5] * 3},
    ]  # fmt: skip
    bodies: list[tuple[str, Any]] = [
        *(("a/change", value) for value in hostile),
        *(
            ("a/change", {"what": what, "ids": ids, **rest})
            for what in ("erase", "join", "divide", "copy", "between", "replace")
            for ids in ([said["id"]], [made["id"], said["id"]], ["a" * 200], [""], [None])
            for rest in ({}, {"shape": shape}, {"by": 1})
        ),
        *(("a/change", {"what": "divide", "ids": [made["id"]], "shape": v}) for v in hostile),
        *(("a/change", {"what": "copy", "ids": [made["id"]], "by": v}) for v in (9, -4, 1.5, "1")),
        *(("a/change", {"what": what, "ids": [whole["id"]], "by": 1}) for what in ("copy", "join")),
        *(("a/measure", {"image": "ct", "shape": value}) for value in hostile),
        *(("a/measure", {"image": value, "shape": shape}) for value in hostile),
        *(
            ("a/corrections", {**record, "fill": {**fill, key: value}})
            for key in (*fill, "axis")
            for value in hostile
            if not (key in ("tolerance", "low", "high", "point") and value in (99, 1e9, [1, 2]))
        ),
        ("a/corrections", {**record, "fill": fill, "shape": shape}),
    ]
    for path, body in bodies:
        answer = running.ask(f"/api/cases/{path}", "POST", body)
        assert 400 <= answer.status < 500, (path, body, answer.json)
    assert running.ask("/api/cases/a/corrections").json == known
    flat = {"kind": "polygon", "points": [[1, 1], [1, 5], [5, 5]]}
    answer = bags.ask("/api/cases/s/measure", "POST", {"image": "slide", "shape": flat})
    assert answer.status == 400
