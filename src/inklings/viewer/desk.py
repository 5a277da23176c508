"""Where everything comes together: the shelf, what is rendered from it, and what was corrected."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from starlette.exceptions import HTTPException

from inklings.cohorts.bags import is_bag
from inklings.cohorts.case import Case
from inklings.errors import InklingsError
from inklings.labels.corrections import (
    Correction,
    corrected_cases,
    read_corrections,
    standing,
)
from inklings.labels.kinds import BagLabel
from inklings.predictions.heatmaps.colours import colours
from inklings.readers.pyramid import Pyramid
from inklings.viewer.bags import BagPages
from inklings.viewer.contours import contours
from inklings.viewer.correcting import Correcting, kind_of
from inklings.viewer.pictures import TILE
from inklings.viewer.shelf import Shelf
from inklings.viewer.volumes import FEW, MOST, Volumes, to_samples

THUMBNAIL = 192


class Desk(Correcting):
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
        super().__init__(shelf, budget, author)
        self.read_only = read_only
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
        classes = list(self.shelf.classes)
        if self._named_freely:
            classes = list(dict.fromkeys([*self._names(), *classes]))
        return {
            "title": self.shelf.title,
            "classes": classes,
            "colours": colours(classes),
            "namedFreely": self._named_freely,
            "readOnly": self.read_only,
            "author": self.author,
            "tile": TILE,
            "suggests": any(p.suggested for p in self.shelf.predictions),
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
        corrected = self._standing()
        return [
            {
                "id": case.id,
                "patient": case.patient,
                "split": case.split,
                "labels": list(dict.fromkeys(kind_of(label) for label in case.labels)),
                "predicted": [case.id in p.cases for p in self.shelf.predictions],
                "scores": [p.scores.get(case.id) for p in self.shelf.predictions],
                "unlike": any(p.unlike(case.id) for p in self.shelf.predictions),
                "suggested": self._place(case, bool(corrected.get(case.id))),
                "corrections": len(corrected.get(case.id, ())),
            }
            for case in self.shelf
        ]

    def _place(self, case: Case, corrected: bool) -> int | None:
        """Among the cases to correct next; None once it is corrected, or if nothing is known."""
        places = [p.suggested[case.id] for p in self.shelf.predictions if case.id in p.suggested]
        return None if corrected or not places else places[0]

    def about(self, case: Case) -> dict[str, Any]:
        """What the page must know to show a case."""
        record: dict[str, Any] = {
            "id": case.id,
            "patient": case.patient,
            "split": case.split,
            "facts": {**self._unlike(case), **case.facts},
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

    def _unlike(self, case: Case) -> dict[str, str]:
        """In words how unlike the training images a case is, where that is known."""
        found = (p.likeness.get(case.id) for p in self.shelf.predictions)
        said = [
            f"{'un' * one.unlike}like them: farther than {one.nearer} of {one.of} held-out ones, "
            f"most by {one.by}"
            for one in found
            if one is not None
        ]
        return {"Training images": "; ".join(said)} if said else {}

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

    def bag(self, case: Case) -> dict[str, Any]:
        """Instances of a bag, sorted by evidence."""
        if not is_bag(case):
            raise HTTPException(404, "This case is no bag.")
        return self.bags.describe(case)

    def instance(self, case: Case, index: int) -> bytes:
        """Picture of an instance of a bag."""
        return self.bags.picture(case, index)

    def _standing(self) -> dict[str, tuple[Correction, ...]]:
        found = {}
        for name in corrected_cases(self.shelf.corrections):
            if name in self.shelf.cases:
                try:
                    found[name] = standing(read_corrections(self.shelf.corrections, name))
                except InklingsError:
                    continue
        return found

    def _names(self) -> list[str]:
        """Classes that were named before."""
        return [c.name for made in self._standing().values() for c in made]
