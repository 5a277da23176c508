"""What names of slides say: the bare name without endings, the patient of a TCGA barcode, an id."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence

from inklings.errors import DataError

_ENDING = re.compile(
    r"\.(h5|hdf5|svs|svslide|ome|tiff?|btf|ndpi|mrxs|scn|vms|vmu|bif|czi|dcm|isyntax|pt|npy|npz|zarr"
    r"|geojson)$",
    re.I,
)
_TCGA = re.compile(r"(?<![A-Za-z0-9])TCGA-[A-Z0-9]{2}-[A-Z0-9]{4}(?![A-Za-z0-9])", re.I)


def bare(name: str) -> str:
    """A name without folders and without the endings of slides and features."""
    name = re.split(r"[/\\]", name.strip().rstrip("/\\"))[-1]
    while (shorter := _ENDING.sub("", name)) != name and shorter:
        name = shorter
    return name


def folders(name: str) -> tuple[str, ...]:
    """The folders in front of a name, outermost first."""
    return tuple(part for part in re.split(r"[/\\]", name.strip())[:-1] if part not in ("", "."))


def folders_alike(some: Sequence[str], others: Sequence[str]) -> int:
    """How many of the innermost folders agree."""
    pairs = zip(reversed(some), reversed(others), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def tcga_patient(name: str) -> str | None:
    """The patient of a TCGA barcode (its first three fields), in capitals; None without one.

    ``TCGA-CR-7395-01A-01-TS1.<uuid>`` is a slide of patient ``TCGA-CR-7395``.
    """
    found = _TCGA.search(name)
    return found[0].upper() if found else None


def case_ids(names: Sequence[str]) -> list[str]:
    """Names as ids of cases: letters, digits and a few signs.

    Raises:
        DataError: If two names would be the same id; both are named.
    """
    taken: dict[str, str] = {}
    for name in names:
        clean = re.sub(r"[^\w.+-]+", "_", unicodedata.normalize("NFC", name.strip()))
        clean = clean if re.match(r"\w", clean) else f"_{clean}"
        if clean in taken:
            raise DataError(
                f"expected names that differ in letters and digits, got {taken[clean]!r} and "
                f"{name!r}, which would both be called {clean}; rename one"
            )
        taken[clean] = name
    return list(taken)
