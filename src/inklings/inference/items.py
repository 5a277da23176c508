"""What there is to predict: cases of a cohort, pictures, slides and volumes of a folder, files."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from inklings.cohorts.case import Split
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import stated_spacing
from inklings.cohorts.stacked import in_order
from inklings.datasets.several import Group, Patterns, absolute, groups
from inklings.errors import DataError, SpecError
from inklings.readers import READERS, open_image
from inklings.readers.dicom_files import begins_as_dicom
from inklings.readers.dicom_slides import slide_files, slides_of
from inklings.readers.image import Image

SLIDES = frozenset({".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide"})
"""What slides, and nothing else, are called."""

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".npy"})
VOLUMES = frozenset({".czi", ".nd2", ".lif", ".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr"})
SUFFIXES = PICTURES | SLIDES | VOLUMES
T = TypeVar("T")
IMAGE = "image"
"""Name of the image where a file says none."""


@dataclass(frozen=True)
class Item:
    """One case to predict.

    Attributes:
        case: Identifier; names the prediction.
        images: Name to the file, as an absolute path; their channels are stacked in this order.
        spacing_mm: Between the finest samples, where the cohort says so and the file may not.
        choices: Name to what of its file is meant (`inklings.readers.choice`), where it holds
            several images.
    """

    case: str
    images: Mapping[str, Path]
    spacing_mm: float | None = None
    choices: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file of the first image."""
        return next(iter(self.images.values()))

    @property
    def choice(self) -> str | None:
        """What of the first file is meant."""
        return self.choices.get(next(iter(self.images)))

    def open(self, name: str | None = None, spacing_mm: float | None = None) -> Image:
        """One of the images, by default the first; a spacing goes before that of the cohort.

        Raises:
            ReaderError: If it cannot be opened.
        """
        stated = self.spacing_mm if spacing_mm is None else spacing_mm
        name = next(iter(self.images)) if name is None else name
        return open_image(self.images[name], stated, self.choices.get(name))

    def ordered(self, inputs: Sequence[str]) -> Item:
        """With the images that a run takes, in the order in which it learnt them.

        Raises:
            DataError: If one is missing.
        """
        names = in_order(self.case, self.images, inputs)
        return replace(self, images={name: self.images[name] for name in names})


@dataclass(frozen=True)
class Inputs:
    """What a user gave, as it travels to other processes.

    Attributes:
        paths, split, choice, images: As for `gather`.
        call: Tells one prediction from the next, also where files have changed in between.
    """

    paths: tuple[Path, ...]
    split: Split | None = None
    choice: str | None = None
    images: Patterns | None = None
    call: str = field(default_factory=lambda: uuid.uuid4().hex)

    def resolved(self) -> Inputs:
        """The same from any working folder."""
        paths = tuple(path.resolve() for path in self.paths)
        return replace(self, paths=paths, images=absolute(self.images))

    def items(self) -> dict[str, Item]:
        """The items by their cases."""
        found = gather(self.paths, self.split, self.choice, self.images)
        return {item.case: item for item in found}

    def once(self, make: Callable[[Inputs], dict[str, T]]) -> dict[str, T]:
        """``make(self)``, once a process for all cases of a call."""
        if _MADE.get("call") != self.call:
            _MADE.update(call=self.call, value=make(self))
        value: dict[str, T] = _MADE["value"]
        return value


_MADE: dict[str, Any] = {}


def gather(
    inputs: Sequence[Path],
    split: Split | None = None,
    choice: str | None = None,
    images: Patterns | None = None,
) -> tuple[Item, ...]:
    """The items that ``inputs`` name, each a cohort, a folder of pictures, or a file.

    Args:
        inputs: What the user gave.
        split: Only the cases of this part; for cohorts only.
        choice: Cases by their ids, with commas between them; if it is none of these, what is meant
            of files that hold several images, which cohorts say themselves.
        images: Patterns of the images of cases, by their names, beside or instead of ``inputs``.

    Raises:
        DataError: If an input does not exist or holds no image.
        SpecError: If a part is asked for where there is none, or two images share an id.
    """
    if choice is not None:
        every = _listed(inputs, split, images)
        wanted = [name.strip() for name in choice.split(",")]
        chosen = [item for item in every if item.case in wanted]
        # One folder or file that is called as a series in it: the series is meant.
        itself = len(every) == 1 and not every[0].path.name.lower().endswith(tuple(VOLUMES))
        if chosen and not (itself and not any(map(_is_cohort, inputs))):
            if lost := [name for name in wanted if name not in {item.case for item in chosen}]:
                raise SpecError(
                    f"expected ids of cases, got {lost[0]!r}, which is not one of {len(every)}"
                )
            return tuple(chosen)
    return tuple(_listed(inputs, split, images, choice))


