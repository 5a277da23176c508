"""The Medical Segmentation Decathlon: ``imagesTr``, ``labelsTr`` and ``dataset.json``.

Antonelli et al. 2022, Nature Communications 13, 4128; CC BY-SA 4.0. The same layout is used by
many other sets. Archives often lose ``dataset.json``: then the names of the codes are asked for, or
numbered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inklings.datasets.pairing import clean_id
from inklings.datasets.volume_cohort import Found, StoredMask, VolumeReport, gather, laid_out
from inklings.errors import DataError
from inklings.labels.files import read_mask

_SUFFIX = re.compile(r"\.nii(\.gz)?$", re.I)


def import_decathlon(
    root: Path, out: Path, classes: Sequence[str] = (), workers: int | None = None
) -> VolumeReport:
    """Make a cohort: ``labelsTr`` label the images of ``imagesTr``, ``imagesTs`` are unlabelled.

    Args:
        root: Folder or zip that holds ``imagesTr``, at any depth.
        out: Cohort folder.
        classes: Names of the codes from 1 up, where ``dataset.json`` is missing or to be overruled.
        workers: Processes.

    Raises:
        DataError: If there is no such layout.
    """
    folder = laid_out(root, out)
    images = next(iter(sorted(folder.rglob("imagesTr"))), None)
    if images is None:
        raise DataError(f"expected a folder imagesTr under {root}, got none")
    home = images.parent
    said = _description(home)
    found = [
        *_volumes(images, home / "labelsTr", "train"),
        *_volumes(home / "imagesTs", None, "test"),
    ]
    names = tuple(classes) or _names(said) or _numbered(found)
    name = clean_id(str(said.get("name", "")) or root.stem)
    facts = {
        "title": str(said.get("description", "") or said.get("name", "") or root.stem),
        "licence": str(said.get("licence", "CC BY-SA 4.0")),
        "citation": "Antonelli et al. 2022, Nature Communications 13, 4128",
        "home": "http://medicaldecathlon.com",
        "source": root.name,
    }
    words = [] if said or classes else ["no dataset.json: the classes are numbered (--classes)"]
    return gather(name, names, facts, found, StoredMask(names), out, workers, words)


def _description(home: Path) -> Mapping[str, Any]:
    path = home / "dataset.json"
    if not path.is_file():
        return {}
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected JSON ({error}); download it again") from None
    return said if isinstance(said, dict) else {}


def _names(said: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the codes from 1 up, as older and newer files write them."""
    labels = said.get("labels") or {}
    pairs = [(k, v) if str(k).isdigit() else (v, k) for k, v in labels.items()]
    by_code = {int(code): str(name).strip().lower() for code, name in pairs if str(code).isdigit()}
    most = max(by_code, default=0)
    return tuple(by_code.get(code, f"label {code}") for code in range(1, most + 1))


def _numbered(found: Sequence[Found]) -> tuple[str, ...]:
    most = 0
    for one in found:
        if one.mask is not None:
            most = max(most, int(np.max(read_mask(one.mask), initial=0)))
    if most == 0 or most > 254:
        raise DataError(f"expected masks with codes from 1 to 254, the largest is {most}")
    return tuple(f"label {code}" for code in range(1, most + 1))


def _volumes(images: Path, masks: Path | None, part: str) -> list[Found]:
    files = sorted(images.glob("*.nii*")) if images.is_dir() else []
    found = []
    for path in files:
        name = clean_id(_SUFFIX.sub("", path.name))
        mask = masks / path.name if masks else None
        mask = mask if mask is not None and mask.is_file() else None
        found.append(Found(name, name, path, mask, facts={"set": part}))
    return found
