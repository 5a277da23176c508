"""What the page asks to be corrected: one description of a body, and nothing else is saved."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.exceptions import HTTPException

from inklings.errors import LabelError
from inklings.geometry import Region
from inklings.labels.corrections import Shape

Body = TypeVar("Body", bound=BaseModel)
_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)
_REGION = ({"image", "shape"}, {"image", "fill"})
_NEEDED: dict[str, tuple[set[str], ...]] = {
    "is": _REGION,
    "is_not": _REGION,
    "accept": ({"finding"},),
    "reject": ({"finding"},),
    "bag": ({"present"},),
}
"""Of each action, what belongs to it besides the name of the class."""

Word = Annotated[str, Field(min_length=1, max_length=200)]
Number = Annotated[float, Field(ge=-1e9, le=1e9)]
Point = Annotated[list[Number], Field(min_length=2, max_length=2)]


class Drawn(BaseModel):
    """A region that was drawn, as `inklings.labels.corrections.Shape` has it."""

    model_config = _STRICT

    kind: Literal["polygon", "stroke", "ball"]
    points: list[Annotated[list[Number], Field(min_length=2, max_length=3)]]
    radii: list[Number] = []
    plane: int | None = None
    axis: int = 0


class Fill(BaseModel):
    """A place from which all that looks alike is to be filled.

    Attributes:
        point: In the plane, in samples.
        low: First coordinates of the part that is seen; nothing is filled beside it.
        high: Its last coordinates.
        tolerance: Largest difference, in grey values of 8 bits, or in those of a volume.
        plane: Which plane of a volume.
        axis: On which axis planes are counted.
    """

    model_config = _STRICT

    point: Point
    low: Point
    high: Point
    tolerance: Annotated[float, Field(ge=0, le=1e9)]
    plane: int | None = None
    axis: int = 0

    def window(self, size: tuple[int, ...]) -> Region:
        """The part of the plane that may be filled, once the place is known to lie in it.

        Raises:
            HTTPException: If it does not.
        """
        seed = Drawn(
            kind="stroke", points=[self.point], radii=[0.5], plane=self.plane, axis=self.axis
        )
        sides = list(size)
        region_of(seed, size)
        if len(size) == 3:
            del sides[self.axis]
        low, high = (
            [min(n - 1, max(0, round(v))) for n, v in zip(sides, ends, strict=True)]
            for ends in (self.low, self.high)
        )
        here = [min(n - 1, max(0, round(v))) for n, v in zip(sides, self.point, strict=True)]
        if not all(a <= v <= b for a, v, b in zip(low, here, high, strict=True)):
            raise refused("expected a place within what is seen")
        return Region(tuple(low), tuple(b - a + 1 for a, b in zip(low, high, strict=True)))


class Change(BaseModel):
    """The body that changes what was drawn before.

    Attributes:
        what: How.
        ids: Of which corrections.
        shape: What erases, divides or takes the place.
        by: How many planes further it is copied.
    """

    model_config = _STRICT

    what: Literal["erase", "join", "divide", "copy", "between", "replace"]
    ids: Annotated[list[Word], Field(min_length=1, max_length=10_000)]
    shape: Drawn | None = None
    by: int | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.shape is not None) is not (self.what in ("erase", "divide", "replace")):
            raise ValueError(f"expected a shape to erase, divide or replace by, for {self.what!r}")
        if (self.by is not None) is not (self.what == "copy"):
            raise ValueError(f"expected 'by' of a copy, for {self.what!r}")
        if self.what == "replace" and len(self.ids) != 1:
            raise ValueError(f"expected one correction to replace, got {len(self.ids)}")
        return self


class Measure(BaseModel):
    """The body that asks what an image has in a region."""

    model_config = _STRICT

    image: Word
    shape: Drawn


class Asked(BaseModel):
    """The body of a correction.

    Attributes:
        action: What is said.
        name: The class.
        image: Of a region.
        shape: Of a region.
        fill: Instead of a shape: where to fill.
        finding: Which one is judged.
        present: The answer for the case.
    """

    model_config = _STRICT

    action: Literal["is", "is_not", "accept", "reject", "bag"]
    name: Word
    image: Word | None = None
    shape: Drawn | None = None
    fill: Fill | None = None
    finding: Word | None = None
    present: bool | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        rest = ("image", "shape", "fill", "finding", "present")
        given = {name for name in rest if getattr(self, name) is not None}
        if given not in _NEEDED[self.action]:
            needed = " or ".join(" and ".join(sorted(one)) for one in _NEEDED[self.action])
            raise ValueError(f"expected {needed} of {self.action!r}, got {sorted(given) or 'none'}")
        return self


def region_of(drawn: Drawn, size: tuple[int, ...]) -> Shape:
    """What was drawn, once it is known to lie on an image of ``size``.

    Raises:
        HTTPException: If it does not.
    """
    try:
        shape = Shape(
            drawn.kind,
            tuple(map(tuple, drawn.points)),
            tuple(drawn.radii),
            drawn.plane,
            drawn.axis,
        )
    except LabelError as error:
        raise refused(str(error)) from None
    sides = list(size)
    if drawn.kind != "ball" and len(size) == 3:
        planes = sides.pop(drawn.axis)
        if drawn.plane is None or not 0 <= drawn.plane < planes:
            raise refused(f"expected a plane from 0 to {planes - 1}, got {drawn.plane}")
    elif drawn.plane is not None or drawn.axis:
        raise refused("expected no plane of a picture or a ball, got one")
    if any(len(point) != len(sides) for point in shape.points):
        raise refused(f"expected points of {len(sides)} coordinates")
    far = max(sides)  # an outline may leave the image, but not by more than its size
    if any(r > 2 * far for r in shape.radii) or any(
        not -far <= v < n + far for p in shape.points for v, n in zip(p, sides, strict=True)
    ):
        raise refused(f"expected a region on an image of {' x '.join(map(str, size))}")
    reach = max(shape.radii, default=0.0)
    for k, n in enumerate(sides):
        along = [point[k] for point in shape.points]
        if max(along) + reach < -0.5 or min(along) - reach > n - 0.5:
            raise refused("expected a region on the image, got one beside it")
    return shape


def asked(body: Any) -> Asked:
    """The correction that a body asks for.

    Raises:
        HTTPException: If it is none; one line says where.
    """
    return read(Asked, body)


def read(kind: type[Body], body: Any) -> Body:
    """A body of one kind.

    Raises:
        HTTPException: If it is another; one line says where.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(step)[:40] for step in first["loc"][:4])
        said = " ".join(str(first["msg"]).split())
        raise refused(f"{where}: {said}" if where else said) from None


def refused(words: str) -> HTTPException:
    """What is answered to a body that asks for nothing that can be done."""
    line = " ".join(words.encode("utf-8", "replace").decode().split())
    return HTTPException(400, f"This is no correction: {line[:300]}.")
