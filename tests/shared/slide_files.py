"""Slides as scanners write them, small: Philips and Leica TIFF, DICOM, plain pyramids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import tifffile
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

Pixels = NDArray[np.uint8]
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"


def picture(height: int, width: int, seed: int = 0) -> Pixels:
    """Smooth enough for JPEG, and different everywhere."""
    rows, columns = np.indices((height, width))
    rng = np.random.default_rng(seed)
    planes = [np.sin(rows / rng.uniform(20, 40)) + np.cos(columns / rng.uniform(20, 40))] * 3
    scaled = [60 + 20 * k + 40 * plane for k, plane in enumerate(planes)]
    return np.stack(scaled, -1).clip(0, 255).astype(np.uint8)


def tiled(path: Path, pixels: Pixels, um: float | None = 0.5, tile: int = 64) -> Path:
    """A tiled TIFF of one level, as any program writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    how = {} if um is None else {"resolution": (10_000 / um, 10_000 / um), "resolutionunit": 3}
    with tifffile.TiffWriter(path) as file:
        file.write(pixels, tile=(tile, tile), photometric="rgb", metadata=None, **how)
    return path


_PHILIPS_LEVEL = """<DataObject ObjectType="PixelDataRepresentation">
<Attribute Name="DICOM_PIXEL_SPACING" Group="0x0028" Element="0x0030" PMSVR="IDoubleArray">\
"{mm}" "{mm}"</Attribute>
<Attribute Name="PIIM_PIXEL_DATA_REPRESENTATION_NUMBER" Group="0x1001" Element="0x8B02" \
PMSVR="IUInt16">{number}</Attribute></DataObject>"""
_PHILIPS = """<?xml version="1.0" encoding="UTF-8" ?>
<DataObject ObjectType="DPUfsImport">
<Attribute Name="PIM_DP_SCANNED_IMAGES" Group="0x301D" Element="0x1003" PMSVR="IDataObjectArray">
<Array><DataObject ObjectType="DPScannedImage">
<Attribute Name="PIM_DP_IMAGE_TYPE" Group="0x301D" Element="0x1004" PMSVR="IString">WSI</Attribute>
<Attribute Name="DICOM_PIXEL_SPACING" Group="0x0028" Element="0x0030" PMSVR="IDoubleArray">\
"{mm}" "{mm}"</Attribute>
<Attribute Name="PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE" Group="0x1001" Element="0x8B01" \
PMSVR="IDataObjectArray"><Array>{levels}</Array></Attribute>
</DataObject></Array></Attribute></DataObject>"""


def philips(path: Path, levels: list[Pixels], um: float = 0.25, missing: int | None = None) -> Path:
    """A TIFF as Philips' scanners export it (CAMELYON16): tiles of nothing are not stored."""
    said = "".join(
        _PHILIPS_LEVEL.format(mm=um / 1000 * len(levels[0]) / len(level), number=k)
        for k, level in enumerate(levels)
    )
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for k, level in enumerate(levels):
            file.write(
                level, tile=(64, 64), photometric="rgb", compression="jpeg", metadata=None,
                compressionargs={"level": 95}, subfiletype=int(k > 0), software="Philips DP v1.0",
                description=_PHILIPS.format(levels=said, mm=um / 1000) if k == 0 else f"level={k}",
            )  # fmt: skip
    if missing is not None:
        with tifffile.TiffFile(path, mode="r+b") as file:
            for code in ("TileOffsets", "TileByteCounts"):
                tag = file.pages[0].tags[code]
                values = list(tag.value)
                values[missing] = 0
                tag.overwrite(values)
    return path


_LEICA_IMAGE = """<image name="{name}" uuid="u"><creationDate>2020-01-01T00:00:00Z</creationDate>
<device model="Leica SCN400" version="1"/><pixels sizeX="{w}" sizeY="{h}">{levels}</pixels>
<view sizeX="{vx}" sizeY="{vy}" offsetX="{ox}" offsetY="{oy}" spacingZ="0"/><scanSettings>
<objectiveSettings><objective>20</objective></objectiveSettings><illuminationSettings>
<numericalAperture>0.4</numericalAperture><illuminationSource>brightfield</illuminationSource>
</illuminationSettings></scanSettings></image>"""
_LEICA = """<?xml version="1.0" encoding="utf-8"?>
<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"><collection name="c" uuid="u"
sizeX="{vx}" sizeY="{vy}"><barcode>x</barcode>{images}</collection></scn>"""


