"""Short names for components, so that experiment files never hold import paths."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from typing import Any, Generic, TypeVar, cast

from inklings.errors import SpecError

T = TypeVar("T")


class Registry(Generic[T]):
    """A read-only table from a name to ``"module:attribute"``, imported on first use.

    Plug-ins add names through the entry-point group ``inklings.<kind>``.
    """

    def __init__(self, kind: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self._table = dict(table)
        self._plugged = False

    def __iter__(self) -> Iterator[str]:
        self._plug_in()
        return iter(sorted(self._table))

    def __contains__(self, name: object) -> bool:
        return name in set(self)

    def get(self, name: str) -> Callable[..., T]:
        """The class or function registered as ``name``.

        Raises:
            SpecError: If there is none; the message names the nearest one.
        """
        self._plug_in()
        if name not in self._table:
            near = difflib.get_close_matches(name, self._table, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(self)}"
            raise SpecError(f"no {self.kind} named {name!r}; {hint}")
        module, attribute = self._table[name].split(":")
        return cast(Callable[..., T], getattr(import_module(module), attribute))

    def require(self, name: str, options: Mapping[str, Any]) -> Callable[..., T]:
        """What is registered as ``name``, after checking that it takes ``options``.

        Raises:
            SpecError: If there is no such name, or an option is unknown or missing.
        """
        component = self.get(name)
        try:
            inspect.signature(component).bind(**options)
        except TypeError as error:
            raise SpecError(f"{self.kind} {name!r}: {error}") from None
        return component

    def build(self, name: str, options: Mapping[str, Any]) -> T:
        """Call what is registered as ``name`` with ``options``, which are checked first.

        Raises:
            SpecError: As `require`, and if a value is not one that it takes.
        """
        component = self.require(name, options)
        try:
            return component(**options)
        except (TypeError, ValueError, ArithmeticError) as error:
            reason = " ".join(str(error).split())
            raise SpecError(f"{self.kind} {name!r}: {reason}") from error

    def _plug_in(self) -> None:
        if not self._plugged:
            self._plugged = True
            for point in _installed(tuple(sys.path)).select(
                group=f"inklings.{self.kind.replace(' ', '_')}"
            ):
                self._table.setdefault(point.name, point.value)


@cache
def _installed(path: tuple[str, ...]) -> EntryPoints:  # noqa: ARG001
    """Of all packages on the path, which takes a fiftieth of a second to find out."""
    found = entry_points()
    return EntryPoints(point for group in found.groups for point in found.select(group=group))
