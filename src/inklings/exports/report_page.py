"""Findings on a page for people: a PDF in DICOM, for viewers that show no structured report.

OHIF 3.13 shows reports as a black picture, and PDF as it is.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import pydicom
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from inklings import __version__
from inklings.exports.dicom_seg import Made
from inklings.exports.identity import MAKER, begun, dated, named
from inklings.findings.finding import Finding
from inklings.predictions.findings import Findings

_ROWS = 28
_COLUMNS = (
    "no.", "finding", "diameter", "volume", "certainty", "malignant", "site", "place (x, y, z)",
)  # fmt: skip
_WIDTHS = (0.05, 0.13, 0.1, 0.12, 0.1, 0.1, 0.16, 0.24)


def page(files: Sequence[pydicom.Dataset], findings: Findings, by: Made) -> pydicom.Dataset:
    """The findings of a scan as an encapsulated PDF in its study; no name stands on it.

    Args:
        files: Of the series, fit to be referred to (`inklings.exports.headers.usable`).
        findings: What to report; one at least.
        by: Who found them, and when.
    """
    said = begun(files[0], EncapsulatedPDFStorage, ExplicitVRLittleEndian, "DOC", 9300)
    said.SeriesDescription = said.DocumentTitle = f"{MAKER}: findings, not verified"
    said.ConversionType, said.BurnedInAnnotation = "WSD", "NO"
    said.AcquisitionDateTime, said.ConceptNameCodeSequence = "", []
    said.SourceInstanceSequence = [_reference(file) for file in files]
    document = _pdf(files[0], list(findings), by)
    said.MIMETypeOfEncapsulatedDocument = "application/pdf"
    said.EncapsulatedDocumentLength = len(document)
    said.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    return named(dated(said, by.when), "page")


def _reference(file: pydicom.Dataset) -> Dataset:
    one = Dataset()
    one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = file.SOPClassUID, file.SOPInstanceUID
    return one


def _pdf(file: pydicom.Dataset, findings: Sequence[Finding], by: Made) -> bytes:
    """The same bytes for the same findings."""
    head = (
        f"{len(findings)} finding{'s' * (len(findings) != 1)} of series {file.SeriesInstanceUID}",
        f"made on {by.when:%Y-%m-%d %H:%M:%S} by {MAKER} {__version__} "
        f"({', '.join(f'{key} {value}' for key, value in by.words.items())})",
        "Made by a machine. Nobody has verified it. Not for diagnosis.",
    )
    rows = [_row(number, one) for number, one in enumerate(findings, 1)]
    out = io.BytesIO()
    about = {"CreationDate": by.when, "Producer": MAKER, "Creator": MAKER}
    with PdfPages(out, metadata=about) as book:
        for first in range(0, len(rows), _ROWS):
            sheet = Figure(figsize=(11.7, 8.3))
            for line, text in enumerate(head):
                bold = "bold" if line == len(head) - 1 else "normal"
                sheet.text(
                    0.05, 0.95 - 0.03 * line, text, fontsize=9, weight=bold, parse_math=False
                )
            axes = sheet.add_axes((0.05, 0.03, 0.9, 0.82))
            axes.set_axis_off()
            table = axes.table(
                cellText=rows[first : first + _ROWS],
                colLabels=_COLUMNS,
                colWidths=_WIDTHS,
                cellLoc="left",
                loc="upper left",
            )
            table.auto_set_font_size(False)
            table.set_fontsize(8)
            for cell in table.get_celld().values():
                cell.get_text().set_parse_math(False)
            book.savefig(sheet)
    return out.getvalue()


def _row(number: int, one: Finding) -> list[str]:
    """Texts of `_COLUMNS`; empty where a finding does not say it."""
    volume, malignant = one.number("volume_mm3"), one.number("malignancy_probability")
    x, y, z = one.centre_mm
    return [
        str(number),
        one.name,
        f"{one.diameter_mm:.1f} mm",
        "" if volume is None else f"{volume:.0f} mm3",
        f"{100 * one.score:.0f} %",
        "" if malignant is None else f"{100 * malignant:.0f} %",
        " ".join(filter(None, (one.word("side"), one.word("organ")))),
        f"{x:.1f}, {y:.1f}, {z:.1f} mm",
    ]
