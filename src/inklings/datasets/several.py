"""Cases of one or several images: which files belong together, by what the patterns match.

One pattern without a name gives a case a file, as `inklings.datasets.pairing` does it. With
``NAME=PATTERN`` for each image of a case, what the wildcards of a pattern match is the key by
which files meet: ``*_t1.nii.gz``, ``*_flair.nii.gz`` and ``labels/*.nii.gz`` meet in ``P01``.
"""

from __future__ import annotations

import glob
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inklings.datasets import pairing
from inklings.datasets.annotated import Piece
from inklings.datasets.dataset import Option, stamp_of
from inklings.datasets.findings import ImportFinding
from inklings.datasets.values import VALUES
from inklings.errors import DataError, SpecError

IMAGE = "image"
Ends = tuple[str, ...]
Patterns = str | Mapping[str, str]
"""A pattern, or the name of each image of a case to its pattern."""

_NAMED = re.compile(r"([A-Za-z0-9][\w+-]*)=(.+)", re.S)
_CHANNEL = re.compile(
    r"(?<=.)[_.-](\d{4}|ch\d+|t1|t1w|t1c|t1ce|t1gd|t1n|t2|t2w|t2f|flair|pd|dwi|adc|swi)$", re.I
)
"""Endings that say which image of a case a file is. Four digits also number frames: they count
only where a mask is called as what stands before them."""


def parse(texts: Sequence[str]) -> Patterns:
    """``--images`` as given: one pattern, or ``NAME=PATTERN`` for each image of a case.

    Raises:
        SpecError: If there are several without names, or one name twice.
    """
    named = [
        match
        for text in texts
        if not Path(text).exists() and (match := _NAMED.fullmatch(text)) is not None
    ]
    if len(texts) == 1 and not named:
        return texts[0]
    if len(named) < len(texts) or len({match[1] for match in named}) < len(named):
        raise SpecError(
            "expected a name of its own for each of several images a case, got "
            f"{' and '.join(map(repr, texts))}; write --images t1='*_t1.nii.gz' --images "
            "t2='*_t2.nii.gz'"
        )
    return {match[1]: match[2] for match in named}


IMAGES = Option(
    "Pattern of the images, in quotes, or a folder; repeat as NAME=PATTERN for several images a "
    "case.",
    parse=parse,
    repeat=True,
)
MASKS = Option(
    "Pattern of the masks, in quotes, or a folder; NAME=PATTERN says on which image's grid.",
    parse=lambda text: parse([text]),
)


@dataclass(frozen=True)
class Group:
    """The files of one case.

    Attributes:
        id: Of the case, made from the names.
        place: Path of the first image below the fixed part of its pattern, with ``/``.
        images: By name, in the order in which they were given.
        mask: Its mask, if there is one.
        on: Which image the mask lies on, where that was said.
        problem: Why it cannot be a case.
        drawn: Its annotations, if there are some.
    """

    id: str
    place: str
    images: Mapping[str, Path]
    mask: Path | None = None
    on: str | None = None
    problem: ImportFinding | None = None
    drawn: Piece | None = None

    @property
    def stamp(self) -> str:
        """Sizes and times of the files, and what annotations say."""
        drawn = f" {self.drawn.stamp}" if self.drawn else ""
        return stamp_of(*self.images.values(), self.mask) + drawn


def root_of(images: Patterns) -> Path:
    """The fixed part of a pattern; of several, what is above all of them."""
    if isinstance(images, str):
        return pairing.root_of(images)
    roots = [pairing.root_of(pattern).absolute() for pattern in images.values()]
    return Path(os.path.commonpath(roots))


def beside_masks(masks: Patterns | None) -> Path | None:
    """The file beside the masks that says what their values mean, if there is one."""
    _, pattern = _named(masks)
    path = pairing.root_of(pattern) / VALUES if pattern else None
    return path if path is not None and path.is_file() else None