def _listed(
    inputs: Sequence[Path],
    split: Split | None,
    images: Patterns | None,
    choice: str | None = None,
) -> list[Item]:
    if not inputs and images is None:
        raise SpecError("expected something to predict: a cohort, files, or --images NAME=FILES")
    found: list[Item] = []
    files: list[Path] = []
    for path in inputs:
        if _is_cohort(path):
            if choice is not None:
                raise SpecError(
                    f"expected ids of cases of the cohort {path}, or files with several images, "
                    f"for what was chosen ({choice}); leave the option out"
                )
            found += _from_cohort(path, split)
        elif split is not None:
            raise SpecError(f"--split {split}: expected a cohort, got {path}, which has no parts")
        elif path.is_dir():
            files += _dicom(path) or _pictures(path)
        elif path.is_file():
            files.append(path.resolve())
        else:
            raise DataError(f"expected a cohort, a folder of pictures or a file at {path}")
    found += [Item(one.id, _whole(one.images)) for one in _grouped(images)]
    meant = {IMAGE: choice} if choice else {}
    found += [replace(item, choices=meant) for item in _named(list(dict.fromkeys(files)))]
    twice = [case for case, count in Counter(item.case for item in found).items() if count > 1]
    if twice:
        raise SpecError(f"two images would be case {twice[0]!r}; predict them into two folders")
    return found


def patients_of(cases: Sequence[str], inputs: Sequence[Path]) -> dict[str, str]:
    """Case to patient; what does not come from a cohort is a patient by itself."""
    cohorts = [Cohort.read(path) for path in inputs if _is_cohort(path)]
    known = {case.id: case.patient for cohort in cohorts for case in cohort}
    return {case: known.get(case, case) for case in cases}


def _is_cohort(path: Path) -> bool:
    return (path / "cohort.yaml").is_file()


def _from_cohort(folder: Path, split: Split | None) -> list[Item]:
    cohort = Cohort.read(folder)
    if split is not None and not cohort.is_split:
        raise SpecError(f"--split {split}: {folder} is not split yet; run 'inklings split' first")
    cases = cohort.cases if split is None else cohort.part(split)
    if not cases:
        raise DataError(f"{folder} has no {split or ''} cases to predict".replace("  ", " "))
    return [
        Item(
            case.id,
            _whole(case.images),
            stated_spacing(case),
            case.choices,
        )
        for case in cases
    ]


def _grouped(images: Patterns | None) -> list[Group]:
    return [] if images is None else groups(images, None, tuple(SUFFIXES))


def _whole(images: Mapping[str, Path]) -> dict[str, Path]:
    return {name: path.resolve() for name, path in images.items()}


def _dicom(folder: Path) -> list[Path]:
    """A folder of OME-Zarr or a DICOM series, or the slides in it; none of pictures."""
    if READERS.build("ome_zarr", {}).recognises(folder, b""):
        return [folder.resolve()]
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    pictures = [path for path in inside if _is_picture(path)]
    if pictures:
        others = [p for p in inside if p.is_file() and p not in pictures and begins_as_dicom(p)]
        if 0 < len(others) <= len(pictures):
            raise DataError(
                f"{folder}: expected pictures or a DICOM series, got {len(pictures)} pictures "
                f"({pictures[0].name}, ...) and {len(others)} files of DICOM; give the files"
            )
        return [folder.resolve()] if others else []
    if slides := slides_of(slide_files(folder)):
        return [s.levels[0].resolve() for s in slides] if len(slides) > 1 else [folder.resolve()]
    return [folder.resolve()] if READERS.build("dicom", {}).recognises(folder, b"") else []


def _pictures(folder: Path) -> list[Path]:
    files = sorted(path.resolve() for path in folder.iterdir() if _is_picture(path))
    if not files:
        raise DataError(
            f"expected pictures ({' '.join(sorted(SUFFIXES))}) in {folder}, got none; "
            "if it is a dataset, make a cohort of it with 'inklings import'"
        )
    return files


def _is_picture(path: Path) -> bool:
    return (
        path.name.lower().endswith(tuple(SUFFIXES))
        and not path.name.startswith(".")
        and path.is_file()
    )


def _named(files: Sequence[Path]) -> list[Item]:
    """Files by stem; where two share it, by name; then with the folder's name before it."""
    ways = (
        lambda path: re.sub(r"\.(nii|ome)$", "", path.stem, flags=re.I),
        lambda path: path.name,
        lambda path: f"{path.parent.name}_{path.name}",
    )
    names = {path: _clean(ways[0](path)) for path in files}
    for way in ways[1:]:
        counts = Counter(names.values())
        names = {p: _clean(way(p)) if counts[name] > 1 else name for p, name in names.items()}
    return [Item(name, {IMAGE: path}) for path, name in names.items()]


def _clean(name: str) -> str:
    cleaned = re.sub(r"[^\w.+-]+", "_", unicodedata.normalize("NFC", name))
    return cleaned if re.match(r"\w", cleaned) else f"_{cleaned}"
