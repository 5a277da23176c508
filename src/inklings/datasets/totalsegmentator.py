"""TotalSegmentator: a folder a case, with one mask file a class.

Wasserthal et al. 2023, Radiology: Artificial Intelligence 5(5), e230024; CC BY 4.0. The same layout
is what the program of that name writes: ``ct.nii.gz`` (or any volume) beside ``segmentations/``
with ``liver.nii.gz``, ``spleen.nii.gz`` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from inklings.cohorts.case import Split
from inklings.datasets.archive import laid_out
from inklings.datasets.dataset import Argument, Converted, Option, Plain, names
from inklings.datasets.findings import ImportFinding
from inklings.datasets.named_masks import NamedMasks, NamedScan, chosen
from inklings.datasets.pairing import clean_id
from inklings.datasets.scans import IMAGE, case_of
from inklings.errors import DataError
from inklings.tables import parts, read_table

MASKS = "segmentations"
_VOLUME = re.compile(r"\.(nii|nii\.gz|mha|mhd|nrrd)$", re.I)
_FACTS = ("age", "gender", "study_type", "manufacturer", "kvp", "pathology")


@dataclass(frozen=True)
class TotalSegmentator(Plain):
    """TotalSegmentator, and folders as its program writes them: one mask file a class.

    Each folder with a folder segmentations in it is a case: its image is ct.nii.gz, mri.nii.gz, or
    the only volume there. Where structures overlap, the smaller lies on top; with --classes, the
    class that is named later. A table meta.csv gives the split.
    """

    source: Annotated[Path, Argument("Folder or zip with a folder for each case.")]
    kept: Annotated[
        tuple[str, ...],
        Option(
            "Structures to keep, in this order, the last on top: 'liver,spleen'.",
            flag="--classes",
            parse=names,
        ),
    ] = ()
    name: str = ""
    classes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(
        default_factory=lambda: {
            "licence": "CC BY 4.0",
            "citation": "Wasserthal et al. 2023, Radiology: Artificial Intelligence 5, e230024",
            "home": "https://zenodo.org/records/10047292",
        }
    )
    noun: str = "volumes"

    def items(self, scratch: Path) -> Sequence[NamedScan]:
        """All folders with masks.

        Raises:
            DataError: If there is none, or a class that was asked for is nowhere.
        """
        root = laid_out(self.source, scratch)
        folders = sorted({p.parent for p in root.rglob(MASKS) if p.is_dir()})
        if not folders:
            raise DataError(
                f"{root}: expected folders that hold an image and a folder '{MASKS}' with a mask "
                "file for each class, got none"
            )
        masks = {folder: dict(_named(folder / MASKS)) for folder in folders}
        classes = chosen([name for files in masks.values() for name in files], self.kept)
        known = _table(root)
        return [
            _scan(root, folder, masks[folder], classes, known.get(folder.name, (None, {})))
            for folder in folders
        ]

    def convert(self, item: NamedScan) -> Converted:
        """A case, with its masks laid upon each other."""
        return case_of(item, NamedMasks(bool(self.kept)))


def _named(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name of each class, and its file."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and _VOLUME.search(path.name) and not path.name.startswith("."):
            yield _VOLUME.sub("", path.name), path


def _scan(
    root: Path,
    folder: Path,
    files: Mapping[str, Path],
    classes: tuple[str, ...],
    said: tuple[Split | None, Mapping[str, str]],
) -> NamedScan:
    place = folder.relative_to(root).as_posix()
    name = clean_id(folder.name if place == "." else place.replace("/", "_"))
    used = tuple((one, path) for one, path in files.items() if one in classes)
    volumes = dict(_named(folder))
    image = volumes.get("ct") or volumes.get("mri")
    if image is None and len(volumes) == 1:
        (image,) = volumes.values()
    problem = None
    if image is None:
        there = ", ".join(path.name for path in volumes.values()) or "no volume"
        detail = f"{place}: expected ct.nii.gz, mri.nii.gz or one volume, got {there}"
        problem = ImportFinding(name, "no image", detail)
    return NamedScan(
        name,
        name,
        {IMAGE: image or folder},
        mask=used[0][1] if used else None,
        beside=tuple(path for _, path in used[1:]),
        split=said[0],
        facts=said[1],
        problem=problem,
        classes=classes,
        files=used,
    )


def _table(root: Path) -> dict[str, tuple[Split | None, Mapping[str, str]]]:
    """Split and facts of each case, by the name of its folder, if there is a table."""
    path = root / "meta.csv"
    if not path.is_file():
        return {}
    table = read_table(path)
    table.require(["image_id"])
    split: Sequence[Split | None] = [None] * len(table)
    if "split" in table.columns:
        split = parts(table, "split")
    found: dict[str, tuple[Split | None, Mapping[str, str]]] = {}
    for k, case in enumerate(table.columns["image_id"]):
        facts = {w: table.columns[w][k] for w in _FACTS if w in table.columns}
        found[case] = (split[k], {word: cell for word, cell in facts.items() if cell})
    return found
