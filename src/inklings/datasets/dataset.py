"""What a dataset is: it lists items and makes a case of each; `importing.run` does the rest.

A new dataset is one file with one frozen dataclass, and one line in `inklings.datasets.DATASETS`
(or an entry point ``inklings.dataset`` of another package). Its fields are the options of its
command, ``inklings import NAME``, which is generated::

    @dataclass(frozen=True)
    class MyScans(Plain):
        \"\"\"Scans of our lab with a mask each.\"\"\"          # the help of the command

        source: Annotated[Path, Argument("Folder of the scans.")]
        classes: Annotated[tuple[str, ...], Option("Names of the codes.", parse=names)] = ()
        name: str = "myscans"                            # no Option: not on the command line
        facts: Mapping[str, Any] = field(default_factory=lambda: {"licence": "CC BY 4.0"})
        noun: str = "volumes"                            # what the summary calls its cases

        def items(self, scratch):  # small and picklable, with an id and a stamp that changes
            return [Item(p.stem, stamp_of(p), p) for p in sorted(self.source.glob("*.nii.gz"))]

        def convert(self, item):   # in another process; errors of reading set the case aside
            codes = ...            # (Z, Y, X) uint8
            return Converted(
                {"mr": Stored(item.path)},  # a Path stays in place, bytes are copied
                (Mask(codes, "classes", self.classes), BagLabel("lesion", True)),
                patient=item.id[:4],
            )

Labels are records of `inklings.labels.kinds` as they are (boxes, points, balls, polygons, bags,
masks that lie on disk), or a `Mask` of numbers, which is written: planes as PNG, volumes as NIfTI
on the grid of their image. What is wrong with a case is a `ImportFinding`; one whose consequence is
"left out" sets the case aside. What is only known when all cases are there (the classes that
annotators used, a split that a folder says, a table written beside the cohort) is made by
`Plain.finish`. A look at all masks before the first is converted is `Plain.prepare`; a question
to the user is `Plain.settled`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, Self, get_type_hints

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Split
from inklings.cohorts.cohort import Cohort
from inklings.datasets.findings import ImportFinding
from inklings.geometry import Geometry
from inklings.labels.kinds import BACKGROUND, NO_CLASS, Extent, Label, MaskLabel


class Item(Protocol):
    """What one case will be made of; small, and picklable."""

    @property
    def id(self) -> str:
        """Id of the case."""

    @property
    def stamp(self) -> str:
        """Changes when one of the files of the case does; see `stamp_of`."""


@dataclass(frozen=True)
class Stored:
    """One image of a case.

    Attributes:
        content: The encoded picture, which is copied into the cohort, or where it lies if it is
            to stay there (a folder for DICOM).
        suffix: Of the copied picture, with its dot.
        choice: What of the file is meant, where it holds several
            (`inklings.readers.choice.Choice`).
    """

    content: bytes | Path
    suffix: str = ".png"
    choice: str | None = None


@dataclass(frozen=True)
class Mask:
    """The numbers that go into a label file, and what they mean (see `MaskLabel`).

    Attributes:
        samples: ``(Y, X)`` or ``(Z, Y, X)``, unsigned; with the extent ``partial`` the largest
            value of the type is unlabelled.
        kind: As `MaskLabel`.
        classes: As `MaskLabel`.
        extent: As `MaskLabel`.
        image: Which of the images it lies on; None for the first.
        geometry: The grid of a volume; None to ask the image itself.
    """

    samples: NDArray[np.unsignedinteger[Any]]
    kind: Literal["classes", "instances"]
    classes: tuple[str, ...]
    extent: Extent = "complete"
    image: str | None = None
    geometry: Geometry | None = None


@dataclass(frozen=True)
class Converted:
    """One case, ready to be written.

    Attributes:
        images: By name, the first being what masks lie on; empty if the findings keep the case
            out.
        labels: Everything known: records as they are, and numbers to write.
        patient: By default the id.
        split: Where the source says one; a split made later is kept over it.
        facts: For titles and tables.
        findings: What is odd about it, and what was done.
    """

    images: Mapping[str, Stored]
    labels: tuple[Label | Mask, ...] = ()
    patient: str | None = None
    split: Split | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[ImportFinding, ...] = ()


class Dataset(Protocol):
    """Something on disk that can become a cohort; small, and picklable.

    Most inherit `Plain`, which leaves names, source, classes, facts, `items` and `convert` to say.
    """

    @property
    def name(self) -> str:
        """Short name, also of the cohort; empty to call it as its folder."""

    @property
    def noun(self) -> str:
        """What cases are called in the summary: cases, volumes, slides, bags."""

    @property
    def source(self) -> Path | None:
        """What lies on disk; None if nothing does."""

    @property
    def classes(self) -> tuple[str, ...]:
        """What the labels distinguish; background is never named. `finish` may know better."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Licence, citation, home page."""

    def options(self) -> Mapping[str, Any]:
        """What, besides the source, decides the outcome: two imports that differ do not mix."""

    def settled(self, say: Callable[[str], None], agree: Callable[[str], bool]) -> Dataset:
        """Itself, or what is left open decided with the user; only the command calls this."""

    def items(self, scratch: Path) -> Sequence[Item]:
        """What there is to convert; ids are unique.

        ``scratch`` may hold unpacked archives until the end; what has to stay for the cohort goes
        beside it, into ``scratch.parent``.

        Raises:
            DataError: If there is nothing of the expected layout.
        """

    def prepare(self, items: Sequence[Any]) -> None:
        """Look at all that is going to be converted, before the first of it is.

        Raises:
            DataError: If something is wrong that concerns more than one case.
        """

    def convert(self, item: Any) -> Converted:
        """Make one case; a `DataError`, or an `OSError` of reading, sets it aside."""

    def finish(self, cohort: Cohort, out: Path) -> tuple[Cohort, Sequence[str]]:
        """The cohort as it is to be written, and what else to tell, a line each."""


