import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from inklings.labels.corrections import read_corrections
from inklings.predictions.likeness import Judged
from inklings.testing.folders import write_cohort
from inklings.viewer.amended import amend
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


def test_table_and_page_of_a_case_say_what_is_unlike_the_training(viewer: Any) -> None:
    (predicted,) = viewer.desk.shelf.predictions
    assert not any(row["unlike"] for row in viewer.ask("/api/cases").json)
    assert "Training images" not in viewer.ask("/api/cases/case4").json["facts"]
    far, near = Judged(5.0, 41, 41, True, "grain 1"), Judged(0.1, 20, 41, False, "network")
    predicted.likeness.update({"case4": far, "case5": near})
    rows = {row["id"]: row["unlike"] for row in viewer.ask("/api/cases").json}
    assert [case for case, unlike in rows.items() if unlike] == ["case4"]
    said = viewer.ask("/api/cases/case4").json["facts"]["Training images"]
    assert said == "unlike them: farther than 41 of 41 held-out ones, most by grain 1"
    assert viewer.ask("/api/cases/case5").json["facts"]["Training images"].startswith("like them")


def test_a_correction_is_on_disk_when_it_is_answered_with_author_time_and_what_it_replaces(
    viewer: Any, shelf: Shelf
) -> None:
    answer = viewer.ask(PATH, "POST", REGION)
    assert answer.status == 200
    (file,) = (shelf.corrections / "case3").iterdir()
    stored = json.loads(file.read_text())
    assert stored == answer.json
    assert stored["author"] == "tester"
    assert stored["time"].endswith("+00:00")
    assert stored["replaces"] == {"labels": ["complete mask"]}
    assert viewer.ask("/api/cases").json[3]["corrections"] == 1
    assert viewer.ask(f"{PATH}/{stored['id']}/undo", "POST", {}).status == 200
    assert json.loads(file.read_text()) == stored
    (made,) = viewer.ask(PATH).json
    assert made["undone"]
    assert viewer.ask("/api/cases").json[3]["corrections"] == 0
    assert viewer.ask(f"{PATH}/{stored['id']}/undo", "POST", {}).status == 409
    assert viewer.ask(f"{PATH}/nobody/undo", "POST", {}).status == 422


def test_corrections_made_at_once_are_all_kept(viewer: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: viewer.ask(PATH, "POST", REGION).status, range(24)))
    assert answers == [200] * 24
    assert len({record["id"] for record in viewer.ask(PATH).json}) == 24


DESK = """
import sys
from pathlib import Path
from inklings.viewer.desk import Desk
from inklings.viewer.shelf import open_shelf
desk = Desk(open_shelf([Path(sys.argv[1])]))
shape = {"kind": "polygon", "points": [[1, 1], [1, 9], [9, 9]]}
for _ in range(int(sys.argv[2])):
    region = {"action": "is", "name": "nucleus", "image": "image", "shape": shape}
    print(desk.correct(desk.case("case3"), region).id, flush=True)
"""
QUICK = """
import sys
from pathlib import Path
from inklings.labels.corrections import Correction, Shape, add_correction
shape = Shape("polygon", ((1.0, 1.0), (1.0, 9.0), (9.0, 9.0)))
for _ in range(int(sys.argv[2])):
    made = Correction.now("case3", "is", "nucleus", "ann", image="image", shape=shape)
    print(add_correction(Path(sys.argv[1], "corrections"), made).stem, flush=True)
"""


@pytest.mark.parametrize(
    ("writer", "viewers", "each", "kills"),
    [(QUICK, 3, 20, 2), pytest.param(DESK, 4, 200, 3, marks=pytest.mark.slow)],
    ids=["quick", "viewers"],
)
def test_viewers_of_one_folder_lose_nothing_also_when_they_are_killed(
    tmp_path: Path, writer: str, viewers: int, each: int, kills: int
) -> None:
    """Those that will be killed answer a third of what the others do, at least."""
    cohort = write_cohort(tmp_path / "cohort")
    command = [sys.executable, "-c", writer, str(cohort)]
    counts = [str(each)] * viewers + [str(100 * each)] * kills
    running = [
        subprocess.Popen([*command, count], stdout=subprocess.PIPE, text=True) for count in counts
    ]
    said: list[str] = []
    for dying in running[viewers:]:
        assert dying.stdout is not None
        said += [dying.stdout.readline().strip() for _ in range(max(1, each // 3))]
        dying.kill()
        # A line that was begun was not answered.
        said += [line.strip() for line in dying.stdout.readlines() if line.endswith("\n")]
        assert dying.wait() != 0
    for viewer in running[:viewers]:
        answered, _ = viewer.communicate()
        assert viewer.returncode == 0
        assert len(answered.split()) == each
        said += answered.split()
    kept = [made.id for made in read_corrections(cohort / "corrections", "case3")]
    assert set(said) <= set(kept)
    assert len(kept) == len(set(kept))
    # What was killed between saving and answering is kept as well: one of each at most.
    assert len(said) <= len(kept) <= len(said) + kills


def test_a_list_of_an_earlier_version_is_read_counted_and_undone(viewer: Any, shelf: Shelf) -> None:
    shape = {**REGION["shape"], "plane": None, "axis": 0}
    old = [
        {**REGION, "shape": shape, "id": name, "case": "case3", "author": "ann", "present": None,
         "time": f"2026-01-0{day}T10:00:00.000+00:00", "finding": "", "replaces": {}, "undone": ""}
        for day, name in enumerate(("one", "two"), 1)
    ]  # fmt: skip
    shelf.corrections.mkdir()
    before = json.dumps(old)
    (shelf.corrections / "case3.json").write_text(before)
    assert viewer.ask(PATH, "POST", REGION).status == 200
    assert viewer.ask(f"{PATH}/one/undo", "POST", {}).status == 200
    first, second, third = viewer.ask(PATH).json
    assert [first["id"], second["id"], third["author"]] == ["one", "two", "tester"]
    assert [bool(made["undone"]) for made in (first, second, third)] == [True, False, False]
    assert viewer.ask("/api/cases").json[3]["corrections"] == 2
    assert (shelf.corrections / "case3.json").read_text() == before


def test_what_a_killed_viewer_left_half_written_counts_for_nothing(
    viewer: Any, shelf: Shelf, tmp_path: Path
) -> None:
    assert viewer.ask(PATH, "POST", REGION).status == 200
    (shelf.corrections / "case3" / ".x.abc.part.json").write_text('{"id": "x')
    (shelf.corrections / "case4").mkdir()
    (shelf.corrections / "case4" / ".y.abc.part.json").write_text("")
    assert len(viewer.ask(PATH).json) == 1
    done = amend(shelf.corrections, tmp_path / "cohort", tmp_path / "new")
    assert (done.cases, done.unknown) == (1, ())
    kept = [path.name for path in (tmp_path / "new" / "corrections").rglob("*.json")]
    assert len(kept) == 1
    assert not kept[0].startswith(".")


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
    assert viewer.ask(PATH, "POST", {**REGION, **change}).status == 400
    assert viewer.ask(PATH, "POST", [1]).status == 400
    assert not shelf.corrections.exists()


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
