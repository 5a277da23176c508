import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from inklings.viewer.shelf import Shelf

REGION = {
    "action": "is",
    "name": "nucleus",
    "image": "image",
    "shape": {"kind": "polygon", "points": [[1, 1], [1, 9], [9, 9]], "radii": []},
}
PATH = "/api/cases/case3/corrections"


def test_the_table_says_what_there_is_of_every_case(viewer: Any) -> None:
    rows = {row["id"]: row for row in viewer.ask("/api/cases").json}
    assert len(rows) == 6
    assert rows["case0"]["predicted"] == [False]
    assert rows["case4"]["labels"] == ["complete mask"]
    assert rows["case4"]["scores"] == [pytest.approx(0.8928, abs=1e-3)]


def test_a_correction_is_on_disk_when_it_is_answered_with_author_time_and_what_it_replaces(
    viewer: Any, shelf: Shelf
) -> None:
    answer = viewer.ask(PATH, "POST", REGION)
    assert answer.status == 200
    (stored,) = json.loads((shelf.corrections / "case3.json").read_text())
    assert stored == answer.json
    assert stored["author"] == "tester"
    assert stored["time"].endswith("+00:00")
    assert stored["replaces"] == {"labels": ["complete mask"]}
    assert viewer.ask("/api/cases").json[3]["corrections"] == 1
    assert viewer.ask(f"{PATH}/{stored['id']}/undo", "POST", {}).status == 200
    (stored,) = json.loads((shelf.corrections / "case3.json").read_text())
    assert stored["undone"]
    assert viewer.ask(f"{PATH}/{stored['id']}/undo", "POST", {}).status == 422


def test_corrections_made_at_once_are_all_kept(viewer: Any, shelf: Shelf) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: viewer.ask(PATH, "POST", REGION).status, range(24)))
    assert answers == [200] * 24
    stored = json.loads((shelf.corrections / "case3.json").read_text())
    assert len({record["id"] for record in stored}) == 24


@pytest.mark.parametrize(
    "change",
    [
        {"action": "explode"},
        {"name": "unicorn"},
        {"image": "../secret"},
        {"shape": {"kind": "polygon", "points": [[1, 1]]}},
        {"shape": "all of it"},
        {"shape": None},
    ],
)
def test_corrections_that_make_no_sense_are_refused(
    viewer: Any, shelf: Shelf, change: dict[str, Any]
) -> None:
    assert viewer.ask(PATH, "POST", {**REGION, **change}).status == 422
    assert viewer.ask(PATH, "POST", [1]).status == 422
    assert not (shelf.corrections / "case3.json").exists()


def test_a_folder_that_cannot_be_written_is_named(viewer: Any, shelf: Shelf) -> None:
    shelf.corrections.write_text("a file where the folder should be")
    answer = viewer.ask(PATH, "POST", REGION)
    assert answer.status == 422
    assert "--corrections" in answer.json["error"]


def test_an_image_that_is_gone_is_said_and_the_others_go_on(viewer: Any, tmp_path: Path) -> None:
    (tmp_path / "cohort" / "images" / "case3.png").unlink()
    answer = viewer.ask("/api/cases/case3")
    assert answer.status == 422
    assert "case3.png" in answer.json["error"]
    assert str(tmp_path) not in answer.json["error"]
    assert viewer.ask("/api/cases/case4").status == 200


def test_findings_are_sorted_by_how_sure_they_are(viewer: Any) -> None:
    found = viewer.ask("/api/cases/case4/findings/prediction0").json["findings"]
    assert [f["probability"] for f in found] == sorted(
        (f["probability"] for f in found), reverse=True
    )
    assert len(found) == 9
    assert viewer.ask("/api/cases/case4/findings/prediction5").status == 404


def test_labels_can_be_jumped_to_as_well(viewer: Any) -> None:
    found = viewer.ask("/api/cases/case0/findings/labels").json["findings"]
    assert len(found) == 9
    assert {f["probability"] for f in found} == {None}
    assert viewer.ask("/api/cases/case0/findings/prediction0").json["findings"] == []
