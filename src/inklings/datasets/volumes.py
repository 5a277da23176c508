"""Any volumes with masks, paired by name: NIfTI, MetaImage, NRRD."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from inklings.datasets import several, values
from inklings.datasets.dataset import Converted, Option, Plain
from inklings.datasets.patients import patient_of
from inklings.datasets.scans import IMAGE, Scan, StoredMask, case_of
from inklings.errors import SpecError

SUFFIXES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr")


@dataclass(frozen=True)
class VolumeFolder(Plain):
    """Any volumes (NIfTI, MetaImage, NRRD) with masks of the same names.

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
    others_are_background: Annotated[bool, Option("Codes that --values does not name.")] = False
    name: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    noun: str = "volumes"

    @property
    def source(self) -> Path:
        """The folder above the first wildcard of the images."""
        return several.root_of(self.images)

    @property
    def classes(self) -> tuple[str, ...]:
        """As the value map names them."""
        return (self.class_name,) if self.instances else values.classes_of(self.meaning)

    def options(self) -> dict[str, Any]:
        """Everything that was given, patterns as whole paths."""
        return {
            **super().options(),
            "images": several.absolute(self.images),
            "masks": several.absolute(self.masks),
        }

    def settled(
        self,
        say: Callable[[str], None],  # noqa: ARG002
        agree: Callable[[str], bool],  # noqa: ARG002
    ) -> VolumeFolder:
        """Itself, if it is said what the masks mean.

        Raises:
            SpecError: If it is not.
        """
        if self.masks and not self.meaning and not self.instances:
            raise SpecError(
                "say what the masks mean: --values '1=liver,2=spleen'; 0 is background "
                "(or --instances if they number objects)"
            )
        return self

    def items(self, scratch: Path) -> Sequence[Scan]:  # noqa: ARG002
        """Images with their masks, in order of id.

        Raises:
            DataError: If names do not pair up.
            SpecError: If the expression for the patient does not fit.
        """
        found = several.groups(self.images, self.masks, SUFFIXES, self.patient is not None)
        return [
            Scan(
                group.id,
                patient_of(self.patient, group.place) or group.id,
                group.images or {IMAGE: Path()},
                group.mask,
                group.on,
                problem=group.problem,
            )
            for group in found
        ]

    def convert(self, item: Scan) -> Converted:
        """A case, with its mask in class codes."""
        kind: Literal["instances", "classes"] = "instances" if self.instances else "classes"
        masks = StoredMask(self.classes, self.meaning, self.others_are_background, kind)
        return case_of(item, masks)
