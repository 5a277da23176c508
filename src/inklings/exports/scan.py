"""The scan behind a prediction: where it lies now, its grid, and its DICOM files if it has any."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray

from inklings.errors import DataError, GeometryError, ReaderError
from inklings.exports.source import ExportSource
from inklings.geometry import Geometry
from inklings.predictions.dense import DensePrediction
from inklings.readers import open_image
from inklings.readers.dicom_files import File
from inklings.readers.dicom_headers import Plane
from inklings.readers.dicom_series import source_planes
from inklings.readers.image import Image
from inklings.readers.pyramid import Pyramid


@dataclass(frozen=True)
class ExportedScan:
    """A volume that was predicted.

    Attributes:
        case: Its case.
        path: Where it lies now.
        series: Words that choose one of several DICOM series.
        geometry: Its grid.
    """

    case: str
    path: Path
    series: str | None
    geometry: Geometry

    def planes(self) -> tuple[Plane, ...]:
        """The DICOM planes of the scan, in the order of its grid.

        Raises:
            DataError: If it is no DICOM series, or its files do not say where they lie.
        """
        try:
            planes = source_planes(self.path, self.series)
        except ReaderError as error:
            if "expected DICOM images" not in str(error):
                raise
            planes = ()
        if not planes:
            raise DataError(
                f"case {self.case}: expected a DICOM series for an object of DICOM to refer "
                f"to, got {self.path.name}; export to nifti or nrrd, or predict the series itself"
            )
        if planes[0].coding.tiles:
            raise DataError(
                f"case {self.case}: the slices of a Siemens mosaic lie in one frame, to which no "
                "object of DICOM can refer by slice; export to nifti or nrrd"
            )
        if planes[0].position is None or not planes[0].about.frame_of_reference:
            raise DataError(
                f"case {self.case}: expected DICOM files with positions and a frame of reference, "
                f"got none in {self.path}; export to nifti or nrrd"
            )
        return planes


def scans(source: ExportSource) -> dict[str, ExportedScan]:
    """The scan of every case; nothing should be written before all of them are there.

    Raises:
        DataError: If a case is no volume, its scan is gone, or has another grid by now.
    """
    if source.slides:
        raise DataError(
            f"expected volumes, got {len(source.slides)} slides ({source.slides[0]}, ...): export "
            "them to geojson"
        )
    return {case: _scan(source, case) for case in source.cases}


def _scan(source: ExportSource, case: str) -> ExportedScan:
    glance = source.glance(case)
    shape, path, series = glance.shape, glance.image, glance.series
    if len(shape) != 4:
        raise GeometryError(
            f"case {case}: expected a volume (z, y, x), got a picture of shape {shape[1:]}; "
            "export it to png or geojson"
        )
    if not path.exists():
        raise DataError(
            f"case {case}: expected its scan at {path}, which says where the samples lie, got no "
            "such file; give its new location with --cohort"
        )
    with _opened(case, path, series) as opened:
        if isinstance(opened, Pyramid):
            raise DataError(f"case {case}: expected a volume, got a slide at {path}")
        geometry = opened.geometry
    if geometry.shape != shape[1:]:
        raise GeometryError(
            f"case {case}: predicted on a grid of {shape[1:]}, but {path} has {geometry.shape} "
            "samples; predict it again, or give the right --cohort"
        )
    return ExportedScan(case, path, series, geometry)


def _opened(case: str, path: Path, series: str | None) -> Image:
    try:
        return open_image(path, choice=series)
    except ReaderError as error:
        hint = "" if series else "; a --cohort says which of several series"
        raise ReaderError(f"case {case}: {error}{hint}") from None


def codes(prediction: DensePrediction, masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """One number a sample, ``(*S)``: class index plus one, 0 is background.

    Where a sample belongs to several classes, the most probable counts, then the first.

    Args:
        prediction: Of a case.
        masks: ``(K, *S)``, where each class reaches its threshold.
    """
    probable = np.where(masks, prediction.dense[: len(masks)].astype(np.int16), -1)
    found: NDArray[np.uint8] = (probable.argmax(0) + 1).astype(np.uint8)
    found[~masks.any(0)] = 0
    return found


def datasets(planes: tuple[Plane, ...]) -> Iterator[pydicom.Dataset]:
    """Everything but pixels of the files of ``planes``, each once, in order."""
    seen: dict[File, None] = dict.fromkeys(plane.file for plane in planes)
    for file in seen:
        place = file.container / file.name
        if file.container.is_dir():
            yield pydicom.dcmread(place, stop_before_pixels=True, force=True)
            continue
        with zipfile.ZipFile(file.container) as archive:
            data = io.BytesIO(archive.read(file.name))
        yield pydicom.dcmread(data, stop_before_pixels=True, force=True)
