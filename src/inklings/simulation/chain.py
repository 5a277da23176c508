"""Weakenings one after another, written ``drop:keep=0.5+dilate:pixels=4``."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.random import Generator

from inklings.errors import SpecError
from inklings.files import parse_yaml
from inklings.registry import Registry
from inklings.renamed import option_of
from inklings.simulation import WEAKENINGS
from inklings.simulation.base import Form, Objects, Weakening


@dataclasses.dataclass(frozen=True)
class Chain:
    """Weakenings in the order in which they act.

    Attributes:
        names: Registered name of each.
        steps: Each with its options.
    """

    names: tuple[str, ...]
    steps: tuple[Weakening, ...]

    @classmethod
    def parse(cls, kinds: str | Sequence[str], **options: Any) -> Self:
        """Chain of kinds joined by ``+``, each with options of its own or the common ones.

        Args:
            kinds: ``drop+dilate``, ``drop:keep=0.5+dilate:pixels=4,boundary_error=0.3``, or a list.
            options: ``keep=0.5``: given to the one kind of the chain that has it; None is
                as if it were not there.

        Raises:
            SpecError: If a kind or an option is unknown, missing, out of range or ambiguous.
        """
        texts = [kinds] if isinstance(kinds, str) else list(kinds)
        parts = [_read(part) for text in texts for part in text.split("+")]
        given = {key: value for key, value in options.items() if value is not None}
        _share(parts, given)
        steps = tuple(_build(WEAKENINGS, name, own) for name, own in parts)
        for name, step in list(zip([p[0] for p in parts], steps, strict=True))[:-1]:
            if step.form != "mask":
                raise SpecError(
                    f"weakening {name!r}: expected it last in the chain, got more after"
                )
        return cls(tuple(name for name, _ in parts), steps)

    @property
    def form(self) -> Form:
        """How the result is written: that of the last step."""
        return self.steps[-1].form

    def describe(self) -> list[dict[str, Any]]:
        """Kinds and options, for records and reports: ``[{"kind": "drop", "keep": 0.5}]``."""
        return [
            {"kind": name, **dataclasses.asdict(step)}  # type: ignore[call-overload]
            for name, step in zip(self.names, self.steps, strict=True)
        ]

    def __str__(self) -> str:
        """As `parse` reads it."""
        return "+".join(_write(record) for record in self.describe())


def apply(objects: Objects, chain: Chain, rng: Generator) -> Objects:
    """Weaken one image.

    Each step draws from a stream of its own, so ``drop+dilate`` drops what ``drop`` alone drops.

    Args:
        objects: ``(*S)`` int32, the true objects numbered from one, 0 background.
        chain: What to do; its `Chain.form` says how to read the result.
        rng: Where chance comes from; see `stream`.

    Returns:
        ``(*S)`` int32 with the numbers of ``objects``; -1 where nothing is labelled.
    """
    for step, own in zip(chain.steps, rng.spawn(len(chain.steps)), strict=True):
        objects = step(objects, own)
    return objects


def stream(seed: int, case: str) -> Generator:
    """The random numbers of one case: the same whatever other cases there are."""
    digest = hashlib.sha256(case.encode()).digest()[:8]
    return np.random.default_rng([seed, int.from_bytes(digest, "little")])


def _read(part: str) -> tuple[str, dict[str, Any]]:
    name, _, text = part.strip().partition(":")
    own: dict[str, Any] = {}
    for pair in filter(None, text.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise SpecError(f"weakening {name!r}: expected option=value, got {pair!r}")
        key = option_of(key)
        if key in own:
            raise SpecError(f"weakening {name!r}: option {key!r} is given twice; give it once")
        try:
            own[key] = parse_yaml(value)
        except ValueError:
            raise SpecError(f"weakening {name!r}: cannot read {key}={value!r}") from None
        if isinstance(own[key], float) and not math.isfinite(own[key]):
            raise SpecError(f"weakening {name!r}: expected a finite {key}, got {value}")
    return name, own


def _share(parts: Sequence[tuple[str, dict[str, Any]]], given: Mapping[str, Any]) -> None:
    """Give every common option to the one kind that takes it."""
    names = " + ".join(name for name, _ in parts)
    for key, value in given.items():
        takers = [(name, own) for name, own in parts if key in _options(name) and key not in own]
        if not takers:
            raise SpecError(f"no kind of {names} takes {_option(key)}; remove it")
        if len(takers) > 1:
            both = "+".join(f"{name}:{key}={value}" for name, _ in takers)
            raise SpecError(
                f"more than one kind takes {_option(key)}; say which has what: --kind {both}"
            )
        takers[0][1][key] = value


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _options(name: str) -> tuple[str, ...]:
    return tuple(inspect.signature(WEAKENINGS.get(name)).parameters)


def _build(table: Registry[Weakening], name: str, own: Mapping[str, Any]) -> Weakening:
    for key, value in own.items():
        if isinstance(value, bool) or not (value is None or isinstance(value, int | float)):
            raise SpecError(f"weakening {name!r}: expected a number for {key}, got {value!r}")
    return table.build(name, own)


def _write(record: Mapping[str, Any]) -> str:
    pairs = [f"{k}={v}" for k, v in record.items() if k != "kind" and v is not None]
    return ":".join(filter(None, [str(record["kind"]), ",".join(pairs)]))
