"""What the site has that does not lie in docs/: the results, and the reference of experiments.

MkDocs calls these (``hooks`` in mkdocs.yml). Results are the README.md of the experiments, and the
tables of the experiment file are made from the pydantic models that check it, so that numbers,
keys and defaults stand in one place each.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from mkdocs.structure.files import File
from pydantic_core import PydanticUndefined

from inklings import recipes
from inklings.data import INTENSITIES, TRANSFORMS
from inklings.losses import LOSSES
from inklings.models import MODELS
from inklings.models.instances import INSTANCE_ENCODERS
from inklings.models.pooling import POOLINGS
from inklings.refinement import REFINEMENTS
from inklings.registry import Registry
from inklings.spec import TASKS, Component, Section
from inklings.supervision import SUPERVISIONS
from inklings.training import OPTIMISERS, SCHEDULES
from inklings.weak.correction import CORRECTIONS

ROOT = Path(__file__).parent
MARK = "<!-- generated: experiment -->"
TABLES: Mapping[str, Registry[Any]] = {
    "model": MODELS,
    "model.encoder, where it takes bags": INSTANCE_ENCODERS,
    "model.pooling, where it takes bags": POOLINGS,
    "loss": LOSSES,
    "correction": CORRECTIONS,
    "supervision": SUPERVISIONS,
    "intensity": INTENSITIES,
    "sampling.augment (pictures)": TRANSFORMS["pictures"],
    "sampling.augment (patches of volumes)": TRANSFORMS["patches"],
    "bags.augment": TRANSFORMS["instances"],
    "candidates.augment, malignancy.augment": TRANSFORMS["boxes"],
    "training.optimiser": OPTIMISERS,
    "training.schedule": SCHEDULES,
    "inference.instances": REFINEMENTS,
}
_GIVEN = ("self", "in_channels", "out_channels", "classes", "parameters", "learning_rate", "shape")
_KINDS = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "folder",
    Component: "component",
}
_SHIPPED = (".png", ".csv", ".py", ".ipynb")


def on_files(files: Any, config: Any) -> Any:
    """Add the results, what lies beside them, and the examples."""
    for readme in sorted((ROOT / "experiments").glob("*/README.md")):
        home = f"results/{readme.parent.name}"
        text = readme.read_text(encoding="utf-8")
        files.append(File.generated(config, f"{home}/index.md", content=text))
        notes = readme.with_name("NOTES.md")
        if notes.exists():
            text = notes.read_text(encoding="utf-8").replace("](README.md)", "](index.md)")
            files.append(File.generated(config, f"{home}/NOTES.md", content=text))
        for path in sorted(readme.parent.iterdir()):
            if path.suffix in _SHIPPED:
                files.append(_copied(config, f"{home}/{path.name}", path))
    for path in sorted((ROOT / "examples").iterdir()):
        if path.suffix in _SHIPPED:
            files.append(_copied(config, f"examples/{path.name}", path))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links out of docs/ lead to what `on_files` has brought in; the mark becomes tables."""
    up = "../" * page.file.src_uri.count("/")
    results = rf"]({up}results/\1/index.md"
    text = re.sub(r"\]\((?:\.\./)+experiments/(\w+)/README\.md", results, markdown)
    text = re.sub(r"\]\((?:\.\./)+examples/", rf"]({up}examples/", text)
    return text.replace(MARK, "\n".join(reference())) if MARK in text else text


def reference() -> Iterator[str]:
    """Recipes; the experiment file: sections with their keys, then the names of components."""
    yield "## Recipes\n\n| name | task | what for | measured |\n|---|---|---|---|"
    for recipe in map(recipes.recipe, recipes.names()):
        yield f"| `{recipe.name}` | {recipe.task} | {recipe.about} | `{recipe.measured}` |"
    yield "\n## Keys\n"
    shown: dict[type[Section], str] = {}
    for task in TASKS:
        experiment: Any = TASKS.get(task)
        yield from _section(f"task: {task}", experiment, shown)
    yield "\n## Names\n"
    yield "Options with their defaults; what the trainer fills in is left out."
    for key, table in TABLES.items():
        yield f"\n### {key}\n\n| name | what | options |\n|---|---|---|"
        for name in table:
            component = table.get(name)
            yield f"| `{name}` | {_first_line(component)} | {_options(component)} |"


def _section(path: str, model: type[Section], shown: dict[type[Section], str]) -> Iterator[str]:
    """One section and those within it; one that was shown before is referred to."""
    title = path
    if model in shown:
        yield f"\n### {title}\n\nAs `{shown[model]}`."
        return
    shown[model] = title
    prose, meanings = _docstring(model)
    yield f"\n### {title}\n\n{prose}\n"
    last = bool(meanings)
    yield "| key | kind | default |" + (" |" if last else "")
    yield "|---|---|---|" + ("---|" if last else "")
    inner = []
    for name, field in model.model_fields.items():
        section = _section_of(field.annotation)
        if section:
            inner.append((name if " " in path else f"{path}.{name}", section))
        kind = "section" if section else _kind(field.annotation)
        meaning = f" {meanings.get(name, '')} |" if last else ""
        yield f"| `{name}` | {kind} | {_default(field)} |{meaning}"
    for where, section in inner:
        yield from _section(where, section, shown)


def _section_of(annotation: Any) -> Any:
    """The section that a key holds; None if it holds a value."""
    is_union = get_origin(annotation) in (Union, UnionType)
    options = get_args(annotation) if is_union else (annotation,)
    found = [k for k in options if inspect.isclass(k) and issubclass(k, Section)]
    return found[0] if found else None


def _docstring(model: type[Section]) -> tuple[str, dict[str, str]]:
    """Its text, and what it says of each attribute."""
    text = inspect.cleandoc(model.__doc__ or "").replace("``", "`").replace("|", "\\|")
    prose, _, attributes = text.partition("\nAttributes:\n")
    entries = re.findall(r"^ {4}(\w+): (.+(?:\n {8,}.+)*)", attributes, re.M)
    plain = {name: " ".join(meaning.split()) for name, meaning in entries}
    return prose, {name: re.sub(r"\bNone\b", "null", meaning) for name, meaning in plain.items()}


def _kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return "null"
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(_kind(k) for k in inner)
    if origin is tuple:
        return "list of " + _kind(inner[0])
    if origin is dict:
        return "options"
    if origin is not None:  # Annotated
        return _kind(inner[0])
    return _KINDS.get(annotation, str(annotation))


def _default(field: Any) -> str:
    if field.default is PydanticUndefined and field.default_factory is None:
        return "**required**"
    value = field.get_default(call_default_factory=True)
    return "" if isinstance(value, Section) else f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    """A value as YAML has it."""
    if isinstance(value, Component):
        options = "".join(f", {k}: {_plain(v)}" for k, v in value.options.items())
        return f"{{name: {value.name}{options}}}" if options else value.name
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_plain, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _first_line(component: Any) -> str:
    text = inspect.cleandoc(component.__doc__ or "").partition("\n\n")[0]
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


def _options(component: Any) -> str:
    shown = []
    for name, parameter in inspect.signature(component).parameters.items():
        if name in _GIVEN or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        empty = parameter.default is parameter.empty
        shown.append(f"`{name}`" if empty else f"`{name}: {_plain(parameter.default)}`")
    return ", ".join(shown)


def _copied(config: Any, uri: str, path: Path) -> File:
    return File.generated(config, uri, abs_src_path=str(path))
