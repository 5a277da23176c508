"""The Medical Segmentation Decathlon: ``imagesTr``, ``labelsTr`` and ``dataset.json``.

Antonelli et al. 2022, Nature Communications 13, 4128; CC BY-SA 4.0. The same layout is used by
many other sets. Archives often lose ``dataset.json``: then the names of the codes are asked for, or
numbered. Channels of a case lie in one file; where they lie in files of their own, it is nnU-Net's
layout (`inklings.datasets.nnunet`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from inklings.cohorts.cohort import Cohort
from inklings.datasets import values
from inklings.datasets.archive import laid_out
from inklings.datasets.dataset import Argument, Converted, Option, Plain, named_in, names
from inklings.datasets.described import Description, read_description
from inklings.datasets.pairing import clean_id
from inklings.datasets.scans import IMAGE, Scan, as_described, case_of, without_image
from inklings.datasets.values import BACKGROUND, meant
from inklings.errors import DataError
from inklings.labels.files import read_mask

_SUFFIX = re.compile(r"\.nii(\.gz)?$", re.I)
_CHANNEL = re.compile(r"_\d{4}\.nii(\.gz)?$", re.I)


@dataclass(frozen=True)
class Decathlon(Plain):
    """Medical Segmentation Decathlon, and sets laid out like it.

    Scans of imagesTs, and those without a mask, become unlabelled cases.
    """

    source: Annotated[Path, Argument("Folder or zip with imagesTr and labelsTr.")]
    labels: Annotated[
        tuple[str, ...],
        Option(
            "Names of the codes 1, 2, ... if there is no dataset.json; a code called 'unlabelled' "
            "is what was not annotated.",
            flag="--classes",
            parse=names,
        ),
    ] = ()
    meaning: Annotated[
        Mapping[int, str],
        Option("The same code by code: '1=liver,4=unlabelled'.", flag="--values",
               parse=values.parse),
    ] = field(default_factory=dict)  # fmt: skip
    name: str = ""
    classes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(
        default_factory=lambda: {
            "licence": "CC BY-SA 4.0",
            "citation": "Antonelli et al. 2022, Nature Communications 13, 4128",
            "home": "http://medicaldecathlon.com",
        }
    )
    noun: str = "volumes"

    def items(self, scratch: Path) -> Sequence[Scan]:
        """Scans in order of id: ``imagesTr`` with their masks, ``imagesTs``.

        Raises:
            DataError: If there is no such layout.
        """
        home = self._home(scratch)
        found = [
            *_scans(home / "imagesTr", home / "labelsTr", "train"),
            *_scans(home / "imagesTs", None, "test"),
        ]
        if not found:
            raise DataError(f"expected NIfTI files in {home / 'imagesTr'}, got none")
        meaning = self._meaning(read_description(home)) or _numbered(found)
        return [replace(scan, meaning=meaning) for scan in found]

    def convert(self, item: Scan) -> Converted:
        """One scan, with the codes of its mask by name."""
        return case_of(item, as_described(item))

    def finish(self, cohort: Cohort, out: Path) -> tuple[Cohort, Sequence[str]]:
        """With the name and the licence of the description."""
        said = read_description(self._home(out / ".unpacked"))
        known = self.labels or self.meaning or said.meaning
        name = clean_id(said.text("name") or self.source.stem)
        title = said.text("description") or said.text("name") or self.source.stem
        facts = {"title": title, **cohort.facts}
        if said.text("licence"):
            facts["licence"] = said.text("licence")
        whole = replace(cohort, name=name, facts=facts, classes=named_in(cohort))
        words = () if known else ("no dataset.json: the classes are numbered (--classes)",)
        return whole, words

    def _meaning(self, said: Description) -> dict[int, str]:
        if self.meaning:
            return dict(self.meaning)
        if self.labels:
            return {code: meant(name) for code, name in enumerate(self.labels, 1)}
        lowered = {code: meant(name.lower()) for code, name in said.meaning.items()}
        most = max(lowered, default=0)
        return {code: lowered.get(code, f"label {code}") for code in range(1, most + 1)}

    def _home(self, scratch: Path) -> Path:
        """The folder that holds ``imagesTr``."""
        folder = laid_out(self.source, scratch)
        images = next(iter(sorted(folder.rglob("imagesTr"))), None)
        if images is None:
            raise DataError(f"expected a folder imagesTr under {self.source}, got none")
        files = [path for path in images.iterdir() if _SUFFIX.search(path.name)]
        channels = [path for path in files if _CHANNEL.search(path.name)]
        masks = {path.name for path in (images.parent / "labelsTr").glob("*")}
        if channels and not any(path.name in masks for path in channels):
            raise DataError(
                f"{images}: {channels[0].name} is one channel of a case, as nnU-Net lays them out; "
                "use 'inklings import nnunet'"
            )
        return images.parent


def _numbered(found: Sequence[Scan]) -> dict[int, str]:
    most = 0
    for one in found:
        if one.mask is not None:
            with suppress(DataError):  # its conversion will say so, with the name of the case
                most = max(most, int(np.max(read_mask(one.mask), initial=0)))
    if most == 0 or most > 254:
        raise DataError(f"expected masks with codes from 1 to 254, the largest is {most}")
    return {0: BACKGROUND, **{code: f"label {code}" for code in range(1, most + 1)}}


def _scans(images: Path, masks: Path | None, part: str) -> list[Scan]:
    drawn = _by_name(masks) if masks else {}
    found = []
    for name, path in _by_name(images).items():
        scan = Scan(name, name, {IMAGE: path}, drawn.pop(name, None), facts={"set": part})
        found.append(replace(scan, asked=masks is not None))
    return [*found, *(without_image(name, path) for name, path in drawn.items())]


def _by_name(folder: Path) -> dict[str, Path]:
    """The NIfTI files of a folder by what they are called.

    Raises:
        DataError: If there are two of one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not _SUFFIX.search(path.name) or path.name.startswith("."):
            continue
        name = clean_id(_SUFFIX.sub("", path.name))
        if name in found:
            raise DataError(f"two files for {name!r}: {found[name]} and {path}; remove one")
        found[name] = path
    return found
