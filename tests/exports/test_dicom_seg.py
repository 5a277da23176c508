"""Segmentation objects, read back by programs that did not write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from enhanced_file import write_enhanced
from export_volumes import CLASSES, HEAD, masks_on, predict
from highdicom import UID, AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription, segread
from pydicom.sr.codedict import codes
from typer.testing import CliRunner
from volume_files import SPACING, ball, grid, oblique, orientations, write

from inklings.cli import app
from inklings.errors import DataError, GeometryError, ReaderError
from inklings.exports.dicom_seg import DicomLabelMap, DicomSeg
from inklings.exports.scan import datasets
from inklings.exports.source import ExportSource
from inklings.geometry import Geometry
from inklings.labels.files import mask_geometry, read_mask
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance
from inklings.readers import open_image
from inklings.readers.dicom_segments import read_segments
from inklings.readers.dicom_series import source_planes
from inklings.readers.placing import placed
from inklings.simulation.phantoms.dicom_files import SeriesText, write_series


def exported(folder: Path, series: Path, masks: np.ndarray, head: Head = HEAD) -> Path:
    predictions = predict(folder / "predictions", "one", series, masks, head)
    return DicomSeg()(ExportSource.open(predictions), folder / "out") / "one.dcm"


def decoded(path: Path, shape: tuple[int, ...], series: Path) -> np.ndarray:
    """Masks by SimpleITK's decoder and the references of each frame, without our own reader.

    A frame lies on the plane of the file that it says it was made from.
    """
    said = pydicom.dcmread(path, stop_before_pixels=True)
    pixels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    order = {plane.sop: place for place, plane in enumerate(source_planes(series))}
    positions = {plane.sop: plane.position for plane in source_planes(series)}
    out = np.zeros((len(said.SegmentSequence), *shape), bool)
    for frame, plane in zip(said.PerFrameFunctionalGroupsSequence, pixels, strict=True):
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        origin = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        place = frame.PlanePositionSequence[0].ImagePositionPatient
        assert tuple(map(float, place)) == positions[origin]
        out[number - 1, order[origin]] = plane > 0
    return out


@pytest.mark.parametrize("name", sorted(orientations()))
def test_every_orientation_goes_out_and_comes_back_without_a_changed_sample(
    name: str, tmp_path: Path
) -> None:
    geometry = grid(orientations()[name])
    series = write("dicom", tmp_path, geometry)
    masks = masks_on(geometry)
    path = exported(tmp_path, series, masks)
    np.testing.assert_array_equal(decoded(path, geometry.shape, series), masks)
    back = read_segments(path)
    with open_image(series) as image:
        whole = image.geometry
    for number, mask in enumerate(masks, 1):
        np.testing.assert_array_equal(placed(back.masks[number], back.geometry, whole).array, mask)
    corners = np.array([[0, 0, 0], [1, 39, 43]])
    first = int(np.flatnonzero(masks.any((0, 2, 3)))[0])
    there = whole.to_points(corners + np.array([first, 0, 0]))
    assert np.abs(back.geometry.to_points(corners) - there).max() < 1e-5
    said = pydicom.dcmread(path)
    measures = said.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert [float(v) for v in measures.PixelSpacing] == list(SPACING[1:])
    assert float(measures.SpacingBetweenSlices) == SPACING[0]


def test_the_object_stands_in_the_study_and_frame_of_its_series_and_refers_to_every_slice(
    tmp_path: Path,
) -> None:
    geometry = grid(oblique())
    series = write("dicom", tmp_path, geometry)
    said = pydicom.dcmread(exported(tmp_path, series, masks_on(geometry)))
    files = list(datasets(source_planes(series)))
    assert said.Modality == "SEG"
    assert said.SegmentationType == "BINARY"
    for word in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID"):
        assert said[word].value == files[0][word].value
    assert said.SeriesInstanceUID != files[0].SeriesInstanceUID
    referred = said.ReferencedSeriesSequence[0]
    assert referred.SeriesInstanceUID == files[0].SeriesInstanceUID
    there = {one.ReferencedSOPInstanceUID for one in referred.ReferencedInstanceSequence}
    assert there == {file.SOPInstanceUID for file in files}


def test_known_names_carry_codes_of_snomed_and_others_private_ones(tmp_path: Path) -> None:
    geometry = grid(np.eye(3))
    said = pydicom.dcmread(
        exported(tmp_path, write("dicom", tmp_path, geometry), masks_on(geometry))
    )
    assert [one.SegmentLabel for one in said.SegmentSequence] == list(CLASSES)
    kinds = [one.SegmentedPropertyTypeCodeSequence[0] for one in said.SegmentSequence]
    assert [(k.CodingSchemeDesignator, k.CodeMeaning) for k in kinds] == [
        ("SCT", "Liver"), ("SCT", "Kidney"), ("99INKLINGS", "grey thing"),
    ]  # fmt: skip
    assert (kinds[0].CodeValue, kinds[1].CodeValue) == ("10200004", "64033007")
    side = kinds[1].SegmentedPropertyTypeModifierCodeSequence[0]
    assert (side.CodeValue, side.CodeMeaning) == ("7771000", "Left")
    assert all(len(k.CodeValue) <= 16 for k in kinds)


def test_exporting_twice_gives_the_same_bytes_and_other_masks_another_object(
    tmp_path: Path,
) -> None:
    geometry = grid(np.eye(3))
    series, masks = write("dicom", tmp_path, geometry), masks_on(geometry)
    path = exported(tmp_path, series, masks)
    first = pydicom.dcmread(path)
    source = ExportSource.open(tmp_path / "predictions")
    once = path.read_bytes()
    DicomSeg()(source, tmp_path / "out")
    assert path.read_bytes() == once
    masks[0, 9, 20, 20] ^= True
    again = pydicom.dcmread(exported(tmp_path, series, masks))
    assert again.SOPInstanceUID != first.SOPInstanceUID
    assert again.SeriesInstanceUID != first.SeriesInstanceUID


def test_a_tilted_gantry_keeps_the_place_of_every_plane(tmp_path: Path) -> None:
    lean = np.array([0, np.sin(0.3), np.cos(0.3)])
    axes = np.stack([[1, 0, 0], [0, 1, 0], lean], axis=1)
    geometry = grid(axes)
    series = write("dicom", tmp_path, geometry)
    masks = masks_on(geometry)
    path = exported(tmp_path, series, masks)
    np.testing.assert_array_equal(decoded(path, geometry.shape, series), masks)
    with open_image(series) as image:
        back = read_segments(path)
        found = placed(back.masks[1], back.geometry, image.geometry).array
    np.testing.assert_array_equal(found, masks[0])


def test_slices_that_overlap_keep_their_distance_in_the_object(tmp_path: Path) -> None:
    geometry = grid(np.eye(3))
    series = write("dicom", tmp_path, geometry)
    for path in series.glob("*.dcm"):
        file = pydicom.dcmread(path)
        file.SliceThickness = 7
        del file.SpacingBetweenSlices
        file.save_as(path)
    said = pydicom.dcmread(exported(tmp_path, series, masks_on(geometry)))
    measures = said.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert (float(measures.SpacingBetweenSlices), float(measures.SliceThickness)) == (2.5, 7)


def test_holes_between_planes_with_a_mask_come_back_as_holes(tmp_path: Path) -> None:
    geometry = grid(np.eye(3))
    masks = np.zeros((3, *geometry.shape), bool)
    masks[0, [2, 8, 11], 5:9, 6] = True
    path = exported(tmp_path, write("dicom", tmp_path, geometry), masks)
    with open_image(path) as image:
        assert image.geometry.shape == (10, 40, 44)
        assert image.geometry.require_spacing()[0] == pytest.approx(2.5)
        assert np.flatnonzero(image.read(image.geometry.full)[0].any((1, 2))).tolist() == [0, 6, 9]
    assert mask_geometry(path).shape == (10, 40, 44)
    assert read_mask(path).sum() == 12


def test_a_folder_with_its_own_segmentation_still_opens_as_one_series(tmp_path: Path) -> None:
    geometry = grid(np.eye(3))
    series = write("dicom", tmp_path, geometry)
    exported(tmp_path, series, masks_on(geometry)).rename(series / "seg.dcm")
    with open_image(series) as image:
        np.testing.assert_array_equal(image.read(image.geometry.full)[0], ball(geometry))


def test_a_prediction_with_nothing_in_it_leaves_no_object(tmp_path: Path) -> None:
    geometry = grid(np.eye(3))
    nothing = np.zeros((3, *geometry.shape), bool)
    path = exported(tmp_path, write("dicom", tmp_path, geometry), nothing)
    assert not path.exists()


def test_one_scan_that_is_no_dicom_stops_the_export_before_anything_is_written(
    tmp_path: Path,
) -> None:
    geometry = grid(np.eye(3))
    masks = masks_on(geometry)
    predictions = predict(tmp_path / "p", "a", write("dicom", tmp_path, geometry), masks)
    predict(predictions, "b", write("nii.gz", tmp_path, geometry), masks)
    ran = CliRunner().invoke(app, ["export", str(predictions), "--to", "dicom-seg"])
    assert ran.exit_code == 2
    assert ran.stderr.count("\n") == 1
    assert "case b: expected a DICOM series" in ran.stderr
    assert not (predictions / "exports").exists()


def test_another_grid_a_lost_scan_and_files_without_a_frame_are_refused_in_words(
    tmp_path: Path,
) -> None:
    geometry = grid(np.eye(3))
    series, masks = write("dicom", tmp_path, geometry), masks_on(geometry)
    with pytest.raises(GeometryError, match=r"predicted on a grid of \(17, 40, 44\)"):
        exported(tmp_path / "a", series, masks[:, 1:])
    with pytest.raises(DataError, match="give its new location with --cohort"):
        exported(tmp_path / "b", tmp_path / "gone", masks)
    for path in series.glob("*.dcm"):
        file = pydicom.dcmread(path)
        del file.FrameOfReferenceUID
        file.save_as(path)
    with pytest.raises(DataError, match="a frame of reference, got none"):
        exported(tmp_path / "c", series, masks)


def test_what_is_no_segmentation_or_damaged_says_so(tmp_path: Path) -> None:
    geometry = grid(np.eye(3))
    series = write("dicom", tmp_path, geometry)
    with pytest.raises(ReaderError, match="expected a DICOM Segmentation, got MR Image Storage"):
        read_segments(next(series.glob("*.dcm")))
    path = exported(tmp_path, series, masks_on(geometry))
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(ReaderError, match="damaged DICOM Segmentation"):
        open_image(path)


def test_foreign_fractional_and_label_map_objects_are_read(tmp_path: Path) -> None:
    geometry = Geometry((6, 12, 10), (3.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    stored = np.zeros(geometry.shape, np.uint16)
    write_series(tmp_path / "s", stored, geometry, SeriesText("x", "P", bits=16))
    files = [pydicom.dcmread(p) for p in sorted((tmp_path / "s").glob("*.dcm"))]
    who = AlgorithmIdentificationSequence("x", codes.DCM.ArtificialIntelligence, "1")
    said = [
        SegmentDescription(
            k, name, codes.SCT.Organ, codes.SCT.Liver, "AUTOMATIC", algorithm_identification=who
        )
        for k, name in ((1, "one"), (2, "two"))
    ]
    numbers = np.zeros(geometry.shape, np.uint8)
    numbers[1:3, 2:5], numbers[4, 6:9, 3] = 1, 2
    for kind in ("FRACTIONAL", "LABELMAP"):
        path = tmp_path / f"{kind}.dcm"
        Segmentation(files, numbers, kind, said, UID(), 1, UID(), 1, "m", "n", "1", "s").save_as(
            path
        )
        found = read_segments(path)
        assert {n: found.names[n] for n in (1, 2)} == {1: "one", 2: "two"}
        with open_image(tmp_path / "s") as image:
            whole = placed(found.codes(), found.geometry, image.geometry).array
        np.testing.assert_array_equal(whole, numbers)


def test_an_enhanced_file_of_many_frames_in_any_order_is_segmented_frame_by_frame(
    tmp_path: Path,
) -> None:
    geometry = grid(oblique())
    path = write_enhanced(tmp_path / "many.dcm", ball(geometry), geometry)
    masks = masks_on(geometry)
    out = exported(tmp_path, path, masks)
    back = read_segments(out)
    with open_image(path) as image:
        np.testing.assert_array_equal(image.read(image.geometry.full)[0], ball(geometry))
        for number, mask in enumerate(masks, 1):
            found = placed(back.masks[number], back.geometry, image.geometry).array
            np.testing.assert_array_equal(found, mask)


def test_one_of_several_series_in_a_folder_is_the_one_that_was_predicted(tmp_path: Path) -> None:
    geometry = grid(np.eye(3))
    for number, name in ((3, "T1"), (4, "FLAIR")):
        text = SeriesText("t", "P1", description=name, number=number, bits=16)
        write_series(tmp_path / "scan" / name, ball(geometry), geometry, text)
    masks, folder = masks_on(geometry), tmp_path / "p"
    HEAD.write(folder)
    for case, series in (("one", "flair"), ("two", None)):
        dense = masks.astype(np.uint8) * 255
        DensePrediction(case, tmp_path / "scan", dense, series=series).write(folder)
    with pytest.raises(
        ReaderError, match=r"case two: .*expected one series, got 2.*a --cohort says"
    ):
        DicomSeg()(ExportSource.open(folder), tmp_path / "out")
    (folder / "cases" / "two.npz").unlink()
    said = pydicom.dcmread(DicomSeg()(ExportSource.open(folder), tmp_path / "out") / "one.dcm")
    planes = source_planes(tmp_path / "scan", "flair")
    assert said.ReferencedSeriesSequence[0].SeriesInstanceUID == planes[0].about.series


def test_head_and_provenance_decide_the_maker(tmp_path: Path) -> None:
    geometry = grid(np.eye(3))
    head = Head(("spleen",), (0.5,), Provenance("/somewhere/runs/r7", "cd" * 32, None, "0"))
    path = exported(tmp_path, write("dicom", tmp_path, geometry), masks_on(geometry)[:1], head)
    one = pydicom.dcmread(path).SegmentSequence[0]
    algorithm = one.SegmentationAlgorithmIdentificationSequence[0]
    assert one.SegmentAlgorithmType == "AUTOMATIC"
    assert "run=r7" in str(algorithm.AlgorithmParameters)
    assert "somewhere" not in str(algorithm)


@pytest.mark.parametrize("name", sorted(orientations())[:4])
def test_a_label_map_holds_every_sample_once_and_highdicom_reads_it(
    name: str, tmp_path: Path
) -> None:
    geometry = grid(orientations()[name])
    series = write("dicom", tmp_path, geometry)
    masks = masks_on(geometry)
    predictions = predict(tmp_path / "predictions", "one", series, masks, HEAD)
    source = ExportSource.open(predictions)
    path = DicomLabelMap()(source, tmp_path / "map") / "one.dcm"
    plain = DicomSeg()(source, tmp_path / "plain") / "one.dcm"
    said = pydicom.dcmread(path)
    assert said.SegmentationType == "LABELMAP"
    assert said.file_meta.TransferSyntaxUID.is_compressed
    volume = segread(path).get_volume(combine_segments=True)
    ours = read_segments(path)
    with open_image(series) as image:
        whole = image.geometry
    laid = np.zeros(whole.shape, np.uint8)
    for number in ours.masks:
        laid[placed(ours.masks[number], ours.geometry, whole).array > 0] = number
    single = masks.sum(0) <= 1
    expected = np.where(masks.any(0), masks.argmax(0) + 1, 0)
    np.testing.assert_array_equal(laid[single], expected[single])
    assert ((laid > 0) == masks.any(0)).all()
    assert np.count_nonzero(volume.array) == np.count_nonzero(laid)
    assert path.stat().st_size < plain.stat().st_size
