"""Synapse multi-organ CT as TransUNet keeps it: slices to train on, volumes to test on, lists.

Chen 2021; the scans are those of "Multi-Atlas Labeling Beyond the Cranial Vault" (Landman 2015),
clipped to -125 to 275 HU and brought to [0, 1]. The layout is ``train_npz/case0005_slice000.npz``
and ``test_vol_h5/case0001.npy.h5``, each with arrays ``image`` and ``label``, and the lists
``train.txt`` and ``test_vol.txt``, which say what counts. Slices of a case become its volume again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from inklings.arrays import read_npz
from inklings.cohorts.case import Split
from inklings.datasets.dataset import Argument, Converted, Mask, Option, Plain, Stored, stamp_of
from inklings.datasets.findings import ImportFinding
from inklings.errors import DataError, LabelError, ReaderError, SpecError
from inklings.readers import open_image
from inklings.readers.encode import encoded

ORGANS = (
    "aorta",
    "gallbladder",
    "left kidney",
    "right kidney",
    "liver",
    "pancreas",
    "spleen",
    "stomach",
)
_SLICE = re.compile(r"(.+)_slice(\d+)")
_TRAIN, _TEST = ("train_npz", "train.txt"), ("test_vol_h5", "test_vol.txt")


def spacing_of(text: str) -> tuple[float, float, float]:
    """Three distances in mm, ``z,y,x``.

    Raises:
        SpecError: If they are not.
    """
    try:
        z, y, x = (float(part) for part in text.split(","))
    except ValueError:
        z = y = x = 0.0
    if not min(z, y, x) > 0:
        raise SpecError(f"--spacing-mm: expected three numbers above 0 like 3,1,1, got {text!r}")
    return z, y, x


@dataclass(frozen=True)
class SynapseCase:
    """One scan: a file, or its slices in order."""

    id: str
    files: tuple[Path, ...]
    split: Split
    problem: str = ""

    @property
    def stamp(self) -> str:
        """Sizes and times of its files, and what is wrong with them."""
        return f"{stamp_of(*self.files)} {self.problem}"


@dataclass(frozen=True)
class Synapse(Plain):
    """Synapse multi-organ CT in the layout of TransUNet: train_npz, test_vol_h5, lists.

    Slices of a case become a volume; a case whose slices are not all there is left out. Files
    that the lists do not name are no cases.
    """

    source: Annotated[Path, Argument("Folder with train_npz, test_vol_h5 and the lists.")]
    spacing_mm: Annotated[
        tuple[float, float, float],
        Option(
            "Between samples, z,y,x, which the files do not say; 1,1,1 measures in voxels.",
            parse=spacing_of,
        ),
    ]
    classes: tuple[str, ...] = ORGANS
    name: str = "synapse"
    facts: Mapping[str, Any] = field(
        default_factory=lambda: {
            "title": "Synapse multi-organ CT, as prepared for TransUNet",
            "citation": "Landman 2015, MICCAI multi-atlas labeling; Chen 2021, arXiv:2102.04306",
            "home": "https://www.synapse.org/#!Synapse:syn3193805",
        }
    )
    noun: str = "volumes"

    def items(self, scratch: Path) -> Sequence[SynapseCase]:  # noqa: ARG002
        """The scans of both lists, in order of id.

        Raises:
            DataError: If nothing of this layout is there, or a case is in both lists.
        """
        found = [*self._train(), *self._test()]
        if not found:
            raise DataError(
                f"{self.source}: expected folders {_TRAIN[0]} or {_TEST[0]} with slices "
                "(case0005_slice000.npz) or volumes (case0001.npy.h5), got none"
            )
        ids = [one.id for one in found]
        twice = [one for one in ids if ids.count(one) > 1]
        if twice:
            raise DataError(f"{self.source}: case {twice[0]} is in both parts, train and test")
        return sorted(found, key=lambda one: one.id)

    def convert(self, item: SynapseCase) -> Converted:
        """The volume and the organs on it."""
        if item.problem:
            return Converted({}, findings=(ImportFinding(item.id, "slice count", item.problem),))
        parts = [_read(file) for file in item.files]
        whole = item.split == "test"
        image, label = parts[0] if whole else map(np.stack, zip(*parts, strict=True))
        codes = _codes(label, len(self.classes), item.id)
        if image.ndim != 3 or codes.shape != image.shape:
            raise LabelError(
                f"{item.id}: expected a volume and a label of one shape, got {image.shape} and "
                f"{codes.shape}"
            )
        volume = open_image(image.astype(np.float32), self.spacing_mm, axes="zyx")
        mask = Mask(codes, "classes", self.classes, geometry=volume.geometry)
        return Converted(
            {"ct": Stored(*encoded(volume))}, (mask,), patient=item.id, split=item.split
        )

    def _train(self) -> list[SynapseCase]:
        folder = self.source / _TRAIN[0]
        there = {file.stem: file for file in folder.glob("[!.]*.npz")}
        slices: dict[str, dict[int, str]] = defaultdict(dict)
        for name in self._listed(_TRAIN[1]) or sorted(there):
            match = _SLICE.fullmatch(name)
            if match is None:
                raise DataError(f"{folder}: expected names like case0005_slice000, got {name!r}")
            slices[match[1]][int(match[2])] = name
        found = []
        for case, numbered in slices.items():
            gone = [name for name in numbered.values() if name not in there]
            gaps = sorted(set(range(max(numbered) + 1)) - set(numbered))
            problem = ""
            if gone or gaps:
                lacks = gone[0] if gone else f"slice {gaps[0]}"
                problem = f"{len(gone) + len(gaps)} slices are missing ({lacks}, ...)"
            files = [there[numbered[k]] for k in sorted(numbered) if numbered[k] in there]
            found.append(SynapseCase(case, tuple(files), "train", problem))
        return found

    def _test(self) -> list[SynapseCase]:
        folder = self.source / _TEST[0]
        there = {file.name.removesuffix(".npy.h5"): file for file in folder.glob("[!.]*.npy.h5")}
        names = self._listed(_TEST[1]) or sorted(there)
        return [
            SynapseCase(name, (there[name],), "test")
            if name in there
            else SynapseCase(name, (), "test", f"{name}.npy.h5 is missing")
            for name in names
        ]

    def _listed(self, name: str) -> list[str]:
        """Names in a list anywhere below the source; none where there is no list.

        Raises:
            DataError: If there are several.
        """
        lists = sorted(self.source.rglob(name))
        if len(lists) > 1:
            raise DataError(f"expected one list {name}, got {lists[0]} and {lists[1]}")
        lines = lists[0].read_text(encoding="utf-8").split() if lists else []
        return [line.removesuffix(".npz").removesuffix(".npy.h5") for line in lines]


def _read(file: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Image and label of a file.

    Raises:
        ReaderError: If it is damaged, or one of them is missing.
    """
    try:
        if file.suffix == ".npz":
            arrays: Mapping[str, NDArray[Any]] = read_npz(file, ("image", "label"))
        else:
            with h5py.File(file, "r") as content:
                arrays = {name: content[name][:] for name in ("image", "label") if name in content}
        return arrays["image"], arrays["label"]
    except KeyError as error:
        raise ReaderError(f"{file}: expected arrays image and label, {error} is missing") from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ReaderError(f"{file}: expected arrays, it is damaged ({reason})") from None


def _codes(label: NDArray[Any], most: int, case: str) -> NDArray[np.uint8]:
    codes = np.rint(label)
    strange = label[(codes != label) | (label < 0) | (label > most)]
    if strange.size:
        raise LabelError(
            f"{case}: expected numbers of organs from 0 to {most}, got {strange.flat[0]:g}"
        )
    whole: NDArray[np.uint8] = codes.astype(np.uint8)
    return whole
