"""CHAOS: abdominal CT and MR of healthy donors with liver, kidneys and spleen.

Kavur et al. 2021, Medical Image Analysis 69, 101950; CC BY-SA 4.0. The layout on disk is
``Train_Sets/MR/<patient>/T1DUAL/{DICOM_anon/{InPhase,OutPhase},Ground}``,
``.../T2SPIR/{DICOM_anon,Ground}`` and ``Train_Sets/CT/<patient>/{DICOM_anon,Ground}``, with
``Test_Sets`` without ``Ground``.

Slices of the ground truth are PNG files in the order in which the slices were taken. They are
paired with the planes by position: the k-th PNG belongs to the k-th plane along the way that the
instance numbers count, whatever the files are called; in the MR sets the names of both often
differ, and there two phases share one set of masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from inklings.datasets.archive import laid_out
from inklings.datasets.dataset import Argument, Converted, Mask, Option, Plain
from inklings.datasets.findings import ImportFinding
from inklings.datasets.pairing import clean_id
from inklings.datasets.scans import IMAGE, Scan, case_of
from inklings.errors import DataError, SpecError
from inklings.labels.files import natural
from inklings.labels.kinds import Label
from inklings.readers.dicom_headers import Plane
from inklings.readers.dicom_series import source_planes
from inklings.readers.image import Image
from inklings.readers.picture import decode

Modality = Literal["mr-t1-inphase", "mr-t1-outphase", "mr-t2", "ct"]
GREYS: Mapping[str, tuple[int, int]] = {
    "liver": (55, 70),
    "right kidney": (110, 135),
    "left kidney": (175, 200),
    "spleen": (240, 255),
}
"""Greys of the MR masks, both ends included; in CT everything above 0 is liver."""

FACTS = {
    "title": "CHAOS: Combined (CT-MR) Healthy Abdominal Organ Segmentation",
    "licence": "CC BY-SA 4.0",
    "citation": "Kavur et al. 2021, Medical Image Analysis 69, 101950",
    "home": "https://chaos.grand-challenge.org",
}
_SURE = 0.5


@dataclass(frozen=True)
class Chaos(Plain):
    """CHAOS: abdominal CT and MR, with slices of liver, kidneys and spleen as PNG.

    Slices are paired by position, whatever the files are called. Scans without ground truth
    become unlabelled cases.
    """

    source: Annotated[Path, Argument("Folder or zip with DICOM_anon folders.")]
    modality: Annotated[Modality, Option("Which of the four scan types.")]
    organs: Annotated[
        tuple[str, ...],
        Option(
            "Only this organ, the others are background; repeat for several.",
            flag="--organ",
            repeat=True,
        ),
    ] = ()
    facts: Mapping[str, Any] = field(default_factory=lambda: FACTS)
    noun: str = "volumes"

    def __post_init__(self) -> None:
        if self.modality not in get_args(Modality):
            known = ", ".join(get_args(Modality))
            raise SpecError(f"expected one of {known}, got {self.modality!r}")
        strange = [organ for organ in self.organs if organ not in self._known]
        if strange:
            raise SpecError(
                f"{self.modality}: expected organs of {', '.join(self._known)}, got {strange[0]!r}"
            )

    @property
    def name(self) -> str:
        """With the kind of scans."""
        return f"chaos-{self.modality}"

    @property
    def classes(self) -> tuple[str, ...]:
        """The organs that were asked for, or all."""
        return tuple(organ for organ in self._known if not self.organs or organ in self.organs)

    @property
    def _known(self) -> tuple[str, ...]:
        return ("liver",) if self.modality == "ct" else tuple(GREYS)

    def items(self, scratch: Path) -> Sequence[Scan]:
        """A case a patient; those of the test sets are unlabelled.

        Raises:
            DataError: If there is no such scan.
        """
        folder = laid_out(self.source, scratch)
        found = scans(folder, self.modality, self.source.stem)
        if not found:
            raise DataError(
                f"expected scans of {self.modality} under {self.source} (folders called "
                f"DICOM_anon), got none; give the folder that holds "
                f"{'CT' if self.modality == 'ct' else 'MR'}"
            )
        return found

    def convert(self, item: Scan) -> Converted:
        """One scan, with the organs on its planes."""
        return case_of(item, SlicesOfTruth(self.classes, self.modality))


def scans(folder: Path, modality: Modality, title: str = "scan") -> list[Scan]:
    """Where the scans of one modality lie, with their masks if there are any."""
    found = []
    for dicom in sorted(folder.rglob("DICOM_anon"), key=lambda p: natural(p.as_posix())):
        kind = dicom.parent.name
        if modality == "ct":
            fits = kind not in ("T1DUAL", "T2SPIR")
            image, home = dicom, dicom.parent
        else:
            fits = kind == ("T2SPIR" if modality == "mr-t2" else "T1DUAL")
            phase = {"mr-t1-inphase": "InPhase", "mr-t1-outphase": "OutPhase"}.get(modality, "")
            image, home = dicom / phase, dicom.parent.parent
        if not fits or not image.is_dir():
            continue
        patient = title if home == folder else home.name
        patient = f"{int(patient):02d}" if patient.isdigit() else clean_id(patient)
        truth = dicom.parent / "Ground"
        mask = truth if truth.is_dir() and any(truth.glob("*.png")) else None
        facts = {"set": "train" if mask else "test"}
        found.append(Scan(patient, patient, {IMAGE: image}, mask, facts=facts))
    return _named_apart(found)


def _named_apart(found: list[Scan]) -> list[Scan]:
    """Numbers count anew in the test sets: patients that would share one get the set's name."""
    ids = [one.id for one in found]
    out = []
    for one in found:
        name = f"{one.facts['set']}-{one.id}" if ids.count(one.id) > 1 else one.id
        out.append(Scan(name, name, one.images, one.mask, facts=one.facts))
    return out


