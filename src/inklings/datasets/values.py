"""What the numbers and colours in mask files mean: found, shown, and mapped to classes.

Codes are those of `inklings.labels.codes`: numbers as they are stored, and colours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import LabelError, ReaderError, SpecError
from inklings.labels.codes import COLOUR, name_of, read_codes

VALUES = "values.txt"
"""Beside masks that inklings wrote: what their values mean, as ``--values`` takes it."""
BACKGROUND, UNLABELLED = "background", "unlabelled"
_NOTHING_SAID = ("unlabelled", "unlabeled", "ignore")
_SHOWN = 24
_FEW_BITS = 65_534
_TABLE = 1 << 16
MOST = 254
"""Classes of a mask of 8 bits; 255 is unlabelled."""


def codes(source: Path | bytes) -> NDArray[np.int64]:
    """The codes of a mask of one plane, ``(H, W)``.

    Raises:
        ReaderError: If it does not decode.
        LabelError: If its samples are neither whole numbers nor colours, or it has several pages.
    """
    return read_codes(source).plane


def parse(text: str) -> dict[int, str]:
    """A value map, ``0=background,255=nucleus`` or ``#ff0000=tumour,-1=unlabelled``.

    ``unlabeled`` and ``ignore`` are other words for ``unlabelled``.

    Raises:
        SpecError: If it does not parse; the message shows how to write it.
    """
    found = parse_some(text)
    require_class(found, text)
    return found


def parse_some(text: str) -> dict[int, str]:
    """As `parse`, but a map that names no class will do: of objects only what they are not.

    Raises:
        SpecError: As `parse`.
    """
    found: dict[int, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"(#[0-9a-fA-F]{6}|-?\d+)\s*=\s*([\w][\w .+-]*)", part)
        if match is None:
            raise SpecError(
                f"--values: expected parts like 255=nucleus or #ff0000=tumour, got {part!r}"
            )
        code, name = _code(match[1]), meant(match[2])
        if found.setdefault(code, name) != name:
            raise SpecError(f"--values: {match[1]} is given two meanings")
    return found


def meant(name: str) -> str:
    """A class as it was called; every word for what was not annotated becomes `UNLABELLED`."""
    name = name.strip()
    if name.lower() in _NOTHING_SAID:
        return UNLABELLED
    return BACKGROUND if name.lower() == BACKGROUND else name


def require_class(meaning: Mapping[int, str], text: str = "") -> None:
    """Raise SpecError unless a map names a class."""
    if not set(meaning.values()) - {BACKGROUND, UNLABELLED}:
        said = text or ",".join(f"{name_of(code)}={name}" for code, name in meaning.items())
        raise SpecError(f"--values: expected at least one class beside background, got {said!r}")


def require_no_class(meaning: Mapping[int, str]) -> None:
    """Raise SpecError if a map of an instance mask names classes: numbers are objects there."""
    named = classes_of(meaning)
    if named:
        raise SpecError(
            f"--instances: numbers are objects of one class (--class), so --values may only say "
            f"what is '{UNLABELLED}' or '{BACKGROUND}', got {named[0]!r}; leave one of them out"
        )


def _code(text: str) -> int:
    if not text.startswith("#"):
        return int(text)
    red, green, blue = bytes.fromhex(text[1:])
    return red if red == green == blue else COLOUR + int(text[1:], 16)


def classes_of(meaning: Mapping[int, str]) -> tuple[str, ...]:
    """The classes in the order in which the map names them."""
    names = dict.fromkeys(meaning.values())
    return tuple(name for name in names if name not in (BACKGROUND, UNLABELLED))


def require_few(classes: Sequence[str]) -> None:
    """Raise LabelError if there are more classes than 8 bits can number."""
    if len(classes) > MOST:
        raise LabelError(f"expected at most {MOST} classes in one mask, got {len(classes)}")


def mapped(found: NDArray[np.int64], meaning: Mapping[int, str]) -> NDArray[np.uint8]:
    """Class numbers from 1, 0 where background, 255 where unlabelled.

    Raises:
        LabelError: If there is a code without a meaning, or there are too many classes.
    """
    classes = classes_of(meaning)
    require_few(classes)
    numbers = {name: k for k, name in enumerate(classes, 1)}
    numbers |= {BACKGROUND: 0, UNLABELLED: 255}
    low, high = int(found.min(initial=0)), int(found.max(initial=0))
    if low < 0 or high >= _TABLE:  # colours
        keys = np.array(sorted(meaning), np.int64)
        at = np.clip(np.searchsorted(keys, found), 0, len(keys) - 1)
        said = np.array([numbers[meaning[int(key)]] for key in keys], np.int16)[at]
        said[keys[at] != found] = -1
    else:
        table = np.full(high + 1, -1, np.int16)
        for key in meaning.keys() & range(high + 1):
            table[key] = numbers[meaning[key]]
        said = table[found]
    if said.min(initial=0) < 0:
        strange = int(found[said < 0].flat[0])
        raise LabelError(f"the value {name_of(strange)} has no meaning in --values")
    mapped_: NDArray[np.uint8] = said.astype(np.uint8)
    return mapped_


@dataclass(frozen=True)
class Counted:
    """What one mask holds.

    Attributes:
        samples: Code to the number of samples.
        colours: Code to the colour that a palette gives it.
        refusal: Why it could not be read; empty where it could.
    """

    samples: Mapping[int, int] = field(default_factory=dict)
    colours: Mapping[int, str] = field(default_factory=dict)
    refusal: str = ""


@dataclass
class Survey:
    """Which codes occur in a set of masks.

    Attributes:
        files: Code to the number of files that hold it.
        samples: Code to the number of samples.
        total: How many masks were read.
        colours: Code to the colours that palettes give it.
        refusals: Why masks could not be read; their cases are set aside.
    """

    files: Counter[int] = field(default_factory=Counter)
    samples: Counter[int] = field(default_factory=Counter)
    total: int = 0
    colours: dict[int, set[str]] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)

    def add(self, one: Counted) -> None:
        """Add what `count` said of one mask."""
        if one.refusal:
            self.refusals.append(one.refusal)
            return
        self.total += 1
        self.files.update(one.samples.keys())
        self.samples.update(one.samples)
        for code, colour in one.colours.items():
            self.colours.setdefault(code, set()).add(colour)

    def require_some(self) -> None:
        """Raise LabelError, and say why, if not one mask could be read."""
        if self.refusals and not self.total:
            more = len(self.refusals) - 1
            others = f" (and {more} other masks)" if more else ""
            raise LabelError(f"{self.refusals[0]}{others}")

    def proposal(self, name: str) -> dict[int, str] | None:
        """The one obvious reading, if there is one: exactly 0 and 1, or exactly 0 and 255."""
        found = set(self.files)
        for high in (1, 255):
            if found == {0, high}:
                return {0: BACKGROUND, high: name}
        return None

    def lines(self) -> list[str]:
        """A table of the values found, most frequent first."""
        every = sum(self.samples.values()) or 1
        palette = "  colour" if self.colours else ""
        rows = [f"{'value':>9}{'masks':>9}{'samples':>14}{'share':>9}{palette}"]
        for code, count in self.samples.most_common(_SHOWN):
            files = f"{self.files[code]}/{self.total}"
            shown = ", ".join(sorted(self.colours.get(code, ()))[:3])
            row = f"{name_of(code):>9}{files:>9}{count:>14}{count / every:>9.2%}  {shown}"
            rows.append(row.rstrip())
        if len(self.samples) > _SHOWN:
            rows.append(f"... and {len(self.samples) - _SHOWN} more values")
        return rows

    def check(self, meaning: Mapping[int, str]) -> None:
        """Compare a map with what was found.

        Raises:
            LabelError: If values were found that the map does not name.
        """
        strange = sorted(set(self.files) - set(meaning))
        if strange:
            shown = ", ".join(
                f"{name_of(code)} (in {self.files[code]} of {self.total} masks)"
                for code in strange[:5]
            )
            more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""
            raise LabelError(
                f"--values gives no meaning to {shown}{more}; add it, as a class, "
                f"as '{BACKGROUND}' or as '{UNLABELLED}'"
            )


def count(path: Path, threshold: float | None = None) -> Counted:
    """Samples of each code in one mask file."""
    try:
        found = read_codes(path, threshold)
        values, counts = np.unique(found.pages, return_counts=True)
    except (ReaderError, LabelError, OSError) as error:
        said = " ".join(str(error).split())
        return Counted(refusal=said if str(path) in said else f"{path}: {said}")
    table = [] if found.table is None else found.table.tolist()
    colours = {
        int(k): "#{:02x}{:02x}{:02x}".format(*table[k]) for k in values if 0 <= k < len(table)
    }
    return Counted(dict(zip(values.tolist(), counts.tolist(), strict=True)), colours)


def objects(
    found: NDArray[np.int64], nothing: NDArray[np.bool_]
) -> NDArray[np.unsignedinteger[Any]]:
    """Object numbers of an instance mask, 0 outside of all; the largest of the type if unlabelled.

    Numbers that fit into 16 bits stay; colours and larger numbers become those from 1 on, in
    their order: as many as there are objects.

    Args:
        found: ``(*S)``: object numbers and colours, 0 and below outside of all.
        nothing: ``(*S)``: where the annotator said nothing.
    """
    found = np.where(nothing | (found < 0), 0, found)
    if int(found.max(initial=0)) > _FEW_BITS:
        there, inverse = np.unique(found, return_inverse=True)
        numbers = np.arange(len(there)) + (there[0] != 0)
        found = numbers[inverse].reshape(found.shape)
    small = int(found.max(initial=0)) <= _FEW_BITS
    numbered: NDArray[np.unsignedinteger[Any]]
    numbered = found.astype(np.uint16) if small else found.astype(np.uint32)
    numbered[nothing] = np.iinfo(numbered.dtype).max
    return numbered


def example(survey: Survey, names: Sequence[str] = ()) -> str:
    """A ``--values`` to start from, for an error message."""
    found: Iterable[int] = sorted(survey.files)[:4]
    given = [*names, *(f"class{k}" for k in range(1, 5))]
    parts = [f"{name_of(code)}={BACKGROUND if code == 0 else given.pop(0)}" for code in found]
    return f"--values '{','.join(parts)}'"
