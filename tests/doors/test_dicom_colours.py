"""Compressed and coloured DICOM pixels: as their encoder had them, or as pydicom decodes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from dicom_files import RAMP, multi, series, slice_of
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from inklings.errors import ReaderError
from inklings.readers import open_image

Y, X = np.indices((16, 24))
RGB = np.stack([Y * 12 + 20, X * 9 + 10, (Y + X) * 5 + 15], -1).astype(np.uint8)


def written(path: Path, pixels: bytes, syntax: str, photometric: str, **said: Any) -> Path:
    file = slice_of(RGB[..., 0], 0, "US", SamplesPerPixel=3, PlanarConfiguration=0)
    file.PhotometricInterpretation = photometric
    file.PixelData = encapsulate([pixels])
    file["PixelData"].is_undefined_length = True
    file.file_meta.TransferSyntaxUID = syntax
    del file.ImagePositionPatient
    for word, value in said.items():
        setattr(file, word, value)
    file.save_as(path, enforce_file_format=True)
    return path


def colours(path: Path) -> np.ndarray:
    with open_image(path) as image:
        assert image.channels == ("R", "G", "B")
        return np.moveaxis(image.read(image.geometry.full), 0, -1).astype(int)


@pytest.mark.parametrize(
    ("syntax", "encode", "photometric", "off"),
    [
        (JPEG2000Lossless, lambda a: imagecodecs.jpeg2k_encode(a, level=0), "YBR_RCT", 0),
        (JPEG2000, lambda a: imagecodecs.jpeg2k_encode(a, level=60), "YBR_ICT", 6),
        (JPEGLSLossless, imagecodecs.jpegls_encode, "RGB", 0),
        (
            JPEGBaseline8Bit,
            lambda a: imagecodecs.jpeg8_encode(a, level=98, subsampling="444"),
            "YBR_FULL",
            6,
        ),
        (
            JPEGBaseline8Bit,
            lambda a: imagecodecs.jpeg8_encode(a, level=98, subsampling="422"),
            "YBR_FULL_422",
            12,
        ),
        (
            JPEGBaseline8Bit,
            lambda a: imagecodecs.jpeg8_encode(a, level=98, colorspace="RGB", outcolorspace="RGB"),
            "RGB",
            6,
        ),
    ],
    ids=["rct", "ict", "jpegls", "ybr", "422", "rgb"],
)
def test_colours_are_those_that_were_compressed(
    syntax: str,
    encode: Callable[[np.ndarray], bytes],
    photometric: str,
    off: int,
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "x", encode(RGB), syntax, photometric)
    assert np.abs(colours(path) - RGB).max() <= off


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
def test_ybr_that_the_coder_does_not_know_of_becomes_rgb(syntax: str, tmp_path: Path) -> None:
    ybr = convert_color_space(RGB, "RGB", "YBR_FULL")
    if syntax == JPEGLSLossless:
        data = imagecodecs.jpegls_encode(ybr)
    else:
        data = imagecodecs.jpeg2k_encode(ybr, level=0, mct=False)
    path = written(tmp_path / "x", data, syntax, "YBR_FULL")
    assert np.abs(colours(path) - RGB).max() <= 2


def test_slices_in_colour_are_a_volume_of_three_channels(tmp_path: Path) -> None:
    def change(file: Any, index: int) -> None:
        file.SamplesPerPixel, file.PlanarConfiguration = 3, 0
        file.PhotometricInterpretation = "RGB"
        file.PixelData = np.stack([RAMP[index] % 256] * 3, -1).astype(np.uint8).tobytes()

    folder = series(tmp_path, change, pixels=(RAMP % 256).astype(np.uint8))
    with open_image(folder) as image:
        assert image.channels == ("R", "G", "B")
        found = image.read(image.geometry.full)
    np.testing.assert_array_equal(found, np.stack([RAMP % 256] * 3))


@pytest.mark.parametrize("frame", [0, 5])
def test_frames_of_a_compressed_film_are_pages(frame: int, tmp_path: Path) -> None:
    path = multi(tmp_path / "x", "1.2.840.10008.5.1.4.1.1.3.1", "US", RAMP,
                 "ImagePositionPatient")  # fmt: skip
    file = pydicom.dcmread(path)
    file.compress(RLELossless)
    file.save_as(path, enforce_file_format=True)
    with open_image(path, choice=f"page={frame}") as image:
        np.testing.assert_array_equal(image.read(image.geometry.full)[0], RAMP[frame])


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (JPEG2000Lossless, lambda a: imagecodecs.jpeg2k_encode(a, level=0)),
        (JPEGLSLossless, imagecodecs.jpegls_encode),
        (JPEGLosslessSV1, imagecodecs.ljpeg_encode),
    ],
    ids=["jpeg2000", "jpegls", "ljpeg"],
)
def test_files_cut_within_their_compressed_pixels_end_in_one_line(
    syntax: str, encode: Callable[[np.ndarray], bytes], kept: float, tmp_path: Path
) -> None:
    def change(file: Any, index: int) -> None:
        file.PixelData = encapsulate([encode(np.ascontiguousarray(RAMP[index]))])
        file["PixelData"].is_undefined_length = True
        file.file_meta.TransferSyntaxUID = syntax

    folder = series(tmp_path, change)
    data = (folder / "IM002").read_bytes()
    begin = data.index(b"\xe0\x7f\x10\x00")
    (folder / "IM002").write_bytes(data[: begin + int((len(data) - begin) * kept)])
    with pytest.raises(ReaderError, match="IM002") as caught, open_image(folder) as image:
        image.read(image.geometry.full)
    assert "missing" not in str(caught.value)
