"""How long a run has taken, over all its resumptions."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Seconds spent in a run, over all its resumptions.

    Attributes:
        before: Spent by earlier processes.
        here: Spent by this one, once it stands still.
    """

    before: float = 0.0
    here: float = 0.0
    _start: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """Until now."""
        return self.before + max(0.0, time.monotonic() - self._start)

    def stop(self) -> None:
        """Stand still: what follows is no longer training."""
        self.here = max(0.0, time.monotonic() - self._start)
        self.before, self._start = self.before + self.here, math.inf

    def start(self, before: float) -> None:
        """Count from now on, after ``before`` seconds."""
        self.before, self._start = before, time.monotonic()
