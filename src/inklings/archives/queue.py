"""Studies that wait for an answer, on disk: what was received is there after kill -9.

A folder holds, below ``studies/<hash of the study's UID>``:

- ``images/<hash of series>/<hash of object>.dcm``, as they were received;
- ``receiving``, from the first image of an association until its release: it stays where a sender
  was cut off, or where this process ended;
- ``state.json``, how far the answer is, and ``predictions-<digest>``, what it is made of;

and beside them ``answered/<study>-<digest>.json`` for each set of images that was answered, and
``log.jsonl``, a line each. Names of patients are in the images and the objects made of them alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from inklings.archives.place import hashed
from inklings.errors import DataError, SpecError
from inklings.files import sweep, write_bytes, write_json
from inklings.records import read_record
from inklings.system import hold

CUT_OFF = 10
"""So many times as long a study is waited for whose sender was cut off."""

_IMAGES = "images/*/[!.]*.dcm"
_TAIL = 2**16


class Full(DataError):
    """There is no more room in the queue."""


@dataclass(frozen=True)
class State:
    """How far the answer to a set of images is.

    Attributes:
        digest: Of the images and of what answers them.
        starts: How often it was begun; each that did not end was a death of the process.
        begun: When first, in seconds since 1970.
        made: The objects, below the folder of the study; None where they are not made yet.
        facts: For the log.
        sends: How often sending failed.
        later: When to try again, in seconds since 1970.
    """

    digest: str = ""
    starts: int = 0
    begun: float = 0.0
    made: tuple[str, ...] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    sends: int = 0
    later: float = 0.0


@dataclass(frozen=True)
class QueuedStudy:
    """A study that is complete, as far as anybody knows.

    Attributes:
        folder: Its folder.
        images: Folders of its series.
        count: Images in them.
        state: How far its answer is.
    """

    folder: Path
    images: tuple[Path, ...]
    count: int
    state: State

    @property
    def key(self) -> str:
        """Hash of its UID."""
        return self.folder.name

    def keep(self, state: State) -> QueuedStudy:
        """With another state, which is on disk when this returns."""
        write_json(self.folder / "state.json", vars(state))
        return replace(self, state=state)


class Queue:
    """The one process that works on a folder of studies.

    Args:
        root: The folder; made if it is not there, for this user alone.
        answers: What makes answers (weights, settings): others answer the same study again.
        stable_s: Seconds without an image after which a study is complete.
        most_bytes: Of images, in all.
        keep_s: Seconds for which the images of an answered study wait for late ones.

    Raises:
        SpecError: If another process works on it.
    """

    def __init__(
        self, root: Path, answers: str, stable_s: float, most_bytes: float, keep_s: float
    ) -> None:
        self.root, self._answers = root, answers
        self._stable, self._most, self._keep = stable_s, most_bytes, keep_s
        root.mkdir(parents=True, exist_ok=True)
        root.chmod(0o700)
        self._lock = (root / "lock").open("w")
        try:
            hold(self._lock, wait=False)
        except OSError:
            raise SpecError(f"{root}: another 'inklings serve' is using this queue") from None
        self._guard = threading.Lock()
        self._open: dict[str, int] = {}
        self._seen: dict[str, tuple[tuple[float, ...], str, int]] = {}
        for part in root.rglob(".*.part*"):
            sweep(part.parent)
        self._bytes = sum(p.stat().st_size for p in (root / "studies").glob(f"*/{_IMAGES}"))

    def close(self) -> None:
        """Let another process work on it."""
        self._lock.close()

    def begin(self, study: str) -> str:
        """An association sends images of a study, whose key this returns."""
        key = hashed(study)
        with self._guard:
            folder = self.root / "studies" / key
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "receiving").touch()
            self._open[key] = self._open.get(key, 0) + 1  # what failed is never ended
        return key

    def put(self, key: str, series: str, uid: str, data: bytes) -> None:
        """Keep one image; it is on disk when this returns.

        Raises:
            Full: If there is no room for it.
            OSError: If the disk does not take it.
        """
        path = self.root / "studies" / key / "images" / hashed(series) / f"{hashed(uid)}.dcm"
        if path.is_file():  # the same once more is as it was
            return
        with self._guard:
            if self._bytes + len(data) > self._most:
                raise Full(f"{self.root}: expected at most {self._most / 1e9:.3g} GB of images")
            self._bytes += len(data)
        try:
            write_bytes(path, data)
        except BaseException:
            with self._guard:
                self._bytes -= len(data)
            raise

    def end(self, key: str, released: bool) -> None:
        """An association of a study has ended, as it should or not."""
        with self._guard:
            self._open[key] -= 1
            if released and not self._open[key]:
                (self.root / "studies" / key / "receiving").unlink(missing_ok=True)

    def due(self) -> Iterator[QueuedStudy]:
        """Complete studies that are not answered and need not wait; clears what may go."""
        now = time.time()
        for folder in sorted((self.root / "studies").glob("*")):
            images = tuple(sorted(p for p in folder.glob("images/*") if p.is_dir()))
            times = tuple(p.stat().st_mtime for p in images)
            age = now - max(times, default=now)
            cut_off = (folder / "receiving").exists()
            if not images or age < self._stable * (CUT_OFF if cut_off else 1):
                continue
            seen = self._seen.get(folder.name)
            if seen is None or seen[0] != times:
                seen = self._seen[folder.name] = (times, *self._content(folder))
            _, digest, count = seen
            if self._record(folder.name, digest).is_file():
                if age > self._keep:
                    self._forget(folder, digest)
                continue
            state = _state(folder)
            state = state if state.digest == digest else State(digest)
            if state.later <= now:
                yield QueuedStudy(folder, images, count, state)

    def _content(self, folder: Path) -> tuple[str, int]:
        """Digest of the images of a study and of what answers them, and how many there are."""
        names = sorted(p.relative_to(folder).as_posix() for p in folder.glob(_IMAGES))
        said = "\n".join((self._answers, *names))
        return hashlib.sha256(said.encode()).hexdigest()[:24], len(names)

    def finish(self, study: QueuedStudy, outcome: str, **facts: Any) -> None:
        """Note that a study is answered, in one line of the log and for good."""
        digest = study.state.digest
        record = {
            "time": datetime.now().astimezone().isoformat(timespec="seconds"),
            "study": study.key,
            "images": study.count,
            "outcome": outcome,
            **study.state.facts,
            **facts,
            "begun": study.state.begun,
            "digest": digest,
        }
        path = self._record(study.key, digest)
        mark = json.dumps({key: record[key] for key in ("begun", "digest")}).strip("{}")
        if mark not in self._last_lines():  # else it was killed after this line
            with (self.root / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(record) + "\n")
                log.flush()
                os.fsync(log.fileno())
        write_json(path, record)
        for old in study.folder.glob("predictions-*"):
            shutil.rmtree(old, ignore_errors=True)
        (study.folder / "state.json").unlink(missing_ok=True)

    def _record(self, key: str, digest: str) -> Path:
        return self.root / "answered" / f"{key}-{digest}.json"

    def _last_lines(self) -> str:
        path = self.root / "log.jsonl"
        if not path.is_file():
            return ""
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - _TAIL))
            return log.read().decode(errors="replace")

    def _forget(self, folder: Path, digest: str) -> None:
        """Remove the images of a study, unless some have come since."""
        with self._guard:
            if self._open.get(folder.name) or self._content(folder)[0] != digest:
                return
            self._bytes -= sum(p.stat().st_size for p in folder.glob(_IMAGES))
            self._seen.pop(folder.name, None)
            shutil.rmtree(folder, ignore_errors=True)


def _state(folder: Path) -> State:
    path = folder / "state.json"
    if not path.is_file():
        return State()
    return read_record(State, path, "the state of a study", "delete it, to begin anew")


def backed_off(state: State, most_s: float = 300.0) -> State:
    """The state after sending has failed once more: twice as long to wait, up to a limit."""
    wait = min(most_s, 2.0 ** min(state.sends, 16))
    return replace(state, sends=state.sends + 1, later=time.time() + wait)


def scrubbed(text: str, said: Sequence[str]) -> str:
    """A text without the words of values that name a patient.

    Short ones are taken out only where they stand alone, since other words hold them too.
    """
    for value in filter(None, said):
        for word in (value, *value.replace("^", " ").replace("=", " ").split()):
            plain = re.escape(word)
            text = re.sub(plain if len(word) > 2 else rf"(?<!\w){plain}(?!\w)", "...", text)
    return text
