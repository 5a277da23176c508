"""TCGA: slides whose barcodes say patient and kind of sample; a table for everything else.

``TCGA-CR-7395-01A-01-TS1.<uuid>.svs``: the first three fields are the patient, the fourth begins
with the kind of sample: 01 to 09 tumour, 10 to 19 normal tissue, 20 to 29 controls; TS, BS, MS are
frozen top, bottom and middle sections, DX a diagnostic one. See
https://docs.gdc.cancer.gov/Encyclopedia/pages/TCGA_Barcode.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from inklings.datasets.dataset import Argument, Option
from inklings.datasets.findings import ImportFinding
from inklings.datasets.gdc_manifest import compare, read_manifest
from inklings.datasets.pairing import clean_id
from inklings.datasets.slide_case import SlideItem
from inklings.datasets.slide_files import SlideFile
from inklings.datasets.slides import Slides, patient_in
from inklings.errors import DataError
from inklings.labels.kinds import BagLabel

FACTS: dict[str, Any] = {
    "licence": "open access by the NIH Genomic Data Sharing policy; cite the TCGA Research Network",
    "homepage": "https://portal.gdc.cancer.gov",
}
_BARCODE = re.compile(
    r"(?P<patient>TCGA-[A-Z0-9]{2}-[A-Z0-9]{4})-(?P<sample>\d{2})[A-Z]?-"
    r"(?P<portion>\d{2})[A-Z]?-(?P<section>[A-Z]{2}[A-Z0-9]*)",
    re.I,
)


@dataclass(frozen=True)
class Barcode:
    """What the name of a slide says."""

    slide: str
    patient: str
    sample: int
    section: str

    @property
    def tumour(self) -> bool | None:
        """Whether the sample is of a tumour; None for controls."""
        return None if self.sample >= 20 else self.sample < 10


def barcode(name: str) -> Barcode | None:
    """The barcode in a file name, in capitals; None where there is none."""
    match = _BARCODE.search(name)
    if match is None:
        return None
    return Barcode(
        match[0].upper(), match["patient"].upper(), int(match["sample"]), match["section"].upper()
    )


@dataclass(frozen=True)
class Tcga(Slides):
    """TCGA: patient, and tumour or normal, from the barcode; a table for everything else."""

    images: Annotated[str, Argument("Folder of slides, as the GDC client leaves it.")]
    manifest: Annotated[
        Path | None,
        Option("Manifest of the GDC: what is missing, damaged (md5) or not in it is set aside."),
    ] = None
    name: str = "tcga"
    facts: Mapping[str, Any] = field(default_factory=lambda: dict(FACTS))

    def items(self, scratch: Path) -> Sequence[SlideItem]:
        """Slides with what belongs to them, compared with the manifest.

        Raises:
            DataError: If there are none, or the manifest is none.
        """
        items = super().items(scratch)
        if self.manifest is None:
            return items
        assert self.source is not None
        seen = compare(read_manifest(self.manifest), self.source)
        told: dict[Path, tuple[str, str]] = {
            path: ("damaged download", why) for path, why in seen.damaged.items()
        }
        extra = [one.path for one in items if one.path not in seen.whole | set(seen.damaged)]
        told |= {path: ("not in the manifest", path.name) for path in extra}
        self.said.append(seen.line(len(extra)))
        found = [_set_aside(one, *told[one.path]) if one.path in told else one for one in items]
        known = {one.path for one in items}
        others = {path: told[path] for path in seen.damaged if path not in known}
        for entry in seen.missing:
            path = self.source / entry.id / entry.name
            others[path] = ("missing download", f"{entry.id}/{entry.name}")
        taken = {one.id for one in items}
        for path, why in others.items():
            told_by = barcode(path.name)
            name = clean_id(told_by.slide if told_by else path.name)
            name = clean_id(f"{path.parent.name}_{path.name}") if name in taken else name
            taken.add(name)
            found.append(_set_aside(SlideItem(name, path, ""), *why))
        return found

    def called(self, slide: SlideFile) -> SlideFile:
        """A slide is called by its barcode."""
        found = barcode(slide.path.name)
        return replace(slide, name=found.slide) if found else slide

    def identified(self, slide: SlideFile) -> SlideItem:
        """Patient, kind of sample and section, as the barcode says them.

        Raises:
            DataError: If there is no barcode, and no patient can be told.
        """
        found = barcode(slide.path.name)
        if found is None:
            patient = patient_in(slide.path, self.patient)
            if patient is None:
                raise DataError(
                    f"{slide.path.name}: expected a TCGA barcode (TCGA-CR-7395-01A-01-TS1...); "
                    "import it with 'inklings import slides', or say with --patient where the "
                    "patient stands"
                )
            return SlideItem("", slide.path, patient)
        named = self.label is None and found.tumour is not None
        labels = (BagLabel("tumour", bool(found.tumour)),) if named else ()
        facts = {"sample": f"{found.sample:02d}", "section": found.section}
        return SlideItem("", slide.path, found.patient, labels=labels, facts=facts)


def _set_aside(item: SlideItem, kind: str, detail: str) -> SlideItem:
    return replace(item, findings=(*item.findings, ImportFinding(item.id, kind, detail)))
