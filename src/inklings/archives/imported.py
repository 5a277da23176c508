"""``inklings import dicomweb``: series of an archive land as files and become a cohort."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import pydicom
from pydicom.datadict import tag_for_keyword

from inklings.archives.dicomweb import Archive
from inklings.archives.place import NO_IMAGES, Place
from inklings.datasets.dataset import Argument, Option
from inklings.datasets.dicom_studies import DicomStudies
from inklings.datasets.drawn import DrawnScan
from inklings.errors import SpecError
from inklings.exports.identity import MAKER
from inklings.progress import note

FOLDER = "dicom"
"""Where the files go in the folder of the cohort."""


def filters(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Keywords and values of ``Keyword=value``.

    Raises:
        SpecError: If it is none, DICOM knows no such keyword, or one has two values.
    """
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        known = tag_for_keyword(key) is not None or key == "ModalitiesInStudy"
        if not equals or not value or not known:
            raise SpecError(
                f"--query: expected a keyword of DICOM and a value, as in Modality=CT, got {key!r}"
            )
        if found.setdefault(key, value) != value:
            raise SpecError(
                f"--query {key}: expected it once, as all filters hold at once; got two"
            )
    return tuple(sorted(found.items()))


@dataclass(frozen=True)
class DicomWeb(DicomStudies):
    """Series of an archive of images (PACS), asked for by DICOMweb; then as `import dicom`.

    Files land in OUT/dicom, each whole or not at all; run again to go on, and to fetch what is new
    since. Who asks stands in the environment (INKLINGS_DICOMWEB_TOKEN, or _USER and _PASSWORD) or
    in ~/.netrc, never on the command line. Certificates are verified.
    """

    source: Path | None = field(init=False, default=None)  # type: ignore[assignment]
    url: Annotated[
        str, Argument("https://HOST/PATH of the service, or of a study or a series of it.")
    ] = field(kw_only=True)
    query: Annotated[
        tuple[tuple[str, str], ...],
        Option(
            "Only what fits: Keyword=value of DICOM, such as Modality=CT, StudyDate=2026*; may be "
            "repeated.",
            parse=filters,
            repeat=True,
        ),
    ] = ()

    def options(self) -> dict[str, Any]:
        """With what was asked for as a hash: a query may hold a patient's name."""
        asked = hashlib.sha256(repr((self.url, self.query)).encode()).hexdigest()[:16]
        return {**super().options(), "query": asked}

    def items(self, scratch: Path) -> Sequence[DrawnScan]:
        """Everything that fits, downloaded; then as a folder on disk.

        Raises:
            SpecError: If the whole archive would be fetched.
            DataError: If nothing fits, or the archive does not answer.
        """
        place = Place.parse(self.url)
        if not place.study and not self.query:
            raise SpecError(
                "expected the URL of a study, or --query, got neither; a whole archive is not "
                "imported"
            )
        folder = scratch.parent / FOLDER
        archive = Archive(place)
        for one in archive.series(dict(self.query)):
            there = archive.fetch(one, folder)
            if _is_ours(there):
                note(f"series {there.name}: made by inklings; predictions are not labels, left out")
                shutil.rmtree(there)
        on_disk = DicomStudies(
            folder, self.series, self.kept, self.segmentations, self.unite, growing=True
        )
        return on_disk.items(scratch)


def _is_ours(folder: Path) -> bool:
    """Whether a series holds what we predicted and stored."""
    first = next(folder.glob("[!.]*.dcm"))
    said = pydicom.dcmread(first, specific_tags=["Manufacturer", "Modality"])
    return said.get("Manufacturer") == MAKER and said.get("Modality") in NO_IMAGES
