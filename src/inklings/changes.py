"""``--set key.key=value``: one value of a file of keys and values replaced, whatever its depth."""

from __future__ import annotations

from typing import Any

from inklings.errors import SpecError
from inklings.files import parse_yaml


def change(record: dict[str, Any], assignment: str) -> None:
    """Apply one ``key.key=value`` (the value is YAML) to a record that is not yet checked.

    Raises:
        SpecError: If it is no assignment, or the key leads nowhere.
    """
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise SpecError(f"--set: expected key=value, got {assignment!r}")
    *path, last = key.split(".")
    here = record
    for part in path:
        nested = here.setdefault(part, {})
        if isinstance(nested, str):
            nested = here[part] = {"name": nested}
        if not isinstance(nested, dict):
            raise SpecError(f"--set {key}: {part!r} holds {nested!r}, which has no keys")
        here = nested
    try:
        here[last] = parse_yaml(text)
    except ValueError:
        raise SpecError(f"--set {key}: the value {text!r} does not parse as YAML") from None
