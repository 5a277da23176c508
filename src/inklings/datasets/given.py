"""A dataset from its name and options, as the command line or a program gives them."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from inklings.datasets.dataset import Argument, Dataset, Option, options_of
from inklings.errors import DataError, SpecError

_LAX = ConfigDict(arbitrary_types_allowed=True, coerce_numbers_to_str=True)


def built(name: str, dataset: Any, given: Mapping[str, Any]) -> Dataset:
    """The dataset with its options; what is None, or empty, is left to it.

    Args:
        name: Of the dataset, for messages.
        dataset: Its class.
        given: By the names of its fields, or of its options on the command line (``values`` for
            ``--values``): texts, which are parsed as there, or values as the fields hold them.

    Raises:
        SpecError: If it has no such option, one is missing, or a value is none that it takes.
    """
    options = options_of(dataset)
    called = {_called(field, said): field for field, said in options.items()}
    hints = get_type_hints(dataset)
    values: dict[str, Any] = {}
    for key, value in given.items():
        field = key if key in options else called.get(key)
        if field is None:
            raise SpecError(f"dataset {name!r}: no option {key!r}; {_hint(key, [*called])}")
        if value is not None and value != []:
            values[field] = _value(f"dataset {name!r}, {key}", options[field], hints[field], value)
    required = [f.name for f in dataclasses.fields(dataset) if f.init and _is_required(f)]
    missing = [field for field in required if field not in values]
    if missing:
        raise SpecError(f"dataset {name!r}: expected {missing[0]}, got nothing")
    made: Dataset = dataset(**values)
    return made


def require_there(dataset: Dataset) -> None:
    """Everything on disk that was named: the source, and every option that is a path.

    Raises:
        DataError: If one of them is no file and no folder.
    """
    named = {"data": dataset.source, **vars(dataset)}
    for name, path in named.items():
        if isinstance(path, Path) and not path.exists():
            what = "data" if path == dataset.source else name
            raise DataError(f"expected {what} at {path}, but there is no such file or folder")


def _called(field: str, said: Argument | Option) -> str:
    """Name of an option on the command line, as Python spells it."""
    flag = said.flag if isinstance(said, Option) else None
    return flag.strip("-").replace("-", "_") if flag else field


def _hint(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _value(where: str, said: Argument | Option, hint: Any, value: Any) -> Any:
    if isinstance(said, Option):
        value = [value] if said.repeat and isinstance(value, str) else value
        if said.parse is not None and isinstance(value, list if said.repeat else str):
            value = said.parse(value)
    try:
        found = TypeAdapter(hint, config=_LAX).validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].lower()
        raise SpecError(f"{where}: {reason}, got {value!r}") from None
    if isinstance(said, Option) and isinstance(found, int | float):
        _require_within(where, said, found)
    return found


def _require_within(where: str, said: Option, value: float) -> None:
    low, high = said.least, said.most
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"{low:g} or more" if high is None else f"{low or 0:g} to {high:g}"
        raise SpecError(f"{where}: expected {bounds}, got {value:g}")
