"""Findings as DICOM: outlines as a Segmentation, and a report of measurements that speaks of them.

The report follows template TID 1500 of PS3.16 (Measurement Report), with one group of TID 1411 for
each finding: diameter, volume, the chance that it is one and that it is malignant, organ and side,
the segment that shows it, and in its name the place. Every report says that a machine wrote it and
nobody verified it. Without findings there is none: the template asks for one group at least.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom
from highdicom import sr
from numpy.typing import NDArray
from pydicom.sr.codedict import codes

from inklings import __version__
from inklings.errors import DataError
from inklings.exports.codes import Meaning, meaning
from inklings.exports.dicom_seg import Made, Segment, segmentation
from inklings.exports.headers import usable
from inklings.exports.identity import MAKER, dated, derived_uid, named, unnamed
from inklings.exports.report_page import page
from inklings.findings.finding import Finding
from inklings.geometry import Region
from inklings.predictions.findings import Findings
from inklings.readers.dicom_headers import Plane
from inklings.readers.dicom_layout import laid_out

_SIDES = {"left": codes.SCT.Left, "right": codes.SCT.Right}
_PROCEDURES = {
    "CT": codes.LN.CTUnspecifiedBodyRegion,
    "MR": codes.LN.MRIUnspecifiedBodyRegion,
    "PT": codes.LN.PETUnspecifiedBodyRegion,
}
"""Of context group 100 (PS3.16), which holds no code of the chest."""
_PERCENT = codes.UCUM.Percent


@dataclass(frozen=True)
class FindingOutline:
    """The samples of one finding.

    Attributes:
        region: Where it lies in the grid of the scan.
        mask: ``(*region.size)`` bool.
    """

    region: Region
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Objects:
    """What goes to the archive of images.

    Attributes:
        report: The structured report.
        segmentation: The outlines.
        page: The findings as a PDF, for viewers that show no report.
    """

    report: pydicom.Dataset
    segmentation: pydicom.Dataset
    page: pydicom.Dataset


def objects(
    planes: Sequence[Plane], findings: Findings, outlines: Sequence[FindingOutline], by: Made
) -> Objects | None:
    """Report and segmentation of the findings of one scan; None where there are none.

    Args:
        planes: Of the series, in the order of its grid.
        findings: What to report; all of them, so choose before.
        outlines: One for each finding, in the same order. Where two overlap, the sample belongs to
            the finding that comes first.
        by: Who found them, and when.

    Raises:
        DataError: If the findings are of another frame of reference, or do not fit the outlines.
    """
    about = planes[0].about
    if findings.frame and about.frame_of_reference and findings.frame != about.frame_of_reference:
        raise DataError(
            f"case {findings.case}: expected findings in the frame of reference of the series "
            f"({about.frame_of_reference}), got {findings.frame}; give the series that was searched"
        )
    if len(findings) != len(outlines):
        raise DataError(
            f"case {findings.case}: expected an outline for each of {len(findings)} findings, "
            f"got {len(outlines)}"
        )
    key = (about.series, by.model, _digest(findings))
    segments = [_segment(number, one, key) for number, one in enumerate(findings, 1)]
    if not segments:
        return None
    shown = segmentation(planes, _numbered(planes, outlines), segments, by)
    files = usable(planes)
    shown_to_people = page(files, findings, by)
    return Objects(_report(files, planes, findings, segments, shown, by), shown, shown_to_people)


def _numbered(planes: Sequence[Plane], outlines: Sequence[FindingOutline]) -> NDArray[np.uint16]:
    coding = planes[0].coding
    numbers = np.zeros((len(planes), coding.rows, coding.columns), np.uint16)
    for number, outline in reversed(list(enumerate(outlines, 1))):
        numbers[outline.region.slices][outline.mask] = number
    return numbers


def _segment(number: int, finding: Finding, key: tuple[str, ...]) -> Segment:
    """TID 1411 has no room for the place of a finding that a segment shows: its name says it."""
    x, y, z = finding.centre_mm
    name = f"{finding.name} {number}"
    place = f"{name} at ({x:.1f}, {y:.1f}, {z:.1f}) mm"
    return Segment(name, _meaning(finding), (derived_uid("finding", *key, name), place))


def _meaning(finding: Finding) -> Meaning:
    """A nodule of the lung is a lung nodule, where the codes know it."""
    whole = meaning(f"{finding.word('organ')} {finding.name}")
    return whole if whole.is_known else meaning(finding.name)


def _kinds(findings: Findings) -> str:
    """``lung nodules``; ``findings`` where they are of several kinds."""
    kinds = {" ".join(filter(None, (one.word("organ"), one.name))) for one in findings}
    return f"{kinds.pop()}s" if len(kinds) == 1 else "findings"


def _report(
    files: Sequence[pydicom.Dataset],
    planes: Sequence[Plane],
    findings: Findings,
    segments: Sequence[Segment],
    shown: Any,
    by: Made,
) -> pydicom.Dataset:
    _say_place(files, planes)
    groups = [
        _group(finding, segment, number, shown, by)
        for number, (finding, segment) in enumerate(zip(findings, segments, strict=True), 1)
    ]
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", by.model), name=MAKER, manufacturer_name=MAKER,
        model_name=f"{MAKER} {__version__}", serial_number=by.model[:16],
    )  # fmt: skip
    context = sr.ObservationContext(
        observer_device_context=sr.ObserverContext(codes.DCM.Device, device)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of source files that say less than the standard asks
        content = sr.MeasurementReport(
            observation_context=context,
            procedure_reported=_PROCEDURES.get(
                planes[0].about.modality, codes.SCT.ImagingProcedure
            ),
            imaging_measurements=groups,
            title=codes.DCM.ImagingMeasurementReport,
            referenced_images=files,
        )
        made = sr.Comprehensive3DSR(
            evidence=[*files, shown],
            content=content[0],
            **unnamed(9100),
            is_complete=True,
            is_verified=False,
            series_description=f"{MAKER}: {_kinds(findings)}, not verified"[:64],
        )
    made.ManufacturerModelName, made.SoftwareVersions = MAKER, __version__
    return named(dated(made, by.when), "report")


def _say_place(files: Sequence[pydicom.Dataset], planes: Sequence[Plane]) -> None:
    """The template wants a place of every image: files of many frames keep it with the frames.

    A thickness may be empty in any file; the distance of slices stands for it.
    """
    between = laid_out(planes, "").geometry.require_spacing()[0]
    first = {plane.sop: plane for plane in reversed(planes)}
    for file in files:
        plane = first[str(file.SOPInstanceUID)]
        said = {
            "SliceThickness": round(between, 6),
            "PixelSpacing": list(plane.spacing or ()),
            "ImageOrientationPatient": list(plane.orientation or ()),
            "ImagePositionPatient": list(plane.position or ()),
        }
        for word, value in said.items():
            if not file.get(word):
                setattr(file, word, value)


def _group(
    finding: Finding, segment: Segment, number: int, shown: Any, by: Made
) -> sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    assert segment.tracking is not None
    measured = [
        sr.Measurement(codes.SCT.Diameter, finding.diameter_mm, codes.UCUM.Millimeter),
        sr.Measurement(codes.DCM.CertaintyOfFinding, 100 * finding.score, _PERCENT),
    ]
    if (volume := finding.number("volume_mm3")) is not None:
        unit = codes.UCUM.CubicMillimeter
        measured.append(sr.Measurement(codes.SCT.Volume, volume, unit))
    if (malignant := finding.number("malignancy_probability")) is not None:
        measured.append(sr.Measurement(codes.DCM.ProbabilityOfCancer, 100 * malignant, _PERCENT))
    side, organ = _SIDES.get(finding.word("side") or ""), finding.word("organ")
    sites = [sr.FindingSite(meaning(organ).type, laterality=side)] if organ else None
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(*segment.tracking),
        referenced_segment=sr.ReferencedSegment(
            shown.SOPClassUID,
            shown.SOPInstanceUID,
            number,
            source_series=sr.SourceSeriesForSegmentation(
                shown.ReferencedSeriesSequence[0].SeriesInstanceUID
            ),
        ),
        finding_category=segment.meaning.category,
        finding_type=segment.meaning.type,
        finding_sites=sites,
        algorithm_id=sr.AlgorithmIdentification(
            MAKER, __version__, [f"{word}={value}" for word, value in by.words.items()]
        ),
        measurements=measured,
    )


def _digest(findings: Findings) -> str:
    said = repr(
        [
            (f.centre_mm, f.diameter_mm, f.score, f.number("malignancy_probability"))
            for f in findings
        ]
    )
    return hashlib.sha256(said.encode()).hexdigest()
