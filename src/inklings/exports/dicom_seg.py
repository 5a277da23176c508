"""Masks as DICOM Segmentation objects that stand beside their series in an archive of images.

Written by highdicom (Bridge et al. 2022, Journal of Digital Imaging 35): one object a case, one
binary segment a class, on the very planes of the series, in its study and its frame of reference.
The object belongs to the patient as the files of the series name them; `inklings deidentify` makes
copies that name nobody.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
from highdicom.seg import Segmentation, SegmentDescription
from numpy.typing import NDArray
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from inklings import __version__
from inklings.errors import DataError, SpecError
from inklings.exports.codes import Colour, Meaning, distinct, meaning
from inklings.exports.dicom_slide_seg import foreground, header, tiled
from inklings.exports.headers import plain_text, usable
from inklings.exports.identity import MAKER, dated, named, unnamed
from inklings.exports.scan import codes as codes_of
from inklings.exports.scan import scans
from inklings.exports.source import Exporter, ExportSource
from inklings.files import written
from inklings.predictions.dense import DensePrediction
from inklings.predictions.slides import RECORD, SlidePrediction, folder_of
from inklings.progress import note
from inklings.readers.dicom_headers import Plane
from inklings.readers.dicom_layout import laid_out


@dataclass(frozen=True)
class Segment:
    """One thing in a scan.

    Attributes:
        label: For people.
        meaning: For machines.
        tracking: UID and name by which a report speaks of it; None for organs.
    """

    label: str
    meaning: Meaning
    tracking: tuple[str, str] | None = None

    @classmethod
    def of_class(cls, name: str) -> Segment:
        """A class of a model."""
        return cls(name, meaning(name))


@dataclass(frozen=True)
class Made:
    """Where masks come from; the same masks of the same origin give the same object again.

    Attributes:
        model: Hash of the weights.
        when: When they were made.
        words: Of the algorithm, for people: which run, which threshold.
    """

    model: str
    when: datetime
    words: dict[str, str]


class DicomSeg(Exporter):
    """``<case>.dcm``: one object a case, one segment a class; planes without mask are left out."""

    label_map = False

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write one file a case into ``out``."""
        if source.slides and not self.label_map:
            for case in source.slides:
                _slide(source, case, out / f"{case}.dcm")
            source = source.pictures()
            if not source.cases:
                return out
        found = scans(source)
        planes = {case: scan.planes() for case, scan in found.items()}
        segments = [Segment.of_class(name) for name in source.head.classes]
        for prediction, masks, path in marked(source, out):
            by = made(source, prediction)
            pixels = codes_of(prediction, masks) if self.label_map else masks
            here = planes[prediction.case]
            save(path, segmentation(here, pixels, segments, by, self.label_map))
        return out


class DicomLabelMap(DicomSeg):
    """``<case>.dcm``: one label map a case (DICOM Supplement 243), compressed without loss.

    A sample has one segment: where several classes meet, the most probable counts. Files are much
    smaller and open at once, but readers from before 2025 do not know the kind.
    """

    label_map = True


def marked(
    source: ExportSource, out: Path
) -> Iterator[tuple[DensePrediction, NDArray[np.bool_], Path]]:
    """Predictions with their masks ``(K, D, H, W)`` and file; without any mask there is no file."""
    head = source.head
    for prediction in source:
        masks = np.stack([prediction.mask(head, k) for k in range(len(head.classes))])
        path = out / f"{prediction.case}.dcm"
        if masks.any():
            yield prediction, masks, path
            continue
        note(f"case {prediction.case}: nothing was found, so there is no object to write")
        path.unlink(missing_ok=True)


def _slide(source: ExportSource, case: str, path: Path) -> None:
    """Write the map of classes of one slide.

    Raises:
        SpecError: If guaranteed masks are asked for.
        DataError: If it is no slide of DICOM.
    """
    if source.guaranteed:
        raise SpecError("--guaranteed: of slides only geojson holds guaranteed regions")
    slide = SlidePrediction.read(source.folder, case)
    said = header(case, source.glance(case).image, slide.shape)
    with slide.class_map(source.folder) as codes_there:
        tiles = foreground(codes_there, len(slide.classes))
    if not tiles:
        note(f"case {case}: nothing was found, so there is no object to write")
        path.unlink(missing_ok=True)
        return
    file = folder_of(source.folder, case) / RECORD
    by = _by(source, file, slide.thresholds)
    segments = [Segment.of_class(name) for name in slide.classes]
    colours = distinct([one.meaning.colour for one in segments])
    described = [
        _described(number, one, colour, by)
        for number, (one, colour) in enumerate(zip(segments, colours, strict=True), 1)
    ]
    save(path, tiled(said, slide.map_shape, slide.factor, tiles, described, by.when))


def made(source: ExportSource, prediction: DensePrediction) -> Made:
    """Who predicted, and when: the time of the file."""
    file = source.folder / "cases" / f"{prediction.case}.npz"
    return _by(source, file, source.head.thresholds)


