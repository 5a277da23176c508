"""DICOM series: told apart, ordered by position, measured, and refused with a reason."""

from __future__ import annotations

import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from volume_files import CENTRE, ball, centre_of, grid, oblique

from inklings.errors import ReaderError
from inklings.geometry import Geometry
from inklings.readers import open_image
from inklings.readers.dicom_series import open_series, series_in
from inklings.readers.volume import Volume
from inklings.simulation.phantoms.dicom_files import SeriesText, dataset, write_series

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
TEXT = SeriesText("t", "P1", bits=16)
GRID = grid(np.eye(3), (8, 10, 12))
RAMP = np.arange(8 * 10 * 12, dtype=np.uint16).reshape(8, 10, 12)


def volume(path: Path, series: str | None = None) -> Volume:
    image = open_series(path, series)
    assert isinstance(image, Volume)
    return image


def samples(path: Path, series: str | None = None) -> np.ndarray:
    image = volume(path, series)
    return image.read(image.geometry.full)[0]


@pytest.mark.parametrize("axes", [np.eye(3), oblique()], ids=["straight", "oblique"])
def test_slices_are_ordered_by_position_and_never_by_file_name_or_instance_number(
    axes: np.ndarray, tmp_path: Path
) -> None:
    names = random.Random(3).sample(range(1000), 18)
    numbers = random.Random(4).sample(range(1000), 18)
    geometry = grid(axes)
    write_series(
        tmp_path,
        ball(geometry),
        geometry,
        TEXT,
        lambda k: f"i{names[k]:03}.dcm",
        numbers.__getitem__,
    )
    image = volume(tmp_path)
    assert np.linalg.norm(centre_of(image) - CENTRE) < 0.08
    np.testing.assert_array_equal(image.read(image.geometry.full)[0], ball(geometry))


def test_one_dcm_file_opens_where_a_reader_of_pictures_fails(tmp_path: Path) -> None:
    paths = write_series(tmp_path, RAMP, GRID, TEXT)
    image = open_image(paths[3])
    assert image.geometry.shape == (1, 10, 12)
    np.testing.assert_array_equal(image.read(image.geometry.full)[0, 0], RAMP[3])


def test_series_are_told_apart_in_nested_folders_and_in_a_zip(tmp_path: Path) -> None:
    for number, name in ((3, "T1post"), (4, "FLAIR")):
        text = SeriesText("t", "P1", description=name, number=number, bits=16)
        write_series(tmp_path / "study" / name / "deep", RAMP + number, GRID, text)
    (tmp_path / "study" / "report.xml").write_text("<x/>")
    archive = shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path / "study")
    for path in (tmp_path / "study", Path(archive)):
        assert [one.planes[0].about.description for one in series_in(path)] == ["T1post", "FLAIR"]
        np.testing.assert_array_equal(samples(path, "flair"), RAMP + 4)
        with open_image(path, choice="T1POST") as image:
            np.testing.assert_array_equal(image.read(image.geometry.full)[0], RAMP + 3)
        with pytest.raises(ReaderError, match=r"got 2; say which .*T1post .*FLAIR"):
            open_image(path)
        with pytest.raises(ReaderError, match=r"a series 'T2', got: T1post \(MR, 8 slices"):
            open_image(path, choice="T2")


def test_echoes_that_share_a_series_uid_become_two_volumes(tmp_path: Path) -> None:
    for echo, shift in ((2.3, 0), (4.6, 5000)):
        text = SeriesText("t", "P1", echo=echo, bits=16)
        name = f"{echo}-{{}}.dcm".format
        write_series(tmp_path, RAMP + shift, GRID, text, name, lambda k, s=shift: 2 * k + (s > 0))
    assert [one.part for one in series_in(tmp_path)] == ["echo 2.3", "echo 4.6"]
    np.testing.assert_array_equal(samples(tmp_path, "echo 4.6"), RAMP + 5000)
    name = series_in(tmp_path)[0].name
    np.testing.assert_array_equal(samples(tmp_path, name), RAMP)


def test_rescaling_signs_and_twelve_bits() -> None:
    from inklings.readers.dicom_coding import Coding
    from inklings.readers.dicom_pixels import unpacked

    def coding(**changes: object) -> Coding:
        base = {
            "rows": 1, "columns": 4, "frames": 1, "samples": 1, "allocated": 16, "stored": 12,
            "signed": True, "photometric": "MONOCHROME2", "syntax": "", "big_endian": False,
            "offset": None,
        }  # fmt: skip
        return Coding(**{**base, **changes})  # type: ignore[arg-type]

    stored = np.array([[0x0FFF, 0x0800, 0x07FF, 0xF001]], np.uint16)
    np.testing.assert_array_equal(unpacked(stored, coding()), [[-1, -2048, 2047, 1]])
    np.testing.assert_array_equal(unpacked(stored, coding(signed=False)), [[4095, 2048, 2047, 1]])
    turned = unpacked(stored, coding(signed=False, photometric="MONOCHROME1"))
    np.testing.assert_array_equal(turned, [[0, 2047, 2048, 4094]])


