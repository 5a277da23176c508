"""A plan: an experiment, each line of which says from what it was chosen."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from inklings.changes import change
from inklings.errors import SpecError
from inklings.files import parse_yaml, write_text
from inklings.spec import Experiment

T = TypeVar("T")
Reasoned = tuple[T, str]
"""A value, and from what it was chosen."""

ASKED = "as asked"
"""Why a line is as the user has it."""

_LINE = 118


@dataclass(frozen=True)
class Choice:
    """One line of an experiment.

    Attributes:
        key: ``training.batch_size``; one that ends in ``[]`` is the next item of a list.
        value: As the experiment file has it.
        reason: From what it was chosen.
    """

    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Plan:
    """What `inklings plan` writes.

    Attributes:
        head: Lines about the cohort and the machine.
        choices: In the order in which they were made.
    """

    head: tuple[str, ...]
    choices: tuple[Choice, ...]

    @property
    def record(self) -> dict[str, Any]:
        """Keys and values, nested."""
        found: dict[str, Any] = {}
        for choice in self.choices:
            *path, last = choice.key.removesuffix("[]").split(".")
            section = found
            for key in path:
                section = section.setdefault(key, {})
            if choice.key.endswith("[]"):
                section.setdefault(last, []).append(choice.value)
            else:
                section[last] = choice.value
        return found

    @property
    def experiment(self) -> Experiment:
        """The experiment, checked.

        Raises:
            SpecError: If the plan is none, which would be an error of a rule.
        """
        return Experiment.check(self.record, "plan")

    def replaced(self, record: Mapping[str, Any], reason: str) -> Plan:
        """The plan with what ``record`` says in place of its own; sections key by key.

        A component that is named otherwise, and a list, are replaced as wholes; an option of a
        component joins its others.

        Raises:
            SpecError: If a key leads into a list.
        """
        choices = list(self.choices)
        for key, value in _flat(record):
            held = next(
                (c for c in choices if key.startswith(f"{c.key.removesuffix('[]')}.")), None
            )
            if held is not None and held.key.endswith("[]"):
                name = held.key.removesuffix("[]")
                raise SpecError(f"{key}: {name} holds a list, which has no keys; give it whole")
            if held is not None:
                inner = key.removeprefix(f"{held.key}.")
                joined = _joined(held.value, inner.split("."), value)
                place = choices.index(held)
                choices[place] = Choice(held.key, joined, f"{held.reason}; {inner} {reason}")
                continue
            gone = [
                i
                for i, c in enumerate(choices)
                if c.key.removesuffix("[]") == key or c.key.startswith(f"{key}.")
            ]
            place = gone[0] if gone else _place(choices, key.split(".")[0])
            choices = [c for i, c in enumerate(choices) if i not in gone]
            items = value if isinstance(value, list) and key.endswith("augment") else None
            new = [Choice(f"{key}[]", item, reason) for item in items or ()]
            choices[place:place] = new or [Choice(key, value, reason)]
        return Plan(self.head, tuple(choices))

    def text(self) -> str:
        """YAML with a reason beside every line that was chosen."""
        lines = [f"# {line}" for line in self.head]
        at: list[str] = []
        for choice in _grouped(self.choices):
            item = choice.key.endswith("[]")
            *path, last = choice.key.removesuffix("[]").split(".")
            path = [*path, last] if item else path
            common = 0
            while common < min(len(at), len(path)) and at[common] == path[common]:
                common += 1
            lines += ["  " * k + f"{path[k]}:" for k in range(common, len(path))]
            at = path
            said = f"{'- ' if item else f'{last}: '}{_flow(choice.value)}"
            lines += _commented("  " * len(path) + said, choice.reason)
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """Write it; what is read back is the same experiment.

        Raises:
            SpecError: If it would not be.
        """
        text = self.text()
        if parse_yaml(text) != self.record:
            raise SpecError("plan: its text does not say what it chose")
        write_text(path, text)


def with_changes(plan: Plan, changes: Sequence[str]) -> Plan:
    """The plan with ``key.key=value`` of a user in place of its own."""
    for text in changes:
        record: dict[str, Any] = {}
        change(record, text)
        plan = plan.replaced(record, ASKED)
    return plan


def _flat(record: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Keys and values of sections; components stay whole."""
    for key, value in record.items():
        if isinstance(value, Mapping) and value and "name" not in value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _joined(component: Any, path: Sequence[str], value: Any) -> Any:
    """A component with one option more or another value of it; a word alone is its name."""
    if not path:
        return value
    options = component if isinstance(component, Mapping) else {}
    if isinstance(component, str):
        options = {"name": component}
    return {**options, path[0]: _joined(options.get(path[0]), path[1:], value)}


def _grouped(choices: Sequence[Choice]) -> list[Choice]:
    """The lines of each section together, in the order of the first of them."""
    paths = [tuple(itertools.accumulate(c.key.split("."), "{}.{}".format)) for c in choices]
    place: dict[str, int] = {}
    for path in paths:
        for section in path:
            place.setdefault(section, len(place))
    order = sorted(range(len(choices)), key=lambda i: [place[one] for one in paths[i]])
    return [choices[i] for i in order]


def _place(choices: Sequence[Choice], section: str) -> int:
    """Where a new line of a section goes: behind its others, or at the end."""
    last = [i for i, c in enumerate(choices) if c.key.split(".")[0].removesuffix("[]") == section]
    return last[-1] + 1 if last else len(choices)


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _commented(said: str, reason: str) -> list[str]:
    """A line with its reason behind it, or above it where both are too long for one line."""
    if not reason:
        return [said]
    line = f"{said}  # {reason}"
    if len(line) <= _LINE:
        return [line]
    indent = " " * (len(said) - len(said.lstrip()))
    return [f"{indent}# {reason}", said]