def _by(source: ExportSource, file: Path, thresholds: Sequence[float]) -> Made:
    head = source.head
    words = {
        "run": Path(head.provenance.run).name,
        "weights_sha256": head.provenance.weights_sha256[:16],
        "thresholds": " ".join(f"{value:.4g}" for value in thresholds),
    }
    when = datetime.fromtimestamp(int(file.stat().st_mtime))
    return Made(head.provenance.weights_sha256, when, words)


def segmentation(
    planes: Sequence[Plane],
    masks: NDArray[Any],
    segments: Sequence[Segment],
    by: Made,
    label_map: bool = False,
) -> pydicom.Dataset:
    """A DICOM Segmentation on ``planes``.

    Args:
        planes: Of the series, in the order of its grid.
        masks: ``(K, Z, Y, X)`` bool, or ``(Z, Y, X)`` numbers of segments from 1 up, which takes
            less room where there are many small ones.
        segments: What the masks show.
        by: Who made them, and when.
        label_map: Write the numbers as they are, compressed, and not a plane for each segment.

    Raises:
        DataError: If the files of the series lack what an object that refers to them must say.
    """
    files = usable(planes)
    pixels = masks
    if masks.ndim == 4:
        pixels = np.ascontiguousarray(np.moveaxis(masks, 0, -1)).view(np.uint8)
    places: dict[str, Any] = {}
    if planes[0].coding.frames > 1:
        pixels, places = _by_frame(planes, pixels)
    elif len(files) != len(planes):
        raise DataError(
            f"expected one file a plane, got {len(files)} files of {len(planes)} planes"
        )
    names = plain_text(", ".join(dict.fromkeys(s.label for s in segments)), 48)
    colours = distinct([one.meaning.colour for one in segments])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of source files that say less than the standard asks
        made_object = Segmentation(
            source_images=files,
            pixel_array=pixels,
            segmentation_type="LABELMAP" if label_map else "BINARY",
            transfer_syntax_uid=RLELossless if label_map else ExplicitVRLittleEndian,
            segment_descriptions=[
                _described(number, one, colour, by)
                for number, (one, colour) in enumerate(zip(segments, colours, strict=True), 1)
            ],
            **unnamed(_number(planes[0].about.number)),
            manufacturer_model_name=MAKER,
            software_versions=__version__,
            device_serial_number=by.model[:16],
            content_description=f"{MAKER}: {names}",
            content_label="SEGMENTATION",
            series_description=f"{MAKER}: {names}",
            pixel_measures=_measures(planes, files[0]),
            **places,
        )
    return named(dated(made_object, by.when), "segmentation")


def save(path: Path, made_object: pydicom.Dataset) -> None:
    """Write an object, atomically."""
    with written(path) as temporary:
        made_object.save_as(temporary, enforce_file_format=True)


def _by_frame(planes: Sequence[Plane], pixels: NDArray[Any]) -> tuple[NDArray[Any], dict[str, Any]]:
    """Pixels in the order of the frames of a file, and their places if some are left out."""
    order = np.argsort([plane.frame for plane in planes])
    ordered = [planes[k] for k in order]
    if len(planes) == planes[0].coding.frames:
        return pixels[order], {}
    places = [hd.PlanePositionSequence("PATIENT", list(p.position or ())) for p in ordered]
    turned = hd.PlaneOrientationSequence("PATIENT", list(ordered[0].orientation or ()))
    return pixels[order], {"plane_positions": places, "plane_orientation": turned}


def _measures(planes: Sequence[Plane], file: pydicom.Dataset) -> hd.PixelMeasuresSequence:
    between = laid_out(planes, "").geometry.require_spacing()[0]
    thick = planes[0].thickness if "SliceThickness" not in file else float(file.SliceThickness or 0)
    return hd.PixelMeasuresSequence(
        pixel_spacing=list(planes[0].spacing or ()),
        slice_thickness=thick or between,
        spacing_between_slices=between,
    )


def _described(number: int, segment: Segment, colour: Colour, by: Made) -> SegmentDescription:
    said = segment.meaning
    described = SegmentDescription(
        segment_number=number,
        segment_label=plain_text(segment.label),
        segmented_property_category=said.category,
        segmented_property_type=said.type,
        algorithm_type="AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=MAKER,
            family=codes.DCM.ArtificialIntelligence,
            version=__version__,
            parameters=by.words,
        ),
        anatomic_regions=[said.region] if said.region else None,
        tracking_uid=segment.tracking[0] if segment.tracking else None,
        tracking_id=segment.tracking[1] if segment.tracking else None,
        display_color=hd.color.CIELabColor.from_rgb(*colour),
    )
    if said.modifier:
        modifier = hd.sr.CodedConcept.from_code(said.modifier)
        kind = described.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [modifier]
    return described


def _number(text: str) -> int:
    return 9000 + int(text) % 1000 if text.strip().isdigit() else 9000
