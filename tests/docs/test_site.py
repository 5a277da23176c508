"""What `mkdocs_build` adds to the site; skipped where the documentation packages are not here."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace
from typing import Any

import pytest
from site_blocks import ROOT

from inklings.losses import LOSSES
from inklings.models import MODELS
from inklings.spec import TASKS, Section, Training

pytest.importorskip("mkdocs", reason="the documentation packages are not installed (make docs)")


@pytest.fixture(scope="module")
def build() -> Any:
    spec = importlib.util.spec_from_file_location("mkdocs_build", ROOT / "mkdocs_build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_key_of_every_section_is_in_the_reference(build: Any) -> None:
    text = "\n".join(build.reference())
    sections: list[type[Section]] = [TASKS.get(name) for name in TASKS]
    while sections:
        section = sections.pop()
        for name, field in section.model_fields.items():
            assert f"| `{name}` |" in text, name
            if inner := build._section_of(field.annotation):
                sections.append(inner)


def test_defaults_are_those_of_the_program(build: Any) -> None:
    text = "\n".join(build.reference())
    rate = Training.model_fields["learning_rate"].default
    assert f"| `learning_rate` | number | `{rate}` |" in text
    assert "| `cohort` | folder | **required** |" in text
    assert "`gamma: 2.0`" in text  # of the focal loss, an option of a component


def test_every_model_and_loss_is_listed_with_a_sentence(build: Any) -> None:
    lines = [line.split(" | ") for line in build.reference() if line.startswith("| `")]
    said = {line[0].strip("| `"): line[1] for line in lines if len(line) == 3}
    for name in (*MODELS, *LOSSES):
        assert len(said[name]) > 15, name


def test_links_to_experiments_and_examples_stay_on_the_site(build: Any) -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="how-to/x.md"))
    text = "[a](../../experiments/panda/README.md) [b](../../examples/bags.py) [c](../slides.md)"
    assert build.on_page_markdown(text, page) == (
        "[a](../results/panda/index.md) [b](../examples/bags.py) [c](../slides.md)"
    )
