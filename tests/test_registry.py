from collections import Counter, OrderedDict
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from inklings import registry
from inklings.errors import SpecError
from inklings.registry import Registry

TABLE = {"ordered": "collections:OrderedDict", "counter": "collections:Counter"}


def test_a_name_is_imported_on_first_use_only() -> None:
    table: Registry[object] = Registry("thing", {**TABLE, "broken": "no.such.module:X"})
    assert list(table) == ["broken", "counter", "ordered"]
    assert "counter" in table
    assert table.get("counter") is Counter
    with pytest.raises(ModuleNotFoundError):
        table.get("broken")


def test_an_unknown_name_suggests_the_nearest() -> None:
    table: Registry[object] = Registry("thing", TABLE)
    with pytest.raises(SpecError, match="no thing named 'countr'; did you mean 'counter'"):
        table.get("countr")
    with pytest.raises(SpecError, match="known: counter, ordered"):
        table.get("zzzzz")


def test_options_are_checked_before_anything_is_built() -> None:
    table: Registry[object] = Registry("thing", {"fraction": "fractions:Fraction"})
    assert table.build("fraction", {"numerator": 1, "denominator": 2}) == 0.5
    with pytest.raises(SpecError, match=r"thing 'fraction': got an unexpected keyword.*'colour'"):
        table.build("fraction", {"colour": "red"})


def test_plug_ins_add_names_but_never_replace_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("mine", "collections:OrderedDict", "inklings.small_thing"),
        EntryPoint("counter", "collections:OrderedDict", "inklings.small_thing"),
        EntryPoint("other", "collections:OrderedDict", "inklings.other_thing"),
    ]
    monkeypatch.setattr(registry, "_installed", lambda _: EntryPoints(points))
    table: Registry[object] = Registry("small thing", TABLE)
    assert table.get("mine") is OrderedDict
    assert table.get("counter") is Counter
    assert "other" not in table
