"""What every experiment file says, and the one way in which it is read, checked and written."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pydantic import ValidationError

from inklings import recipes
from inklings.errors import SpecError
from inklings.files import write_yaml
from inklings.registry import Registry
from inklings.renamed import renamed
from inklings.sections import Component, Section, section_at
from inklings.spec.training import Training

_LUNGS = "inklings.applications.lung_nodules.spec"

TASKS: Registry[Experiment] = Registry(
    "task",
    {
        "bags": "inklings.spec.bags:BagExperiment",
        "candidates": f"{_LUNGS}:CandidateExperiment",
        "detection": "inklings.spec.detection:DetectionExperiment",
        "malignancy": f"{_LUNGS}:MalignancyExperiment",
        "nodule_segmentation": f"{_LUNGS}:NoduleSegmentationExperiment",
        "segmentation": "inklings.spec.segmentation:SegmentationExperiment",
    },
)
"""What can be learnt, by the word of ``task:``; an experiment names who learns it (``learner``)."""


class Experiment(Section):
    """One reproducible run: a union over ``task``, each with the keys that mean something to it.

    Attributes:
        learner: Module and class of the `inklings.tasks.base.Task` that learns it.
        task: What is learnt; see `TASKS`.
        cohort: Folder made by `inklings import`; relative paths start at the working folder, those
            of a file that a training keeps at the folder of the file.
        model: The network.
        loss: What it is told.
        training: How long and how.
    """

    learner: ClassVar[str]
    task: str
    cohort: Path
    model: Component
    loss: Component
    training: Training

    @property
    def predictor(self) -> str:
        """Module and class of the `inklings.inference.predictor.Predictor` of its runs.

        Empty where they predict nothing by themselves.
        """
        return ""

    @classmethod
    def load(cls, source: str | Path, changes: Sequence[str] = ()) -> Self:
        """Read a recipe or a file and apply ``key.key=value`` changes, see `inklings.recipes.load`.

        Raises:
            DataError: If there is no such file, or it does not parse.
            SpecError: If there is no such recipe, a key is unknown or a value impossible; every
                problem is one line.
        """
        record, where = recipes.load(source, changes, kind_of)
        found, home = cls.check(record, where), Path(where).parent
        if Path(where).is_file() and any((home / name).is_file() for name in _OF_TRAINING):
            return found.read_from(home, [change.partition("=")[0] for change in changes])
        return found

    @classmethod
    def check(cls, record: Mapping[str, Any], where: str) -> Self:
        """Validate a record of the task that it names; ``where`` names its source in the error.

        Keys of before are understood, see `inklings.renamed`.
        """
        record = renamed(record, where)
        kind = kind_of(record, where)
        if not issubclass(kind, cls):
            raise SpecError(f"{where}: expected {cls.__name__}, got one of task {record['task']}")
        try:
            experiment: Self = kind.model_validate(record)
        except ValidationError as error:
            lines = [f"  {_told(dict(problem), kind)}" for problem in error.errors()]
            raise SpecError(f"{where}:\n" + "\n".join(lines)) from None
        return experiment

    def write(self, path: Path) -> None:
        """Write the experiment with every default spelt out."""
        write_yaml(path, self.model_dump(mode="json"))

    def kept_in(self, folder: Path) -> Self:
        """The same for a file in ``folder``: relative paths are said as they are from there.

        A run and its cohort may then be moved together, and read from any working folder.
        """
        return _placed(self, lambda path, _: seen_from(folder, path), "")

    def read_from(self, folder: Path, given: Collection[str] = ()) -> Self:
        """What `kept_in` has made, as seen from the working folder; but for the keys ``given``.

        What is not there from ``folder`` stays: runs of 0.1 said paths from the working folder.
        """

        def here(path: Path, key: str) -> Path:
            there = folder / path
            own = not path.is_absolute() and key not in given and there.exists()
            return Path(os.path.relpath(there.resolve())) if own else path

        return _placed(self, here, "")


S = TypeVar("S", bound=Section)
_OF_TRAINING = ("begun.json", "run.json", "plan.yaml")
"""Beside an experiment that a training keeps."""


def _placed(section: S, move: Callable[[Path, str], Path], above: str) -> S:
    """A section with every path in it moved; ``move`` is told its key."""
    update: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Path):
            update[name] = move(value, above + name)
        elif isinstance(value, Section):
            update[name] = _placed(value, move, f"{above}{name}.")
    return section.model_copy(update=update)


def seen_from(folder: Path, path: Path) -> Path:
    """A path of the working folder as it is said from ``folder``; an absolute one as it is."""
    if path.is_absolute():
        return path
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve()))
    except ValueError:  # another drive
        return path.resolve()


def kind_of(record: Mapping[str, Any], where: str) -> Any:
    """The class of the experiment that a record is one of."""
    try:
        return TASKS.get(named(record, where))
    except SpecError as error:
        told = str(error)
        raise SpecError(told if told.startswith(where) else f"{where}: {told}") from None


def named(record: Mapping[str, Any], where: str) -> str:
    """The task of a record: segmentation, where nothing speaks of another.

    Raises:
        SpecError: If it is not said and others are meant; one line that says what to write.
    """
    if record.get("task") is not None:
        return str(record["task"])
    if "nodules" in record:
        raise SpecError(
            f"{where}: the section 'nodules' is now a task of its own: write 'task: detection', "
            "'candidates', 'malignancy' or 'nodule_segmentation' (which was its stage), and the "
            "section of that name in place of 'nodules' ('inklings recipes detector' shows one)"
        )
    model = record.get("model")
    name = model.get("name") if isinstance(model, dict) else model
    if name == "bags" or "bags" in record:
        raise SpecError(f"{where}: a model of bags is trained by another task: write 'task: bags'")
    return "segmentation"


def _told(problem: Mapping[str, Any], kind: type[Section]) -> str:
    """A problem in one line: where, and what is expected there."""
    place = ".".join(map(str, problem["loc"])) or "experiment"
    if problem["type"] != "extra_forbidden":
        return f"{place}: {problem['msg'].lower()}"
    *path, key = map(str, problem["loc"])
    section: Any = kind
    for step in path:
        section = section_at(section, step) or section
    keys = list(section.model_fields)
    others = [task for task in TASKS if not path and key in TASKS.get(task).model_fields]  # type: ignore[attr-defined]
    task = kind.model_fields["task"].default
    if others:
        return f"{place}: does not apply to task {task} (but to {', '.join(others)}); leave it out"
    near = difflib.get_close_matches(key, keys, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(keys)}"
    return f"{place}: task {task} has no such key; {hint}"
