"""Masks of whole slides as tiled DICOM Segmentations, on the grid of the heat map.

Tiles without any class are left out (TILED_SPARSE). The object refers to the level of the slide
that was predicted from and lies in its frame of reference.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from highdicom.seg import Segmentation, SegmentDescription
from numpy.typing import NDArray
from pydicom.misc import is_dicom
from pydicom.uid import ExplicitVRLittleEndian

from inklings import __version__
from inklings.errors import DataError
from inklings.exports.identity import MAKER, dated, named, unnamed
from inklings.predictions.heatmaps.canvas import TILE
from inklings.predictions.heatmaps.tiled import Map

_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_NEEDED = ("FrameOfReferenceUID", "ImageOrientationSlide", "TotalPixelMatrixOriginSequence")


def tiled(
    said: pydicom.Dataset,
    shape: tuple[int, int],
    factor: tuple[float, float],
    tiles: Sequence[tuple[int, int, NDArray[np.uint8]]],
    segments: Sequence[SegmentDescription],
    when: datetime,
) -> pydicom.Dataset:
    """One object of tiles of a grid over the whole slide.

    Args:
        said: Header of the finest level.
        shape: Samples of the grid, ``(y, x)``.
        factor: Pixels of the finest level to a sample, ``(y, x)``.
        tiles: First row and column of each, and its masks, ``(TILE, TILE, K)`` of 0 and 1.
        segments: One a class.
        when: They were made.

    Raises:
        DataError: If the header does not say where the slide lies.
    """
    if gone := [word for word in _NEEDED if word not in said]:
        raise DataError(f"expected a slide that says its place on the glass, got no {gone[0]}")
    shared = said.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    down, across = (float(v) for v in shared.PixelSpacing)
    spacing = (down * factor[0], across * factor[1])
    turned = np.array([float(v) for v in said.ImageOrientationSlide])
    right, below = turned[:3], turned[3:]
    glass = said.TotalPixelMatrixOriginSequence[0]
    origin = np.array(
        [
            float(glass.XOffsetInSlideCoordinateSystem),
            float(glass.YOffsetInSlideCoordinateSystem),
            0,
        ]
    )
    # the middle of the first sample of a coarser grid lies further in than that of the slide
    origin = origin + right * (spacing[1] - across) / 2 + below * (spacing[0] - down) / 2
    places = [
        hd.PlanePositionSequence(
            "SLIDE",
            [float(v) for v in origin + right * spacing[1] * x + below * spacing[0] * y],
            (x + 1, y + 1),
        )
        for y, x, _ in tiles
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of source files that say less than the standard asks
        made = Segmentation(
            source_images=[said],
            pixel_array=np.stack([pixels for _, _, pixels in tiles]),
            segmentation_type="BINARY",
            transfer_syntax_uid=ExplicitVRLittleEndian,
            segment_descriptions=segments,
            **unnamed(9000),
            manufacturer_model_name=MAKER,
            software_versions=__version__,
            device_serial_number="0",
            pixel_measures=hd.PixelMeasuresSequence(
                pixel_spacing=spacing, slice_thickness=float(shared.SliceThickness)
            ),
            plane_positions=places,
            plane_orientation=hd.PlaneOrientationSequence("SLIDE", turned.tolist()),
            omit_empty_frames=True,
        )
    made.TotalPixelMatrixRows, made.TotalPixelMatrixColumns = shape
    place = made.TotalPixelMatrixOriginSequence[0]
    place.XOffsetInSlideCoordinateSystem = f"{origin[0]:.10g}"[:16]
    place.YOffsetInSlideCoordinateSystem = f"{origin[1]:.10g}"[:16]
    made.PatientOrientation = None  # asked of what lies in no patient, may be empty
    return named(dated(made, when), "segmentation")


def header(case: str, image: Path, shape: tuple[int, int]) -> pydicom.Dataset:
    """The header of the level of ``shape`` (y, x) among the files of a slide.

    Raises:
        DataError: If it is no slide of DICOM, or that level is gone.
    """
    files = sorted(image.iterdir()) if image.is_dir() else [image, *sorted(image.parent.glob("*"))]
    series = None
    for file in files:
        if not file.is_file() or not is_dicom(file):
            if file == image:
                break
            continue
        said = pydicom.dcmread(file, stop_before_pixels=True)
        series = series or said.get("SeriesInstanceUID")
        size = (said.get("TotalPixelMatrixRows"), said.get("TotalPixelMatrixColumns"))
        if (said.SOPClassUID, said.get("SeriesInstanceUID"), size) == (_SLIDE, series, shape):
            return said
    raise DataError(
        f"case {case}: expected a slide of DICOM of {shape[1]} x {shape[0]} pixels to refer to, "
        f"got {image.name}; export to geojson"
    )


def foreground(codes: Map, classes: int) -> list[tuple[int, int, NDArray[np.uint8]]]:
    """Tiles of a map of classes where any is, read row of tiles by row of tiles."""
    numbers = np.arange(1, classes + 1)
    tiles: list[tuple[int, int, NDArray[np.uint8]]] = []
    for row, (band,) in enumerate(codes.bands()):
        for x in range(0, band.shape[1], TILE):
            part = band[:, x : x + TILE]
            if part.any():
                around = ((0, TILE - part.shape[0]), (0, TILE - part.shape[1]))
                masks = np.pad(part, around)[..., None] == numbers
                tiles.append((row * TILE, x, masks.astype(np.uint8)))
    return tiles
