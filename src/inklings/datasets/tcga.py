"""TCGA: slides whose barcodes say patient and kind of sample; a table for everything else.

``TCGA-CR-7395-01A-01-TS1.<uuid>.svs``: the first three fields are the patient, the fourth begins
with the kind of sample: 01 to 09 tumour, 10 to 19 normal tissue, 20 to 29 controls; TS, BS, MS are
frozen top, bottom and middle sections, DX a diagnostic one. See
https://docs.gdc.cancer.gov/Encyclopedia/pages/TCGA_Barcode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inklings.datasets.slide_cohort import SlideReport
from inklings.datasets.slides import SlideFolder, import_slides, patient_in
from inklings.errors import DataError
from inklings.labels.kinds import BagLabel, Label

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


def import_tcga(
    root: Path,
    out: Path,
    source: SlideFolder | None = None,
    spacing_um: float | None = None,
    workers: int | None = None,
) -> SlideReport:
    """All slides below ``root`` as a cohort, several of one patient together.

    Args:
        root: As the GDC client left it: a folder a file, or all in one.
        out: Folder of the cohort.
        source: Annotations, table and label; its pattern of images is not used.
        spacing_um: Size of a pixel of level 0.
        workers: Processes.

    Raises:
        DataError: If there are no slides, or one has no barcode and no patient can be told.
    """
    asked = source or SlideFolder(str(root))

    def identity(path: Path) -> tuple[str, str, tuple[Label, ...], dict[str, str]]:
        found = barcode(path.name)
        if found is None:
            patient = patient_in(path, asked.patient)
            if patient is None:
                raise DataError(
                    f"{path.name}: expected a TCGA barcode (TCGA-CR-7395-01A-01-TS1...); import it "
                    "with 'inklings import slides', or say with --patient where the patient stands"
                )
            return re.sub(r"[^A-Za-z0-9_.+-]", "_", path.stem), patient, (), {}
        named = asked.label is None and found.tumour is not None
        labels: tuple[Label, ...] = (BagLabel("tumour", bool(found.tumour)),) if named else ()
        facts = {"sample": f"{found.sample:02d}", "section": found.section}
        return found.slide, found.patient, labels, facts

    folder = SlideFolder(
        str(root), asked.annotations, asked.names, asked.masks, asked.meaning, asked.table,
        asked.label, asked.patient,
    )  # fmt: skip
    return import_slides(folder, out, "tcga", FACTS, identity, spacing_um, workers)
