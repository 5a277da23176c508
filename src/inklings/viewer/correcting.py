"""What is said of a case in the viewer: saved at once, changed, taken back and stated again."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from starlette.exceptions import HTTPException

from inklings.cache import locked
from inklings.cohorts.bags import is_bag
from inklings.cohorts.case import Case
from inklings.errors import DataError, LabelError
from inklings.geometry import Region
from inklings.labels.corrections import Correction, Shape, add_correction, read_corrections, undo
from inklings.labels.kinds import BagLabel, CaseLabel, Label, MaskLabel
from inklings.viewer import edits
from inklings.viewer.asked import Change, Fill, Measure, asked, read, refused, region_of
from inklings.viewer.cache import Cache
from inklings.viewer.finds import FindingPages, finds, outline
from inklings.viewer.layers import Layers
from inklings.viewer.pictures import PictureTiles
from inklings.viewer.regions import alike
from inklings.viewer.shelf import Predicted, Shelf

AGAIN = "again"
"""In `Correction.replaces`: which one that was taken back is stated again."""
FILLED = 1536
"""Longest side of what is looked at to fill what looks alike; a larger view is made coarser."""


class Correcting:
    """Corrections of the cases of a shelf, and the findings that they judge.

    Args:
        shelf: What was opened.
        budget: Bytes of the cache.
        author: Written into corrections.
    """

    def __init__(self, shelf: Shelf, budget: int, author: str) -> None:
        self.shelf, self.author = shelf, author
        self.cache = Cache(budget)
        self.pictures = PictureTiles(self.cache)
        self.layers = Layers(shelf, self.pictures, self.cache)
        self._one = threading.RLock()  # a descriptor is not held twice

    def finds(self, case: Case, source: str) -> FindingPages:
        """What can be jumped to: of ``prediction0``, ``prediction1``, ``labels`` or ``truth``."""
        folders = self._sources()
        if source not in folders:
            raise HTTPException(404, "There are no such findings here.")

        def make() -> tuple[FindingPages, int]:
            found = finds(self.layers, self.pictures, case, source, folders[source])
            return found, found.nbytes

        return self.cache.get(("finds", case.id, source), make)

    def _sources(self) -> dict[str, Predicted | None]:
        """Where findings may come from, and the folder of those that were predicted."""
        predicted = {f"prediction{k}": p for k, p in enumerate(self.shelf.predictions)}
        return {**predicted, "labels": None, "truth": None}

    def corrections(self, case: Case) -> tuple[Correction, ...]:
        """All corrections of a case, those undone too."""
        return read_corrections(self.shelf.corrections, case.id)

    def correct(self, case: Case, body: Any) -> Correction:
        """Save a correction; author, time and what it replaces are filled in here.

        Raises:
            HTTPException: If the body asks for none that this case can have.
        """
        what = asked(body)
        action, name = what.action, what.name
        if not self._named_freely and name not in self._classes(case):
            raise refused(f"expected one of the classes, got {name!r}")
        rest: dict[str, Any] = {}
        if what.finding is not None:
            rest = {"image": next(iter(case.images)), "shape": self._outline(case, what.finding)}
            rest["finding"] = what.finding
        elif what.shape is not None:
            size = self._size(case, what.image)
            rest = {"image": what.image, "shape": region_of(what.shape, size)}
        elif what.fill is not None:
            rest = {"image": what.image, "shape": self._filled(case, what.image, what.fill)}
        else:
            rest = {"present": what.present}
        made = Correction.now(
            case.id, action, name, self.author, replaces=_replaced(case, action, name), **rest
        )
        with self._saving():
            add_correction(self.shelf.corrections, made)
        return made

    def _size(self, case: Case, image: str | None) -> tuple[int, ...]:
        if is_bag(case) or image not in case.images:
            raise refused("expected a region on an image of this case")
        return self.pictures.image(case, image).geometry.shape

    def _filled(self, case: Case, image: str | None, fill: Fill) -> Shape:
        """What looks like a place, of what is seen of a picture or of a plane of a volume."""
        size = self._size(case, image)
        window = fill.window(size)
        here = [round(v) - a for v, a in zip(fill.point, window.start, strict=True)]
        if len(size) == 3:
            start, sides = list(window.start), list(window.size)
            start.insert(fill.axis, fill.plane or 0)
            sides.insert(fill.axis, 1)
            samples = self.pictures.image(case, image).read(Region(tuple(start), tuple(sides)))
            values = samples[0].squeeze(fill.axis)[..., None]
            seed = tuple(min(n - 1, max(0, v)) for n, v in zip(window.size, here, strict=True))
            mask = alike(values, seed, fill.tolerance)
            return Shape.of_mask(np.expand_dims(mask, fill.axis), tuple(start), axis=fill.axis)
        step = 2 ** max(0, math.ceil(math.log2(max(window.size) / FILLED)))
        low = tuple(a // step for a in window.start)
        sides = [min(b // step, -(-n // step)) for b, n in zip(window.stop, size, strict=True)]
        part = Region(low, tuple(max(1, b - a) for a, b in zip(low, sides, strict=True)))
        values = self.pictures.part(case, step, part, image)
        seed = tuple(
            min(n - 1, max(0, round((v + 0.5) / step - 0.5) - a))
            for n, v, a in zip(part.size, fill.point, low, strict=True)
        )
        return Shape.of_mask(alike(values, seed, fill.tolerance), low, step)

    def change(self, case: Case, body: Any) -> tuple[list[Correction], list[str]]:
        """Change what this author drew; the new corrections, and which they stand in for.

        A correction is written once, so its id is its revision: what the page had loaded still
        stands, or the change is refused and nothing is saved.

        Raises:
            HTTPException: If the body asks for what these corrections cannot become; with status
                409 if one of them was changed or taken back by another viewer or window.
        """
        what = read(Change, body)
        with self._saving():
            return self._changed(case, what)

    def _changed(self, case: Case, what: Change) -> tuple[list[Correction], list[str]]:
        there = {c.id: c for c in self.corrections(case)}
        old = [there[name] for name in dict.fromkeys(what.ids) if name in there]
        drawn = all(c.action in ("is", "is_not") and c.author == self.author for c in old)
        if not drawn or len(old) < len(set(what.ids)) or len({c.image for c in old}) != 1:
            raise refused("expected regions of one image, drawn by you, that are there")
        image = self.pictures.image(case, old[0].image).geometry
        by = None if what.shape is None else region_of(what.shape, image.shape)
        if any(c.undone for c in old):
            raise _overtaken()
        try:
            new, gone = edits.changed(what, old, by, image)
        except LabelError as error:
            raise refused(str(error)) from None
        made = [
            Correction.now(
                case.id,
                like.action,
                like.name,
                self.author,
                image=like.image,
                shape=shape,
                replaces={**_replaced(case, like.action, like.name), **origin},
            )
            for like, shape, origin in new
        ]
        for one in made:
            add_correction(self.shelf.corrections, one)
        for number in gone:
            undo(self.shelf.corrections, case.id, number)
        return made, gone

    def measured(self, case: Case, body: Any) -> dict[str, Any]:
        """What an image has in a region: content and statistics of every channel.

        Raises:
            HTTPException: If the body names no region of this case.
        """
        what = read(Measure, body)
        shape = region_of(what.shape, self._size(case, what.image))
        return edits.measured(self.pictures.image(case, what.image), shape)

    def _outline(self, case: Case, find: str) -> Shape:
        """Where a finding lies: its own samples, not those the page would have it be."""
        source = find.split(".")[0]
        known = source in self._sources() and not is_bag(case)
        there = self.finds(case, source).shapes.get(find) if known else None
        if there is None:
            raise refused("expected one of the findings of this case")
        return outline(self.layers, self.pictures, case, find, there)

    def undo(self, case: Case, number: str) -> None:
        """Take a correction back.

        Raises:
            HTTPException: If it was taken back already, with status 409.
            LabelError: If there is none of this id.
        """
        with self._saving():
            if any(c.id == number and c.undone for c in self.corrections(case)):
                raise _overtaken()
            undo(self.shelf.corrections, case.id, number)

    def redo(self, case: Case, number: str) -> Correction:
        """State again what was taken back, above all that was said since.

        Raises:
            HTTPException: If nothing of this number was taken back; with status 409 if it was
                stated again already.
        """
        with self._saving():
            there = self.corrections(case)
            old = next((c for c in there if c.id == number and c.undone), None)
            if old is None:
                raise refused("expected a correction that was undone")
            if any(c.replaces.get(AGAIN) == number and not c.undone for c in there):
                raise _overtaken()
            kept = {k: getattr(old, k) for k in ("image", "shape", "present", "finding")}
            kept["replaces"] = {**old.replaces, AGAIN: number}
            made = Correction.now(case.id, old.action, old.name, self.author, **kept)
            add_correction(self.shelf.corrections, made)
        return made

    @contextmanager
    def _saving(self) -> Iterator[None]:
        """Alone, among the viewers of the folder too, from what is read to what is written."""
        folder = self.shelf.corrections
        try:
            with self._one:
                folder.mkdir(parents=True, exist_ok=True)
                with locked(folder):
                    yield
        except OSError as error:
            raise DataError(
                f"cannot save to {folder} ({error.strerror}); "
                "start the viewer with --corrections and a folder that can be written"
            ) from None

    @property
    def _named_freely(self) -> bool:
        """Whether nobody said what can be annotated, so that the annotator names the classes."""
        return self.shelf.cohort is None and not self.shelf.predictions

    def _classes(self, case: Case) -> set[str]:
        named = {label.name for label in case.labels if isinstance(label, BagLabel)}
        predicted = {name for p in self.shelf.predictions for name in p.head.classes}
        return {*self.shelf.classes, *named, *predicted}


def _overtaken() -> HTTPException:
    words = "This was changed or undone in another window or viewer; the page shows what stands."
    return HTTPException(409, words)


def kind_of(label: Label) -> str:
    """What a label is, in words."""
    if isinstance(label, MaskLabel):
        return f"{label.extent} mask"
    if isinstance(label, BagLabel):
        return "present" if label.present else "absent"
    return type(label).__name__.removesuffix("Label").lower()


def _replaced(case: Case, action: str, name: str) -> dict[str, Any]:
    """What the case said before, in the words of its records."""
    if action == "bag":
        old = [k.present for k in case.labels if isinstance(k, BagLabel) and k.name == name]
        return {"present": old[0] if old else None}
    drawn = [label for label in case.labels if not isinstance(label, CaseLabel)]
    return {"labels": list(dict.fromkeys(kind_of(label) for label in drawn))}
