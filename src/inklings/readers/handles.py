"""Open files, few at a time, shared by the threads of one process and never across a fork."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from inklings.system import after_fork

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_abandoned: list[object] = []


class Handles(Generic[K, T]):
    """A pool of handles by key, of which at most ``most`` idle ones stay open.

    A handle in use is never closed under its user. A forked child opens its own: it neither
    shares file offsets with its parent nor waits for a lock that no thread of its own holds.
    """

    def __init__(self, opened: Callable[[K], T], closed: Callable[[T], None], most: int) -> None:
        self._opened, self._closed, self.most = opened, closed, most
        self._start()
        after_fork(self._forget)

    def __len__(self) -> int:
        return len(self._handles)

    @contextmanager
    def lease(self, key: K) -> Iterator[T]:
        """The handle of ``key``, opened if it is not, for the length of the block.

        A handle whose user fails is not given to others: it may be in a state of error.
        """
        with self._lock:
            entry = self._handles.get(key)
            if entry is None:
                entry = self._handles[key] = [self._opened(key), 0]
            self._handles.move_to_end(key)
            entry[1] += 1
        try:
            yield entry[0]
        except BaseException:
            with self._lock:
                if self._handles.get(key) is entry:
                    del self._handles[key]
            raise
        finally:
            with self._lock:
                entry[1] -= 1
                if self._handles.get(key) is not entry and not entry[1]:
                    self._closed(entry[0])
                self._shrink()

    def _shrink(self) -> None:
        surplus = len(self._handles) - self.most
        for key in [k for k, entry in self._handles.items() if not entry[1]][: max(0, surplus)]:
            self._closed(self._handles.pop(key)[0])

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._handles: OrderedDict[K, list] = OrderedDict()  # type: ignore[type-arg]

    def _forget(self) -> None:
        # Kept alive: closing them would touch state that the parent's threads were changing.
        _abandoned.append(self._handles)
        self._start()
