"""Recipes: experiments that were measured, by name; they come with the package.

A recipe is a YAML file of this folder. The comment at its head says what it is for, its task, and
the folder of the repository that holds the numbers. What only the user knows, above all the
cohort, is ``???`` there, and `load` refuses it until it is given.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from inklings import progress
from inklings.changes import change
from inklings.errors import DataError, SpecError
from inklings.files import parse_yaml, read_yaml
from inklings.renamed import renamed

__all__ = ["OPEN", "Recipe", "load", "names", "recipe", "record", "text"]

OPEN = "???"
"""Stands for a value that has no default, as in Hydra and OmegaConf."""

_HEAD = re.compile(r"# (?P<about>.+)\n# Task: (?P<task>.+)\n# Measured: (?P<measured>.+)\n")
# Recipes that had one file name in two folders of ``experiments``.
_RENAMED = {
    ("bags", "reference"): "bags_reference",
    ("dsb2018", "reference"): "nuclei_reference",
    ("panda", "weak"): "slides_weak",
}


@dataclass(frozen=True)
class Recipe:
    """One recipe.

    Attributes:
        name: By which commands take it.
        about: What it is for, in one line.
        task: What is learnt, of which kind of image.
        measured: Folder of the repository whose README says what it reached.
        text: The YAML, with its comments.
    """

    name: str
    about: str
    task: str
    measured: str
    text: str


def names() -> tuple[str, ...]:
    """Names of all recipes, in alphabetical order."""
    there = (Path(entry.name) for entry in files(__name__).iterdir())
    return tuple(sorted(path.stem for path in there if path.suffix == ".yaml"))


def text(name: str) -> str:
    """The YAML of a recipe, with its comments.

    Raises:
        SpecError: If there is no recipe of that name; the message says the nearest.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else "'inklings recipes' lists them"
        raise SpecError(f"no recipe named {name!r}; {hint}")
    return files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def recipe(name: str) -> Recipe:
    """A recipe with what its head says of it.

    Raises:
        SpecError: As `text`.
    """
    whole = text(name)
    head = _HEAD.match(whole)
    if head is None:
        raise SpecError(f"recipe {name}: expected '# what for', '# Task:', '# Measured:' on top")
    return Recipe(name, text=whole, **head.groupdict())


def record(name: str) -> dict[str, Any]:
    """The keys and values of a recipe; what is `OPEN` must be given before it can run.

    Raises:
        SpecError: As `text`.
    """
    found: dict[str, Any] = parse_yaml(text(name))
    return found


def load(
    source: str | Path,
    changes: Sequence[str] = (),
    kind_of: Callable[[dict[str, Any], str], Any] | None = None,
) -> tuple[dict[str, Any], str]:
    """The experiment that a recipe or a file stands for, and what to call it in errors.

    A text with a suffix or a slash is a file, and so is every `Path`; any other text is a recipe,
    also where a file of that name lies in the working folder. The places that recipes had in the
    repository, ``experiments/panda/strong.yaml``, lead to the recipes where no such file is.

    Args:
        source: Name of a recipe, or path of a file of YAML or JSON.
        changes: ``key.key=value`` each, applied in this order, ``task`` first: it says what the
            other keys mean.
        kind_of: From keys and values, and what to call them, to the section that they are one of.

    Returns:
        Keys and values, not yet checked; and ``recipe NAME`` or the path.

    Raises:
        DataError: If there is no such file, or it does not parse.
        SpecError: If there is no such recipe, or something is left `OPEN`.
    """
    found, where = _read(source)
    found = renamed(found, where)
    for text in sorted(changes, key=lambda text: not text.startswith("task=")):
        asks = kind_of is not None and not text.startswith("task=")
        change(found, text, kind_of(found, where) if kind_of and asks else None)
    left = list(_left_open(found))
    if left:
        give = " ".join(f"--set {key}={key.rpartition('.')[2].upper()}" for key in left)
        raise SpecError(f"{where}: expected {' and '.join(left)}, got {OPEN}; give {give}")
    return found, where


def _read(source: str | Path) -> tuple[dict[str, Any], str]:
    path = Path(source)
    if isinstance(source, str) and not path.suffix and "/" not in source and "\\" not in source:
        return _named(source, path)
    if not path.exists():
        former = _former(path)
        if former is not None:
            progress.note(f"{path} does not exist; using recipe {former}")
            return record(former), f"recipe {former}"
        if path.stem in names():
            raise DataError(
                f"expected an experiment file at {path}, but there is no such file; "
                f"the recipe is called {path.stem}, without suffix or folder"
            )
    found = read_yaml(path, "an experiment file")
    if not isinstance(found, dict):
        raise SpecError(f"{path}: expected keys and values, got {type(found).__name__}")
    return found, str(path)


def _named(name: str, path: Path) -> tuple[dict[str, Any], str]:
    """The recipe of a name; says so where a file could have been meant."""
    if path.is_file():
        if name not in names():
            raise SpecError(f"no recipe named {name!r}; for the file of that name give ./{name}")
        progress.note(f"using recipe {name}, not the file of that name here (./{name})")
    return record(name), f"recipe {name}"


def _former(path: Path) -> str | None:
    """The recipe that the repository had at ``experiments/FOLDER/NAME.yaml``."""
    parts = path.parts
    if len(parts) != 3 or parts[0] != "experiments" or path.suffix != ".yaml":
        return None
    name = _RENAMED.get((parts[1], path.stem), path.stem)
    there = name in names() and recipe(name).measured == f"experiments/{parts[1]}"
    return name if there else None


def _left_open(found: dict[str, Any], above: str = "") -> Iterator[str]:
    for key, value in found.items():
        if value == OPEN:
            yield f"{above}{key}"
        elif isinstance(value, dict):
            yield from _left_open(value, f"{above}{key}.")
