"""The page of the library has every name, with the signature that it has."""

import inspect
import re

from site_blocks import ROOT

import inklings as ik

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
CALLS = PAGE.split("```text\n")[1].split("```")[0].splitlines()
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE, re.M))


def signature(name: str) -> str:
    found = inspect.signature(getattr(ik, name))
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    return f"{name}{found.replace(parameters=bare, return_annotation=inspect.Signature.empty)}"


def test_the_page_has_the_nineteen_names_and_no_other() -> None:
    assert sorted([*(line.split("(")[0] for line in CALLS), *ROWS]) == sorted(ik.__all__)


def test_calls_have_the_signatures_of_the_page() -> None:
    assert [signature(line.split("(")[0]) for line in CALLS] == CALLS


def test_records_have_what_the_page_says_of_them() -> None:
    for name, row in ROWS.items():
        value = getattr(ik, name)
        fields = {*dir(value), *getattr(value, "__annotations__", {})}
        fields |= set(getattr(value, "__dataclass_fields__", {}))
        said = {
            attribute for attribute in re.findall(r"`[^`]*?\.(\w+)", row) if attribute != "value"
        }
        assert said <= fields, (name, said - fields)
