"""What was made once and may be asked for again: tiles, pictures, volumes, within one budget."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Cache:
    """Values by key, the least recently used forgotten first; shared by threads.

    What two threads ask for at once is made once. A value larger than the whole budget is handed
    out and not kept.

    Args:
        budget: Bytes that may be kept.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, make: Callable[[], tuple[T, int]]) -> T:
        """The value of ``key``; ``make`` gives it and its size in bytes if it is not there."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]  # type: ignore[no-any-return]
            mine = self._making.setdefault(key, threading.Lock())
        with mine:
            with self._lock:
                if key in self._kept:
                    return self._kept[key][0]  # type: ignore[no-any-return]
            try:
                value, size = make()
                self._keep(key, value, size)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def forget(self, wanted: Callable[[Hashable], bool]) -> None:
        """Drop every key for which ``wanted`` is true."""
        with self._lock:
            for key in [key for key in self._kept if wanted(key)]:
                self.used -= self._kept.pop(key)[1]

    def _keep(self, key: Hashable, value: Any, size: int) -> None:
        if size > self.budget:
            return
        with self._lock:
            self._kept[key] = (value, size)
            self.used += size
            while self.used > self.budget:
                self.used -= self._kept.popitem(last=False)[1][1]
