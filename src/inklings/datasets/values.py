"""What the numbers and colours in mask files mean: found, shown, and mapped to classes.

A *code* is the number of a grey or palette sample, or, for a sample in colour, ``COLOUR`` plus its
24 bits ``rrggbb``. Grey in a colour picture is the same code as in a grey picture: black is 0.
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

from inklings.datasets.pictures import open_picture
from inklings.errors import LabelError, ReaderError, SpecError

BACKGROUND, UNLABELLED = "background", "unlabelled"
_NOTHING_SAID = ("unlabelled", "unlabeled", "ignore")
COLOUR = 1 << 24
_SHOWN = 24


def codes(data: bytes) -> NDArray[np.int64]:
    """The codes of an encoded mask, ``(H, W)``.

    Raises:
        ReaderError: If it does not decode.
        LabelError: If its samples are neither whole numbers nor colours.
    """
    picture = open_picture(data)
    if picture.mode in ("LA", "1", "PA"):
        picture = picture.convert("P" if picture.mode == "PA" else "L")
    elif picture.mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBX"):
        picture = picture.convert("RGB")
    array = np.asarray(picture)
    if not np.issubdtype(array.dtype, np.integer):
        raise LabelError(f"expected whole numbers or colours, got {array.dtype} samples")
    if array.ndim == 2:
        return array.astype(np.int64)
    red, green, blue = (array[..., c].astype(np.int64) for c in range(3))
    grey = (red == green) & (green == blue)
    return np.where(grey, red, COLOUR + (red << 16) + (green << 8) + blue)


def name_of(code: int) -> str:
    """How a code is written in a value map: ``255``, ``#ff0000``."""
    return f"#{code - COLOUR:06x}" if code >= COLOUR else str(code)


def parse(text: str) -> dict[int, str]:
    """A value map, ``0=background,255=nucleus`` or ``#ff0000=tumour``.

    Raises:
        SpecError: If it does not parse; the message shows how to write it.
    """
    found: dict[int, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"(#[0-9a-fA-F]{6}|\d+)\s*=\s*([\w][\w .+-]*)", part)
        if match is None:
            raise SpecError(
                f"--values: expected parts like 255=nucleus or #ff0000=tumour, got {part!r}"
            )
        code, name = _code(match[1]), meant(match[2])
        if found.setdefault(code, name) != name:
            raise SpecError(f"--values: {match[1]} is given two meanings")
    if not set(found.values()) - {BACKGROUND, UNLABELLED}:
        raise SpecError(f"--values: expected at least one class beside background, got {text!r}")
    return found


def meant(name: str) -> str:
    """A class as it was called; every word for what was not annotated becomes `UNLABELLED`."""
    name = name.strip()
    if name.lower() in _NOTHING_SAID:
        return UNLABELLED
    return BACKGROUND if name.lower() == BACKGROUND else name


def _code(text: str) -> int:
    if not text.startswith("#"):
        return int(text)
    red, green, blue = bytes.fromhex(text[1:])
    return red if red == green == blue else COLOUR + int(text[1:], 16)


def classes_of(meaning: Mapping[int, str]) -> tuple[str, ...]:
    """The classes in the order in which the map names them."""
    names = dict.fromkeys(meaning.values())
    return tuple(name for name in names if name not in (BACKGROUND, UNLABELLED))


def mapped(found: NDArray[np.int64], meaning: Mapping[int, str]) -> NDArray[np.uint8]:
    """Class numbers from 1, 0 where background, 255 where unlabelled.

    Raises:
        LabelError: If there is a code without a meaning.
    """
    numbers = {name: k for k, name in enumerate(classes_of(meaning), 1)}
    numbers |= {BACKGROUND: 0, UNLABELLED: 255}
    keys = np.array(sorted(meaning), np.int64)
    at = np.clip(np.searchsorted(keys, found), 0, len(keys) - 1)
    strange = found[keys[at] != found]
    if strange.size:
        raise LabelError(f"the value {name_of(int(strange.flat[0]))} has no meaning in --values")
    table = np.array([numbers[meaning[int(key)]] for key in keys], np.uint8)
    mapped_: NDArray[np.uint8] = table[at]
    return mapped_


@dataclass
class Survey:
    """Which codes occur in a set of masks.

    Attributes:
        files: Code to the number of files that hold it.
        samples: Code to the number of samples.
        total: How many masks were read.
    """

    files: Counter[int] = field(default_factory=Counter)
    samples: Counter[int] = field(default_factory=Counter)
    total: int = 0

    def add(self, counts: Mapping[int, int] | None) -> None:
        """Add what `count` said of one mask."""
        if counts is not None:
            self.total += 1
            self.files.update(counts.keys())
            self.samples.update(counts)

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
        rows = [f"{'value':>9}{'masks':>9}{'samples':>14}{'share':>9}"]
        for code, count in self.samples.most_common(_SHOWN):
            files = f"{self.files[code]}/{self.total}"
            rows.append(f"{name_of(code):>9}{files:>9}{count:>14}{count / every:>9.2%}")
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


def count(path: Path) -> dict[int, int] | None:
    """Samples of each code in one mask file; None if it does not decode."""
    try:
        found = codes(path.read_bytes())
    except (ReaderError, LabelError, OSError):
        return None  # the conversion will say so, with the name of the case
    values, counts = np.unique(found, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def renumbered(found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Object numbers of an instance mask; colours are numbered from 1, in order of code."""
    if int(found.max(initial=0)) < COLOUR:
        return found
    values, inverse = np.unique(found, return_inverse=True)
    numbers: NDArray[Any] = np.arange(len(values)) + (values[0] != 0)
    return numbers[inverse].reshape(found.shape)


def example(survey: Survey, names: Sequence[str] = ()) -> str:
    """A ``--values`` to start from, for an error message."""
    found: Iterable[int] = sorted(survey.files)[:4]
    given = [*names, *(f"class{k}" for k in range(1, 5))]
    parts = [f"{name_of(code)}={BACKGROUND if code == 0 else given.pop(0)}" for code in found]
    return f"--values '{','.join(parts)}'"
