"""Tasks that worker processes can import; not a test."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from inklings.errors import ReaderError
from inklings.files import write_text


@dataclass(frozen=True)
class Task:
    """Writes ``<case>.txt``; what is to go wrong is in the name of the case."""

    out: Path

    def __call__(self, name: str) -> None:
        if name.startswith("broken"):
            raise ReaderError(f"{name}: truncated\n file")
        if name.startswith("bug"):
            raise TypeError("five and a half")
        if name.startswith("slow"):
            time.sleep(0.5)
        if name.startswith("deadly"):
            os.kill(os.getpid(), signal.SIGKILL)
        if name.startswith("killed") and not (self.out / f"{name}.tried").exists():
            write_text(self.out / f"{name}.tried", str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        write_text(self.out / f"{name}.txt", str(os.getpid()))


@dataclass(frozen=True)
class Told(Task):
    """Also says which process did it."""

    def __call__(self, name: str) -> tuple[str, int]:
        super().__call__(name)
        return name, os.getpid()
