"""Folders of tile pictures, ``img_dir`` and ``ann_dir``, as segmentation frameworks keep them.

What the grey values of the masks mean has to be said: files of 0, 127 and 255 are no class
numbers. All tiles of a slide belong to one patient; where the folders ``train`` and ``val`` hold
tiles of the same patient, that split is not taken over.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inklings.cases.case import SPLITS, Split
from inklings.cases.cohort import Cohort
from inklings.datasets import values
from inklings.datasets.folder import Folder, survey
from inklings.datasets.importing import Converted
from inklings.datasets.pairing import Pair, matching
from inklings.errors import DataError, LabelError

_NAME = re.compile(r"^(?P<slide>.+)_(?P<x>\d+)_(?P<y>\d+)(?:_img|_image)?$")


@dataclass(frozen=True)
class Tiles:
    """Tiles under ``root/img_dir`` with masks under ``root/ann_dir``.

    Attributes:
        root: The folder that holds both.
        meaning: Grey value in the masks to class (`inklings.datasets.values`).
        in_place: Point at the pictures instead of copying them.
    """

    root: Path
    meaning: Mapping[int, str]
    in_place: bool = False
    name: str = "tiles"
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """The folder that holds both."""
        return self.root

    @property
    def classes(self) -> tuple[str, ...]:
        """As the value map names them."""
        return values.classes_of(self.meaning)

    def options(self) -> dict[str, Any]:
        """Everything that was given."""
        return self._folder.options()

    def items(self, scratch: Path) -> Sequence[Pair]:
        """Images with their masks, in order of id.

        Raises:
            DataError: If there are none, or names do not pair up.
        """
        if not (self.root / "img_dir").is_dir():
            raise DataError(
                f"expected folders img_dir and ann_dir in {self.root}, got no img_dir; for other "
                "layouts use 'inklings import folder'"
            )
        return self._folder.items(scratch)

    def prepare(self, items: Sequence[Pair]) -> None:
        """Compare the value map with every mask.

        Raises:
            LabelError: If a mask holds a value that the map does not name.
        """
        self._folder.prepare(items)

    def convert(self, item: Pair) -> Converted:
        """A tile with its slide, its place there and the folder it lay in."""
        found = self._folder.convert(item)
        if found.image is None:
            return found
        facts = dict(found.facts)
        parent = Path(item.place).parts[0]
        if parent in SPLITS:
            facts["folder"] = parent
        slide = item.image.stem
        match = _NAME.match(slide)
        if match is not None:
            slide = match["slide"]
            facts |= {"x": match["x"], "y": match["y"]}
        facts["slide"] = slide
        return dataclasses.replace(found, patient=self._patients.get(slide, slide), facts=facts)

    @property
    def _folder(self) -> Folder:
        masks = f"{self.root}/ann_dir/**/*" if (self.root / "ann_dir").is_dir() else None
        images = f"{self.root}/img_dir/**/*"
        return Folder(images, masks, self.meaning, in_place=self.in_place, name=self.name)

    @property
    def _patients(self) -> dict[str, str]:
        """Slide to patient, where the folder says so."""
        path = self.root / "patients.json"
        if not path.is_file():
            return {}
        try:
            record: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
            return record
        except ValueError as error:
            raise DataError(f"{path}: expected slides and patients as JSON: {error}") from None


def meaning_of(root: Path, text: str | None) -> dict[int, str]:
    """The value map, which has to be given.

    Raises:
        LabelError: If it is not; the message says which values the masks hold.
    """
    if text is not None:
        return values.parse(text)
    found = survey(matching(f"{root}/ann_dir/**/*", "masks"), workers=1)
    held = ", ".join(values.name_of(code) for code in sorted(found.files)[:8])
    kept = root / "values.txt"
    example = values.example(found)
    if kept.is_file():
        example = f"--values '{kept.read_text(encoding='utf-8').strip()}' (from {kept.name})"
    raise LabelError(f"say what the mask values {held} mean, they are no class numbers: {example}")


def take_over_splits(out: Path) -> str:
    """Give the cases of an import the split of their folder, unless it parts a patient's tiles.

    Returns:
        What was done, in words; empty where splits were there before, no folder says one, or
        there is no cohort.
    """
    if not (out / "cohort.yaml").is_file():
        return ""
    cohort = Cohort.read(out)
    folders: dict[str, set[str]] = {}
    for case in cohort:
        folders.setdefault(case.patient, set()).add(case.facts.get("folder", ""))
    if any(case.split for case in cohort) or any("" in said for said in folders.values()):
        return ""
    torn = sorted(patient for patient, said in folders.items() if len(said) > 1)
    if torn:
        return (
            f"the folders' split is not taken over: tiles of {len(torn)} patients "
            f"({', '.join(torn[:3])}) lie in more than one; run 'inklings split'"
        )
    splits: dict[str, Split] = {name: name for name in SPLITS}
    cases = tuple(dataclasses.replace(case, split=splits[case.facts["folder"]]) for case in cohort)
    dataclasses.replace(cohort, cases=cases).write(out)
    return "split as the folders say: no patient's tiles lie in two"