@dataclass(frozen=True)
class SlicesOfTruth:
    """PNG slices of organs in grey, one a plane; see `inklings.datasets.scans`."""

    classes: tuple[str, ...]
    modality: str

    def __call__(
        self, scan: Scan, image: Image
    ) -> tuple[tuple[Label | Mask, ...], list[ImportFinding]]:
        """The codes of all planes, in the order of the image."""
        assert scan.mask is not None
        planes = source_planes(scan.images[IMAGE])
        files = sorted(scan.mask.glob("*.png"), key=lambda path: natural(path.name))
        if len(files) != len(planes):
            detail = f"{len(files)} PNG slices, but {len(planes)} DICOM slices"
            return (), [ImportFinding(scan.id, "slice count", detail)]
        ordered, problem = in_order_of(planes, files)
        if ordered is None:
            return (), [ImportFinding(scan.id, "slice direction", problem)]
        problems = [ImportFinding(scan.id, "slice order", problem)] if problem else []
        greys = np.stack([_plane(path) for path in ordered])
        if greys.shape != image.geometry.shape:
            detail = f"{greys.shape[1:]}, the slices {image.geometry.shape[1:]}"
            return (), [*problems, ImportFinding(scan.id, "mask shape", detail)]
        codes, stray = self._codes(greys)
        if stray:
            problems.append(ImportFinding(scan.id, "strange grey", "between the organs", stray))
        return (Mask(codes, "classes", self.classes, geometry=image.geometry),), problems

    def _codes(self, greys: NDArray[Any]) -> tuple[NDArray[np.uint8], int]:
        """Codes of the classes, and how many samples have a grey of no organ at all."""
        table, organs = np.zeros(256, np.uint8), np.zeros(256, np.bool_)
        organs[0] = True
        ranges = {"liver": (1, 255)} if self.modality == "ct" else GREYS
        for organ, (low, high) in ranges.items():
            organs[low : high + 1] = True
            if organ in self.classes:
                table[low : high + 1] = self.classes.index(organ) + 1
        return table[greys], int(np.count_nonzero(~organs[greys]))


def _plane(path: Path) -> NDArray[np.uint8]:
    grey = decode(path)
    grey = grey[..., 0] if grey.ndim == 3 else grey
    plane: NDArray[np.uint8] = np.minimum(grey, 255).astype(np.uint8)
    return plane


def in_order_of(planes: Sequence[Plane], files: Sequence[Path]) -> tuple[list[Path] | None, str]:
    """The PNG slices in the order of the planes, and what is odd about their names.

    Args:
        planes: In order of position.
        files: In order of their numbers, which is the order in which slices were taken.
    """
    if len(planes) == 1:
        return list(files), ""
    names = [natural(plane.file.name) for plane in planes]
    ranks = np.argsort(np.argsort(np.array([sorted(names).index(name) for name in names])))
    taken = [_along(np.array([plane.instance for plane in planes], float)), _along(ranks)]
    way = taken[0] if abs(taken[0]) >= _SURE else taken[1]
    if abs(way) < _SURE:
        return None, "neither instance numbers nor names of the DICOM slices follow the positions"
    ordered = list(files) if way > 0 else list(reversed(files))
    stems = [Path(plane.file.name).stem for plane in planes]
    same = {path.stem for path in files} == set(stems)
    apart = sum(path.stem != stem for path, stem in zip(ordered, stems, strict=True))
    if same and apart:
        return ordered, f"{apart} PNG slices have the name of another DICOM slice than their own"
    if abs(taken[1]) < 1 - 1e-9:
        return ordered, "the names of the DICOM slices do not follow their positions"
    return ordered, ""


def _along(numbers: NDArray[Any]) -> float:
    """Rank correlation with the order of positions."""
    if len(set(numbers.tolist())) < 2:
        return 0.0
    ranks = np.argsort(np.argsort(numbers, kind="stable"), kind="stable")
    return float(np.corrcoef(ranks, np.arange(len(numbers)))[0, 1])
