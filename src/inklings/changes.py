"""``--set key.key=value``: one value of a file of keys and values replaced, whatever its depth."""

from __future__ import annotations

from typing import Any

from inklings.errors import SpecError
from inklings.files import parse_yaml
from inklings.renamed import renamed
from inklings.sections import section_at


def change(record: dict[str, Any], assignment: str, kind: Any = None) -> None:
    """Apply one ``key.key=value`` (the value is YAML) to a record that is not yet checked.

    Where a file says one word for a section or a component, the word stays beside the new key.

    Args:
        record: Changed in place.
        assignment: The key and its value.
        kind: Section that the record is one of; None where components alone may be one word.

    Raises:
        SpecError: If it is no assignment, or the key leads nowhere.
    """
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise SpecError(f"--set: expected key=value, got {assignment!r}")
    path, last, value = _named_now(key, text)
    here = record
    for part in path:
        nested = here.setdefault(part, {})
        kind = section_at(kind, part)
        if isinstance(nested, str) and (word := kind.word if kind else "name"):
            nested = here[part] = {word: nested}
        if not isinstance(nested, dict):
            raise SpecError(f"--set {key}: {part!r} holds {nested!r}, which has no keys")
        here = nested
    here[last] = value


def _named_now(key: str, text: str) -> tuple[list[str], str, Any]:
    """Sections, key and value of an assignment, by their names of today."""
    try:
        value = parse_yaml(text)
    except ValueError:
        raise SpecError(f"--set {key}: the value {text!r} does not parse as YAML") from None
    path = key.split(".")
    for part in reversed(path):
        value = {part: value}
    found: list[str] = []
    value = renamed(value, "--set")
    for _ in path:
        ((part, value),) = value.items()
        found.append(part)
    return found[:-1], found[-1], value
