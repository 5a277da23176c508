"""Loose files as cases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from inklings.cohorts.case import Case
from inklings.errors import DataError

_IMAGES = (
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".npy", ".svs", ".ndpi", ".mrxs",
    ".scn", ".bif", ".svslide", ".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr",
    ".czi", ".nd2", ".lif",
)  # fmt: skip
_MOST = 20_000


def loose_cases(paths: Sequence[Path]) -> dict[str, Case]:
    """A case for each image among ``paths``; folders are searched, links out of them are not.

    Raises:
        DataError: If there is no image.
    """
    cases: dict[str, Case] = {}
    for path in _found(paths):
        stem = re.sub(r"[^A-Za-z0-9_.+-]", "_", _stem(path)).lstrip(".-+") or "image"
        name, number = stem, 2
        while name in cases:
            name, number = f"{stem}_{number}", number + 1
        cases[name] = Case(name, name, {"image": path})
    if not cases:
        raise DataError(
            f"expected a cohort, a run, predictions or images at {paths[0]}, got none of them"
        )
    return cases


def _found(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        root = path.resolve()
        inside = sorted(
            file
            for file in path.rglob("[!.]*")  # hidden is what is half written, or of the system
            if file.name.lower().endswith(_IMAGES)
        )
        if len(inside) > _MOST:
            raise DataError(
                f"{path} holds {len(inside)} images, more than the {_MOST} that can be listed; "
                "give a folder within it"
            )
        kept = [file for file in inside if file.resolve().is_relative_to(root)]
        if not kept and any(file.is_file() for file in path.iterdir()):  # a DICOM series?
            yield path
        yield from kept


def _stem(path: Path) -> str:
    return re.sub(r"(\.nii)?\.[^.]+$", "", path.name) if path.is_file() else path.name
