import json
import os
from pathlib import Path

import numpy as np
import pytest

from inklings.errors import DataError, SpecError
from inklings.files import read_yaml, write_json, write_yaml
from inklings.findings.finding import Finding
from inklings.predictions.bags import BagPrediction
from inklings.predictions.dense import DensePrediction
from inklings.predictions.findings import Findings
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head, Kind, Provenance
from inklings.predictions.slides import folder_of


def head(kind: Kind = "dense", weights: str = "ab", **settings: object) -> Head:
    return Head(("n",), (0.5,), Provenance("run", weights, None, "1"), ("p1",), settings, kind)


def write_payload(folder: Path, kind: Kind) -> None:
    one = np.ones((1, 2, 3), np.uint8)
    if kind == "dense":
        DensePrediction("a", Path("a.png"), one).write(folder)
    elif kind == "bags":
        number = np.array([0.25])
        BagPrediction("a", Path("a.png"), number, number, np.ones((3, 1), np.float32)).write(folder)
    else:
        found = (Finding("n", 0.5, (0.0, 0.0, 0.0), 4.0),)
        Findings("a", found, facts={"image": "a.png"}).write(folder)


@pytest.mark.parametrize("kind", ["dense", "bags", "findings"])
def test_a_folder_says_what_it_holds(tmp_path: Path, kind: Kind) -> None:
    there = PredictionFolder.claim(tmp_path, head(kind))
    assert (there.kind, there.cases, there.changed) == (kind, (), 0.0)
    write_payload(tmp_path, kind)
    there = PredictionFolder.open(tmp_path)
    assert (there.head, there.cases, there.slides) == (head(kind), ("a",), frozenset())
    assert there.payload("a").image == there.image("a") == Path("a.png")
    assert there.where("a").stat().st_mtime == there.changed
    with pytest.raises(DataError):
        there.payload("b")


def test_a_slide_that_lacks_a_map_is_damaged_and_one_without_record_is_not_there(
    tmp_path: Path,
) -> None:
    head().write(tmp_path)
    for case in ("half", "torn"):
        folder_of(tmp_path, case).mkdir(parents=True)
    (folder_of(tmp_path, "torn") / "slide.json").write_text("{}")
    there = PredictionFolder.open(tmp_path)
    assert (there.cases, there.slides) == (("torn",), {"torn"})
    with pytest.raises(DataError, match=r"torn is damaged \(no heatmap"):
        there.image("torn")


def test_heads_of_0_1_0_say_the_kind_in_their_settings(tmp_path: Path) -> None:
    head("bags", task="binary").write(tmp_path)
    path = tmp_path / "predictions.yaml"
    record = read_yaml(path, "a head")
    del record["kind"]
    write_yaml(path, {**record, "settings": {**record["settings"], "kind": "bags"}})
    assert Head.read(tmp_path) == head("bags", task="binary")
    write_yaml(path, record)
    assert Head.read(tmp_path).kind == "dense"


def test_only_the_same_head_goes_on(tmp_path: Path) -> None:
    PredictionFolder.claim(tmp_path, head(window=3))
    PredictionFolder.claim(tmp_path, head(window=4))  # nothing was predicted yet
    write_payload(tmp_path, "dense")
    assert PredictionFolder.claim(tmp_path, head(window=4)).cases == ("a",)
    for other, told in (
        (head(window=5), "made with window 4 instead of 5; choose another --out"),
        (head(weights="cd", window=4), "which has other weights than run"),
        (head("bags", window=4), "of the kind dense, expected bags"),
    ):
        with pytest.raises(SpecError, match=told):
            PredictionFolder.claim(tmp_path, other)


def test_what_killed_processes_left_is_cleared(tmp_path: Path) -> None:
    left = [tmp_path / "cases/.a.x.part.npz", tmp_path / "findings/.a.x.part.json"]
    new = tmp_path / "cases/.b.x.part.npz"
    for path in (*left, new):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    for path in left:
        os.utime(path, (0, 0))
    there = PredictionFolder.claim(tmp_path, head())
    assert [path.exists() for path in (*left, new)] == [False, False, True]
    assert there.cases == ()


def test_failures_of_0_1_0_are_read_and_written_as_they_are_now(tmp_path: Path) -> None:
    head().write(tmp_path)
    write_json(tmp_path / "failed.json", {"a": {"image": "a.png", "reason": "torn"}, "b": "lost"})
    there = PredictionFolder.open(tmp_path)
    assert there.failed == {"a": "torn", "b": "lost"}
    assert there.notes == ("2 cases could not be predicted (failed.json)",)
    assert json.loads((tmp_path / "failed.json").read_text())["b"] == "lost"
