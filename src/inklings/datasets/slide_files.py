"""Which slides a pattern means: files, DICOM series, and an id for each that stays its own."""

from __future__ import annotations

import glob
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inklings.datasets.journal import NAME
from inklings.datasets.pairing import GROUP, clean_id, is_group, root_of
from inklings.datasets.slide_names import bare
from inklings.errors import DataError
from inklings.readers.dicom_slides import HEAD, DicomSlide, is_slide, slides_of

SUFFIXES = (
    ".svs", ".tif", ".tiff", ".btf", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide",
    ".czi", ".nd2", ".lif", GROUP,
)  # fmt: skip
_DICOM = re.compile(r"\.(dcm|dicom|ima|\d+)$|^[^.]+$", re.I)
"""Names that a file of DICOM may have: its suffix, the end of a UID, or none."""


@dataclass(frozen=True)
class SlideFile:
    """One slide on disk.

    Attributes:
        path: By which it is opened; of DICOM the finest level.
        name: What it is called: without the suffix, or as the folder of its series.
        folders: Between the fixed part of the pattern and the slide, outermost first.
        patient: As its own headers say, in a form that names nobody.
    """

    path: Path
    name: str
    folders: tuple[str, ...]
    patient: str | None = None

    @property
    def place(self) -> str:
        """Where it lies below the fixed part of the pattern, with ``/``."""
        return "/".join((*self.folders, self.path.name))

    @property
    def names(self) -> frozenset[str]:
        """In small letters, all that a companion or a table may call it by, without folders."""
        said = {self.name, self.path.stem, self.path.name, bare(self.path.name)}
        if self.folders:
            said |= {f"{self.folders[-1]}_{name}" for name in said}
        return frozenset(name.lower() for name in said)


def slides_in(pattern: str) -> tuple[list[SlideFile], list[str]]:
    """The slides that match a pattern, or lie in a folder or below it, in order of their paths.

    Returns:
        The slides, and in words what was passed over.

    Raises:
        DataError: If there are none.
    """
    root, literal = root_of(pattern), literal_parts(pattern)
    files = [path for path in _matching(pattern) if not _hidden(path, root)]
    dicom = [path for path in files if _DICOM.search(path.name) and _is_dicom_slide(path)]
    others = set(files) - set(dicom)
    given = bool(Path(pattern).suffix) and not glob.has_magic(Path(pattern).suffix)
    plain = [p for p in others if p.suffix.lower() in SUFFIXES or (given and not _is_dicom(p))]
    if not (plain or dicom or Path(pattern).is_dir()):
        plain = [path for path in others if not _is_dicom(path)]  # pictures, as they were asked for
    series = slides_of(dicom)
    crowded = Counter(one.levels[0].parent for one in series)
    found = [_of_file(path, root, literal) for path in plain]
    found += [_of_series(one, root, literal, crowded[one.levels[0].parent] > 1) for one in series]
    if not found:
        raise DataError(
            f"expected slides ({', '.join(SUFFIXES[:4])}, DICOM, ...) that match {pattern!r}, got "
            "none; put the pattern in quotes: '--images \"scans/**/*.svs\"'"
        )
    words = []
    if extras := len(dicom) - sum(len(one.levels) for one in series):
        words.append(f"DICOM: {extras} pictures of labels or of the whole glass are no slides")
    if strange := sum(p.suffix.lower() == ".dcm" for p in others):
        words.append(f"DICOM: {strange} files that are no whole slides are passed over")
    return sorted(found, key=lambda slide: slide.path), words


def ids_of(slides: Sequence[SlideFile], known: Mapping[str, str]) -> list[str]:
    """An id for each: its name, with folders before it where several bear that name.

    Args:
        slides: In order.
        known: Path to id of slides that have theirs from an earlier import, and keep it.
    """
    counts = Counter(clean_id(slide.name).lower() for slide in slides)
    taken = {name.lower() for name in known.values()}
    found = []
    for slide in slides:
        told = known.get(str(slide.path.absolute()))
        if told is None:
            told = _free(slide, counts, taken)
        taken.add(told.lower())
        found.append(told)
    return found


def known_ids(folder: Path) -> dict[str, str]:
    """Path to id, as an earlier import into a folder has them."""
    found: dict[str, str] = {}
    try:
        lines = (folder / NAME).read_text(encoding="utf-8").splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue  # the last line of a killed import
        if isinstance(record, dict) and "|" in str(record.get("stamp")):
            found[str(record["stamp"]).split("|", 1)[1]] = str(record["id"])
    return found


def folders_below(path: Path, root: Path, literal: frozenset[str]) -> tuple[str, ...]:
    """Folders of a path below ``root`` that tell it from others: no fixed parts of its pattern."""
    parts = path.relative_to(root).parts[:-1]
    return tuple(part for part in parts if part not in literal)


def literal_parts(pattern: str) -> frozenset[str]:
    """Folders that a pattern names, which tell no file from another."""
    return frozenset(part for part in Path(pattern).parts if not glob.has_magic(part))


def _free(slide: SlideFile, counts: Counter[str], taken: set[str]) -> str:
    name = clean_id(slide.name)
    tries = [name] if counts[name.lower()] == 1 else []
    for folders in (slide.folders[k:] for k in range(len(slide.folders) - 1, -1, -1)):
        tries.append(clean_id("_".join((*folders, slide.name))))
    tries.append(clean_id("_".join((*slide.folders, slide.path.name))))
    free = next((one for one in tries if one.lower() not in taken), None)
    number = 2
    while free is None:
        told = f"{tries[-1]}_{number}"
        free, number = (None if told.lower() in taken else told), number + 1
    return free


def _of_file(path: Path, root: Path, literal: frozenset[str]) -> SlideFile:
    return SlideFile(path, bare(path.name), folders_below(path, root, literal))


def _of_series(one: DicomSlide, root: Path, literal: frozenset[str], crowded: bool) -> SlideFile:
    """A slide of DICOM is called as its folder, unless others lie in it too."""
    path = one.levels[0]
    patient = None
    if one.patient:
        patient = f"P-{hashlib.sha256(one.patient.encode()).hexdigest()[:10]}"
    folders = folders_below(path, root, literal)
    if crowded:
        return SlideFile(path, path.stem if path.suffix.lower() == ".dcm" else path.name,
                         folders, patient)  # fmt: skip
    return SlideFile(path, path.absolute().parent.name, folders[:-1], patient)


def _matching(pattern: str) -> list[Path]:
    """Files and folders of OME-Zarr that match, or lie in what matches."""
    if Path(pattern).is_dir():
        return _within(Path(pattern), "**/[!.]*")
    found: list[Path] = []
    for path in map(Path, glob.glob(pattern, recursive=True)):  # noqa: PTH207
        found += [path] if path.is_file() else _within(path, "[!.]*")
    return list(dict.fromkeys(found))


def _within(folder: Path, pattern: str) -> list[Path]:
    if is_group(folder):
        return [folder]
    return [path for path in folder.glob(pattern) if path.is_file() or is_group(path)]


def _hidden(path: Path, root: Path) -> bool:
    below = path.relative_to(root).parts
    chunk = any(part.lower().endswith(GROUP) for part in below[:-1])
    return chunk or any(part.startswith(".") for part in below) or path.suffix == ".part"


def _is_dicom_slide(path: Path) -> bool:
    return is_slide(_head(path))


def _is_dicom(path: Path) -> bool:
    return _head(path)[128:132] == b"DICM"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""
