"""The queue by itself: what a kill, a full disk and a second try leave; with nodes, test_serve."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inklings.archives import queue as module
from inklings.archives import serve
from inklings.archives.queue import Full, Queue, QueuedStudy, State, scrubbed
from inklings.archives.serve import Answers, Unanswerable, Worker

Answer = Callable[[QueuedStudy], State]


def opened(root: Path, most: float = 1e6) -> Queue:
    return Queue(root, "answers", 0.0, most, 3600.0)


def received(root: Path, images: int = 2) -> None:
    """A study of some images, of an association that ended as it should."""
    made = opened(root)
    key = made.begin("1.2.3")
    for number in range(images):
        made.put(key, "1.2.3.4", f"1.2.3.4.{number}", bytes(100))
    made.end(key, True)
    made.close()


def worker_of(queue: Queue, said: list[str]) -> Worker:
    return Worker(queue, Answers(queue.root, ()), lambda _: None, said.append)


def worked(root: Path, answer: Answer) -> list[dict[str, Any]]:
    """The log once a process has worked on a queue until nothing is due."""
    queue = opened(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Answers, "make", lambda _, study: answer(study))
        try:
            for _ in range(20):
                for study in queue.due():
                    worker_of(queue, []).one(study)
        finally:
            queue.close()
    return [json.loads(line) for line in (root / "log.jsonl").read_text().splitlines()]


def answered(study: QueuedStudy) -> State:
    return replace(study.state, made=(), facts={"objects": 0})


def refused(_: QueuedStudy) -> State:
    raise Unanswerable("no volume")


@pytest.mark.parametrize(
    ("text", "said", "left"),
    [
        (
            "series 'of Li, Bo': lists of objects",
            ["Li^Bo"],
            "series 'of ..., ...': lists of objects",
        ),
        ("series '王 t1' of 7: 17 images", ["王=王", "7"], "series '... t1' of ...: 17 images"),
        ("of A.B (a+b)", ["A.B", "a+b"], "of ... (...)"),
        ("of - nobody (1)", ["", "^^"], "of - nobody (1)"),
    ],
)
def test_short_names_are_taken_out_where_they_stand_alone(
    text: str, said: list[str], left: str
) -> None:
    assert scrubbed(text, said) == left


def test_what_failed_and_is_tried_again_has_a_line_of_its_own(tmp_path: Path) -> None:
    received(tmp_path)
    assert [one["outcome"] for one in worked(tmp_path, refused)] == ["failed"]
    for answer, outcome in ((refused, "failed"), (answered, "nothing found")):
        for record in (tmp_path / "answered").iterdir():
            record.unlink()
        log = worked(tmp_path, answer)
        assert log[-1]["outcome"] == outcome
    assert len(log) == 3


def test_a_kill_behind_the_line_of_the_log_adds_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received(tmp_path)
    write = module.write_json

    def killed(path: Path, value: Any) -> None:
        if path.parent.name == "answered":
            raise KeyboardInterrupt
        write(path, value)

    monkeypatch.setattr(module, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        worked(tmp_path, answered)
    monkeypatch.setattr(module, "write_json", write)
    assert [one["outcome"] for one in worked(tmp_path, answered)] == ["nothing found"]


def test_a_disk_that_is_full_for_a_while_does_not_end_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received(tmp_path)
    write, left, said = module.write_json, [1, 2, 3], list[str]()

    def full(path: Path, value: Any) -> None:
        if left:
            left.pop()
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, value)

    monkeypatch.setattr(module, "write_json", full)
    monkeypatch.setattr(serve, "_PAUSE_S", 0.01)
    monkeypatch.setattr(Answers, "make", lambda _, study: answered(study))
    queue, stop = opened(tmp_path), threading.Event()
    thread = threading.Thread(target=worker_of(queue, said).work, args=(stop, 0.01))
    thread.start()
    try:
        for _ in range(1000):
            if (tmp_path / "answered").is_dir() and list((tmp_path / "answered").iterdir()):
                break
            stop.wait(0.01)
    finally:
        stop.set()
        thread.join()
        queue.close()
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1
    assert len(said) == 3
    assert "No space left" in said[0]


def test_what_the_disk_did_not_take_takes_no_room_in_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, write = opened(tmp_path, most=250), module.write_bytes

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    key = queue.begin("1.2.3")
    monkeypatch.setattr(module, "write_bytes", full)
    for number in range(5):
        with pytest.raises(OSError, match="No space"):
            queue.put(key, "1.2", f"1.{number}", bytes(100))
    monkeypatch.setattr(module, "write_bytes", write)
    for number in range(2):
        queue.put(key, "1.2", f"1.{number}", bytes(100))
    with pytest.raises(Full):
        queue.put(key, "1.2", "1.2", bytes(100))
    queue.close()


def test_a_study_that_could_not_be_begun_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = opened(tmp_path)
    touch = Path.touch

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "touch", full)
    with pytest.raises(OSError, match="No space"):
        queue.begin("1.2.3")
    monkeypatch.setattr(Path, "touch", touch)
    key = queue.begin("1.2.3")
    queue.put(key, "1.2", "1.1", bytes(100))
    queue.end(key, True)
    assert [study.count for study in queue.due()] == [1]
    assert not (tmp_path / "studies" / key / "receiving").exists()
    queue.close()