class Plain:
    """What most datasets have in common, to inherit; see `Dataset` for what is left to write."""

    noun: str = "cases"

    def options(self) -> dict[str, Any]:
        """All fields that are options of the command."""
        return {
            name: _plain(getattr(self, name))
            for name, said in options_of(type(self)).items()
            if isinstance(said, Option) and said.decides
        }

    def settled(
        self,
        say: Callable[[str], None],  # noqa: ARG002
        agree: Callable[[str], bool],  # noqa: ARG002
    ) -> Self:
        """Nothing is left open."""
        return self

    def prepare(self, items: Sequence[Any]) -> None:
        """Nothing: every case stands for itself."""

    def finish(self, cohort: Cohort, out: Path) -> tuple[Cohort, Sequence[str]]:  # noqa: ARG002
        """The cohort as it is; if no class was named, those that the labels name."""
        if cohort.classes:
            return cohort, ()
        return dataclasses.replace(cohort, classes=named_in(cohort)), ()


@dataclass(frozen=True)
class Argument:
    """Marks a field as the argument of the command: what lies on disk."""

    help: str


@dataclass(frozen=True)
class Option:
    """Marks a field as an option of the command.

    Attributes:
        help: What ``--help`` says.
        flag: By default the name of the field, ``--in-place`` for ``in_place``.
        parse: From the text of the command line (a list of texts with ``repeat``) to the value;
            None where the field is a text, a number, a path, a flag or one of some words.
        repeat: Given once for each of several.
        least: Smallest number.
        most: Largest number.
        decides: Whether two imports that differ in it do not mix.
    """

    help: str
    flag: str | None = None
    parse: Callable[[Any], Any] | None = None
    repeat: bool = False
    least: float | None = None
    most: float | None = None
    decides: bool = True


IN_PLACE = Option("Refer to the images in place instead of copying them.")
SPACING_UM = Option("Micrometres a pixel of level 0, where files do not say.", least=0.01, most=100)
OVERRULE_SPACING = Option("Take --spacing-um whatever the files say.")


def options_of(dataset: type[Any]) -> dict[str, Argument | Option]:
    """Fields of a dataset that stand on its command line, in their order."""
    found: dict[str, Argument | Option] = {}
    hints = get_type_hints(dataset, include_extras=True)
    for one in dataclasses.fields(dataset):
        said = [m for m in getattr(hints[one.name], "__metadata__", ()) if _is_option(m)]
        if said:
            found[one.name] = said[0]
        elif one.name == "source" and one.init:
            found[one.name] = Argument("What lies on disk.")
    return found


def _is_option(said: object) -> bool:
    return isinstance(said, Argument | Option)


def _plain(value: Any) -> Any:
    """As JSON keeps it."""
    if isinstance(value, Path):
        return os.path.abspath(value)  # noqa: PTH100
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value


def names(text: str) -> tuple[str, ...]:
    """Names between commas, for `Option.parse`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def named_in(cohort: Cohort) -> tuple[str, ...]:
    """The classes that the labels of a cohort name, in their order; statements are none."""
    found: dict[str, None] = {}
    for case in cohort:
        for label in case.labels:
            said = label.classes if isinstance(label, MaskLabel) else (label.name,)
            found.update(dict.fromkeys(said))
    return tuple(name for name in found if name not in (BACKGROUND, *NO_CLASS))


def stamp_of(*paths: Path | None) -> str:
    """Sizes and times of files, and of all files below folders; of what is gone, nothing."""
    said = []
    for path in paths:
        if path is None:
            continue
        below = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
        below = [p for p in below if p.exists()]
        stats = [p.stat() for p in below]
        size = sum(stat.st_size for stat in stats)
        newest = max((stat.st_mtime_ns for stat in stats), default=0)
        said.append(f"{size}.{newest}" + (f".{len(stats)}" if path.is_dir() else ""))
    return " ".join(said)
