"""Segmentations come in as they were drawn, on the series that they were drawn on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from enhanced_file import write_enhanced
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSLossless, RLELossless
from segmentation_files import (
    GRID,
    codes_of,
    counts,
    grid_of,
    imported,
    leaning,
    on_plane,
    seg,
    series,
    square,
    structures,
    turned,
)  # fmt: skip
from typer.testing import CliRunner

from inklings.cli import app
from inklings.errors import DataError, ReaderError
from inklings.readers import open_image
from inklings.readers.dicom_segments import read_segments

CASES = Path(__file__).parents[2] / ".." / "shared" / "cases"


def box(*ends: tuple[int, int]) -> np.ndarray:
    found = np.zeros(GRID.shape, bool)
    found[tuple(slice(a, b) for a, b in ends)] = True
    return found


LIVER = box((1, 7), (3, 15), (2, 12))
TUMOUR = box((3, 5), (5, 9), (4, 8))
SPLEEN = box((2, 5), (16, 20), (10, 16))
BOTH = np.stack([LIVER, TUMOUR])


def kinds(report: object) -> dict[str, int]:
    return {f.kind: f.count for f in report.findings}  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP", "FRACTIONAL", "OCCUPANCY"])
@pytest.mark.parametrize("geometry", [GRID, turned(25, 0), turned(70, 2), leaning(20)])
def test_every_kind_lies_where_it_was_drawn_on_every_grid(
    kind: str, geometry: object, tmp_path: Path
) -> None:
    files = series(tmp_path / "s" / "mr", geometry)
    numbers = np.where(TUMOUR, 2, np.where(LIVER, 1, 0)).astype(np.uint8)
    options = {"fractional_type": kind} if kind == "OCCUPANCY" else {}
    kind = "FRACTIONAL" if kind == "OCCUPANCY" else kind
    seg(tmp_path / "s" / "seg.dcm", files, numbers, ("liver", "tumour"), kind, **options)
    report = imported(tmp_path / "s", tmp_path / "c", kept=("liver", "tumour"))
    np.testing.assert_array_equal(codes_of(report.cohort), numbers)
    assert ("fractional" in kinds(report)) == (kind == "FRACTIONAL")


@pytest.mark.parametrize(
    ("kind", "syntax"),
    [("FRACTIONAL", RLELossless), ("FRACTIONAL", JPEGLSLossless), ("LABELMAP", RLELossless)],
)
def test_compressed_frames_are_decoded(kind: str, syntax: str, tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "mr")
    numbers = LIVER.astype(np.uint8)
    seg(tmp_path / "s" / "seg.dcm", files, numbers, ("liver",), kind, transfer_syntax_uid=syntax)
    report = imported(tmp_path / "s", tmp_path / "c")
    np.testing.assert_array_equal(codes_of(report.cohort), LIVER)


def test_half_and_more_of_a_share_counts_as_inside(tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "mr")
    share = np.where(TUMOUR, 0.6, np.where(LIVER, 0.4, 0.0))
    seg(tmp_path / "s" / "seg.dcm", files, share[None], ("liver",), "FRACTIONAL")
    np.testing.assert_array_equal(codes_of(imported(tmp_path / "s", tmp_path / "c").cohort), TUMOUR)


def test_of_segments_that_overlap_the_smaller_lies_on_top_and_the_samples_are_counted(
    tmp_path: Path,
) -> None:
    files = series(tmp_path / "s" / "mr")
    for order, name in ((BOTH, "large first"), (BOTH[::-1], "small first")):
        names = ("liver", "tumour") if order is BOTH else ("tumour", "liver")
        seg(tmp_path / "s" / "seg.dcm", files, order, names)
        report = imported(tmp_path / "s", tmp_path / name)
        shown = counts(report.cohort)["T1"]
        assert shown == {"liver": LIVER.sum() - TUMOUR.sum(), "tumour": TUMOUR.sum()}
        assert kinds(report) == {"overlap": TUMOUR.sum()}


@pytest.mark.parametrize(
    ("kept", "liver", "tumour"), [(("liver", "tumour"), 688, 32), (("tumour", "liver"), 720, 0)]
)
def test_the_class_that_is_named_last_lies_on_top(
    kept: tuple[str, ...], liver: int, tumour: int, tmp_path: Path
) -> None:
    files = series(tmp_path / "s" / "mr")
    seg(tmp_path / "s" / "seg.dcm", files, BOTH, ("liver", "tumour"))
    report = imported(tmp_path / "s", tmp_path / "c", kept=kept)
    assert counts(report.cohort)["T1"] == {"liver": liver, "tumour": tumour}
    assert kinds(report).get("hidden mask", 0) == (tumour == 0)


def without(*words: str) -> object:
    def change(said: pydicom.Dataset) -> None:
        for word in words:
            if word == "DerivationImageSequence":
                for frame in said.PerFrameFunctionalGroupsSequence:
                    del frame.DerivationImageSequence
            elif word in said:
                del said[word]

    return change


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("ReferencedSeriesSequence",),
        ("DerivationImageSequence",),
        ("ReferencedSeriesSequence", "DerivationImageSequence"),
        ("ReferencedSeriesSequence", "DerivationImageSequence", "SourceImageSequence"),
    ],
)
def test_a_segmentation_belongs_to_what_it_names_however_little_that_is(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    files = series(tmp_path / "s" / "p", key="p")
    series(tmp_path / "s" / "q", key="q", number=2, patient="Q")
    seg(tmp_path / "s" / "q" / "seg.dcm", files, LIVER[None], ("liver",), change=without(*words))
    report = imported(tmp_path / "s", tmp_path / "c")
    assert len(report.cohort) == 2
    assert counts(report.cohort) == {"T1": {"liver": LIVER.sum()}}
    assert ("matched by place" in kinds(report)) == (len(words) == 3)


def test_a_segmentation_that_may_lie_on_two_volumes_is_set_aside(tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "t1")
    series(tmp_path / "s" / "t2", number=2)
    gone = without("ReferencedSeriesSequence", "DerivationImageSequence", "SourceImageSequence")
    seg(tmp_path / "s" / "seg.dcm", files, LIVER[None], ("liver",), change=gone)
    ran = CliRunner().invoke(
        app, ["import", "dicom", str(tmp_path / "s"), "--out", str(tmp_path / "c")]
    )
    assert ran.exit_code == 3
    assert "2 volumes" in ran.stdout
    assert "unplaced segmentation" in ran.stdout
    report = imported(tmp_path / "s", tmp_path / "one", series="T1")
    assert counts(report.cohort) == {"T1": {"liver": LIVER.sum()}}


def test_the_echo_that_was_segmented_gets_the_mask(tmp_path: Path) -> None:
    def echo(value: float, key: str) -> list[pydicom.Dataset]:
        def change(said: pydicom.Dataset) -> None:
            said.EchoTime, said.SeriesInstanceUID = value, "1.2.3.4.5"
            said.SOPInstanceUID = f"1.2.3.{value:.0f}.{said.InstanceNumber}"

        return series(tmp_path / "s" / key, change=change)

    echo(2, "first")
    files = echo(9, "second")
    seg(tmp_path / "s" / "seg.dcm", files, LIVER[None], ("liver",))
    report = imported(tmp_path / "s", tmp_path / "c")
    assert len(report.cohort) == 2
    (labelled,) = [case for case in report.cohort if case.labels]
    assert "9" in labelled.id


def test_a_file_of_many_frames_is_segmented_frame_by_frame(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    stored = np.random.default_rng(0).integers(0, 900, GRID.shape).astype(np.uint16)
    path = write_enhanced(tmp_path / "s" / "many.dcm", stored, GRID)
    # Its frames run from the last plane to the first, and so do those of highdicom's object.
    seg(tmp_path / "s" / "seg.dcm", [pydicom.dcmread(path)], LIVER[None, ::-1], ("liver",))
    said = pydicom.dcmread(tmp_path / "s" / "seg.dcm")
    source = said.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    assert "ReferencedFrameNumber" in source.SourceImageSequence[0]
    report = imported(tmp_path / "s", tmp_path / "c")
    np.testing.assert_array_equal(codes_of(report.cohort), LIVER)


def test_only_series_that_are_imported_give_classes(tmp_path: Path) -> None:
    first = series(tmp_path / "s" / "t1")
    second = series(tmp_path / "s" / "t2", number=2)
    seg(tmp_path / "s" / "a.dcm", first, LIVER[None], ("liver",))
    seg(tmp_path / "s" / "b.dcm", second, SPLEEN[None], ("spleen",))
    report = imported(tmp_path / "s", tmp_path / "c", series="T1")
    assert report.cohort.classes == ("liver",)
    assert kinds(report) == {"other series": 1}
    both = imported(tmp_path / "s", tmp_path / "both")
    assert kinds(both) == {"class not drawn": 1}


def test_two_readers_of_one_series_are_told_apart_and_united_only_when_asked(
    tmp_path: Path,
) -> None:
    files = series(tmp_path / "s" / "mr")
    other = np.roll(TUMOUR, 3, axis=2)
    seg(tmp_path / "s" / "a.dcm", files, TUMOUR[None], ("lesion",), content_creator_name="One^R")
    seg(tmp_path / "s" / "b.dcm", files, other[None], ("lesion",), content_creator_name="Two^R")
    first = imported(tmp_path / "s", tmp_path / "first")
    np.testing.assert_array_equal(codes_of(first.cohort), TUMOUR)
    assert kinds(first) == {"several readers": 1}
    assert "Two R" in first.findings[0].detail
    second = imported(tmp_path / "s", tmp_path / "second", segmentations="two r")
    np.testing.assert_array_equal(codes_of(second.cohort), other)
    united = imported(tmp_path / "s", tmp_path / "united", unite=True)
    np.testing.assert_array_equal(codes_of(united.cohort), TUMOUR | other)
    assert "united" in kinds(united)
    with pytest.raises(DataError, match="expected segmentations of 'three', got none"):
        imported(tmp_path / "s", tmp_path / "none", segmentations="three")


def test_a_copy_of_an_object_is_no_second_reader(tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "mr")
    path = seg(tmp_path / "s" / "a.dcm", files, TUMOUR[None], ("lesion",))
    (tmp_path / "s" / "b.dcm").write_bytes(path.read_bytes())
    report = imported(tmp_path / "s", tmp_path / "c")
    np.testing.assert_array_equal(codes_of(report.cohort), TUMOUR)
    assert kinds(report) == {"copy": 1}


def test_an_import_that_is_complete_has_nothing_to_do_in_another_process(tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "mr")
    seg(tmp_path / "s" / "a.dcm", files, BOTH, ("liver", "tumour"))
    assert imported(tmp_path / "s", tmp_path / "c").now == 1
    code = (
        "import sys; from pathlib import Path; from inklings.datasets.importing import run;"
        "from inklings.datasets.dicom_studies import DicomStudies;"
        "print(run(DicomStudies(Path(sys.argv[1])), Path(sys.argv[2]), 1).now)"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "s"), str(tmp_path / "c")]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["0"]


def test_objects_that_share_no_name_are_one_mask(tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "mr")
    seg(tmp_path / "s" / "a.dcm", files, LIVER[None], ("liver",))
    seg(tmp_path / "s" / "b.dcm", files, SPLEEN[None], ("spleen",))
    report = imported(tmp_path / "s", tmp_path / "c")
    assert counts(report.cohort)["T1"] == {"liver": LIVER.sum(), "spleen": SPLEEN.sum()}
    assert kinds(report) == {}


def test_a_structure_set_and_a_segmentation_of_one_series_are_told_apart_too(
    tmp_path: Path,
) -> None:
    files = series(tmp_path / "s" / "mr")
    seg(tmp_path / "s" / "a.dcm", files, TUMOUR[None], ("lesion",))
    outline = ("CLOSED_PLANAR", on_plane(GRID, 3, square(2.5, 6.5)))
    structures(tmp_path / "s" / "b.dcm", files, [("lesion", [outline])])
    report = imported(tmp_path / "s", tmp_path / "c")
    np.testing.assert_array_equal(codes_of(report.cohort), TUMOUR)
    assert kinds(report) == {"several readers": 1}


def test_segments_of_one_name_are_one_class_and_an_empty_one_is_told(tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "mr")
    masks = np.stack([TUMOUR, SPLEEN, np.zeros_like(LIVER)])
    seg(tmp_path / "s" / "seg.dcm", files, masks, ("lesion", "lesion", "cyst"))
    report = imported(tmp_path / "s", tmp_path / "c")
    expected = {"cyst": 0, "lesion": TUMOUR.sum() + SPLEEN.sum()}
    assert counts(report.cohort)["T1"] == expected
    assert kinds(report) == {"empty mask": 1}


def turned_frames(flip: str) -> object:
    """The same samples, stored in another order of frames, rows or columns."""

    def change(said: pydicom.Dataset) -> None:
        pixels = said.pixel_array.reshape(-1, said.Rows, said.Columns)
        frames = list(said.PerFrameFunctionalGroupsSequence)
        shared = said.SharedFunctionalGroupsSequence[0]
        turn = shared.PlaneOrientationSequence[0]
        across, down = np.array(turn.ImageOrientationPatient, float).reshape(2, 3)
        y_mm, x_mm = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
        if flip == "frames":
            pixels, frames = pixels[::-1], frames[::-1]
        if flip == "rows":
            pixels, way, turn.ImageOrientationPatient = (
                pixels[:, ::-1], down * y_mm * (said.Rows - 1), [*across, *-down],
            )  # fmt: skip
        if flip == "columns":
            pixels, way, turn.ImageOrientationPatient = (
                pixels[:, :, ::-1], across * x_mm * (said.Columns - 1), [*-across, *down],
            )  # fmt: skip
        if flip == "transposed":
            pixels, turn.ImageOrientationPatient = pixels.transpose(0, 2, 1), [*down, *across]
            said.Rows, said.Columns = said.Columns, said.Rows
            shared.PixelMeasuresSequence[0].PixelSpacing = [x_mm, y_mm]
        if flip in ("rows", "columns"):
            for frame in frames:
                place = frame.PlanePositionSequence[0]
                moved = np.array(place.ImagePositionPatient, float) + way
                place.ImagePositionPatient = [round(v, 6) for v in moved.tolist()]
        said.PerFrameFunctionalGroupsSequence = frames
        bits = np.packbits(np.ascontiguousarray(pixels).ravel(), bitorder="little").tobytes()
        said.PixelData = bits + b"\0" * (len(bits) % 2)

    return change


@pytest.mark.parametrize("flip", ["frames", "rows", "columns", "transposed"])
@pytest.mark.parametrize("geometry", [GRID, turned(25, 1)])
def test_turned_planes_are_placed_sample_by_sample(
    flip: str, geometry: object, tmp_path: Path
) -> None:
    files = series(tmp_path / "s" / "mr", geometry)
    mask = LIVER & ~box((1, 3), (3, 6), (2, 9))
    path = tmp_path / "s" / "seg.dcm"
    seg(path, files, mask[None], ("liver",), change=turned_frames(flip))
    report = imported(tmp_path / "s", tmp_path / "c")
    np.testing.assert_array_equal(codes_of(report.cohort), mask)


@pytest.mark.parametrize("places", [(1, 3, 5, 7), (0, 2, 7), (1, 2, 6), (4,), (0, 3, 6)])
@pytest.mark.parametrize("told", [True, False])
def test_planes_that_were_left_out_stay_empty(
    places: tuple[int, ...], told: bool, tmp_path: Path
) -> None:
    files = series(tmp_path / "s" / "mr")
    mask = np.zeros(GRID.shape, bool)
    mask[list(places), 4:9, 3:12] = True

    def change(said: pydicom.Dataset) -> None:
        measures = said.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        if not told and "SpacingBetweenSlices" in measures:
            del measures.SpacingBetweenSlices

    seg(tmp_path / "s" / "seg.dcm", files, mask[None], ("liver",), change=change)
    report = imported(tmp_path / "s", tmp_path / "c")
    np.testing.assert_array_equal(codes_of(report.cohort), mask)


def test_a_mask_of_another_resolution_sets_its_case_aside_and_nothing_else(
    tmp_path: Path,
) -> None:
    files = series(tmp_path / "s" / "t1")
    series(tmp_path / "s" / "t2", number=2)

    def change(said: pydicom.Dataset) -> None:
        shared = said.SharedFunctionalGroupsSequence[0]
        shared.PixelMeasuresSequence[0].PixelSpacing = [0.4, 0.55]

    seg(tmp_path / "s" / "seg.dcm", files, LIVER[None], ("liver",), change=change)
    report = imported(tmp_path / "s", tmp_path / "c")
    assert [case.facts["description"] for case in report.cohort] == ["T2"]
    assert any("is not resampled" in f.detail for f in report.findings)


def test_samples_beyond_the_image_are_cut_off_and_counted(tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "mr")

    def change(said: pydicom.Dataset) -> None:
        for frame in said.PerFrameFunctionalGroupsSequence:
            x, y, z = frame.PlanePositionSequence[0].ImagePositionPatient
            frame.PlanePositionSequence[0].ImagePositionPatient = [x - 4.4, y, z]

    seg(tmp_path / "s" / "seg.dcm", files, LIVER[None], ("liver",), change=change)
    report = imported(tmp_path / "s", tmp_path / "c")
    np.testing.assert_array_equal(codes_of(report.cohort), np.roll(LIVER, -4, axis=2)
                                  & ~box((0, 8), (0, 22), (14, 18)))  # fmt: skip
    assert kinds(report)["outside"] == 6 * 12 * 2


def on_a_slide(said: pydicom.Dataset) -> None:
    for frame in said.PerFrameFunctionalGroupsSequence:
        frame.PlanePositionSlideSequence = [Dataset()]
        del frame.PlanePositionSequence


def on_a_picture(said: pydicom.Dataset) -> None:
    for frame in said.PerFrameFunctionalGroupsSequence:
        del frame.PlanePositionSequence


def on_all_of_a_slide(said: pydicom.Dataset) -> None:
    del said.PerFrameFunctionalGroupsSequence
    said.DimensionOrganizationType = "TILED_FULL"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (on_all_of_a_slide, "a segmentation of a whole slide"),
        (on_a_slide, "a segmentation of a whole slide"),
        (on_a_picture, "of images without positions"),
    ],
)
def test_valid_segmentations_of_other_things_are_not_called_damaged(
    change: object, words: str, tmp_path: Path
) -> None:
    files = series(tmp_path / "s" / "mr")
    path = seg(tmp_path / "s" / "seg.dcm", files, LIVER[None], ("liver",), change=change)
    with pytest.raises(ReaderError, match=words) as caught:
        read_segments(path)
    assert "damaged" not in str(caught.value)


def test_three_hundred_segments_open_and_each_keeps_its_number(tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "mr")
    numbers = np.zeros(GRID.shape, np.uint16)
    numbers.ravel()[:300] = np.arange(1, 301)
    names = [f"part {k}" for k in range(1, 301)]
    path = seg(tmp_path / "s" / "seg.dcm", files, numbers, names, "LABELMAP")
    with open_image(path) as image:
        codes = image.read(image.geometry.full)[0]
    np.testing.assert_array_equal(np.unique(codes), np.arange(301))
    with pytest.raises(DataError, match="at most 254 classes"):
        imported(tmp_path / "s", tmp_path / "c")
    report = imported(tmp_path / "s", tmp_path / "d", kept=("part 7", "part 300"))
    assert counts(report.cohort)["T1"] == {"part 7": 1, "part 300": 1}


@pytest.mark.parametrize("share", [0.3, 0.7, 0.97])
@pytest.mark.parametrize("kind", ["SEG", "RTSTRUCT"])
def test_a_damaged_object_stops_no_import(share: float, kind: str, tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "t1")
    series(tmp_path / "s" / "t2", number=2)
    path = tmp_path / "s" / "z.dcm"
    if kind == "SEG":
        seg(path, files, LIVER[None], ("liver",))
    else:
        outline = ("CLOSED_PLANAR", on_plane(GRID, 3, square(2.5, 6.5)))
        structures(path, files, [("liver", [outline] * 20)])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    ran = CliRunner().invoke(
        app, ["import", "dicom", str(tmp_path / "s"), "--out", str(tmp_path / "c")]
    )
    assert ran.exit_code == 3, ran.output
    assert "unexpected" not in ran.output
    assert any(f"{count} volume" in ran.stdout for count in (1, 2))


def test_a_segment_without_a_label_is_called_by_what_else_it_says(tmp_path: Path) -> None:
    files = series(tmp_path / "s" / "mr")

    def change(said: pydicom.Dataset) -> None:
        said.SegmentSequence[0].SegmentLabel = ""
        said.SegmentSequence[1].SegmentLabel = ""
        said.SegmentSequence[1].SegmentDescription = "the tumour"

    path = seg(tmp_path / "seg.dcm", files, BOTH, ("a", "b"), change=change)
    assert read_segments(path).names == {1: "Liver", 2: "the tumour"}


def test_a_segmentation_opened_as_an_image_tells_its_overlap(tmp_path: Path) -> None:
    files = series(tmp_path / "mr")
    path = seg(tmp_path / "seg.dcm", files, BOTH, ("liver", "tumour"))
    with open_image(path) as image:
        told = [str(note) for note in image.notes if note.kind == "overlap"]
    assert told == [f"{TUMOUR.sum()} samples lie in several segments; the smaller lies on top"]


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("b-segments-that-overlap", {"tumour": 149, "liver": 1731}),
        ("b-segmentation-without-its-series", {"lesion": 797}),
        ("b-leaning-ct", {"ball": 1842}),
        ("b-outlines-with-a-hole", {"wall": 1080}),
    ],
)
def test_the_shared_cases_are_right(name: str, expected: dict[str, int], tmp_path: Path) -> None:
    report = imported(CASES / name / "study", tmp_path / "c")
    (found,) = counts(report.cohort).values()
    assert found == expected
    assert kinds(report).get("overlap", 0) == (149 if "overlap" in name else 0)
    if name == "b-leaning-ct":
        geometry = grid_of(CASES / name / "study" / "ct")
        assert 1842 * geometry.cell_mm / 1000 == pytest.approx(5.526, abs=1e-3)
