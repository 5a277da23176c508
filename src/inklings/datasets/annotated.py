"""Which annotations belong to which image.

A file of one image is found by its name and folders, as any companion is; what is left is asked
for the images that it names (COCO and others hold a whole data set). Names in files are compared
with the images that were given, from the file name upwards as far as both go; none is ever opened.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inklings.datasets.companions import matched, refused, some
from inklings.datasets.dataset import Option, stamp_of
from inklings.datasets.slide_files import SlideFile
from inklings.datasets.slide_names import folders_alike
from inklings.errors import DataError, SpecError
from inklings.labels.annotations import images_in
from inklings.labels.yolo import is_side_file


def renaming(text: str) -> dict[str, str]:
    """What annotators' names mean, from the command line.

    Raises:
        SpecError: If it does not parse.
    """
    pairs = [part.split("=", 1) for part in text.split(",") if part.strip()]
    if any(len(pair) != 2 or not all(map(str.strip, pair)) for pair in pairs):
        raise SpecError(f"--names: expected 'Tumor=tumour,Stroma=background', got {text!r}")
    return {before.strip(): after.strip() for before, after in pairs}


ANNOTATIONS = Option(
    "Pattern of annotations in quotes, or a folder: files named like the images, or of many "
    "images (COCO, YOLO, VOC, GeoJSON, ImageScope, HALO, ASAP and others, told apart by content)."
)
NAMES = Option(
    "What annotators' names mean: 'Tumor=tumour,_2=hole,Fold=unlabelled,ROI=examined'.",
    parse=renaming,
)


@dataclass(frozen=True)
class Piece:
    """The annotations of one image.

    Attributes:
        path: The file.
        part: The document of this image alone, where the file holds others too.
    """

    path: Path
    part: bytes | None = field(default=None, repr=False)

    @property
    def stamp(self) -> str:
        """Changes with what is said of this image."""
        if self.part is None:
            return stamp_of(self.path)
        return hashlib.sha256(self.part).hexdigest()[:16]


@dataclass(frozen=True)
class Pieces:
    """Annotations by the place of their image in the sequence that was asked.

    Attributes:
        of: Number of the image to its annotations.
        elsewhere: Number of an image to a file of its name whose folder is another's.
        words: What else to tell.
    """

    of: Mapping[int, Piece]
    elsewhere: Mapping[int, Path]
    words: tuple[str, ...] = ()


def annotations_of(images: Sequence[SlideFile], pattern: str) -> Pieces:
    """The annotations of each of some images.

    Raises:
        DataError: If none belongs to any of them, or what belongs to whom is not clear.
        LabelError: If a file that may hold many images is damaged.
    """
    found = matched(images, pattern, "annotations")
    pieces = {k: Piece(path) for k, path in found.of.items()}
    index = _Index(images)
    rest: list[Path] = []
    strangers: list[str] = []
    for path in found.rest:
        named = {} if is_side_file(path) else images_in(path)
        hits = 0
        for name, part in named.items():
            k = index.of(name, path)
            if k is None:
                strangers.append(name)
                continue
            hits += 1
            if k in pieces:
                raise DataError(
                    f"expected one file of annotations for {images[k].place}, got "
                    f"{pieces[k].path} and {path}; narrow the pattern"
                )
            pieces[k] = Piece(path, part)
        if not hits and not is_side_file(path):
            rest.append(path)
    if not pieces:
        raise refused(images, pattern, "annotations", found, strangers)
    words = [f"{len(rest)} files of annotations belong to no image ({some(rest)})"] if rest else []
    if strangers:
        shown = ", ".join(strangers[:3]) + (", ..." if len(strangers) > 3 else "")
        words.append(f"annotations of {len(strangers)} images that are not here ({shown})")
    elsewhere = {k: path for k, path in found.elsewhere.items() if k not in pieces}
    return Pieces(pieces, elsewhere, tuple(words))


class _Index:
    """Images by the names that files of annotations call them."""

    def __init__(self, images: Sequence[SlideFile]) -> None:
        self.images = images
        self.by_name: dict[str, list[int]] = defaultdict(list)
        for k, image in enumerate(images):
            for name in {image.path.name.lower(), image.path.stem.lower(), image.name.lower()}:
                self.by_name[name].append(k)

    def of(self, name: str, path: Path) -> int | None:
        """The image of a name with or without folders; None if there is none.

        Raises:
            DataError: If it fits two alike.
        """
        parts = [part for part in re.split(r"[\\/]+", name.lower()) if part not in ("", ".", "..")]
        if not parts:
            return None
        last = parts[-1]
        near = self.by_name.get(last) or self.by_name.get(Path(last).stem, [])
        fits = {k: self._common(k, parts[:-1]) for k in near}
        best = [k for k, fit in fits.items() if fit == max(fits.values())]
        if len(best) > 1:
            raise DataError(
                f"{path}: {name!r} fits {' and '.join(self.images[k].place for k in best[:3])}; "
                "name the folder there too, or narrow --images"
            )
        return best[0] if best else None

    def _common(self, k: int, folders: Sequence[str]) -> int:
        mine = [part.lower() for part in self.images[k].path.absolute().parent.parts]
        return folders_alike(mine, folders)
