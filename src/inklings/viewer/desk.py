"""Where everything comes together: the shelf, what is rendered from it, and what was corrected."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.exceptions import HTTPException

from inklings.cohorts.bags import is_bag
from inklings.cohorts.case import Case
from inklings.errors import DataError, InklingsError
from inklings.labels.corrections import (
    Correction,
    Shape,
    add_correction,
    corrected_cases,
    read_corrections,
    standing,
    undo,
)
from inklings.labels.kinds import BagLabel, CaseLabel, Label, MaskLabel
from inklings.readers.pyramid import Pyramid
from inklings.viewer.asked import asked, refused
from inklings.viewer.bags import BagPages
from inklings.viewer.cache import Cache
from inklings.viewer.contours import contours
from inklings.viewer.finds import FindingPages, finds, outline
from inklings.viewer.layers import Layers
from inklings.viewer.pictures import TILE, PictureTiles
from inklings.viewer.shelf import Predicted, Shelf
from inklings.viewer.volumes import FEW, MOST, Volumes, to_samples

THUMBNAIL = 192


class Desk:
    """Everything that the routes answer with.

    Args:
        shelf: What was opened.
        budget: Bytes of the cache.
        author: Written into corrections.
        read_only: Whether corrections are refused.
    """

    def __init__(
        self, shelf: Shelf, budget: int = 512_000_000, author: str = "", read_only: bool = False
    ) -> None:
        self.shelf, self.author, self.read_only = shelf, author, read_only
        self.cache = Cache(budget)
        self.pictures = PictureTiles(self.cache)
        self.layers = Layers(shelf, self.pictures, self.cache)
        self.volumes = Volumes(self.pictures, self.layers, self.cache)
        self.bags = BagPages(shelf, self.pictures, self.cache)
        self._slides = {slide.id: slide for slide in shelf.slides.values()}

    def case(self, name: str) -> Case:
        """The case of an id; ids are looked up, never opened."""
        found = self.shelf.cases.get(name) or self._slides.get(name)
        if found is None:
            raise HTTPException(404, "There is no such case here.")
        return found

    def describe(self) -> dict[str, Any]:
        """What was opened."""
        return {
            "title": self.shelf.title,
            "classes": list(self.shelf.classes),
            "readOnly": self.read_only,
            "author": self.author,
            "tile": TILE,
            "predictions": [
                {
                    "name": p.name,
                    "metric": p.metric,
                    "higher": p.higher,
                    "classes": list(p.head.classes),
                    "bags": p.there.kind == "bags",
                }
                for p in self.shelf.predictions
            ],
        }

    def table(self) -> list[dict[str, Any]]:
        """A row for each case."""
        corrected = self._corrected()
        return [
            {
                "id": case.id,
                "patient": case.patient,
                "split": case.split,
                "labels": list(dict.fromkeys(_kind(label) for label in case.labels)),
                "predicted": [case.id in p.cases for p in self.shelf.predictions],
                "scores": [p.scores.get(case.id) for p in self.shelf.predictions],
                "corrections": corrected.get(case.id, 0),
            }
            for case in self.shelf
        ]

    def about(self, case: Case) -> dict[str, Any]:
        """What the page must know to show a case."""
        record: dict[str, Any] = {
            "id": case.id,
            "patient": case.patient,
            "split": case.split,
            "facts": dict(case.facts),
            "images": list(case.images),
            "answers": {k.name: k.present for k in case.labels if isinstance(k, BagLabel)},
            "layers": [],
            "predicted": [k for k, p in enumerate(self.shelf.predictions) if case.id in p.cases],
        }
        if is_bag(case):
            return {**record, "kind": "bag"}
        image = self.pictures.image(case)
        geometry = image.geometry
        spacing = None if geometry.spacing is None else [mm * 1000 for mm in geometry.spacing]
        record |= {"shape": list(geometry.shape), "spacingUm": spacing}
        record["layers"] = [dataclasses.asdict(k) for k in self.layers.of(case).values()]
        if len(geometry.shape) == 3:
            hu = image.channels == ("HU",)
            units = {"units": "HU" if hu else "grey", "toSamples": to_samples(geometry)}
            return {**record, "kind": "volume", **units}
        grid = self.pictures.grid(case)
        kind = "slide" if isinstance(image, Pyramid) else "picture"
        return {**record, "kind": kind, "levels": [grid.first, grid.finest]}

    def thumbnail(self, case: Case) -> bytes:
        """A small JPEG of any case but bags of features."""
        if is_bag(case):
            return self.bags.thumbnail(case, THUMBNAIL)
        if len(self.pictures.image(case).geometry.shape) == 3:
            return self.volumes.thumbnail(case, THUMBNAIL)
        return self.pictures.thumbnail(case, THUMBNAIL)

    def contours(self, case: Case, layer: str) -> bytes:
        """GeoJSON of a layer."""

        def make() -> tuple[bytes, int]:
            drawn = contours(self.layers, case, self.layers.layer(case, layer))
            data = json.dumps(drawn, separators=(",", ":")).encode()
            return data, len(data)

        return self.cache.get(("contours", case.id, layer), make)

    def volume(self, case: Case, image: str, coarse: bool) -> bytes:
        """One image of a case as NIfTI."""
        if image not in case.images:
            raise HTTPException(404, "This case has no such image.")
        return self.volumes.image(case, image, FEW if coarse else MOST)

    def layer_volume(self, case: Case, layer: str, coarse: bool) -> bytes:
        """A layer of a volume as NIfTI."""
        return self.volumes.layer(case, layer, FEW if coarse else MOST)

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

    def bag(self, case: Case) -> dict[str, Any]:
        """Instances of a bag, sorted by evidence."""
        if not is_bag(case):
            raise HTTPException(404, "This case is no bag.")
        return self.bags.describe(case)

    def instance(self, case: Case, index: int) -> bytes:
        """Picture of an instance of a bag."""
        return self.bags.picture(case, index)

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
        if name not in self._classes(case):
            raise refused(f"expected one of the classes, got {name!r}")
        rest: dict[str, Any] = {}
        if what.finding is not None:
            rest = {"image": next(iter(case.images)), "shape": self._outline(case, what.finding)}
            rest["finding"] = what.finding
        elif what.shape is not None:
            if is_bag(case) or what.image not in case.images:
                raise refused("expected a region on an image of this case")
            size = self.pictures.image(case, what.image).geometry.shape
            rest = {"image": what.image, "shape": what.region(size)}
        else:
            rest = {"present": what.present}
        made = Correction.now(
            case.id, action, name, self.author, replaces=_replaced(case, action, name), **rest
        )
        with self._saving():
            add_correction(self.shelf.corrections, made)
        return made

    def _outline(self, case: Case, find: str) -> Shape:
        """Where a finding lies: its own samples, not those the page would have it be."""
        source = find.split(".")[0]
        known = source in self._sources() and not is_bag(case)
        there = self.finds(case, source).shapes.get(find) if known else None
        if there is None:
            raise refused("expected one of the findings of this case")
        return outline(self.layers, self.pictures, case, find, there)

    def undo(self, case: Case, number: str) -> None:
        """Take a correction back."""
        with self._saving():
            undo(self.shelf.corrections, case.id, number)

    @contextmanager
    def _saving(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DataError(
                f"cannot save to {self.shelf.corrections} ({error.strerror}); "
                "start the viewer with --corrections and a folder that can be written"
            ) from None

    def _classes(self, case: Case) -> set[str]:
        named = {label.name for label in case.labels if isinstance(label, BagLabel)}
        predicted = {name for p in self.shelf.predictions for name in p.head.classes}
        return {*self.shelf.classes, *named, *predicted}

    def _corrected(self) -> dict[str, int]:
        counts = {}
        for name in corrected_cases(self.shelf.corrections):
            if name in self.shelf.cases:
                try:
                    made = read_corrections(self.shelf.corrections, name)
                except InklingsError:
                    continue
                counts[name] = len(standing(made))
        return counts


def _kind(label: Label) -> str:
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
    return {"labels": list(dict.fromkeys(_kind(label) for label in drawn))}
