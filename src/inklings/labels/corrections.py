"""What a person changed in the viewer: records beside the labels, which stay as they were.

A folder of corrections holds ``<case>/<id>.json``, one file a `Correction`, which is written once
and as a whole: any number of viewers on one folder keep each other's. Nothing is removed: what was
undone gets the time of it in ``<case>/<id>.undone.json``. Version 0.1 kept a list of all in
``<case>.json``, which is read as well and stays as it is.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from inklings.errors import DataError, LabelError
from inklings.files import read_yaml, write_json
from inklings.labels.rle import lengths, of_lengths

Action = Literal["is", "is_not", "accept", "reject", "bag"]
ACTIONS: tuple[Action, ...] = ("is", "is_not", "accept", "reject", "bag")
CORE = 0.5
"""Share of the diameter of a judged ball that is stated. A detector knows a place and about how
large: its ball reaches over the border of what it found, half as far out it hardly does."""
_LEAST_POINTS = {"polygon": 3, "stroke": 1, "ball": 1, "mask": 1}
_MOST_POINTS = 20_000
_MOST_SAMPLES = 2**31
_UNDONE = ".undone"

Point = tuple[float, ...]


@dataclass(frozen=True)
class Shape:
    """A part of an image, in samples, array order; a whole number is the centre of a sample.

    Attributes:
        kind: ``polygon`` (a closed outline in a plane), ``stroke`` (a line as wide as a brush),
            ``ball`` (an ellipse or ellipsoid along the axes) or ``mask`` (samples one by one).
        points: Vertices, points of the line, the one centre, or the first sample of the mask.
        radii: Of the brush (one, or one for each axis of its plane), of the ball (one an axis), or
            half of a sample of the mask (one an axis): .5, or more on a slide.
        plane: Which plane of a volume a polygon or stroke lies in; None for pictures.
        axis: Array axis on which planes are counted; points of an outline or a stroke have the
            other two, in order.
        size: Samples of the mask, an axis each.
        runs: Of the mask, as `inklings.labels.rle.lengths` has them, blanks between.
    """

    kind: Literal["polygon", "stroke", "ball", "mask"]
    points: tuple[Point, ...]
    radii: tuple[float, ...] = ()
    plane: int | None = None
    axis: int = 0
    size: tuple[int, ...] = ()
    runs: str = ""

    def __post_init__(self) -> None:
        least = _LEAST_POINTS.get(self.kind, math.inf)
        if not least <= len(self.points) <= _MOST_POINTS:
            raise LabelError(
                "expected a polygon of 3 points or more, a stroke, a ball or a mask, got a "
                f"{self.kind} of {len(self.points)} points"
            )
        numbers = [*(v for point in self.points for v in point), *self.radii]
        if not all(math.isfinite(v) for v in numbers) or any(r <= 0 for r in self.radii):
            raise LabelError("expected finite coordinates and radii above 0")
        axes = {len(point) for point in self.points}
        whole = self.kind in ("ball", "mask")
        if len(axes) > 1 or not axes <= {2, 3} or (not whole and axes != {2}):
            raise LabelError(f"expected points of one plane or one volume, got {sorted(axes)} axes")
        flat = {"polygon": (0,), "stroke": (1, 2)}
        wanted = (next(iter(axes)),) if whole else flat[self.kind]
        if len(self.radii) not in wanted:
            raise LabelError(f"expected {wanted[0]} radii of a {self.kind}, got {len(self.radii)}")
        if self.axis not in (0, 1, 2):
            raise LabelError(f"expected an axis from 0 to 2, got {self.axis}")
        if len(self.size) != (len(self.radii) if self.kind == "mask" else 0):
            raise LabelError(f"expected a size of a mask, got {self.size} of a {self.kind}")
        if any(n < 1 for n in self.size) or math.prod(self.size) > _MOST_SAMPLES:
            raise LabelError(f"expected a mask of 1 to {_MOST_SAMPLES:,} samples, got {self.size}")

    @classmethod
    def of_mask(
        cls, mask: NDArray[np.bool_], start: tuple[int, ...] = (), step: float = 1.0, axis: int = 0
    ) -> Self:
        """What a mask ``(*S)`` holds.

        Args:
            mask: At least one sample is in it.
            start: Index of its first sample on its own grid, which has the corner of the image.
            step: Samples of the image that one of the mask is wide.
            axis: On which planes are counted, if it was drawn on one of a volume.

        Raises:
            LabelError: If it is empty.
        """
        where = np.argwhere(mask)
        if not len(where):
            raise LabelError("expected a finding with at least one sample, got none")
        low, high = where.min(0), where.max(0) + 1
        box = mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        first = (low + (start or 0) + 0.5) * step - 0.5
        runs = " ".join(map(str, lengths(box)))
        half = (step / 2,) * mask.ndim
        return cls("mask", (tuple(first.tolist()),), half, axis=axis, size=box.shape, runs=runs)

    def mask(self) -> NDArray[np.bool_]:
        """The samples of a mask, ``(*size)``.

        Raises:
            LabelError: If its runs are not those of its size.
        """
        try:
            return of_lengths([int(n) for n in self.runs.split()], self.size)
        except (ValueError, OverflowError) as error:
            raise LabelError(f"expected run lengths of a mask, got {error}") from None


@dataclass(frozen=True)
class Correction:
    """One change.

    Attributes:
        id: Unique.
        case: Identifier of the case.
        action: ``is`` and ``is_not`` speak of a region, ``accept`` and ``reject`` of a finding
            and the region it takes, ``bag`` of the case as a whole.
        name: The class.
        author: Who.
        time: When, ISO 8601 in UTC.
        image: Which image; empty for ``bag``.
        shape: Where; None for ``bag``.
        present: What the case is said to be; None for regions.
        finding: Which finding was judged; empty otherwise.
        replaces: What stood there before: labels, or the answer for the case.
        undone: When it was taken back; empty while it holds.
    """

    id: str
    case: str
    action: Action
    name: str
    author: str
    time: str
    image: str = ""
    shape: Shape | None = None
    present: bool | None = None
    finding: str = ""
    replaces: Mapping[str, Any] = field(default_factory=dict)
    undone: str = ""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise LabelError(f"expected one of {', '.join(ACTIONS)}, got {self.action!r}")
        if self.action == "bag" and self.present is None:
            raise LabelError("expected whether the class is present in the case, got nothing")
        if self.action != "bag" and (self.shape is None or not self.image):
            raise LabelError(f"expected a place on an image for {self.action!r}, got none")

    @property
    def positive(self) -> bool:
        """Whether it says that the class is there."""
        return self.action in ("is", "accept") or bool(self.present)

    @property
    def region(self) -> Shape | None:
        """What is stated of: the shape, or the core of a judged ball; None for ``bag``."""
        shape = self.shape
        if shape is None or shape.kind != "ball" or self.action not in ("accept", "reject"):
            return shape
        return dataclasses.replace(shape, radii=tuple(r * CORE for r in shape.radii))

    @classmethod
    def now(cls, case: str, action: Action, name: str, author: str, **rest: Any) -> Self:
        """A correction made at this moment."""
        return cls(secrets.token_hex(8), case, action, name, author, _now(), **rest)

    @classmethod
    def parsed(cls, record: Mapping[str, Any]) -> Self:
        """From what `json` reads.

        Raises:
            LabelError: If it is no correction.
        """
        try:
            values = dict(record)
            shape = values.get("shape")
            values["shape"] = None if shape is None else shape_of(shape)
            made = cls(**values)
            words = (made.id, made.case, made.name, made.author, made.time, made.image)
            if not all(isinstance(word, str) for word in (*words, made.finding, made.undone)):
                raise TypeError("a name or a time is no text")
            if not isinstance(made.present, bool | None) or not isinstance(made.replaces, Mapping):
                raise TypeError("present or replaces is of another type")
            return made
        except (TypeError, KeyError, ValueError) as error:
            raise LabelError(f"expected a correction, got a damaged one ({error})") from None


def shape_of(record: Mapping[str, Any]) -> Shape:
    """A shape from what `json` reads.

    Raises:
        LabelError: If it is none.
    """
    try:
        plane = record.get("plane")
        return Shape(
            record["kind"],
            tuple(tuple(float(v) for v in point) for point in record["points"]),
            tuple(float(v) for v in record.get("radii") or ()),
            None if plane is None else int(plane),
            int(record.get("axis") or 0),
            tuple(int(n) for n in record.get("size") or ()),
            str(record.get("runs") or ""),
        )
    except (TypeError, KeyError, ValueError, OverflowError, AttributeError) as error:
        raise LabelError(f"expected a polygon, stroke, ball or mask, got {error}") from None


def read_corrections(folder: Path, case: str) -> tuple[Correction, ...]:
    """All corrections of a case, oldest first, those undone too; none where there is no file.

    Raises:
        LabelError: If a file is damaged.
    """
    made: list[Correction] = []
    undone: dict[str, str] = {}
    for path in correction_files(folder, case):
        try:
            record = read_yaml(path, "corrections")
            if path.stem.endswith(_UNDONE):
                undone[path.stem.removesuffix(_UNDONE)] = str(record["undone"])
                continue
            several = path.parent == folder
            if isinstance(record, list) is not several:
                raise LabelError(f"expected {'a list' if several else 'one'}, got the other")
            made += map(Correction.parsed, record if several else [record])
        except (DataError, LabelError, TypeError, KeyError) as error:
            raise LabelError(f"{path}: damaged corrections ({error}); move the file away") from None
    made = [dataclasses.replace(c, undone=undone.get(c.id, c.undone)) for c in made]
    return tuple(sorted(made, key=lambda c: c.time))


def correction_files(folder: Path, case: str) -> list[Path]:
    """What is kept of the corrections of a case; nothing that is being written, or was left so."""
    old = folder / f"{case}.json"
    return [old] * old.is_file() + sorted((folder / case).glob("[!.]*.json"))


def corrected_cases(folder: Path) -> Iterator[str]:
    """Ids of the cases that something was ever said of, in order."""
    there = list(folder.glob("[!.]*")) if folder.is_dir() else []
    old = {path.stem for path in there if path.suffix == ".json" and path.is_file()}
    new = {path.name for path in there if path.is_dir() and correction_files(folder, path.name)}
    yield from sorted(old | new)


def add_correction(folder: Path, made: Correction) -> Path:
    """Keep a correction in a file of its own, which nobody writes again."""
    path = folder / made.case / f"{made.id}.json"
    write_json(path, dataclasses.asdict(made))
    return path


def undo(folder: Path, case: str, wanted: str) -> None:
    """Note that a correction is taken back.

    Raises:
        LabelError: If there is none of this id that stands.
    """
    if not any(c.id == wanted and not c.undone for c in read_corrections(folder, case)):
        raise LabelError("expected a correction that stands, got none of this number")
    write_json(folder / case / f"{wanted}{_UNDONE}.json", {"undone": _now()})


def standing(corrections: Sequence[Correction]) -> tuple[Correction, ...]:
    """Those that were not undone; of several answers for one case and class, the last."""
    kept: dict[tuple[str, str], Correction] = {}
    for correction in corrections:
        if not correction.undone:
            bag = correction.action == "bag"
            kept[("bag", correction.name) if bag else ("region", correction.id)] = correction
    return tuple(kept.values())


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
