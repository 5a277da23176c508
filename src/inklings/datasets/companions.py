"""Which file of annotations, or mask, belongs to which slide: by name and by where it lies.

Two slides called HE in two folders are two slides. A companion bears the name of its slide
(``HE.geojson``, ``HE.svs.geojson``, ``HE_mask.tif``, or ``P1_HE.xml`` with the folder in front),
and the folders below the fixed parts of both patterns have to agree, or one of the two has none.
What fits two is refused.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inklings.datasets.pairing import root_of
from inklings.datasets.slide_files import SlideFile, folders_below, literal_parts
from inklings.datasets.slide_names import tcga_patient
from inklings.errors import DataError

_ENDINGS = re.compile(
    r"(?<=.)([_-](masks?|annotations?|labels?|outlines?|segs?|segmentations?|gt)"
    r"|\.(gz|(geo)?json|xml|txt|roi|zip|jpe?g|webp|annotations?|ome|tiff?|btf|svs|ndpi|mrxs|scn|bif|vms|vmu|svslide|dcm|png"
    r"|npy|bmp|gif))$",
    re.I,
)
_SAME, _WITHIN, _SILENT = 3, 2, 1
Fit = tuple[int, int]


@dataclass(frozen=True)
class Companions:
    """Files by the place of their slide in the sequence that was asked.

    Attributes:
        of: Number of the slide to its file.
        elsewhere: Number of a slide to a file of its name whose folder is another's.
        rest: Files that belong to no slide.
        what: They are called in messages.
    """

    of: dict[int, Path]
    elsewhere: dict[int, Path]
    rest: tuple[Path, ...] = ()
    what: str = "files"

    @property
    def words(self) -> tuple[str, ...]:
        """What else to tell."""
        if not self.rest:
            return ()
        told = f"{len(self.rest)} files of {self.what} belong to no slide ({some(self.rest)})"
        return (told,)


def companions(slides: Sequence[SlideFile], pattern: str, what: str) -> Companions:
    """Match files to slides.

    Args:
        slides: All slides.
        pattern: Of the files, or a folder.
        what: They are called in messages: annotations, masks.

    Raises:
        DataError: If no file fits any slide, or one fits two, or two fit one.
    """
    found = matched(slides, pattern, what)
    if not found.of:
        raise refused(slides, pattern, what, found)
    return found


def refused(
    slides: Sequence[SlideFile],
    pattern: str,
    what: str,
    found: Companions,
    named: Sequence[str] = (),
) -> DataError:
    """That no file fits any slide, nor any of the images that files name."""
    say = f"expected {what} named like the slides ({slides[0].name}...), got none among the "
    if named:
        return DataError(f"{say}images that they name ({', '.join(named[:3])})")
    if not found.rest:
        return DataError(f"expected {what} that match {pattern!r}, found no such file")
    folders = ", whose folders are those of other slides" if found.elsewhere else ""
    return DataError(f"{say}{len(found.rest)} that match {pattern!r}{folders}")


def matched(slides: Sequence[SlideFile], pattern: str, what: str) -> Companions:
    """As `companions`; there may be none.

    Raises:
        DataError: If a file fits two slides, or two fit one.
    """
    files = _files(pattern)
    own = {slide.path.absolute() for slide in slides}
    files = [path for path in files if path.absolute() not in own]
    root, literal = root_of(pattern), literal_parts(pattern)
    fits: dict[tuple[int, Path], Fit] = {}
    bearing: dict[str, list[int]] = {}
    for k, slide in enumerate(slides):
        for name in slide.names:
            bearing.setdefault(name, []).append(k)
    for path in files:
        folders = folders_below(path, root, literal)
        for name in _names(path):  # the longest first: HE.svs before HE
            for k in bearing.get(name, ()):
                fits.setdefault((k, path), (_fit(slides[k], path, folders), len(name)))
    found: dict[int, Path] = {}
    for path in files:
        mine = {k: fit for (k, one), fit in fits.items() if one == path and fit[0]}
        best = [k for k, fit in mine.items() if fit == max(mine.values())]
        if len(best) > 1:
            raise DataError(
                f"expected {what} that tell which slide they belong to: {path} fits "
                f"{' and '.join(slides[k].place for k in best[:3])}; put it into the folder of its "
                "slide, or its folder's name before its own"
            )
        for k in best:
            if k in found and fits[k, found[k]] == mine[k]:
                raise DataError(
                    f"expected one file of {what} for the slide {slides[k].place}, got {found[k]} "
                    f"and {path}; narrow the pattern"
                )
            if k not in found or fits[k, found[k]] < mine[k]:
                found[k] = path
    elsewhere = {k: path for (k, path), fit in fits.items() if not fit[0] and k not in found}
    rest = sorted(set(files) - set(found.values()))
    return Companions(found, elsewhere, tuple(rest), what)


def _files(pattern: str) -> list[Path]:
    wanted = f"{pattern}/**/*" if Path(pattern).is_dir() else pattern
    paths = sorted(map(Path, glob.glob(wanted, recursive=True)))  # noqa: PTH207
    return [p for p in paths if p.is_file() and not p.name.startswith(".") and p.suffix != ".part"]


def _names(path: Path) -> Iterable[str]:
    """A name with fewer and fewer endings, in small letters."""
    name = path.name.lower()
    while name:
        yield name
        shorter = _ENDINGS.sub("", name)
        name = shorter if shorter != name else ""


def _fit(slide: SlideFile, path: Path, folders: tuple[str, ...]) -> int:
    """How well a companion lies for a slide whose name it bears; 0 if it is another's."""
    mine = tuple(part.lower() for part in slide.folders)
    its = tuple(part.lower() for part in folders)
    home = slide.path.absolute().parent
    if path.absolute().parent in (home, *((home.parent,) if slide.name == home.name else ())):
        return _SAME
    if mine and mine == its:
        return _SAME
    if _ordered(mine, its) or _ordered(its, mine):
        return _WITHIN if mine and its else _SILENT
    return _SILENT if tcga_patient(slide.name) else 0


def _ordered(few: Sequence[str], many: Sequence[str]) -> bool:
    """Whether all of ``few`` are among ``many``, in their order."""
    rest = iter(many)
    return all(part in rest for part in few)


def some(paths: Sequence[Path]) -> str:
    """The first of some files, by name."""
    return ", ".join(path.name for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
