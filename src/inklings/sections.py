"""What the sections of an experiment file are made of; every number in them is one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

_FINITE = ConfigDict(frozen=True, allow_inf_nan=False)


class Component(BaseModel):
    """A registered name and its options: ``{name: nnpu, prior: 0.1}``, or just ``nnpu``."""

    model_config = _FINITE
    name: str
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
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
    """Base of all sections: frozen, and a misspelt key or a number that is none is an error."""

    model_config = ConfigDict(**_FINITE, extra="forbid")
