"""DICOM series of every sort: read as SimpleITK, dcm2niix or the standard has it, or refused."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import fuzz
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_files import (
    DOSE,
    ENHANCED_MR,
    NM,
    ORIGIN,
    RAMP,
    SPACING,
    STEP,
    US_CINE,
    csa,
    item,
    mosaic,
    multi,
    private,
    series,
    slice_of,
)
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from inklings.errors import ReaderError, SpecError
from inklings.readers import open_image
from inklings.readers.dicom_series import series_in
from inklings.readers.image import Image

CASES = Path(__file__).parents[2] / ".." / "shared" / "cases"
GRID = (STEP, *SPACING)


def opened(path: Path, choice: str | None = None) -> tuple[Image, np.ndarray]:
    with open_image(path, choice=choice) as image:
        return image, image.read(image.geometry.full)


def told(image: Image) -> str:
    return "; ".join(f"{note.kind}: {note.text}" for note in image.notes)


def require_as_itk(folder: Path, choice: str | None = None) -> Image:
    """Samples and grid are those of SimpleITK, which is given all files of the folder."""
    image, found = opened(folder, choice)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    other = sitk.ReadImage(names)
    np.testing.assert_array_equal(found[0], sitk.GetArrayFromImage(other))
    geometry = image.geometry
    assert geometry.spacing == pytest.approx(other.GetSpacing()[::-1], rel=1e-4)
    assert geometry.origin == pytest.approx(other.GetOrigin(), abs=1e-4)
    np.testing.assert_allclose(geometry.axes.ravel(), other.GetDirection(), atol=2e-4)
    return image


class TestTolerance:
    @pytest.mark.parametrize("noise", [1e-7, 1e-6, 1e-5, 1e-4])
    def test_noise_of_axes_and_spacing_splits_nothing(self, noise: float, tmp_path: Path) -> None:
        random = np.random.default_rng(3)

        def change(file: Any, _: int) -> None:
            axes = np.array(file.ImageOrientationPatient, float) + random.normal(0, noise / 3, 6)
            file.ImageOrientationPatient = [round(v, 9) for v in axes]
            file.PixelSpacing = [round(v * (1 + noise * random.normal() / 3), 9) for v in SPACING]

        image, found = opened(series(tmp_path, change))
        np.testing.assert_array_equal(found[0], RAMP)
        assert image.geometry.spacing == pytest.approx(GRID, rel=2 * noise)

    @pytest.mark.parametrize("seed", range(6))
    def test_any_orientation_in_any_order_is_that_of_itk(self, seed: int, tmp_path: Path) -> None:
        random = np.random.default_rng(seed)
        axes = np.eye(3)[random.permutation(3)] * random.choice([-1, 1], (3, 1))
        if seed > 2:  # oblique
            axes = np.linalg.qr(axes + random.normal(0, 0.3, (3, 3)))[0]
        normal = np.cross(axes[0], axes[1])
        order = random.permutation(6)

        def change(file: Any, index: int) -> None:
            file.ImageOrientationPatient = [f"{v:.10f}" for v in axes[:2].ravel()]
            place = np.array(ORIGIN) + 3.3 * index * normal
            file.ImagePositionPatient = [f"{v:.6f}" for v in place]
            file.InstanceNumber, file.SliceThickness = int(order[index]), 1

        image = require_as_itk(series(tmp_path, change))
        assert image.geometry.require_spacing()[0] == pytest.approx(3.3, abs=1e-5)

    def test_planes_of_a_scout_are_told_apart_and_can_be_chosen(self, tmp_path: Path) -> None:
        lies = ([1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1])

        def change(file: Any, index: int) -> None:
            file.ImageOrientationPatient = lies[index % 3]

        folder = series(tmp_path, change)
        parts = [one.part for one in series_in(folder)]
        assert parts == ["axial", "coronal", "sagittal"]
        with pytest.raises(ReaderError, match="got 3; say which"):
            opened(folder)
        np.testing.assert_array_equal(opened(folder, "axial")[1][0], RAMP[::3])

    def test_a_slice_without_axes_is_named(self, tmp_path: Path) -> None:
        def change(file: Any, index: int) -> None:
            if index == 2:
                del file.ImageOrientationPatient

        with pytest.raises(ReaderError, match=r"1 of 6 images have no position .* IM002"):
            opened(series(tmp_path, change))

    def test_a_screenshot_in_a_series_spoils_no_volume(self, tmp_path: Path) -> None:
        def change(file: Any, index: int) -> None:
            if index == 5:
                file.Modality = "SC"
                del file.ImagePositionPatient, file.ImageOrientationPatient

        folder = series(tmp_path, change)
        with pytest.raises(ReaderError, match="got 2; say which"):
            opened(folder)
        np.testing.assert_array_equal(opened(folder, "8 x 10 MR")[1][0], RAMP[:5])

    def test_one_uid_in_two_studies_is_two_series(self, tmp_path: Path) -> None:
        series(tmp_path / "a", StudyInstanceUID="1.2.3")
        series(tmp_path / "b", StudyInstanceUID="1.2.4", pixels=RAMP + 5)
        np.testing.assert_array_equal(opened(tmp_path, "study 1.2.4")[1][0], RAMP + 5)

    def test_slices_of_two_frames_of_reference_are_told(self, tmp_path: Path) -> None:
        def change(file: Any, index: int) -> None:
            file.FrameOfReferenceUID = f"1.2.{index % 2}"

        assert "2 frames of reference" in told(opened(series(tmp_path, change))[0])

    @pytest.mark.parametrize("off", [{3}, {0, 1, 2}])
    def test_a_spacing_that_changes_is_refused_with_numbers(
        self, off: set[int], tmp_path: Path
    ) -> None:
        def change(file: Any, index: int) -> None:
            if index in off:
                file.PixelSpacing = [1.1, 1.0]

        with pytest.raises(ReaderError, match=r"PixelSpacing changes .* 1.1 x 1 mm"):
            opened(series(tmp_path, change))

    def test_axes_that_are_none_are_refused(self, tmp_path: Path) -> None:
        folder = series(tmp_path, ImageOrientationPatient=[1, 0, 0, 1, 0, 0])
        with pytest.raises(ReaderError, match="no two perpendicular unit vectors"):
            opened(folder)


class TestSpacing:
    @pytest.mark.parametrize("value", [[0, 0], [-0.9, 0.8], None])
    def test_a_spacing_that_is_none_is_unknown_and_told(
        self, value: list[float] | None, tmp_path: Path
    ) -> None:
        image, found = opened(series(tmp_path, PixelSpacing=value))
        assert image.geometry.spacing is None
        assert "PixelSpacing" in told(image)
        np.testing.assert_array_equal(found[0], RAMP)

    def test_slices_are_as_far_apart_as_their_positions_and_not_as_they_are_thick(
        self, tmp_path: Path
    ) -> None:
        image = require_as_itk(series(tmp_path, SliceThickness=5, SpacingBetweenSlices=-7.5))
        assert "SpacingBetweenSlices says 7.5 mm, the positions 2.5 mm" in told(image)

    def test_a_radiograph_is_measured_at_the_detector_and_says_so(self, tmp_path: Path) -> None:
        file = slice_of(RAMP[0], 0, "CR", ImagerPixelSpacing=[0.2, 0.15])
        for word in ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient"):
            delattr(file, word)
        file.save_as(tmp_path / "cr", enforce_file_format=True)
        image, _ = opened(tmp_path / "cr")
        assert image.geometry.spacing == (0.2, 0.15)
        assert sitk.ReadImage(tmp_path / "cr").GetSpacing()[:2] == (0.15, 0.2)
        assert "at the detector" in told(image)

    def test_ultrasound_is_measured_by_its_regions(self, tmp_path: Path) -> None:
        region = item(
            PhysicalUnitsXDirection=3, PhysicalUnitsYDirection=3, PhysicalDeltaX=0.02,
            PhysicalDeltaY=0.03, RegionSpatialFormat=1,
        )  # fmt: skip
        file = slice_of(RAMP[0], 0, "US", SequenceOfUltrasoundRegions=[region])
        for word in ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient"):
            delattr(file, word)
        file.save_as(tmp_path / "us", enforce_file_format=True)
        assert opened(tmp_path / "us")[0].geometry.spacing == pytest.approx((0.3, 0.2))

    def test_a_slice_that_does_not_say_where_it_lies_is_named(self, tmp_path: Path) -> None:
        def change(file: Any, index: int) -> None:
            if index == 5:
                del file.ImagePositionPatient

        with pytest.raises(ReaderError, match=r"1 of 6 images have no position .* IM005"):
            opened(series(tmp_path, change))

    def test_slices_that_all_lie_in_one_place_are_refused(self, tmp_path: Path) -> None:
        folder = series(tmp_path, ImagePositionPatient=[0, 0, 0])
        with pytest.raises(ReaderError, match="6 images are at 1 positions"):
            opened(folder)


MARKS: dict[str, tuple[str, Any, str]] = {
    "b": ("DiffusionBValue", (0.0, 500.0, 1000.0), "b 500"),
    "echo": ("EchoTime", (2.3, 4.6, 6.9), "echo 4.6"),
    "inversion": ("InversionTime", (100.0, 200.0, 400.0), "inversion 200"),
    "flip": ("FlipAngle", (5.0, 15.0, 25.0), "flip 15"),
    "rounding": ("EchoTime", (2.3, 4.60004, 6.9), "echo 4.6"),
    "frame": ("FrameReferenceTime", (500.0, 1500.0, 2500.0), "frame time 1500"),
    "moment": ("TemporalPositionIdentifier", (1, 2, 3), "moment 2"),
    "trigger": ("TriggerTime", (0.0, 31.5, 63.0), "trigger 31.5"),
    "acquisition": ("AcquisitionNumber", (1, 2, 3), "acquisition 2"),
    "component": (
        "ImageType",
        (["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"], ["ORIGINAL", "PRIMARY", "R"]),
        "phase",
    ),
    "time": ("AcquisitionTime", ("101010.0", "101020.5", "101031.0"), "time 2"),
    "part": ("SeriesDescription", ("x", "x", "x"), "part 2"),
}


class TestVolumesOfOneSeries:
    @pytest.mark.parametrize("name", MARKS)
    def test_what_the_files_say_tells_volumes_apart(self, name: str, tmp_path: Path) -> None:
        word, values, words = MARKS[name]
        for number, value in enumerate(values):

            def change(file: Any, index: int, number: int = number, value: Any = value) -> None:
                setattr(file, word, value)
                file.InstanceNumber = 3 * index + number + 1

            series(tmp_path, change, pixels=RAMP + 1000 * number, name=f"{number}-{{:03}}")
        assert len(series_in(tmp_path)) == 3
        with pytest.raises(ReaderError, match=f"got 3; say which .*{words}"):
            opened(tmp_path)
        np.testing.assert_array_equal(opened(tmp_path, words)[1][0], RAMP + 1000)
        exact = series_in(tmp_path)[2].name
        np.testing.assert_array_equal(opened(tmp_path, exact)[1][0], RAMP + 2000)

    @pytest.mark.parametrize(
        ("group", "creator", "element", "form", "value"),
        [
            (0x19, "SIEMENS MR HEADER", 0x0C, "IS", "500"),
            (0x43, "GEMS_PARM_01", 0x39, "IS", ["1000000500", "8", "0", "0"]),
            (0x2001, "Philips Imaging DD 001", 0x03, "FL", 500.0),
        ],
        ids=["Siemens", "GE", "Philips"],
    )
    @pytest.mark.parametrize("implicit", [False, True])
    def test_b_values_of_vendors(
        self, group: int, creator: str, element: int, form: str, value: Any, implicit: bool,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        zero = {"IS": "0", "FL": 0.0}[form]
        for number in (0, 1):

            def change(file: Any, _: int, number: int = number) -> None:
                private(file, group, creator, element, form, value if number else zero)
                if implicit:
                    file.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian

            series(tmp_path, change, pixels=RAMP + 1000 * number, name=f"{number}-{{:03}}")
        assert [one.part for one in series_in(tmp_path)] == ["b 0", "b 500"]
        for words in ("b 500", "b=500", "b500", "b value 500"):
            np.testing.assert_array_equal(opened(tmp_path, words)[1][0], RAMP + 1000)

    def test_one_b0_and_six_directions_are_seven_volumes(self, tmp_path: Path) -> None:
        ways = [[round(np.cos(k), 4), round(np.sin(k), 4), 0.0] for k in range(6)]
        series(tmp_path, name="0-{:03}", DiffusionBValue=0.0)
        for number, way in enumerate(ways, 1):
            series(
                tmp_path, pixels=RAMP + number, name=f"{number}-{{:03}}", DiffusionBValue=1000.0,
                DiffusionGradientOrientation=way,
            )  # fmt: skip
        assert [len(one.planes) for one in series_in(tmp_path)] == [6] * 7
        np.testing.assert_array_equal(opened(tmp_path, "b 0")[1][0], RAMP)

    def test_a_cut_off_last_moment_spoils_no_other(self, tmp_path: Path) -> None:
        for moment in (1, 2, 3):
            pixels = RAMP[: 2 if moment == 3 else 6] + 1000 * moment
            series(tmp_path, pixels=pixels, name=f"{moment}-{{:03}}",
                   TemporalPositionIdentifier=moment)  # fmt: skip
        assert [len(one.planes) for one in series_in(tmp_path)] == [6, 6, 2]
        np.testing.assert_array_equal(opened(tmp_path, "moment 2")[1][0], RAMP + 2000)

    def test_trigger_times_that_differ_by_slice_split_nothing(self, tmp_path: Path) -> None:
        def change(file: Any, index: int) -> None:
            file.TriggerTime, file.AcquisitionNumber = 31.0 * index, index
            file.AcquisitionTime = f"1010{index:02}.5"

        require_as_itk(series(tmp_path, change))

    def test_phases_of_a_heart_whose_trigger_times_drift_by_slice(self, tmp_path: Path) -> None:
        for phase in range(3):

            def change(file: Any, index: int, phase: int = phase) -> None:
                file.TriggerTime = 30.0 * phase + index
                file.AcquisitionTime = f"1010{phase:02}.{index}"

            series(tmp_path, change, pixels=RAMP + 1000 * phase, name=f"{phase}-{{:03}}")
        assert len(series_in(tmp_path)) == 3
        np.testing.assert_array_equal(opened(tmp_path, "time 3")[1][0], RAMP + 2000)

    def test_exact_copies_of_files_are_left_out_and_told(self, tmp_path: Path) -> None:
        folder = series(tmp_path / "a")
        shutil.copytree(folder, tmp_path / "a" / "again")
        image, found = opened(folder)
        np.testing.assert_array_equal(found[0], RAMP)
        assert "6 files are exact copies" in told(image)

    def test_enhanced_frames_of_two_b_values_in_any_order(self, tmp_path: Path) -> None:
        places = [(k, b) for k in (3, 0, 5, 1, 4, 2) for b in (0.0, 800.0)]
        path = enhanced(tmp_path / "e", places)
        assert [one.part for one in series_in(path)] == ["b 0", "b 800"]
        image, found = opened(path, "b 800")
        np.testing.assert_array_equal(found[0], RAMP + 800)
        assert image.geometry.spacing == pytest.approx(GRID)

    def test_stacks_of_one_orientation_are_volumes_of_their_own(self, tmp_path: Path) -> None:
        def change(file: Any, index: int) -> None:
            file.StackID = "12"[index // 3]
            if index > 2:
                file.ImagePositionPatient = [*ORIGIN[:2], ORIGIN[2] + STEP * index + 41]

        folder = series(tmp_path, change)
        np.testing.assert_array_equal(opened(folder, "stack 2")[1][0], RAMP[3:])

    def test_echo_times_that_differ_by_rounding_are_one_echo(self, tmp_path: Path) -> None:
        for number, echo in enumerate((2.3, 4.6)):

            def change(file: Any, index: int, echo: float = echo) -> None:
                file.EchoTime = round(echo + 1e-4 * (index % 3), 5)

            series(tmp_path, change, pixels=RAMP + 1000 * number, name=f"{number}-{{:03}}")
        assert [one.part for one in series_in(tmp_path)] == ["echo 2.3", "echo 4.6"]
        np.testing.assert_array_equal(opened(tmp_path, "echo 4.6")[1][0], RAMP + 1000)

    def test_an_ultrasound_volume_lies_in_its_own_space(self, tmp_path: Path) -> None:
        frames = [
            item(
                PlanePositionVolumeSequence=[item(ImagePositionVolume=[1, 2, STEP * k])],
                PlaneOrientationVolumeSequence=[item(ImageOrientationVolume=[1, 0, 0, 0, 1, 0])],
            )
            for k in range(6)
        ]
        shared = item(PixelMeasuresSequence=[item(PixelSpacing=list(SPACING), SliceThickness=1)])
        path = multi(
            tmp_path / "u", "1.2.840.10008.5.1.4.1.1.6.2", "US", RAMP, "ImagePositionPatient",
            "ImageOrientationPatient", "FrameOfReferenceUID", "PixelSpacing",
            VolumeFrameOfReferenceUID="1.2.9", SharedFunctionalGroupsSequence=[shared],
            PerFrameFunctionalGroupsSequence=frames,
        )  # fmt: skip
        image, found = opened(path)
        np.testing.assert_array_equal(found[0], RAMP)
        assert image.geometry.spacing == pytest.approx(GRID)
        assert image.geometry.frame == "1.2.9"

    def test_enhanced_frames_that_only_an_index_tells_apart(self, tmp_path: Path) -> None:
        places = [(k, 0.0) for _ in (0, 1) for k in range(6)]
        path = enhanced(tmp_path / "e", places)
        assert [one.part for one in series_in(path)] == ["dimension2 1", "dimension2 2"]


def enhanced(path: Path, places: list[tuple[int, float]]) -> Path:
    """An enhanced MR: of each frame its slice and its b value; samples are those plus b."""
    seen: dict[tuple[int, float], int] = {}
    frames = []
    for k, b in places:
        seen[k, b] = seen.get((k, b), 0) + 1
        frames.append(
            item(
                PlanePositionSequence=[
                    item(ImagePositionPatient=[ORIGIN[0], ORIGIN[1], ORIGIN[2] + STEP * k])
                ],
                MRDiffusionSequence=[item(DiffusionBValue=b)],
                FrameContentSequence=[item(DimensionIndexValues=[k + 1, seen[k, b]])],
            )
        )
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=list(SPACING), SliceThickness=STEP)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
    )
    pixels = np.stack([RAMP[k] + int(b) for k, b in places])
    return multi(
        path, ENHANCED_MR, "MR", pixels, "ImagePositionPatient", "ImageOrientationPatient",
        "PixelSpacing", SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
    )  # fmt: skip


class TestFramesWithoutPlaces:
    @pytest.mark.parametrize(
        ("offsets", "first", "turned"),
        [
            ([0, 2.5, 5, 7.5, 10, 12.5], 40.0, 1),
            ([40, 42.5, 45, 47.5, 50, 52.5], 40.0, 1),
            ([0, -2.5, -5, -7.5, -10, -12.5], 27.5, -1),
        ],
        ids=["relative", "absolute", "descending"],
    )
    def test_a_dose_lies_where_its_offsets_say_and_is_in_gray(
        self, offsets: list[float], first: float, turned: int, tmp_path: Path
    ) -> None:
        path = multi(
            tmp_path / "d", DOSE, "RTDOSE", RAMP.astype(np.uint32) * 70001,
            GridFrameOffsetVector=offsets, FrameIncrementPointer=0x3004000C,
            DoseGridScaling="1e-6", DoseUnits="GY",
        )  # fmt: skip
        image, found = opened(path)
        assert image.channels == ("Gy",)
        assert image.geometry.origin == pytest.approx((ORIGIN[0], ORIGIN[1], first))
        assert image.geometry.spacing == pytest.approx(GRID)
        np.testing.assert_allclose(found[0], RAMP[::turned] * 0.070001, rtol=1e-6)
        other = sitk.ReadImage(path)
        ours = image.geometry.to_points((0 if turned > 0 else 5, 2, 3))
        assert other.TransformIndexToPhysicalPoint((3, 2, 0)) == pytest.approx(tuple(ours))

    def test_a_dose_of_uneven_planes_is_refused(self, tmp_path: Path) -> None:
        path = multi(tmp_path / "d", DOSE, "RTDOSE", RAMP, DoseGridScaling="1",
                     GridFrameOffsetVector=[0, 2.5, 5, 7.5, 10, 14])  # fmt: skip
        with pytest.raises(ReaderError, match="uneven distances"):
            opened(path)

    @pytest.mark.parametrize("step", [2.5, -2.5])
    def test_slices_of_nuclear_medicine_follow_the_sign_of_their_step(
        self, step: float, tmp_path: Path
    ) -> None:
        detector = item(
            ImagePositionPatient=list(ORIGIN), ImageOrientationPatient=[1, 0, 0, 0, 1, 0]
        )
        path = multi(
            tmp_path / "n", NM, "NM", RAMP, "ImagePositionPatient", "ImageOrientationPatient",
            DetectorInformationSequence=[detector], SpacingBetweenSlices=step,
            ImageType=["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"], NumberOfSlices=6,
            SliceVector=[1, 2, 3, 4, 5, 6], FrameIncrementPointer=0x00540080,
        )  # fmt: skip
        image, found = opened(path)
        np.testing.assert_array_equal(found[0], RAMP[:: 1 if step > 0 else -1])
        other = sitk.ReadImage(path)
        ours = image.geometry.to_points((4 if step > 0 else 1, 2, 3))
        assert other.TransformIndexToPhysicalPoint((3, 2, 4)) == pytest.approx(tuple(ours))

    @pytest.mark.parametrize("kind", ["US", "XA", "NM"])
    def test_frames_of_a_film_are_pages(self, kind: str, tmp_path: Path) -> None:
        path = multi(tmp_path / "c", US_CINE, kind, RAMP, "ImagePositionPatient",
                     "ImageOrientationPatient")  # fmt: skip
        with pytest.raises(ReaderError, match=r"6 frames that have no position .* --page 0 to 5"):
            opened(path)
        np.testing.assert_array_equal(opened(path, "page=4")[1][0], RAMP[4])
        with pytest.raises(SpecError, match="pages 0 to 5"):
            opened(path, "page=6")

    def test_a_place_of_the_first_frame_is_not_that_of_all(self, tmp_path: Path) -> None:
        path = multi(tmp_path / "m", US_CINE, "MR", RAMP)
        with pytest.raises(ReaderError, match="6 frames that have no position"):
            opened(path)

    def test_radiographs_of_one_series_are_pictures_of_their_own(self, tmp_path: Path) -> None:
        def change(file: Any, _: int) -> None:
            del file.ImagePositionPatient, file.ImageOrientationPatient

        folder = series(tmp_path, change, "CR", RAMP[:2])
        with pytest.raises(ReaderError, match="got 2; say which"):
            opened(folder)
        np.testing.assert_array_equal(opened(folder, "image 2")[1][0], RAMP[1])

    @pytest.mark.parametrize("way", [1, -1])
    def test_a_mosaic_is_unfolded_to_where_its_slices_lie(self, way: int, tmp_path: Path) -> None:
        # a mosaic of 3 x 3 places: its corner lies half of the other two tiles before that of one
        file = slice_of(mosaic(RAMP), 0, SpacingBetweenSlices=STEP)
        file.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
        corner = np.array(ORIGIN) - [0.8 * 10, 0.9 * 8, 0]
        file.ImagePositionPatient = corner.tolist()
        private(file, 0x19, "SIEMENS MR HEADER", 0x0A, "US", 6)
        header = csa(NumberOfImagesInMosaic=[6], SliceNormalVector=[0, 0, way])
        private(file, 0x29, "SIEMENS CSA HEADER", 0x10, "OB", header)
        file.save_as(tmp_path / "m", enforce_file_format=True)
        image, found = opened(tmp_path / "m")
        np.testing.assert_array_equal(found[0], RAMP[::way])
        assert image.geometry.spacing == pytest.approx(GRID)
        origin = (ORIGIN[0], ORIGIN[1], ORIGIN[2] + (0 if way > 0 else -5 * STEP))
        assert image.geometry.origin == pytest.approx(origin)

    def test_a_mosaic_that_does_not_say_its_order_is_refused(self, tmp_path: Path) -> None:
        file = slice_of(mosaic(RAMP), 0, SpacingBetweenSlices=STEP)
        file.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
        private(file, 0x19, "SIEMENS MR HEADER", 0x0A, "US", 6)
        file.save_as(tmp_path / "m", enforce_file_format=True)
        with pytest.raises(ReaderError, match="the direction of its slices"):
            opened(tmp_path / "m")


class TestFiles:
    @pytest.mark.parametrize("name", ["IM{:03}", "{}", "MR.1.2.840.{}", "{:08}.img"])
    @pytest.mark.parametrize("packed", [False, True])
    def test_names_play_no_part(self, name: str, packed: bool, tmp_path: Path) -> None:
        folder = series(tmp_path / "s" / "DICOM" / "ST0" / "SE0", name=name)
        path = tmp_path / "s"
        if packed:
            path = Path(shutil.make_archive(str(tmp_path / "study"), "zip", path))
        image, found = opened(path)
        np.testing.assert_array_equal(found[0], RAMP)
        assert image.geometry == require_as_itk(folder).geometry

    @pytest.mark.parametrize("implicit", [True, False])
    @pytest.mark.parametrize("packed", [True, False])
    def test_files_without_preamble_open(
        self, implicit: bool, packed: bool, tmp_path: Path
    ) -> None:
        for index, plane in enumerate(RAMP):
            file = slice_of(plane, index)
            del file.file_meta
            bare = pydicom.Dataset(file)
            bare.save_as(tmp_path / f"{index}", implicit_vr=implicit, little_endian=True)
        path = tmp_path
        if packed:
            path = Path(shutil.make_archive(str(tmp_path.parent / "bare"), "zip", tmp_path))
        np.testing.assert_array_equal(opened(path)[1][0], RAMP)

    def test_what_lies_beside_is_passed_over_and_told(self, tmp_path: Path) -> None:
        folder = series(tmp_path)
        (folder / "report.txt").write_text("nothing to see")
        (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" + b"\1" * 700)
        (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        (folder / "DICOMDIR").write_bytes((folder / "IM000").read_bytes())
        report = slice_of(RAMP[0], 0)
        report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = (
            "1.2.840.10008.5.1.4.1.1.88.59"
        )
        for word in ("PixelData", "Rows", "Columns"):
            delattr(report, word)
        report.save_as(folder / "KO", enforce_file_format=True)
        image, found = opened(folder)
        np.testing.assert_array_equal(found[0], RAMP)
        assert "report.txt" in told(image)
        assert "1 Key Object Selection Document" in told(image)

    @pytest.mark.parametrize("kept", [0, 60, 200, 700, -1, -80])
    @pytest.mark.parametrize("packed", [False, True])
    def test_a_file_that_is_cut_short_is_named_and_no_slice_is_missing(
        self, kept: int, packed: bool, tmp_path: Path
    ) -> None:
        folder = series(tmp_path / "s")
        cut = folder / "IM003"
        cut.write_bytes(cut.read_bytes()[:kept])
        path = folder
        if packed:
            path = Path(shutil.make_archive(str(tmp_path / "z"), "zip", folder))
        with pytest.raises(ReaderError, match=r"IM003: .*(truncated|empty|DICOM file)") as caught:
            opened(path)
        assert "missing" not in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("kept", [40, 131, 300, -30])
    def test_one_file_that_is_cut_short_is_called_that(self, kept: int, tmp_path: Path) -> None:
        path = series(tmp_path, name="{:03}.dcm") / "002.dcm"
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(ReaderError, match=r"002.dcm: .*(truncated|a DICOM file)"):
            opened(path)

    def test_a_damaged_file_of_one_series_leaves_the_other_alone(self, tmp_path: Path) -> None:
        series(tmp_path / "a", uid="1.2.3.4")
        series(tmp_path / "b", uid="1.2.3.5", SeriesDescription="good")
        cut = tmp_path / "a" / "IM003"
        cut.write_bytes(cut.read_bytes()[:-50])
        np.testing.assert_array_equal(opened(tmp_path, "good")[1][0], RAMP)
        with pytest.raises(ReaderError, match="IM003: expected 160 bytes of pixels, got 110"):
            opened(tmp_path, "1.2.3.4")

    def test_a_missing_slice_stays_a_missing_slice(self, tmp_path: Path) -> None:
        folder = series(tmp_path)
        (folder / "IM003").unlink()
        with pytest.raises(ReaderError, match="1 slice is missing: 5 mm between IM002 and IM004"):
            opened(folder)

    def test_an_archive_that_would_unpack_to_a_gigabyte_is_refused(self, tmp_path: Path) -> None:
        file = slice_of(RAMP[0], 0)
        file.save_as(tmp_path / "x", enforce_file_format=True)
        with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("IM0", (tmp_path / "x").read_bytes() + b"\0" * 2**27)
        with pytest.raises(ReaderError, match=r"IM0 would unpack from .* to 134,.* bytes"):
            opened(tmp_path / "x.zip")

    def test_an_archive_with_a_wrong_checksum_is_refused(self, tmp_path: Path) -> None:
        folder = series(tmp_path / "s")
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            for path in sorted(folder.iterdir()):
                archive.write(path, path.name)
        data = bytearray((tmp_path / "x.zip").read_bytes())
        data[data.index(RAMP[3].tobytes()) + 7] ^= 0x10
        (tmp_path / "x.zip").write_bytes(data)
        with pytest.raises(ReaderError, match=r"IM003: .*CRC"):
            opened(tmp_path / "x.zip")

    def test_an_archive_that_is_cut_short_is_called_that(self, tmp_path: Path) -> None:
        path = Path(shutil.make_archive(str(tmp_path / "z"), "zip", series(tmp_path / "s")))
        path.write_bytes(path.read_bytes()[:-300])
        with pytest.raises(ReaderError, match="zip archive, got one that is truncated"):
            opened(path)


class TestNumbers:
    def test_monochrome1_of_a_ct_keeps_its_hounsfield_units(self, tmp_path: Path) -> None:
        folder = series(tmp_path, None, "CT", PhotometricInterpretation="MONOCHROME1")
        image, found = opened(folder)
        np.testing.assert_array_equal(found[0], RAMP.astype(int) - 1024)
        assert image.channels == ("HU",)
        assert "numbers are kept" in told(image)

    def test_monochrome1_of_a_radiograph_is_turned_and_told(self, tmp_path: Path) -> None:
        file = slice_of(RAMP[0], 0, "CR", PhotometricInterpretation="MONOCHROME1", BitsStored=10,
                        HighBit=9)  # fmt: skip
        del file.ImagePositionPatient
        file.save_as(tmp_path / "x", enforce_file_format=True)
        image, found = opened(tmp_path / "x")
        np.testing.assert_array_equal(found[0], 1023 - RAMP[0])
        assert "turned" in told(image)

    @pytest.mark.parametrize("slope", ["0", "0.0"])
    def test_a_slope_of_zero_counts_as_one_as_in_itk(self, slope: str, tmp_path: Path) -> None:
        image = require_as_itk(series(tmp_path, None, "CT", RescaleSlope=slope))
        assert "RescaleSlope is 0" in told(image)

    def test_slopes_that_change_by_slice_hold_for_their_slice(self, tmp_path: Path) -> None:
        def change(file: Any, index: int) -> None:
            file.RescaleSlope, file.RescaleIntercept = str(0.5 + index), "0"

        folder = series(tmp_path, change, "PT", Units="BQML")
        found = opened(folder)[1]
        wanted = RAMP * (0.5 + np.arange(6))[:, None, None]
        np.testing.assert_allclose(found[0], wanted, rtol=1e-6)

    @pytest.mark.parametrize(("stored", "high"), [(12, 11), (12, 15), (10, 11)])
    @pytest.mark.parametrize("kind", [np.uint16, np.int16])
    def test_bits_outside_the_number_are_cut_off(
        self, stored: int, high: int, kind: type, tmp_path: Path
    ) -> None:
        numbers = RAMP.astype(int) % 1024 - (512 if kind is np.int16 else 0)
        raw = (numbers & (2**stored - 1)) << (high + 1 - stored)
        raw |= (RAMP.astype(int) % 2) << 15 if high < 15 else 0  # an overlay above them
        pixels = raw.astype(np.uint16).view(kind)
        folder = series(tmp_path, pixels=pixels, BitsStored=stored, HighBit=high)
        np.testing.assert_array_equal(opened(folder)[1][0], numbers)

    def test_signed_and_unsigned_slices_of_one_series_both_keep_their_numbers(
        self, tmp_path: Path
    ) -> None:
        pixels = RAMP.astype(np.int16) - 500

        def change(file: Any, index: int) -> None:
            if index % 2:
                file.PixelRepresentation, file.PixelData = 0, (RAMP[index] + 40000).tobytes()

        found = opened(series(tmp_path, change, pixels=pixels))[1][0].astype(int)
        np.testing.assert_array_equal(found[::2], pixels[::2])
        np.testing.assert_array_equal(found[1::2], RAMP[1::2].astype(int) + 40000)

    def test_a_modality_table_is_looked_up(self, tmp_path: Path) -> None:
        table = (np.arange(1009, dtype=np.uint16) ** 2 % 4096).astype(np.uint16)
        lut = item(LUTDescriptor=[1009, 0, 16], ModalityLUTType="OD", LUTData=table.tobytes())
        found = opened(series(tmp_path, ModalityLUTSequence=[lut]))[1]
        np.testing.assert_array_equal(found[0], table[RAMP])

    def test_colours_of_a_palette_are_colours(self, tmp_path: Path) -> None:
        pixels = (RAMP[:1] % 256).astype(np.uint8)
        file = slice_of(pixels[0], 0, "US", PhotometricInterpretation="PALETTE COLOR")
        tables = np.random.default_rng(1).integers(0, 65536, (3, 256)).astype(np.uint16)
        for name, table in zip(("Red", "Green", "Blue"), tables, strict=True):
            setattr(file, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(file, f"{name}PaletteColorLookupTableData", table.tobytes())
        del file.ImagePositionPatient
        file.save_as(tmp_path / "x", enforce_file_format=True)
        image, found = opened(tmp_path / "x")
        assert image.channels == ("R", "G", "B")
        np.testing.assert_array_equal(found, tables[:, pixels[0]])

    @pytest.mark.parametrize("planar", [0, 1])
    @pytest.mark.parametrize("colours", ["RGB", "YBR_FULL"])
    def test_colours_are_rgb(self, planar: int, colours: str, tmp_path: Path) -> None:
        rgb = np.random.default_rng(1).integers(0, 256, (8, 10, 3)).astype(np.uint8)
        pixels = rgb
        if colours != "RGB":
            from pydicom.pixels import convert_color_space

            pixels = convert_color_space(rgb, "RGB", colours)
        file = slice_of(pixels[..., 0], 0, "US", SamplesPerPixel=3, PlanarConfiguration=planar)
        file.PhotometricInterpretation = colours
        file.PixelData = (np.moveaxis(pixels, -1, 0) if planar else pixels).tobytes()
        del file.ImagePositionPatient
        file.save_as(tmp_path / "x", enforce_file_format=True)
        found = opened(tmp_path / "x")[1]
        assert np.abs(np.moveaxis(found, 0, -1).astype(int) - rgb).max() <= (colours != "RGB") * 2

    def test_padding_and_drawings_are_told(self, tmp_path: Path) -> None:
        def change(file: Any, _: int) -> None:
            file.add_new(0x00280120, "SS", -2000)
            file.add_new(0x60000010, "US", 8)

        image, _ = opened(series(tmp_path, change, "CT", RAMP.astype(np.int16)))
        assert "-2000 (stored) fills" in told(image)
        assert "overlay plane" in told(image)

    @pytest.mark.parametrize(("allocated", "stored"), [(12, 12), (48, 16), (16, 24)])
    def test_numbers_of_odd_width_are_refused(
        self, allocated: int, stored: int, tmp_path: Path
    ) -> None:
        folder = series(tmp_path, BitsAllocated=allocated, BitsStored=stored)
        with pytest.raises(ReaderError, match=f"got 1 of {stored} bits in {allocated}"):
            opened(folder)

    def test_floating_point_pixels(self, tmp_path: Path) -> None:
        def change(file: Any, index: int) -> None:
            del file.PixelData, file.BitsStored, file.HighBit, file.PixelRepresentation
            file.FloatPixelData = (RAMP[index] / np.float32(7)).astype("<f4").tobytes()
            file.BitsAllocated = 32

        found = opened(series(tmp_path, change))[1]
        np.testing.assert_array_equal(found[0], RAMP / np.float32(7))


class TestTransferSyntaxes:
    @pytest.mark.parametrize(
        "syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless]
    )
    @pytest.mark.parametrize("packed", [False, True])
    def test_pixels_come_back(self, syntax: Any, packed: bool, tmp_path: Path) -> None:
        def change(file: Any, _: int) -> None:
            if syntax == RLELossless:
                file.compress(RLELossless)
            file.file_meta.TransferSyntaxUID = syntax

        path = require_as_itk(series(tmp_path / "s", change)).path  # type: ignore[union-attr]
        if packed:
            path = Path(shutil.make_archive(str(tmp_path / "z"), "zip", path))
        np.testing.assert_array_equal(opened(path)[1][0], RAMP)

    @pytest.mark.parametrize("kind", ["u1", "u2"])
    def test_big_endian(self, kind: str, tmp_path: Path) -> None:
        pixels = (RAMP % 256).astype(np.uint8) if kind == "u1" else RAMP
        for index, plane in enumerate(pixels):
            file = slice_of(plane, index)
            file.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
            data = plane.byteswap() if kind == "u2" else plane.reshape(-1, 2)[:, ::-1]
            file.PixelData = np.ascontiguousarray(data).tobytes()
            file["PixelData"].VR = "OW"
            bare = pydicom.dcmwrite
            bare(tmp_path / f"{index}", file, implicit_vr=False, little_endian=False,
                 enforce_file_format=True)  # fmt: skip
        np.testing.assert_array_equal(opened(tmp_path)[1][0], pixels)

    def test_a_film_is_refused_with_the_name_of_its_syntax(self, tmp_path: Path) -> None:
        def change(file: Any, _: int) -> None:
            file.PixelData = pydicom.encaps.encapsulate([b"\0" * 64])
            file["PixelData"].is_undefined_length = True
            file.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"

        with pytest.raises(ReaderError, match=r"MPEG-4 AVC/H.264 .* nothing here decodes"):
            opened(series(tmp_path, change))

    @pytest.mark.parametrize("kept", [0.3, 0.7, 0.97])
    @pytest.mark.parametrize("syntax", [RLELossless, DeflatedExplicitVRLittleEndian])
    def test_compressed_files_that_are_cut_short_end_in_one_line(
        self, syntax: Any, kept: float, tmp_path: Path
    ) -> None:
        def change(file: Any, _: int) -> None:
            if syntax == RLELossless:
                file.compress(RLELossless)
            file.file_meta.TransferSyntaxUID = syntax

        folder = series(tmp_path, change)
        cut = folder / "IM003"
        data = cut.read_bytes()
        cut.write_bytes(data[: int(len(data) * kept)])
        with pytest.raises(ReaderError, match="IM003") as caught:
            opened(folder)
        assert "missing" not in str(caught.value)


class TestDamage:
    @pytest.mark.parametrize("seed", range(24))
    def test_a_flipped_byte_or_a_zeroed_range_ends_in_samples_or_one_line(
        self, seed: int, tmp_path: Path
    ) -> None:
        random = np.random.default_rng(seed)
        folder = series(tmp_path)
        path = folder / "IM002"
        data = bytearray(path.read_bytes())
        at = int(random.integers(0, len(data) - 64))
        if seed % 2:
            data[at] ^= 1 << int(random.integers(8))
        else:
            data[at : at + 64] = bytes(64)
        path.write_bytes(data)
        words = ""
        try:
            opened(folder)
        except ReaderError as error:
            words = str(error)
        assert "\n" not in words


@pytest.mark.skipif(shutil.which("dcm2niix") is None, reason="dcm2niix is not installed")
def test_three_b_values_are_the_three_volumes_of_dcm2niix(tmp_path: Path) -> None:
    import nibabel

    for number, b in enumerate((0.0, 500.0, 1000.0)):

        def change(file: Any, index: int, number: int = number, b: float = b) -> None:
            file.InstanceNumber, file.AcquisitionNumber = 6 * number + index + 1, number + 1
            file.DiffusionBValue = b

        series(tmp_path / "s", change, pixels=RAMP + 1000 * number, name=f"{number}-{{:03}}")
    (tmp_path / "out").mkdir()
    subprocess.run(
        ["dcm2niix", "-z", "n", "-f", "x", "-o", tmp_path / "out", tmp_path / "s"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    found = [nibabel.load(p) for p in sorted((tmp_path / "out").glob("*.nii"))]
    volumes = np.concatenate([f.get_fdata().reshape(*f.shape[:3], -1) for f in found], 3)
    ours = [opened(tmp_path / "s", f"b {b}")[1][0] for b in (0, 500, 1000)]
    theirs = [volumes[..., k].transpose(2, 1, 0)[:, ::-1] for k in range(volumes.shape[3])]
    assert len(theirs) == 3
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(shutil.which("dcm2niix") is None, reason="dcm2niix is not installed")
@pytest.mark.parametrize("way", [1, -1])
def test_a_turned_mosaic_lies_where_dcm2niix_has_it(way: int, tmp_path: Path) -> None:
    import nibabel

    across, down = np.array([1, 0, 0]), np.array([0, np.cos(0.3), np.sin(0.3)])
    file = slice_of(mosaic(RAMP), 0, SpacingBetweenSlices=STEP, Manufacturer="SIEMENS")
    file.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    file.ImageOrientationPatient = [f"{v:.9f}" for v in (*across, *down)]
    corner = np.array(ORIGIN) - across * 0.8 * 10 - down * 0.9 * 8
    file.ImagePositionPatient = [f"{v:.6f}" for v in corner]
    private(file, 0x19, "SIEMENS MR HEADER", 0x0A, "US", 6)
    normal = way * np.cross(across, down)
    header = csa(NumberOfImagesInMosaic=[6], SliceNormalVector=normal.tolist())
    private(file, 0x29, "SIEMENS CSA HEADER", 0x10, "OB", header)
    file.add_new(0x00291008, "CS", "IMAGE NUM 4")
    (tmp_path / "s").mkdir()
    (tmp_path / "out").mkdir()
    file.save_as(tmp_path / "s" / "m.dcm", enforce_file_format=True)
    subprocess.run(
        ["dcm2niix", "-z", "n", "-f", "x", "-o", tmp_path / "out", tmp_path / "s"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    image, found = opened(tmp_path / "s")
    other = nibabel.load(next((tmp_path / "out").glob("*.nii")))
    theirs = other.get_fdata()
    places = np.argwhere(np.ones(theirs.shape))
    points = nibabel.affines.apply_affine(other.affine, places) * [-1, -1, 1]  # RAS to LPS
    ours = image.geometry.to_indices(points)
    assert np.abs(ours - np.rint(ours)).max() < 1e-4
    samples = found[0][tuple(np.rint(ours).astype(int).T)]
    np.testing.assert_array_equal(samples, theirs[tuple(places.T)])


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not beside the repository")
class TestSharedCases:
    @pytest.mark.parametrize(
        ("name", "total"),
        [("b-orientation-with-noise/mr", 3451023), ("b-zip-without-suffixes/study.zip", 3451485)],
    )
    def test_one_series(self, name: str, total: int) -> None:
        image, found = opened(CASES / name)
        assert found.shape == (1, 12, 32, 30)
        assert image.geometry.spacing == pytest.approx((3, 1, 1.25))
        assert found.sum() == total

    def test_three_b_values(self) -> None:
        folder = CASES / "b-three-b-values/dwi"
        means = [opened(folder, f"b {b}")[1].mean() for b in (0, 500, 1000)]
        assert means == pytest.approx([343.7, 171.6, 114.3], abs=0.05)

    def test_a_leaning_ct(self) -> None:
        geometry = opened(CASES / "b-leaning-ct/study/ct")[0].geometry
        lean = geometry.axes * np.array(geometry.require_spacing())[::-1]
        assert abs(np.linalg.det(lean)) == pytest.approx(3.0, abs=1e-3)


def test_fuzzed_series_are_shown_or_refused_in_one_line(tmp_path: Path) -> None:
    folder = series(tmp_path / "scan")
    out = tmp_path / "x.png"
    fuzz.hold(folder / "IM001", lambda _: fuzz.command("show", folder, "--out", out), tmp_path)
