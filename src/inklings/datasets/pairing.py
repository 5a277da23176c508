"""Which mask belongs to which image, by their names.

The rule: a mask belongs to the image of the same name, whatever the suffix of the file; endings
such as ``_mask`` and ``_image`` do not count. Where a name occurs in several folders, the path
below the fixed part of the pattern is compared instead of the name alone. Other rules can be
given as two templates, ``{name}_0000`` and ``{name}_cp_masks``.

A part of a pattern that is there as it is written is taken so, brackets and all. Suffixes match in
any case. Hidden and temporary files are no data.
"""

from __future__ import annotations

import glob
import os
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from inklings.datasets.pictures import SUFFIXES
from inklings.errors import DataError, SpecError

_SEGMENTED = (".seg.nrrd", ".seg.nhdr")
_OF_MASKS = r"masks?|segs?|segmentations?|labels?|gt|truth|annotations?"
_ENDINGS = re.compile(rf"(?<=.)[ _-]({_OF_MASKS}|images?|img)$", re.I)
_CALLED_MASK = re.compile(rf".+[ _-]({_OF_MASKS})", re.I)
GROUP = ".zarr"
"""What folders of OME-Zarr are called."""

_TEMPORARY = (".part", ".tmp", ".temp", ".crdownload", "~")
Forms = tuple[re.Pattern[str] | None, re.Pattern[str] | None]
Templates = tuple[str, str]
"""How images and masks are called, without suffix, with ``{name}`` where they agree."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An image and, if there is one, its mask.

    Attributes:
        id: Of the case, made from the name.
        place: Path of the image below the fixed part of the pattern, with ``/``.
    """

    id: str
    place: str
    image: Path
    mask: Path | None

    @property
    def stamp(self) -> str:
        """Sizes and times of the files."""
        stats = [path.stat() for path in (self.image, self.mask) if path]
        return " ".join(f"{stat.st_size}.{stat.st_mtime_ns}" for stat in stats)


def root_of(pattern: str) -> Path:
    """The fixed part of a pattern: the folder above its first wildcard."""
    path = Path(pattern)
    if path.is_dir():
        return path
    fixed = Path()
    for part in path.parts[:-1]:
        if glob.has_magic(part) and not (fixed / part).exists():
            break
        fixed /= part
    return fixed


