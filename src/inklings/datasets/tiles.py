"""Folders of tile pictures as segmentation frameworks keep them: img_dir and ann_dir, or flat.

What the grey values of the masks mean has to be said: files of 0, 127 and 255 are no class
numbers. All tiles of a slide belong to one patient; where the folders ``train`` and ``val`` hold
tiles of the same patient, that split is not taken over.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from inklings.cohorts.case import SPLITS, Split
from inklings.cohorts.cohort import Cohort
from inklings.datasets import values
from inklings.datasets.dataset import IN_PLACE, Argument, Converted, Option, Plain
from inklings.datasets.folder import Folder, survey
from inklings.datasets.several import Group
from inklings.datasets.slide_names import tcga_patient
from inklings.errors import DataError, LabelError
from inklings.labels.codes import name_of
from inklings.records import read_record

_NAME = re.compile(r"^(?P<slide>.+)_(?P<x>\d+)_(?P<y>\d+)(?:_img|_image)?$")


@dataclass(frozen=True)
class Tiles(Plain):
    """Tiles of slides as PNG files: img_dir/{train,val} with ann_dir/{train,val}, or flat.

    Flat folders hold x.png with x_mask.png beside it, below train and val or not.
    The folders' split is taken over unless it parts the tiles of a patient.
    """

    source: Annotated[Path, Argument("Folder of img_dir and ann_dir, or of x.png with x_mask.png.")]
    meaning: Annotated[
        Mapping[int, str],
        Option(
            "What the masks mean: '0=background,127=benign,255=cancer'.",
            flag="--values",
            parse=values.parse,
        ),
    ] = field(default_factory=dict)
    in_place: Annotated[bool, IN_PLACE] = False
    name: str = "tiles"
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """As the value map names them."""
        return values.classes_of(self.meaning)

    def options(self) -> dict[str, Any]:
        """Everything that was given."""
        return self._folder.options()

    def settled(self, say: Callable[[str], None], agree: Callable[[str], bool]) -> Tiles:  # noqa: ARG002
        """With the value map, which has to be given.

        Raises:
            LabelError: If it is not; the message says which values the masks hold.
        """
        if self.meaning or self._patterns[1] is None:
            return self
        masks = [one.mask for one in self._folder.items(self.source) if one.mask]
        raise LabelError(_unsaid(self.source, masks))

    def items(self, scratch: Path) -> Sequence[Group]:
        """Images with their masks, in order of id.

        Raises:
            DataError: If there are none, or names do not pair up.
        """
        return self._folder.items(scratch)

    def prepare(self, items: Sequence[Group]) -> None:
        """Compare the value map with every mask.

        Raises:
            LabelError: If a mask holds a value that the map does not name.
        """
        self._folder.prepare(items)

    def convert(self, item: Group) -> Converted:
        """A tile with its slide, its place there and the folder it lay in."""
        found = self._folder.convert(item)
        if not found.images:
            return found
        facts = dict(found.facts)
        parent = Path(item.place).parts[0]
        if parent in SPLITS:
            facts["folder"] = parent
        slide = next(iter(item.images.values())).stem
        match = _NAME.match(slide)
        if match is not None:
            slide = match["slide"]
            facts |= {"x": match["x"], "y": match["y"]}
        facts["slide"] = slide
        patient = self._patients.get(slide) or tcga_patient(slide) or slide
        return dataclasses.replace(found, patient=patient, facts=facts)

    def finish(self, cohort: Cohort, out: Path) -> tuple[Cohort, Sequence[str]]:  # noqa: ARG002
        """With the split of the folders, unless it parts the tiles of a patient."""
        return _split_of_folders(cohort)

    @property
    def _patterns(self) -> tuple[str, str | None]:
        """Where images and masks are.

        Raises:
            DataError: If the folder has neither layout.
        """
        root = self.source
        if (root / "img_dir").is_dir():
            masks = f"{root}/ann_dir/**/*" if (root / "ann_dir").is_dir() else None
            return f"{root}/img_dir/**/*", masks
        if next(root.rglob("*_mask.*"), None) is None:
            raise DataError(
                f"expected folders img_dir and ann_dir in {root}, or x.png with x_mask.png, got "
                "neither; for other layouts use 'inklings import folder'"
            )
        return f"{root}/**/*", f"{root}/**/*"

    @property
    def _folder(self) -> Folder:
        images, masks = self._patterns
        return Folder(images, masks, self.meaning, in_place=self.in_place, name=self.name)

    @property
    def _patients(self) -> dict[str, str]:
        """Slide to patient, where the folder says so."""
        path = self.source / "patients.json"
        if not path.is_file():
            return {}
        return read_record(dict[str, str], path, "slides and patients", "write it again")


def _unsaid(root: Path, masks: Sequence[Path]) -> str:
    """What the masks hold, and how to say what it means."""
    found = survey(masks)
    held = ", ".join(name_of(code) for code in sorted(found.files)[:8])
    kept = root / values.VALUES
    example = values.example(found)
    if kept.is_file():
        example = f"--values '{kept.read_text(encoding='utf-8').strip()}' (from {kept.name})"
    return f"say what the mask values {held} mean, they are no class numbers: {example}"


def _split_of_folders(cohort: Cohort) -> tuple[Cohort, Sequence[str]]:
    """Give cases the split of their folder, unless it parts a patient's tiles.

    Nothing is done where splits were there before, or no folder says one.
    """
    folders: dict[str, set[str]] = {}
    for case in cohort:
        folders.setdefault(case.patient, set()).add(case.facts.get("folder", ""))
    if any(case.split for case in cohort) or any("" in said for said in folders.values()):
        return cohort, ()
    torn = sorted(patient for patient, said in folders.items() if len(said) > 1)
    if torn:
        return cohort, (
            f"the folders' split is not taken over: tiles of {len(torn)} patients "
            f"({', '.join(torn[:3])}) lie in more than one; run 'inklings split'",
        )
    splits: dict[str, Split] = {name: name for name in SPLITS}
    cases = tuple(dataclasses.replace(case, split=splits[case.facts["folder"]]) for case in cohort)
    said = "split as the folders say: no patient's tiles lie in two"
    return dataclasses.replace(cohort, cases=cases), (said,)
