"""One ``.npz`` a case: where it lies, and what is said where it does not."""

from __future__ import annotations

from pathlib import Path

from inklings.arrays import read_npz
from inklings.errors import DataError

AGAIN = "delete it and predict again"


def case_file(folder: Path, case: str) -> Path:
    """Where the arrays of a case lie."""
    return folder / "cases" / f"{case}.npz"


def missing(case: str, path: Path) -> DataError:
    """The error where a case was not predicted."""
    return DataError(f"expected a prediction of case {case} at {path}, got no file")


def damaged(path: Path, why: object) -> DataError:
    """The error where a file does not read back."""
    return DataError(f"{path} is damaged ({why}); {AGAIN}")


def image_in(path: Path) -> Path:
    """The image that a case was predicted from, without reading the rest.

    Raises:
        DataError: If the file is damaged.
    """
    try:
        return Path(str(read_npz(path, ("image",))["image"]))
    except (ValueError, KeyError, OSError) as error:
        raise damaged(path, error) from None