def matching(pattern: str, what: str, suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """The files that match a pattern (or lie in a folder), in order; by default pictures.

    Raises:
        DataError: If there are none; ``what`` says what was looked for.
    """
    found = [p for p in _below(pattern) if p.name.lower().endswith(suffixes)]
    if not found:
        raise DataError(
            f"expected {what} that match {pattern!r}, found none ({', '.join(suffixes)}); "
            "put the pattern in quotes"
        )
    return found


def passed_over(pattern: str, suffixes: tuple[str, ...] = SUFFIXES) -> str:
    """How many files a pattern matches that `matching` leaves out, by suffix; else nothing."""
    left = [p for p in _below(pattern) if not p.name.lower().endswith(suffixes)]
    counts = Counter(path.suffix.lower() or "no suffix" for path in left).most_common()
    return ", ".join(f"{count} {suffix}" for suffix, count in counts)


def _below(pattern: str) -> list[Path]:
    """All files of data that match a pattern, or lie in a folder, in order."""
    inside = Path(pattern).is_dir() and not is_group(Path(pattern))
    wanted = _literal(os.path.join(pattern, "*") if inside else pattern)  # noqa: PTH118
    paths = (Path(name) for name in glob.glob(wanted, recursive=True))  # noqa: PTH207
    root = root_of(pattern)
    found = (p for p in paths if p.is_file() or is_group(p))
    return sorted(p for p in found if is_data(p.relative_to(root)))


def is_group(path: Path) -> bool:
    """Whether a folder is one image, of OME-Zarr by its name."""
    return path.name.lower().endswith(GROUP) and path.is_dir()


def is_data(path: Path) -> bool:
    """Whether a path below a folder of data is no hidden or temporary file, nor in one's folder.

    Chunks of OME-Zarr are none either.
    """
    hidden = any(part.startswith((".", "~")) or part == "__MACOSX" for part in path.parts)
    hidden = hidden or any(part.lower().endswith(GROUP) for part in path.parts[:-1])
    return not hidden and not path.name.lower().endswith(_TEMPORARY)


def _literal(pattern: str) -> str:
    """A pattern in which what exists as it is written has no wildcards, and suffixes any case."""
    path, parts, there = Path(pattern), [], Path()
    for part in path.parts:
        exists = (there / part).exists()
        parts.append(glob.escape(part) if exists else part)
        there /= part
    if glob.has_magic(path.name) and not path.exists():
        stem, dot, suffix = parts[-1].rpartition(".")
        if dot and suffix.isalpha():
            parts[-1] = f"{stem}." + "".join(f"[{c.lower()}{c.upper()}]" for c in suffix)
    return str(Path(*parts))


def pairs(
    images: str,
    masks: str | None,
    suffixes: tuple[str, ...] = SUFFIXES,
    templates: Templates | None = None,
    of_masks: tuple[str, ...] = (),
) -> list[Pair]:
    """All images, each with its mask if it has one.

    Raises:
        DataError: If a mask has no image, an image two masks, or two images one name.
        SpecError: If templates are given that hold no ``{name}``.
    """
    pictures = matching(images, "images", suffixes)
    drawn = matching(masks, "masks", (*suffixes, *of_masks)) if masks else []
    forms: Forms = (None, None)
    if templates is not None:
        forms = (_form(templates[0]), _form(templates[1]))
    if masks:  # what 3D Slicer saves beside a scan is a mask by its name
        pictures = [p for p in pictures if not p.name.lower().endswith(_SEGMENTED)] or pictures
    both = set(pictures) & set(drawn)
    masks_too = {path for path in both if _is_mask(path, forms)}
    if both and not masks_too and templates is None:
        raise DataError(
            f"{min(both)} matches --images and --masks; make the patterns disjoint, or call masks "
            "so: a.png and a_mask.png"
        )
    pictures = [path for path in pictures if path not in masks_too]
    drawn = [path for path in drawn if path not in both - masks_too]
    by_name = _unique(pictures, images, False, forms[0])
    deep = by_name is None
    by_name = by_name or _unique(pictures, images, True, forms[0])
    if by_name is None:
        keys = [_key(p, root_of(images), True, forms[0]) for p in pictures]
        twice = Counter(keys).most_common(1)[0][0]
        named = ", ".join(p.name for p, key in zip(pictures, keys, strict=True) if key == twice)
        raise DataError(
            f"several images are called {twice!r} ({named}); rename them, narrow --images, give "
            "the folder as --masks too if some are masks, or say how names belong together with "
            "--pair"
        )
    owner: dict[str, Path] = {}
    for path in drawn:
        key = _key(path, root_of(masks or ""), deep, forms[1])
        if key not in by_name:
            raise DataError(
                f"no image belongs to the mask {path}: expected one named {key!r} "
                f"among the {len(by_name)} images that match {images!r}; if they are called "
                "otherwise, say how: --pair '{name}_0000' '{name}_mask'"
            )
        if key in owner:
            raise DataError(
                f"two masks for the image {by_name[key].name}: {owner[key]} and {path}; "
                "narrow --masks"
            )
        owner[key] = path
    names = {key: clean_id(key) for key in by_name}
    if len(set(names.values())) < len(names):
        twice = Counter(names.values()).most_common(1)[0][0]
        raise DataError(f"several images would become case {twice!r}; rename one of them")
    root = root_of(images)
    return [
        Pair(names[key], path.relative_to(root).as_posix(), path, owner.get(key))
        for key, path in sorted(by_name.items())
    ]


def stem_of(path: Path) -> str:
    """The name of a file without its suffix, or suffixes such as ``.nii.gz``."""
    # Systems write the same letter with an accent as one sign or as two.
    return unicodedata.normalize("NFC", re.sub(r"\.(nii|ome|seg)$", "", path.stem, flags=re.I))


def _is_mask(path: Path, forms: Forms) -> bool:
    """Whether a file that both patterns match is a mask: the template that says more decides.

    Without templates its ending does.
    """
    if forms == (None, None):
        return _CALLED_MASK.fullmatch(stem_of(path)) is not None
    said = [form.pattern if form and form.fullmatch(stem_of(path)) else "" for form in forms]
    return len(said[1]) > len(said[0])


def _form(template: str) -> re.Pattern[str]:
    if template.count("{name}") != 1:
        raise SpecError(
            f"--pair: expected names like '{{name}}_0000' '{{name}}_mask', got {template!r}"
        )
    before, after = (re.escape(part) for part in template.split("{name}"))
    return re.compile(f"{before}(.+){after}")


def _unique(
    paths: list[Path], pattern: str, deep: bool, form: re.Pattern[str] | None
) -> dict[str, Path] | None:
    found = {_key(path, root_of(pattern), deep, form): path for path in paths}
    return found if len(found) == len(paths) else None


def _key(path: Path, root: Path, deep: bool, form: re.Pattern[str] | None) -> str:
    stem = stem_of(path)
    if form is None:
        stem = _ENDINGS.sub("", stem)
    else:
        match = form.fullmatch(stem)
        if match is None:
            raise DataError(
                f"{path}: its name does not match the --pair it was given for "
                f"({form.pattern.replace('(.+)', '{name}')}); narrow the pattern"
            )
        stem = match[1]
    return (path.relative_to(root).parent / stem).as_posix() if deep else stem


def without_ending(name: str) -> str:
    """A name without an ending that says what the file is: ``_mask``, ``_image``."""
    return _ENDINGS.sub("", name)


def clean_id(key: str) -> str:
    """A case id (it names files) from any name; letters of every alphabet stay."""
    clean = re.sub(r"[^\w.+-]", "_", unicodedata.normalize("NFC", key))
    return clean if re.match(r"\w", clean) else f"_{clean}"
