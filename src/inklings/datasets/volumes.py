"""Any volumes with masks, paired by name: NIfTI, MetaImage, NRRD."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from inklings.datasets import several, values
from inklings.datasets.dataset import Converted, Option
from inklings.datasets.findings import ImportFinding
from inklings.datasets.named_masks import (
    DICOM,
    NamedMasks,
    NamedScan,
    chosen,
    named,
    names_in,
    says_names,
)
from inklings.datasets.pairing import GROUP
from inklings.datasets.patients import patient_of
from inklings.datasets.patterned import FromPatterns
from inklings.datasets.scans import Scan, StoredMask, case_of
from inklings.errors import DataError, SpecError

SUFFIXES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr", ".seg.nrrd", ".seg.nhdr")
_IMAGES = (*SUFFIXES, ".czi", ".nd2", ".lif", GROUP)


@dataclass(frozen=True)
class VolumeFolder(FromPatterns):
    """Any volumes (NIfTI, MetaImage, NRRD) with masks of the same names.

    Segmentations of 3D Slicer (.seg.nrrd) and of DICOM (SEG, RTSTRUCT) say themselves what they
    show, and need no --values.
    Several images a case are named: --images t1='*_t1.nii.gz' --images flair='*_flair.nii.gz'.
    """

    images: Annotated[several.Patterns, several.IMAGES]
    masks: Annotated[several.Patterns | None, several.MASKS] = None
    meaning: Annotated[
        Mapping[int, str],
        Option(
            "What the masks mean: '5=liver,1=spleen,4=unlabelled'.",
            flag="--values",
            parse=values.parse,
        ),
    ] = field(default_factory=dict)
    instances: Annotated[
        bool, Option("Masks hold numbers of objects; --values may name codes that are none.")
    ] = False
    class_name: Annotated[str, Option("Name of the class of the objects.", flag="--class")] = (
        "object"
    )
    patient: Annotated[
        str | None, Option("Regular expression with one group: the patient in a path.")
    ] = None
    others_are_background: Annotated[bool, Option("Further codes, not named by --values.")] = False
    name: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    noun: str = "volumes"

    def settled(
        self,
        say: Callable[[str], None],  # noqa: ARG002
        agree: Callable[[str], bool],  # noqa: ARG002
    ) -> VolumeFolder:
        """Itself, if it is said what the masks mean.

        Raises:
            SpecError: If it is not.
        """
        if self.masks and not self.meaning and not self.instances and not self._named():
            raise SpecError(
                "say what the masks mean: --values '1=liver,2=spleen'; 0 is background "
                "(or --instances if they number objects)"
            )
        return self

    def _named(self) -> bool:
        """Whether all masks say themselves what they show."""
        masks = [group.mask for group in self._groups() if group.mask]
        return bool(masks) and all(says_names(path) for path in masks)

    def _groups(self) -> list[several.Group]:
        separate = self.patient is not None
        return several.groups(self.images, self.masks, _IMAGES, separate, of_masks=(DICOM,))

    def items(self, scratch: Path) -> Sequence[Scan]:  # noqa: ARG002
        """Images with their masks, in order of id.

        Raises:
            DataError: If names do not pair up.
            SpecError: If the expression for the patient does not fit.
        """
        scans = [
            Scan(
                group.id,
                patient_of(self.patient, group.place) or group.id,
                group.images,
                group.mask,
                group.on,
                asked=self.masks is not None,
                problem=group.problem,
            )
            for group in self._groups()
        ]
        return scans if self.instances else self._with_names(scans)

    def _with_names(self, scans: Sequence[Scan]) -> list[Scan]:
        """Scans whose masks say their names know all of them, as classes are those of all."""
        own = {s.id: s.mask for s in scans if s.mask and not s.problem and says_names(s.mask)}
        there: list[str] = []
        broken: dict[str, ImportFinding] = {}
        for name, path in own.items():
            try:
                there += names_in(path, self.meaning)
            except DataError as error:
                broken[name] = ImportFinding(name, "unreadable mask", str(error))
        classes = self.classes or chosen(there, ())
        return [named(one, classes, broken.get(one.id)) if one.id in own else one for one in scans]

    def convert(self, item: Scan) -> Converted:
        """A case, with its mask in class codes."""
        kind: Literal["instances", "classes"] = "instances" if self.instances else "classes"
        if isinstance(item, NamedScan):
            return case_of(item, NamedMasks(False, self.meaning, self.others_are_background))
        masks = StoredMask(self.classes, self.meaning, self.others_are_background, kind)
        return case_of(item, masks)