@pytest.mark.parametrize(
    ("slope", "intercept", "kind"), [(1, -1024, np.int16), (0.5, 3, np.float32), (1, 0, np.uint16)]
)
def test_rescale_slope_and_intercept(
    slope: float, intercept: float, kind: type, tmp_path: Path
) -> None:
    text = SeriesText("t", "P1", "CT", slope=slope, intercept=intercept, bits=16)
    write_series(tmp_path, RAMP, GRID, text)
    found = samples(tmp_path)
    assert found.dtype == kind
    np.testing.assert_array_equal(found, RAMP.astype(float) * slope + intercept)
    assert volume(tmp_path).channels == ("HU",)


@pytest.mark.parametrize("syntax", ["rle", "jpegls", "jpeg2000", "jpeg", "implicit"])
@pytest.mark.parametrize("kind", [np.uint16, np.int16])
def test_compressed_pixels_come_back_exactly(syntax: str, kind: type, tmp_path: Path) -> None:
    array = (RAMP.astype(np.int32) * 4 - (600 if kind is np.int16 else 0)).astype(kind)
    for index, plane in enumerate(array):
        said = dataset(plane, GRID, index, index + 1, TEXT)
        bits = np.ascontiguousarray(plane).view(np.uint16)
        if syntax == "rle":
            said.compress(RLELossless)
        elif syntax == "implicit":
            said.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        else:
            encode, uid = {
                "jpegls": (imagecodecs.jpegls_encode, JPEGLSLossless),
                "jpeg2000": (lambda a: imagecodecs.jpeg2k_encode(a, level=0), JPEG2000Lossless),
                "jpeg": (imagecodecs.ljpeg_encode, JPEGLosslessSV1),
            }[syntax]
            said.PixelData = encapsulate([encode(bits)])
            said.file_meta.TransferSyntaxUID = uid
            said["PixelData"].is_undefined_length = True
        said.save_as(tmp_path / f"{index}.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(samples(tmp_path), array)


@pytest.mark.parametrize(
    ("uid", "encode", "bits", "off"),
    [
        (JPEGBaseline8Bit, lambda a: imagecodecs.jpeg8_encode(a, level=95), 8, 4),
        (JPEGExtended12Bit, lambda a: imagecodecs.jpeg8_encode(a, 95, bitspersample=12), 12, 40),
        (JPEGLSNearLossless, lambda a: imagecodecs.jpegls_encode(a, level=2), 12, 2),
        (JPEG2000, lambda a: imagecodecs.jpeg2k_encode(a, level=88), 12, 16),
    ],
    ids=["baseline", "extended", "near-lossless", "jpeg2000"],
)
def test_lossy_pixels_come_back_as_near_as_their_coder_promises(
    uid: str, encode: Callable[[np.ndarray], bytes], bits: int, off: int, tmp_path: Path
) -> None:
    z, y, x = np.indices((3, 40, 48))
    waves = 0.5 + 0.2 * np.sin(x / 7 + z) + 0.2 * np.cos(y / 5)
    array = np.rint(waves * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    text = SeriesText("t", "P1", bits=bits)
    for index, plane in enumerate(array):
        said = dataset(plane, grid(np.eye(3), array.shape), index, index + 1, text)
        said.PixelData = encapsulate([encode(np.ascontiguousarray(plane))])
        said.file_meta.TransferSyntaxUID = uid
        said["PixelData"].is_undefined_length = True
        said.save_as(tmp_path / f"{index}.dcm", enforce_file_format=True)
    found = samples(tmp_path)
    assert found.dtype == array.dtype
    assert 0 <= np.abs(found.astype(int) - array).max() <= off


def test_monochrome1_is_turned_so_that_more_is_brighter(tmp_path: Path) -> None:
    for index, plane in enumerate(RAMP):
        said = dataset(plane, GRID, index, index + 1, SeriesText("t", "P1", bits=12))
        said.PhotometricInterpretation = "MONOCHROME1"
        said.save_as(tmp_path / f"{index}.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(samples(tmp_path), 4095 - RAMP)


def test_a_missing_slice_is_told_with_the_gap(tmp_path: Path) -> None:
    paths = write_series(tmp_path, RAMP, GRID, TEXT)
    paths[3].unlink()
    words = r"1 slice is missing: 5 mm between 0002.dcm and 0004.dcm, 2.5 mm elsewhere"
    with pytest.raises(ReaderError, match=words):
        open_image(tmp_path)


def test_a_slice_that_is_there_twice_is_used_once_and_told(tmp_path: Path) -> None:
    write_series(tmp_path, RAMP, GRID, TEXT)
    copy = dataset(RAMP[2], GRID, 2, 99, TEXT)
    copy.save_as(tmp_path / "again.dcm", enforce_file_format=True)
    image = volume(tmp_path)
    assert "1 slice is there twice" in image.notes[0].text
    assert "again.dcm" in image.notes[0].text
    np.testing.assert_array_equal(image.read(image.geometry.full)[0], RAMP)


def test_a_tilted_gantry_keeps_its_millimetres_and_is_told(tmp_path: Path) -> None:
    lean = np.tan(np.radians(15))
    third = np.array([0, lean, 1]) / np.hypot(lean, 1)
    axes = np.stack([[1, 0, 0], [0, 1, 0], third], axis=1)
    geometry = grid(axes)
    write_series(tmp_path, ball(geometry), geometry, TEXT)
    image = volume(tmp_path)
    assert "tilted" in image.notes[0].text
    assert "15.0 degrees" in image.notes[0].text
    assert np.linalg.norm(centre_of(image) - CENTRE) < 0.08


def test_an_enhanced_file_of_many_frames_is_a_volume(tmp_path: Path) -> None:
    order = [3, 1, 7, 0, 2, 6, 5, 4]
    said = dataset(RAMP[0], GRID, 0, 1, TEXT)
    said.NumberOfFrames = 8
    said.PixelData = RAMP[order].tobytes()
    measures = pydicom.Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.9, 0.8], 2.5
    turned = pydicom.Dataset()
    turned.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared = pydicom.Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [turned]
    said.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for index in order:
        place = pydicom.Dataset()
        place.ImagePositionPatient = GRID.to_points((index, 0, 0)).tolist()
        scale = pydicom.Dataset()
        scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = 1, 10, "US"
        frame = pydicom.Dataset()
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [place], [scale]
        frames.append(frame)
    said.PerFrameFunctionalGroupsSequence = frames
    for word in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(said, word)
    said.save_as(tmp_path / "enhanced.dcm", enforce_file_format=True)
    image = open_image(tmp_path / "enhanced.dcm")
    assert image.geometry.spacing == pytest.approx((2.5, 0.9, 0.8))
    np.testing.assert_array_equal(image.read(image.geometry.full)[0], RAMP + 10)


def test_a_picture_without_a_place_is_a_plane_with_its_spacing(tmp_path: Path) -> None:
    said = dataset(RAMP[0], GRID, 0, 1, TEXT)
    del said.ImagePositionPatient
    said.save_as(tmp_path / "x.dcm", enforce_file_format=True)
    with open_image(tmp_path / "x.dcm") as image:
        assert image.geometry.shape == (10, 12)
        assert image.geometry.spacing == pytest.approx((0.9, 0.8))
        np.testing.assert_array_equal(image.read(image.geometry.full)[0], RAMP[0])


def test_a_folder_without_dicom_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ReaderError, match="expected a DICOM image in the folder"):
        open_image(tmp_path)


def test_names_of_patients_are_not_read(tmp_path: Path) -> None:
    for index in range(8):
        said = dataset(RAMP[index], GRID, index, index + 1, TEXT)
        said.PatientName = "Doe^Jane"
        said.save_as(tmp_path / f"{index}.dcm", enforce_file_format=True)
    assert "Doe" not in repr(series_in(tmp_path)) + repr(volume(tmp_path).facts)


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not beside the repository")
class TestRealStudies:
    def test_series_of_a_study_are_chosen_by_description(self) -> None:
        study = DATA / "brain_mr_dicom.zip"
        assert [one.planes[0].about.description for one in series_in(study)] == [
            "HippoCrop", "T1post", "T1pre_reg", "FLAIR_reg", "T2_reg",
        ]  # fmt: skip
        flair, post = volume(study, "FLAIR_reg"), volume(study, "T1post")
        assert flair.geometry == post.geometry
        assert flair.geometry.spacing == pytest.approx((6.5, 0.4297, 0.4297), abs=1e-4)

    def test_the_nodule_of_luna16_lies_at_its_published_voxel(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(DATA / "lidc_idri_0001.zip") as archive:
            archive.extractall(tmp_path)
        image = volume(tmp_path)
        assert image.geometry.shape == (133, 512, 512)
        voxel = np.rint(image.geometry.to_indices((56.2, 86.3, -115.9))).astype(int)
        assert voxel.tolist() == [90, 367, 316]
        plane = image.planes(90, 91)[0, 0]
        assert plane[362:372, 311:321].mean() > -200
        assert plane.min() >= -2048


def test_geometry_of_a_grid_with_different_axes_keeps_its_extent() -> None:
    geometry = Geometry((10, 20, 20), (5.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    other = geometry.at((2.5, 2.0, 4.0))
    assert other.shape == (20, 10, 5)
    assert other.origin == (1.5, 0.5, -1.25)
