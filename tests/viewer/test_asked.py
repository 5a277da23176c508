"""Whatever is sent to the route of corrections is saved as it was asked, or refused in a line."""

from __future__ import annotations

import copy
import http.client
import json
import random
from pathlib import Path
from typing import Any

import pytest

from inklings.testing.folders import write_cohort, write_predictions
from inklings.viewer.shelf import Shelf, open_shelf

POLYGON = {"kind": "polygon", "points": [[1, 1], [1, 9.5], [9, 9]]}
STROKE = {"kind": "stroke", "points": [[4, 4]], "radii": [2.5], "axis": 0, "plane": None}
BALL = {"kind": "ball", "points": [[30, 40]], "radii": [3, 4]}
REGION = {"action": "is_not", "name": "nucleus", "image": "image"}
GOOD: list[dict[str, Any]] = [
    {**REGION, "shape": POLYGON},
    {**REGION, "action": "is", "shape": STROKE},
    {**REGION, "shape": BALL},
    {"action": "accept", "name": "nucleus", "finding": "prediction0.1.1"},
    {"action": "bag", "name": "nucleus", "present": False},
]
HOSTILE = (
    None, True, False, 0, 1, -1, 2**63, 10**400, 1.5, -0.0, 1e308, float("nan"), float("inf"),
    "", " ", "false", "true", "1", "nucleus", "image", "is", "x" * 5000, "\ud800", "\x00", "..",
    "../secret", "prediction0.1.1", "prediction9.1.1", "labels", "\u202e", [], {}, [[]], [None],
    [1, 2], [[1, 1]] * 3, [[1, 1, 1]] * 3, [["1", "1"]] * 3, [[1e8, 1e8]] * 3, [[-500, -500]] * 3,
    [[True, False]] * 3, [-1], [0], [float("nan")], [1e9, 1e9], {"kind": "polygon"},
    {"a": {"b": []}},
    {"kind": "mask", "points": [[0, 0]], "radii": [0.5, 0.5], "size": [9, 9], "runs": "0 81"},
    POLYGON, BALL,
)  # fmt: skip
PATH = "/api/cases/case4/corrections"


def places(body: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a value within a body."""
    found = [above] if above else []
    items = body.items() if isinstance(body, dict) else enumerate(body)
    for key, value in items if isinstance(body, dict | list) else ():
        inner = places(value, (*above, key)) if isinstance(value, dict | list) else []
        found += inner or [(*above, key)]
    return found


def changed(body: dict[str, Any], rng: random.Random) -> Any:
    """A body with something in it put another way, left out or added."""
    made: Any = copy.deepcopy(body)
    *path, last = rng.choice(places(made))
    inside = made
    for key in path:
        inside = inside[key]
    act = rng.random()
    if act < 0.7:
        inside[last] = copy.deepcopy(rng.choice(HOSTILE))
    elif act < 0.85:
        del inside[last]
    elif isinstance(inside, dict):
        inside[rng.choice(["present", "finding", "shape", "author", "id", "undone", "kind"])] = (
            copy.deepcopy(rng.choice(HOSTILE))
        )
    else:
        inside.append(copy.deepcopy(rng.choice(HOSTILE)))
    return made


def post(running: Any, data: bytes) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    headers = {"cookie": running.cookie, "origin": running.address, "x-inklings": "1"}
    connection.request("POST", PATH, data, headers)
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    return answer.status, said


def exactly(one: Any, other: Any) -> bool:
    """Equal in value and in kind; a whole number may be stored as one with a point."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(exactly(value, other.get(key)) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(exactly, one, other))
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    flags = isinstance(one, bool), isinstance(other, bool)
    return one == other and (flags[0] == flags[1] if numbers else type(one) is type(other))


def refused(answer: tuple[int, Any]) -> bool:
    status, said = answer
    assert status == 400, said
    assert isinstance(said["error"], str)
    assert said["error"]
    assert "\n" not in said["error"]
    assert len(said["error"]) < 400
    return True


@pytest.fixture
def running(start: Any, tmp_path: Path) -> Any:
    cohort = write_cohort(tmp_path / "cohort")
    shelf = open_shelf([cohort], [write_predictions(tmp_path / "predictions", cohort)])
    made = start(shelf)
    made.enter()
    return made


def test_what_is_asked_is_saved_as_it_was_asked(running: Any) -> None:
    for body in GOOD:
        status, said = post(running, json.dumps(body).encode())
        assert status == 200, said
        assert exactly(body, said)
    assert len(running.ask(PATH).json) == len(GOOD)


@pytest.mark.parametrize("seed", range(5))
def test_no_body_ends_in_an_error_of_ours_or_is_saved_as_something_else(
    running: Any, seed: int
) -> None:
    rng = random.Random(seed)
    kept = 0
    for _ in range(80):
        body = changed(rng.choice(GOOD), rng)
        status, said = post(running, json.dumps(body).encode())
        if status == 200:
            kept += 1
            assert exactly({k: v for k, v in body.items() if v is not None}, said), body
            assert said["present"] is None or type(said["present"]) is bool
        else:
            assert refused((status, said)), body
    stored = running.ask(PATH).json
    assert len(stored) == kept < 40


@pytest.mark.parametrize("value", ["false", "true", 0, 1, None, [], {}, [True], 1.0])
def test_an_answer_that_is_no_yes_or_no_is_none(running: Any, value: Any) -> None:
    body = {"action": "bag", "name": "nucleus", "present": value}
    assert refused(post(running, json.dumps(body).encode()))
    assert running.ask(PATH).json == []


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"3", b'"is"', b"{", b"\xff\xfe", b"{}", b'{"action": "is",}',
        b"[" * 100_000, b'{"a":' * 500 + b"1" + b"}" * 500,
        b'{"action": "bag", "name": "nucleus", "present": true, "present": false}',
        b'{"action": "bag", "name": "nucleus", "present": NaN}',
        b'{"action": "bag", "name": ["nucleus"], "present": true}',
        b'{"action": "bag", "name": {"nucleus": 1}, "present": true}',
        b'{"action": ["bag"], "name": "nucleus", "present": true}',
    ],
)  # fmt: skip
def test_bytes_that_are_no_correction_are_refused_in_a_line(running: Any, data: bytes) -> None:
    assert refused(post(running, data))
    assert running.ask(PATH).json == []


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"plane": 2}, True), ({"plane": 2, "axis": 2}, True), ({}, False), ({"plane": 6}, False),
        ({"plane": -1}, False), ({"plane": 2, "axis": 3}, False), ({"plane": 2.0}, False),
        ({"plane": 2, "points": [[1, 1, 1]] * 3}, False), ({"plane": True}, False),
        ({"plane": 2, "points": [[90, 1], [99, 2], [95, 9]]}, False),
    ],
)  # fmt: skip
def test_a_region_of_a_volume_lies_in_one_of_its_planes(
    start: Any, scans: Shelf, change: dict[str, Any], wanted: bool
) -> None:
    running = start(scans)
    running.enter()
    shape = {**POLYGON, **change}
    body = {"action": "is", "name": "lesion", "image": "ct", "shape": shape}
    answer = running.ask("/api/cases/a/corrections", "POST", body)
    assert answer.status == (200 if wanted else 400), answer.json