def absolute(images: Patterns | None) -> str | dict[str, str] | None:
    """Patterns as whole paths, to tell one import from another."""
    if images is None or isinstance(images, str):
        return str(Path(images).absolute()) if images else None
    return {name: str(Path(pattern).absolute()) for name, pattern in images.items()}


def groups(
    images: Patterns,
    masks: Patterns | None,
    suffixes: Ends,
    separate: bool = False,
    templates: pairing.Templates | None = None,
    of_masks: Ends = (),
) -> list[Group]:
    """All cases, in order of id.

    Args:
        images: Where the images are.
        masks: Where masks are, and with a name on which image they lie.
        suffixes: Of the files.
        separate: Files whose names differ in an image's name only are cases of their own.
        templates: How an image and its mask are called, where names do not agree by themselves.
        of_masks: Further suffixes that masks may have.

    Raises:
        DataError: If files do not pair up, or several images of one case were not named.
        SpecError: If masks lie on an image that was not named.
    """
    on, pattern = _named(masks)
    both = (*suffixes, *of_masks)
    if isinstance(images, str) or len(images) == 1:
        said, only = _named(images)
        name = said or IMAGE
        assert only is not None
        _require_known(on, (name,))
        if templates is None:
            _refuse_channels(only, pattern, suffixes, separate, both)
        return [
            Group(pair.id, pair.place, {name: pair.image}, pair.mask, name)
            for pair in pairing.pairs(only, pattern, suffixes, templates, of_masks)
        ]
    _require_known(on, tuple(images))
    if templates is not None:
        raise SpecError(
            "--pair: with several named images, their patterns say what belongs together"
        )
    return _met(images, pattern, on, suffixes, both)


def _named(patterns: Patterns | None) -> tuple[str | None, str | None]:
    """The name and the pattern of what has one pattern."""
    if patterns is None or isinstance(patterns, str):
        return None, patterns
    return next(iter(patterns.items()))


def _require_known(on: str | None, names: Sequence[str]) -> None:
    if on is not None and on not in names:
        raise SpecError(f"--masks {on}=...: expected one of the images {', '.join(names)}")


def _met(
    images: Mapping[str, str], masks: str | None, on: str | None, suffixes: Ends, both: Ends
) -> list[Group]:
    by_name = {
        name: _by_key(pattern, f"images of {name}", suffixes, name)
        for name, pattern in images.items()
    }
    drawn = _by_key(masks, "masks", both) if masks else {}
    keys = sorted({key for files in by_name.values() for key in files})
    if not any(all(key in files for files in by_name.values()) for key in keys):
        shown = "; ".join(f"{n}: {', '.join([*f][:3])}" for n, f in by_name.items())
        raise DataError(
            f"no case has all images {', '.join(images)}: what the wildcards match has to be "
            f"the same ({shown})"
        )
    strange = sorted(set(drawn) - set(keys))
    if strange:
        raise DataError(
            f"no image belongs to the mask {drawn[strange[0]]}: expected one called "
            f"{strange[0]!r} among {', '.join(keys[:3])}, ..."
        )
    ids = {key: pairing.clean_id(key.replace("/", "_")) for key in keys}
    if len(set(ids.values())) < len(ids):
        raise DataError(f"several cases would be called {min(ids.values())!r}; rename one of them")
    root = root_of(images)
    found = []
    for key in keys:
        files = {name: here[key] for name, here in by_name.items() if key in here}
        gone = [name for name in images if name not in files]
        detail = f"has {', '.join(files)}, but no {', '.join(gone)}"
        problem = ImportFinding(ids[key], "missing image", detail) if gone else None
        place = next(iter(files.values())).absolute().relative_to(root).as_posix()
        found.append(Group(ids[key], place, files, drawn.get(key), on, problem))
    return found


@dataclass(frozen=True)
class Beside:
    """What meets the first image of a case: the key, and the other images by name."""

    key: str
    others: Mapping[str, Path]