def leica(path: Path, pixels: Pixels, corner: tuple[int, int], glass: tuple[int, int]) -> Path:
    """A Leica SCN whose scanned part begins at ``corner`` (y, x) of a ``glass``, 0.5 um a pixel."""
    nm = 500
    height, width = pixels.shape[:2]
    small = pixels[::2, ::2]
    overview = np.full((32, 64, 3), 250, np.uint8)
    macro = _LEICA_IMAGE.format(
        name="macro", w=64, h=32, vx=glass[1] * nm, vy=glass[0] * nm, ox=0, oy=0,
        levels='<dimension sizeX="64" sizeY="32" r="0" ifd="0"/>',
    )  # fmt: skip
    sizes = [(height, width), small.shape[:2]]
    dimensions = "".join(
        f'<dimension sizeX="{w}" sizeY="{h}" r="{k}" ifd="{k + 1}"/>'
        for k, (h, w) in enumerate(sizes)
    )
    main = _LEICA_IMAGE.format(
        name="main", w=width, h=height, vx=width * nm, vy=height * nm, ox=corner[1] * nm,
        oy=corner[0] * nm, levels=dimensions,
    )  # fmt: skip
    text = _LEICA.format(vx=glass[1] * nm, vy=glass[0] * nm, images=macro + main)
    how = {"photometric": "rgb", "metadata": None, "tile": (64, 64), "resolutionunit": 3}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(overview, description=text, resolution=(20_000, 20_000), **how)
        file.write(pixels, resolution=(20_000, 20_000), **how)
        file.write(small, resolution=(10_000, 10_000), **how)
    return path


def dicom_level(
    path: Path,
    pixels: Pixels,
    series: str,
    kind: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "VOLUME", "NONE"),
    um: float = 0.5,
    patient: str = "p",
    tile: int = 32,
) -> Path:
    """One instance of a DICOM whole slide, TILED_FULL, not compressed."""
    height, width = pixels.shape[:2]
    rows, columns = -(-height // tile), -(-width // tile)
    around = ((0, rows * tile - height), (0, columns * tile - width), (0, 0))
    padded = np.pad(pixels, around, constant_values=255)
    tiles = padded.reshape(rows, tile, columns, tile, 3).swapaxes(1, 2)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = WHOLE_SLIDE, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = WHOLE_SLIDE, meta.MediaStorageSOPInstanceUID
    data.ImageType, data.Modality, data.PatientID = list(kind), "SM", patient
    data.SeriesInstanceUID, data.StudyInstanceUID = series, series + ".1"
    data.FrameOfReferenceUID, data.DimensionOrganizationType = series + ".2", "TILED_FULL"
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
    data.NumberOfFrames, data.Rows, data.Columns = rows * columns, tile, tile
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = width, height
    data.NumberOfOpticalPaths, data.TotalPixelMatrixFocalPlanes = 1, 1
    path_item = Dataset()
    path_item.OpticalPathIdentifier = "1"
    data.OpticalPathSequence = [path_item]
    measures, shared = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [um / 1000, um / 1000], 0.001
    shared.PixelMeasuresSequence = [measures]
    data.SharedFunctionalGroupsSequence = [shared]
    data.PixelData = np.ascontiguousarray(tiles).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


def dicom_slide(
    folder: Path, pixels: Pixels, series: str, patient: str = "p", names: str = "{}.dcm"
) -> Path:
    """Two levels, a label and an overview of one slide in a folder."""
    derived = ("DERIVED", "PRIMARY", "VOLUME", "RESAMPLED")
    dicom_level(folder / names.format("b"), pixels, series, patient=patient)
    half = pixels[::2, ::2]
    dicom_level(folder / names.format("a"), half, series, derived, 1.0, patient)
    for name, what in (("c", "LABEL"), ("d", "OVERVIEW")):
        extra = ("ORIGINAL", "PRIMARY", what, "NONE")
        dicom_level(folder / names.format(name), pixels[:32, :32], series, extra, 9.0, patient)
    return folder


def described(path: Path) -> Path:
    """A DICOM file with the words of patient and study that objects which refer to it repeat."""
    said = pydicom.dcmread(path)
    for word in ("StudyID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate",
                 "StudyTime", "AccessionNumber", "ReferringPhysicianName"):  # fmt: skip
        setattr(said, word, "")
    said.save_as(path)
    return path
