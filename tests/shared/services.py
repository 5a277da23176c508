"""``inklings serve`` in threads of this process, or in a process that may be killed."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dimse_nodes import SENDER

from inklings.archives.dimse import Listener, Node
from inklings.archives.queue import Queue
from inklings.archives.serve import Answers, Worker

STABLE_S = 0.4


@dataclass
class Service:
    """What listens, works and says."""

    root: Path
    port: int
    said: list[str] = field(default_factory=list)

    def log(self) -> list[dict[str, Any]]:
        path = self.root / "log.jsonl"
        return (
            [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
        )

    def answered(self, count: int, within_s: float = 60) -> list[dict[str, Any]]:
        """The log, once it has so many lines."""
        until(lambda: len(self.log()) >= count, within_s)
        return self.log()


def until(ready: Callable[[], bool], within_s: float = 60) -> None:
    """Wait for something, and fail where it does not come."""
    end = time.monotonic() + within_s
    while not ready():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


@contextlib.contextmanager
def service(
    run: Path, root: Path, archive: int, to: tuple[str, ...] = (), **limits: Any
) -> Iterator[Service]:
    """A service for the block, which sends to a port of this machine."""
    values = {
        "most_bytes": 1e9,
        "keep_s": 3600.0,
        "stable_s": STABLE_S,
        "associations": 4,
        **limits,
    }
    answers = Answers.of(run, to)
    queue = Queue(root, answers.digest, values["stable_s"], values["most_bytes"], values["keep_s"])
    made = Service(root, 0)
    listener = Listener(
        queue, "INKLINGS", [SENDER], "127.0.0.1", values.get("port", 0), values["associations"],
        made.said.append,
    )  # fmt: skip
    listener.start()
    made.port = listener.port
    node = Node(values.get("archive_ae", "ARCHIVE"), "127.0.0.1", archive)
    stop = threading.Event()
    send = values.get("send") or (lambda files: node.send(files, "INKLINGS"))
    worker = Worker(queue, answers, send, made.said.append)
    thread = threading.Thread(target=worker.work, args=(stop, 0.05))
    thread.start()
    try:
        yield made
    finally:
        stop.set()
        thread.join()
        listener.stop()
        queue.close()


def _forever(run: Path, root: Path, archive: int, port: int) -> None:
    with service(run, root, archive, port=port):
        threading.Event().wait()


class Mortal:
    """A service in a process of its own, which is forked so that it starts at once."""

    def __init__(self, run: Path, root: Path, archive: int, port: int) -> None:
        self._process = multiprocessing.get_context("fork").Process(
            target=_forever, args=(run, root, archive, port)
        )
        self._process.start()

    def kill(self) -> None:
        """As ``kill -9``."""
        self._process.kill()
        self._process.join()
