"""Reports of findings, read by a plain walk through the data set and by highdicom's reader."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from volume_files import grid, oblique, write

from inklings.errors import DataError
from inklings.exports.dicom_seg import Made, save
from inklings.exports.structured_report import FindingOutline, Objects, objects
from inklings.findings.finding import Finding
from inklings.geometry import Region
from inklings.predictions.findings import Findings
from inklings.readers import open_image
from inklings.readers.dicom_segments import read_segments
from inklings.readers.dicom_series import source_planes
from inklings.readers.placing import placed

BY = Made("ab" * 32, datetime(2026, 1, 2, 3, 4, 5), {"detector": "r1", "threshold": "0.3"})
GEOMETRY = grid(oblique())
PLACES = (Region((3, 4, 5), (4, 6, 6)), Region((9, 20, 22), (3, 5, 5)))


def findings(frame: str) -> Findings:
    points = GEOMETRY.to_points([[5, 7, 8], [10, 22, 24]]).tolist()
    return Findings(
        "one",
        (
            Finding(
                "nodule", 0.91, tuple(points[0]), 11.25,
                {
                    "organ": "lung", "side": "left", "volume_mm3": 745.5,
                    "malignancy_probability": 0.75,
                },
            ),
            Finding("nodule", 0.42, tuple(points[1]), 5.5, {"organ": "lung"}),
        ),
        frame,
    )  # fmt: skip


def made(folder: Path) -> tuple[Objects, Path]:
    series = write("dicom", folder, GEOMETRY)
    planes = source_planes(series)
    outlines = [FindingOutline(place, np.ones(place.size, bool)) for place in PLACES]
    found = objects(planes, findings(planes[0].about.frame_of_reference), outlines, BY)
    assert found is not None
    return found, series


def walk(item: Any) -> list[Any]:
    found = [item]
    for child in item.get("ContentSequence", ()):
        found += walk(child)
    return found


def named(items: list[Any], name: str) -> list[Any]:
    return [
        i for i in items
        if "ConceptNameCodeSequence" in i and i.ConceptNameCodeSequence[0].CodeMeaning == name
    ]  # fmt: skip


def number(group: list[Any], name: str) -> tuple[float, str]:
    (found,) = named(group, name)
    value = found.MeasuredValueSequence[0]
    return float(value.NumericValue), value.MeasurementUnitsCodeSequence[0].CodeValue


def test_a_plain_walk_through_the_report_finds_every_number(tmp_path: Path) -> None:
    result, _ = made(tmp_path)
    save(tmp_path / "report.dcm", result.report)
    said = pydicom.dcmread(tmp_path / "report.dcm")
    assert (said.Modality, said.CompletionFlag, said.VerificationFlag) == (
        "SR", "COMPLETE", "UNVERIFIED",
    )  # fmt: skip
    assert said.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    groups = [walk(group) for group in named(walk(said), "Measurement Group")]
    assert len(groups) == 2
    assert number(groups[0], "Diameter") == (11.25, "mm")
    assert number(groups[0], "Volume") == (745.5, "mm3")
    assert number(groups[0], "Certainty of Finding") == (pytest.approx(91), "%")
    assert number(groups[0], "Probability of cancer") == (pytest.approx(75), "%")
    assert number(groups[1], "Diameter") == (5.5, "mm")
    assert not named(groups[1], "Volume")
    assert not named(groups[1], "Probability of cancer")
    for group, finding in zip(groups, findings(""), strict=True):
        (name,) = named(group, "Tracking Identifier")
        place = re.fullmatch(r"nodule \d at \((.+), (.+), (.+)\) mm", name.TextValue)
        assert place
        np.testing.assert_allclose([float(v) for v in place.groups()], finding.centre_mm, atol=0.06)
        (site,) = named(group, "Finding Site")
        assert site.ConceptCodeSequence[0].CodeValue == "39607008"
    (side,) = named(groups[0], "Laterality")
    assert side.ConceptCodeSequence[0].CodeMeaning == "Left"
    assert not named(groups[1], "Laterality")


def test_highdicom_reads_the_report_and_its_references_lead_to_the_segments(
    tmp_path: Path,
) -> None:
    result, series = made(tmp_path)
    save(tmp_path / "report.dcm", result.report)
    save(tmp_path / "seg.dcm", result.segmentation)
    report = highdicom.sr.srread(tmp_path / "report.dcm")
    groups = report.content.get_volumetric_roi_measurement_groups()
    segmentation = pydicom.dcmread(tmp_path / "seg.dcm")
    back = read_segments(tmp_path / "seg.dcm")
    with open_image(series) as image:
        whole = image.geometry
    for count, (group, place) in enumerate(zip(groups, PLACES, strict=True), 1):
        (diameter,) = group.get_measurements(name=codes.SCT.Diameter)
        assert diameter.value == list(findings(""))[count - 1].diameter_mm
        (segment,) = [
            item.ReferencedSOPSequence[0] for item in walk(group[0])
            if item.get("ValueType") == "IMAGE" and "ReferencedSOPSequence" in item
            and "ReferencedSegmentNumber" in item.ReferencedSOPSequence[0]
        ]  # fmt: skip
        assert segment.ReferencedSOPInstanceUID == segmentation.SOPInstanceUID
        described = segmentation.SegmentSequence[int(segment.ReferencedSegmentNumber) - 1]
        assert described.TrackingUID == group.tracking_uid
        assert described.SegmentLabel == f"nodule {count}"
        assert described.AnatomicRegionSequence[0].CodeMeaning == "Lung"
        expected = np.zeros(whole.shape, bool)
        expected[place.slices] = True
        found = placed(back.masks[count], back.geometry, whole).array
        np.testing.assert_array_equal(found, expected)
    assert report.StudyInstanceUID == segmentation.StudyInstanceUID


def test_a_single_finding_has_its_report_too(tmp_path: Path) -> None:
    planes = source_planes(write("dicom", tmp_path, GEOMETRY))
    one = Findings("one", (next(iter(findings(""))),))
    outline = FindingOutline(PLACES[0], np.ones(PLACES[0].size, bool))
    result = objects(planes, one, [outline], BY)
    assert result is not None
    (group,) = named(walk(result.report), "Measurement Group")
    assert number(walk(group), "Diameter") == (11.25, "mm")


def test_nothing_found_leaves_no_report_and_no_segmentation(tmp_path: Path) -> None:
    planes = source_planes(write("dicom", tmp_path, GEOMETRY))
    assert objects(planes, Findings("one", ()), [], BY) is None


def test_the_same_findings_give_the_same_report(tmp_path: Path) -> None:
    first, second = (made(tmp_path / name)[0] for name in "ab")
    assert first.report.SOPInstanceUID == second.report.SOPInstanceUID
    assert first.report.ContentDate == "20260102"
    assert first.report.to_json() == second.report.to_json()


def test_findings_of_another_frame_or_without_outlines_are_refused(tmp_path: Path) -> None:
    planes = source_planes(write("dicom", tmp_path, GEOMETRY))
    with pytest.raises(DataError, match="expected findings in the frame of reference"):
        objects(planes, findings("1.2.3"), [], BY)
    with pytest.raises(DataError, match="an outline for each of 2 findings, got 0"):
        objects(planes, findings(""), [], BY)