def beside(images: Mapping[str, str], suffixes: Ends) -> dict[Path, Beside]:
    """The first image of each case to what belongs with it.

    Raises:
        DataError: If two files of one name meet in one case.
    """
    by_name = {
        name: _by_key(pattern, f"images of {name}", suffixes, name)
        for name, pattern in images.items()
    }
    first, *rest = by_name
    return {
        path: Beside(key, {name: by_name[name][key] for name in rest if key in by_name[name]})
        for key, path in by_name[first].items()
    }


def _by_key(pattern: str, what: str, suffixes: Ends, name: str = "") -> dict[str, Path]:
    """Files by what the wildcards of their pattern match."""
    whole = f"{pattern.rstrip('/')}/*" if Path(pattern).is_dir() else pattern
    expression = re.compile(_expression(whole))
    found: dict[str, Path] = {}
    for path in pairing.matching(pattern, what, suffixes):
        match = expression.fullmatch(path.as_posix())
        parts = [part for part in match.groups() if part] if match else []
        key = _plain("/".join(parts) or path.name, suffixes, name)
        if key in found:
            raise DataError(
                f"two files for {what} of {key!r}: {found[key]} and {path}; narrow the pattern"
            )
        found[key] = path
    return found


def _expression(pattern: str) -> str:
    """A pattern of `glob` as an expression with a group for each wildcard."""
    out, at = "", 0
    pattern = Path(pattern).as_posix()
    while at < len(pattern):
        if pattern.startswith("**/", at):
            out, at = out + r"(?:(.+)/)?", at + 3
            continue
        sign = pattern[at]
        closing = pattern.find("]", at + 2) if sign == "[" else -1
        if closing > 0:
            inner = pattern[at + 1 : closing].replace("\\", r"\\")
            inner = "^" + inner[1:] if inner.startswith("!") else inner
            out, at = out + f"([{inner}])", closing + 1
            continue
        out += {"*": "([^/]*)", "?": "([^/])"}.get(sign, re.escape(sign))
        at += 1
    return out


def _plain(key: str, suffixes: Ends, name: str) -> str:
    """A key without the suffix of files, the image's own name, and endings like ``_mask``."""
    for suffix in sorted(suffixes, key=len, reverse=True):
        if key.lower().endswith(suffix):
            key = key[: -len(suffix)]
            break
    if name:
        key = re.sub(rf"(?<=.)[_.-]{re.escape(name)}$", "", key, flags=re.I)
    return pairing.without_ending(key)


def _refuse_channels(
    images: str, masks: str | None, suffixes: Ends, separate: bool, both: Ends
) -> None:
    """Files of one case that would become cases of their own: their patient would be torn apart.

    Raises:
        DataError: If there are some; the message shows how to name them.
    """
    stems: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in pairing.matching(images, "images", suffixes):
        key = path.relative_to(pairing.root_of(images)).as_posix()
        key = _plain(key, suffixes, "")
        if match := _CHANNEL.search(key):
            stems[key[: match.start()]][match[0]] = path
    drawn = pairing.matching(masks, "masks", both) if masks else []
    masked = {_plain(path.name, both, "") for path in drawn}
    for stem, files in stems.items():
        numbers = all(ending[1:].isdigit() for ending in files)
        if len(files) < 2 or (Path(stem).name not in masked and (numbers or separate)):
            continue
        endings = sorted(files)
        shown = " ".join(
            f"--images {e[1:].lower()}='{_pattern(files[e], stem, e)}'" for e in endings[:4]
        )
        raise DataError(
            f"{' and '.join(files[e].name for e in endings[:2])} look like several images of one "
            f"case; name them: {shown} (or, if they are cases of their own, say with --patient "
            "whose they are)"
        )


def _pattern(path: Path, stem: str, ending: str) -> str:
    tail = path.name[len(Path(stem).name) + len(ending) :]
    return f"{glob.escape(str(path.parent))}/*{ending}{tail}"
