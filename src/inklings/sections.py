"""What the sections of an experiment file are made of; every number in them is one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

_FINITE = ConfigDict(frozen=True, allow_inf_nan=False)


class Component(BaseModel):
    """A registered name and its options: ``{name: nnpu, prior: 0.1}``, or just ``nnpu``."""

    model_config = _FINITE
    word: ClassVar[str | None] = "name"
    name: str
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {cls.word: value}
        if not isinstance(value, dict):
            return value
        rest = {k: v for k, v in value.items() if k not in ("name", "options")}
        given = value.get("options", {})  # as a resolved file has them
        options = {**given, **rest} if isinstance(given, dict) else given
        return {"name": value.get("name"), "options": options}

    @model_validator(mode="after")
    def _finite(self) -> Component:
        for key, value in self.options.items():
            if any(isinstance(v, float) and not math.isfinite(v) for v in _leaves(value)):
                raise ValueError(f"{key} should be a finite number, got {value}")
        return self


def _leaves(value: Any) -> Iterator[Any]:
    inner = value.values() if isinstance(value, Mapping) else value
    if isinstance(value, Mapping | list | tuple):
        for one in inner:
            yield from _leaves(one)
    else:
        yield value


class Section(BaseModel):
    """Base of all sections: frozen, and a misspelt key or a number that is none is an error.

    Attributes:
        word: Key that a single word in place of the section stands for; None where none does.
    """

    model_config = ConfigDict(**_FINITE, extra="forbid")
    word: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        return {cls.word: value} if cls.word is not None and isinstance(value, str) else value


def section_at(kind: Any, key: str) -> Any:
    """The section or component that ``key`` of a section holds; None where it holds a value."""
    field = kind.model_fields.get(key) if is_section(kind) else None
    found = [one for one in _classes(field.annotation) if is_section(one)] if field else []
    return found[0] if found else None


def is_section(kind: Any) -> bool:
    """Whether a class is that of a section or a component."""
    return isinstance(kind, type) and issubclass(kind, Section | Component)


def _classes(annotation: Any) -> list[type]:
    inner = [one for part in get_args(annotation) for one in _classes(part)]
    return [annotation] if isinstance(annotation, type) else inner
