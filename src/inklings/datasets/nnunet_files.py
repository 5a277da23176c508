"""Which files are a case of nnU-Net: by their names, or as ``dataset.json`` lists them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inklings.datasets.described import NAME, Description, read_description
from inklings.errors import DataError

_CHANNEL = re.compile(r"(?P<case>.+)_(?P<number>\d{4})$")
_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".png", ".tif", ".tiff", ".bmp", ".jpg")


@dataclass
class RawCase:
    """The files of one case.

    Attributes:
        name: As nnU-Net calls it.
        channels: By number; none for labels without an image.
        mask: Its labels, if there are some.
        is_test: Whether it lies in ``imagesTs``.
    """

    name: str
    channels: dict[int, Path] = field(default_factory=dict)
    mask: Path | None = None
    is_test: bool = False


def holds_cases(home: Path) -> bool:
    """Whether a folder with ``dataset.json`` has cases, beside it or in its list."""
    return (home / "imagesTr").is_dir() or bool(read_description(home).said.get("dataset"))


def laid(home: Path, said: Description) -> list[RawCase]:
    """The cases of ``imagesTr`` and ``imagesTs``, in order of their names.

    Raises:
        DataError: If names do not say the channel, or two files are one channel.
    """
    ending = said.text("file_ending")
    found: list[RawCase] = []
    for images, masks in (("imagesTr", "labelsTr"), ("imagesTs", "labelsTs")):
        files, drawn = _files(home / images, ending), _files(home / masks, ending)
        _refuse_deep_tiff(files)
        truth = {stem: path for path, stem in drawn}
        cases = _by_case(home / images, files, set(truth))
        for name in sorted({*cases, *truth}):
            channels = cases.get(name, {})
            found.append(RawCase(name, channels, truth.get(name), images == "imagesTs"))
    if not any(case.channels for case in found):
        raise DataError(f"expected channels of cases in {home / 'imagesTr'}, got none")
    return found


def listed(home: Path, said: Description) -> list[RawCase]:
    """Cases whose files ``dataset.json`` lists under ``dataset``, wherever they lie.

    Raises:
        DataError: If the list is not understood.
    """
    entries = said.said.get("dataset") or {}
    found = []
    try:
        for name, entry in sorted(entries.items()):
            images: Any = entry["images"]
            channels = {number: (home / str(path)).resolve() for number, path in enumerate(images)}
            mask = (home / str(entry["label"])).resolve() if entry.get("label") else None
            found.append(RawCase(str(name), channels, mask))
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(
            f"{home / NAME}: expected images and label for each case of dataset, got a problem "
            f"with {error}"
        ) from None
    every = [path for case in found for path in (*case.channels.values(), case.mask)]
    gone = [path for path in every if path is not None and not path.is_file()]
    if gone:
        raise DataError(f"{home / NAME}: lists {gone[0]}, but there is no such file")
    return found


def _files(folder: Path, ending: str) -> list[tuple[Path, str]]:
    """The files of a folder, and their names without the ending."""
    endings = (ending,) if ending else _ENDINGS
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        end = next((e for e in endings if path.name.lower().endswith(e.lower())), None)
        if end and path.is_file() and not path.name.startswith("."):
            found.append((path, path.name[: -len(end)]))
    return found


def _refuse_deep_tiff(files: Sequence[tuple[Path, str]]) -> None:
    """Stacks whose spacing lies in a file beside them: a TIFF says nothing of it."""
    if not files:
        return
    path, stem = files[0]
    beside = (path.with_name(f"{stem}.json"), path.with_name(f"{stem[:-5]}.json"))
    if path.suffix.lower() in (".tif", ".tiff") and any(p.is_file() for p in beside):
        raise DataError(
            f"{path}: a stack with its spacing in JSON is not read; save it as NIfTI with that "
            "spacing"
        )


def _by_case(
    folder: Path, files: Sequence[tuple[Path, str]], truth: set[str]
) -> dict[str, dict[int, Path]]:
    found: dict[str, dict[int, Path]] = defaultdict(dict)
    for path, stem in files:
        match = _CHANNEL.fullmatch(stem)
        if match is None:
            other = "; use 'inklings import decathlon'" if stem in truth else ""
            raise DataError(
                f"{folder}: expected names that end in _0000, _0001, ... for the channels, got "
                f"{path.name}{other}"
            )
        here, number = found[match["case"]], int(match["number"])
        if number in here:
            raise DataError(f"two files for one channel: {here[number]} and {path}; remove one")
        here[number] = path
    return found
