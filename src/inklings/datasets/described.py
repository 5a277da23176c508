"""``dataset.json``, as the Decathlon and nnU-Net keep it: names of codes, channels and regions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inklings.datasets.values import BACKGROUND, UNLABELLED, meant
from inklings.errors import DataError

NAME = "dataset.json"


@dataclass(frozen=True)
class Description:
    """What a description says; empty where there is none.

    Attributes:
        said: All of it.
        meaning: Code to class, `BACKGROUND` or `UNLABELLED`.
        channels: Number of a channel to its name.
        regions: What was done about regions within regions, in words; empty if there are none.
    """

    said: Mapping[str, Any] = field(default_factory=dict)
    meaning: Mapping[int, str] = field(default_factory=dict)
    channels: Mapping[int, str] = field(default_factory=dict)
    regions: str = ""

    def text(self, key: str) -> str:
        """A word or sentence of the description; empty where it has none."""
        value = self.said.get(key)
        return str(value).strip() if isinstance(value, str | int | float) else ""


def read_description(home: Path) -> Description:
    """Read ``dataset.json`` in a folder, of any version; nothing where there is none.

    Raises:
        DataError: If it does not parse, or says what cannot be.
    """
    path = home / NAME
    if not path.is_file():
        return Description()
    try:
        said = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected JSON ({reason}); download it again") from None
    if not isinstance(said, dict):
        raise DataError(f"{path}: expected a description with labels, got {type(said).__name__}")
    codes = _codes(path, said.get("labels"))
    meaning, regions = _innermost(codes)
    channels = _channels(path, said.get("channel_names", said.get("modality")))
    return Description(said, meaning, channels, regions)


def _codes(path: Path, labels: Any) -> dict[str, tuple[int, ...]]:
    """Name to its codes, of both ways to write them: ``{"1": "liver"}`` and ``{"liver": 1}``."""
    if labels is None:
        return {}
    if not isinstance(labels, dict):
        raise DataError(f"{path}: expected labels with their codes, got {str(labels)[:60]!r}")
    found: dict[str, tuple[int, ...]] = {}
    turned = bool(labels) and all(str(key).strip().isdigit() for key in labels)
    for key, value in labels.items():
        name, codes = (value, key) if turned else (key, value)
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"{path}: expected a name for label {codes!r}, got {name!r}")
        several = codes if isinstance(codes, list | tuple) else [codes]
        numbers = [_number(path, name, code) for code in several]
        if not numbers:
            raise DataError(f"{path}: label {name!r} has no code")
        found[meant(name)] = (*found.get(meant(name), ()), *numbers)
    return found


def _number(path: Path, name: str, code: Any) -> int:
    text = str(code).strip()
    if isinstance(code, bool) or not text.removesuffix(".0").isdigit():
        raise DataError(f"{path}: expected a whole number from 0 up for {name!r}, got {code!r}")
    return int(text.removesuffix(".0"))


def _innermost(codes: Mapping[str, tuple[int, ...]]) -> tuple[dict[int, str], str]:
    """Code to the smallest region that holds it, and what that means where regions overlap."""
    order = {name: k for k, name in enumerate(codes)}
    meaning: dict[int, str] = {}
    for code in sorted({code for held in codes.values() for code in held}):
        holders = [name for name, held in codes.items() if code in held]
        meaning[code] = min(holders, key=lambda name: (len(set(codes[name])), -order[name]))
    if not any(len(set(held)) > 1 for name, held in codes.items() if name != BACKGROUND):
        return meaning, ""
    told = ", ".join(
        f"{code} = {name}" for code, name in meaning.items() if name not in (BACKGROUND, UNLABELLED)
    )
    unions = [name for name in codes if name not in meaning.values()]
    words = f"each code is called by its innermost region: {told}"
    if unions:
        words += f"; {', '.join(unions)} is made of others and no class of its own"
    return meaning, words


def _channels(path: Path, said: Any) -> dict[int, str]:
    """Number of a channel to a name, each once."""
    if said is None:
        return {}
    if not isinstance(said, dict | list):
        raise DataError(f"{path}: expected channels with their names, got {str(said)[:60]!r}")
    pairs = said.items() if isinstance(said, dict) else enumerate(said)
    named = {_number(path, str(name), key): str(name).strip() for key, name in pairs}
    every = list(named.values())
    return {
        number: name if every.count(name) == 1 and name else f"{name or 'channel'}_{number}"
        for number, name in sorted(named.items())
    }
