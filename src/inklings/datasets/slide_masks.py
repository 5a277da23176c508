"""Masks of slides: what their codes mean, and whether a mask fits its slide and its meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from inklings.cohorts.opening import SLIDE
from inklings.datasets.findings import ImportFinding
from inklings.datasets.values import UNLABELLED
from inklings.errors import DataError, SpecError
from inklings.labels.codes import name_of
from inklings.labels.kinds import BACKGROUND, IRRELEVANT, NO_CLASS, Extent, MaskLabel
from inklings.labels.mask_codes import all_codes, coarse_codes

_WORDS = (UNLABELLED, "unlabeled", "ignore", IRRELEVANT)


@dataclass(frozen=True)
class Meaning:
    """What the codes of masks mean.

    Attributes:
        names: Of the codes from 1 up, as `MaskLabel.classes`; `IRRELEVANT` where nothing is known.
        named: The codes that somebody gave a meaning.
        zero: Whether 0 is a statement, too: background.
    """

    names: tuple[str, ...]
    named: frozenset[int]
    zero: bool = True

    @classmethod
    def counted(cls, names: Sequence[str]) -> Self:
        """Names of the codes 1, 2, ... in their order."""
        plain = tuple(IRRELEVANT if name in _WORDS else name for name in names)
        return cls(plain, frozenset(range(len(plain) + 1)))

    @classmethod
    def mapped(cls, values: Mapping[int, str]) -> Self:
        """A value map, as ``--values`` gives it.

        Raises:
            SpecError: If it gives a class to 0, or to a colour.
        """
        most = max(values, default=0)
        if most > 65535:
            raise SpecError(
                f"--values: expected numbers for masks of slides, got {name_of(most)}; colours are "
                "mapped in pictures only ('inklings import folder')"
            )
        if values.get(0, BACKGROUND) not in (BACKGROUND, *_WORDS):
            raise SpecError(
                f"--values: expected 0 to be {BACKGROUND} or {UNLABELLED} in masks of slides, got "
                f"0={values[0]}; write the masks again with another number"
            )
        names = [values.get(code, IRRELEVANT) for code in range(1, most + 1)]
        plain = tuple(IRRELEVANT if name in _WORDS else name for name in names)
        return cls(plain, frozenset({0, *values}), values.get(0, BACKGROUND) == BACKGROUND)

    @property
    def classes(self) -> tuple[str, ...]:
        """What can be there."""
        return tuple(dict.fromkeys(n for n in self.names if n not in (BACKGROUND, *NO_CLASS)))

    @property
    def extent(self) -> Extent:
        """Of the masks."""
        if not self.zero:
            return "positives"
        return "partial" if IRRELEVANT in self.names and self._largest_is_free else "complete"

    @property
    def _largest_is_free(self) -> bool:
        """Whether the largest value of a type is no class, which ``partial`` takes as unknown."""
        given = {code: self.names[code - 1] for code in self.named if code}
        return all(given.get(code, IRRELEVANT) == IRRELEVANT for code in (255, 65535))

    def shown(self, codes: Sequence[int]) -> set[str]:
        """Classes that some codes stand for."""
        inside = [code for code in codes if 0 < code <= len(self.names)]
        return {self.names[code - 1] for code in inside} - {BACKGROUND, *NO_CLASS}


def mask_label(
    case: str, path: Path, meaning: Meaning, shape: tuple[int, ...], expected: str | None
) -> tuple[MaskLabel | None, list[ImportFinding]]:
    """A mask as a label of its slide, and what is odd about it.

    Args:
        case: Id of the case.
        path: The mask, of any size of the same proportions.
        meaning: Of its codes.
        shape: Of level 0 of the slide.
        expected: A class that it has to show, where a table says so.
    """
    try:
        codes, size = coarse_codes(path)
        seen = meaning.shown(sorted(codes))
        if not seen or (expected and expected not in seen):
            codes |= all_codes(path)
    except DataError as error:
        return None, [ImportFinding(case, "unreadable mask", str(error))]
    y, x = (m / n for m, n in zip(size, shape, strict=True))
    if abs(y - x) > max(x, y) * (0.002 + 1.5 / min(*size, *shape)):
        detail = f"{path.name}: {size[1]} x {size[0]}, the slide {shape[1]} x {shape[0]}"
        return None, [ImportFinding(case, "mask shape", detail)]
    found: list[ImportFinding] = []
    if codes <= {0, 255} and 255 in codes and meaning.named == {0, 1}:
        meaning = Meaning.mapped({0: BACKGROUND, 255: meaning.names[0]})
        found.append(ImportFinding(case, "mask 0 and 255", f"{path.name}: 0 and 255, not 0 and 1"))
    strange = sorted(codes - meaning.named)
    if strange:
        detail = (
            f"{path.name}: holds code {', '.join(map(str, strange[:4]))}, known are "
            f"{', '.join(map(str, sorted(meaning.named)[:8]))}: perhaps the mask is another "
            "provider's"
        )
        return None, [ImportFinding(case, "strange codes", detail)]
    if expected and expected not in meaning.shown(sorted(codes)):
        detail = f"{path.name}: shows no {expected}, which the table reports"
        found.append(ImportFinding(case, "mask disagrees", detail))
    return MaskLabel(path, SLIDE, "classes", meaning.names, meaning.extent), found
