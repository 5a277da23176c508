"""The page of findings, read without a reader of PDF: streams are deflated, text is literal."""

from __future__ import annotations

import re
import zlib
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import slice_of
from pydicom.uid import EncapsulatedPDFStorage

from inklings.exports.dicom_seg import Made, save
from inklings.exports.report_page import page
from inklings.findings.finding import Finding
from inklings.predictions.findings import Findings

BY = Made("ab" * 32, datetime(2026, 2, 3, 4, 5, 6), {"detector": "d", "threshold": "0.5"})


def files() -> list[pydicom.Dataset]:
    pixels = np.zeros((4, 4), np.uint16)
    return [slice_of(pixels, k, PatientName="Doe^Jane") for k in range(2)]


def findings(count: int) -> Findings:
    words = {"organ": "lung", "side": "left", "malignancy_probability": 0.25, "volume_mm3": 905.0}
    found = tuple(Finding("$nodule", 0.9, (1.0, -2.5, k), 12.0, words) for k in range(count))
    return Findings("a", found, None, {}, {})


def text_of(data: bytes) -> str:
    """All that the pages say."""
    said = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", data, re.S):
        try:
            plain = zlib.decompress(stream)
        except zlib.error:
            continue
        for line in re.findall(rb"\[(.*?)\] TJ|\((.*?)\) Tj", plain, re.S):
            said.append(b"".join(re.findall(rb"\((.*?)(?<!\\)\)", line[0])) or line[1])
    return b"\n".join(said).decode("latin-1").replace("\\(", "(").replace("\\)", ")")


def test_the_page_says_what_the_findings_say_and_no_name() -> None:
    made = page(files(), findings(1), BY)
    text = text_of(made.EncapsulatedDocument)
    for words in (
        "$nodule",
        "12.0 mm",
        "905 mm3",
        "90 %",
        "25 %",
        "left lung",
        "1.0, -2.5, 0.0 mm",
    ):
        assert words in text
    assert "Made by a machine. Nobody has veri" in text  # fi is one glyph
    assert "2026-02-03 04:05:06" in text
    assert "Doe" not in text
    assert made.EncapsulatedDocument.startswith(b"%PDF")
    assert (made.SOPClassUID, made.Modality) == (EncapsulatedPDFStorage, "DOC")
    assert len(made.SourceInstanceSequence) == 2


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (28, 1), (29, 2), (57, 3)])
def test_many_findings_take_several_pages(count: int, pages: int) -> None:
    data = page(files(), findings(count), BY).EncapsulatedDocument
    assert len(re.findall(rb"/Type /Page\b(?!s)", data)) == pages
    assert text_of(data).count("$nodule") == count


def test_the_same_findings_give_the_same_object_which_reads_back(tmp_path: Path) -> None:
    one, again, other = (page(files(), findings(n), BY) for n in (1, 1, 2))
    assert one.EncapsulatedDocument == again.EncapsulatedDocument
    assert one.SOPInstanceUID != other.SOPInstanceUID
    save(tmp_path / "page.dcm", one)
    back = pydicom.dcmread(tmp_path / "page.dcm")
    whole = back.EncapsulatedDocument[: back.EncapsulatedDocumentLength]
    assert whole.rstrip().endswith(b"%%EOF")
