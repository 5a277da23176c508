"""Series as hospitals write them are segmented, outlined and reported on, whatever they say.

Names in any character set arrive decoded, values that break their kind are repaired or left empty
and told, identifiers stay the links that they are; pydicom and highdicom read the objects back.
"""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from enhanced_file import write_enhanced
from pydicom.config import RAISE
from pydicom.dataelem import RawDataElement
from pydicom.sr.codedict import codes
from pydicom.valuerep import validate_value

from inklings.exports.codes import distinct
from inklings.exports.dicom_seg import DicomSeg, Made, Segment, save, segmentation
from inklings.exports.headers import plain_text, repaired
from inklings.exports.rtstruct import RtStruct
from inklings.exports.source import ExportSource
from inklings.exports.structured_report import FindingOutline, objects
from inklings.findings.finding import Finding
from inklings.geometry import Geometry, Region
from inklings.predictions.dense import DensePrediction
from inklings.predictions.findings import Findings
from inklings.predictions.head import Head, Provenance
from inklings.readers.dicom_segments import read_segments
from inklings.readers.dicom_series import source_planes
from inklings.readers.dicom_structures import read_structures
from inklings.simulation.phantoms.dicom_files import SeriesText, write_series

GRID = Geometry((4, 12, 10), (3.0, 0.8, 1.1), (5.0, -3.0, 11.0))
JUDGE = shutil.which("dciodvfy")
CHARACTERS = {
    "Japan": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "Japan, half width": (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
    "Korea": (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    "Latin-1": ("ISO_IR 100", "Müller^Jörg"),
    "Latin-2": ("ISO_IR 101", "Łukasz^Żak"),
    "Cyrillic": ("ISO_IR 144", "Люкceмбypг"),
    "Greek": ("ISO_IR 126", "Διονυσιος"),
    "GB18030": ("GB18030", "Wang^XiaoDong=王^小东"),
    "GBK": ("GBK", "Wang^XiaoDong=王^小东"),
    "UTF-8": ("ISO_IR 192", "Wang^XiaoDong=王^小東"),
    "nothing said": (None, "Smith^John"),
}
BROKEN = {
    "PatientSex": ("Male", "M"),
    "PatientBirthDate": ("1957-03-04", "19570304"),
    "StudyDate": ("2020.01.05", "20200105"),
    "StudyTime": ("12:34:56", "123456"),
    "AccessionNumber": ("A" * 20, ""),
    "StudyID": ("x" * 30, ""),
    "PatientID": ("p" * 70, "p" * 64),
    "PatientAge": ("63", "063Y"),
}


@contextmanager
def unchecked() -> Iterator[None]:
    """pydicom writes what no standard allows."""
    before = pydicom.config.settings.writing_validation_mode
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        pydicom.config.settings.writing_validation_mode = before


def series(folder: Path, change: Callable[[pydicom.Dataset], None] | None = None) -> Path:
    stored = np.full(GRID.shape, 7, np.uint16)
    paths = write_series(folder, stored, GRID, SeriesText("x", "P", modality="CT", bits=16))
    with unchecked():
        for path in paths if change else ():
            said = pydicom.dcmread(path)
            change(said)
            said.save_as(path)
    return folder


def masks(count: int = 1) -> np.ndarray:
    found = np.zeros((count, *GRID.shape), np.uint8)
    for k in range(count):
        found[k, 1:3, 2 + k : 6 + k, 3:7] = 255
    return found


def source(
    folder: Path, scan: Path, classes: tuple[str, ...] = ("liver",), threshold: float = 0.5
) -> ExportSource:
    Head(classes, (threshold,) * len(classes), Provenance("r", "0" * 64, None, "0")).write(folder)
    DensePrediction("one", scan, masks(len(classes))).write(folder)
    return ExportSource.open(folder)


def written(folder: Path, scan: Path, classes: tuple[str, ...] = ("liver",)) -> list[Path]:
    said = source(folder / "p", scan, classes)
    return [
        DicomSeg()(said, folder / "seg") / "one.dcm",
        RtStruct()(said, folder / "rs") / "one.dcm",
    ]


def report(folder: Path, scan: Path) -> tuple[Path, Path]:
    found = Findings(
        "one",
        tuple(
            Finding("nodule", 0.9, (float(5 + k), 0.0, 15.0), 5.0 + k) for k in range(3)
        ),
    )  # fmt: skip
    outlines = [
        FindingOutline(Region((1, 2 + k, 3), (2, 1, 3)), np.ones((2, 1, 3), bool)) for k in range(3)
    ]
    made = objects(source_planes(scan), found, outlines, Made("0" * 64, datetime(2026, 1, 2), {}))
    assert made is not None
    folder.mkdir(parents=True, exist_ok=True)
    save(folder / "sr.dcm", made.report)
    save(folder / "sr_seg.dcm", made.segmentation)
    return folder / "sr.dcm", folder / "sr_seg.dcm"


def require_valid(path: Path) -> pydicom.Dataset:
    """Every value keeps to its kind, and the validator of dicom3tools (where it is) agrees."""
    said = pydicom.dcmread(path)
    for element in said.iterall():
        if element.VR in ("SQ", "OB", "OW", "UN", "UT", "LT", "ST", "US", "UL", "FL", "FD", "UI"):
            continue
        for value in element.value if element.VM > 1 else [element.value]:
            if value not in (None, ""):
                validate_value(element.VR, str(value), RAISE)
    if JUDGE:
        ran = subprocess.run([JUDGE, str(path)], capture_output=True, text=True, check=False)
        lines = (ran.stdout + ran.stderr).splitlines()
        assert [line for line in lines if line.startswith(("Error", "Abort"))] == []
    return said


@pytest.mark.parametrize("name", sorted(CHARACTERS))
def test_names_of_any_character_set_arrive_decoded(name: str, tmp_path: Path) -> None:
    charset, patient = CHARACTERS[name]

    def change(said: pydicom.Dataset) -> None:
        if charset is not None:
            said.SpecificCharacterSet = charset
        said.PatientName = patient

    scan = series(tmp_path / "s", change)
    reported = report(tmp_path / "r", scan) if name.startswith(("Japan", "Korea")) else ()
    for path in (*written(tmp_path, scan), *reported):
        said = require_valid(path)
        assert said.SpecificCharacterSet == "ISO_IR 192"
        assert str(said.PatientName) == patient


def test_values_that_break_their_kind_are_repaired_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(said: pydicom.Dataset) -> None:
        for word, (given, _) in BROKEN.items():
            setattr(said, word, given)

    scan = series(tmp_path / "s", change)
    for path in (*written(tmp_path, scan), *report(tmp_path / "r", scan)):
        said = require_valid(path)
        for word, (_, expected) in BROKEN.items():
            assert str(said.get(word) or "") == expected or word == "PatientAge"
    told = capsys.readouterr().err
    for word in BROKEN:
        assert f"{word} breaks its kind" in told


@pytest.mark.parametrize(
    ("word", "given", "expected"),
    [
        ("PatientSex", "female", "F"), ("PatientSex", "W", "F"), ("PatientSex", "?", ""),
        ("PatientAge", "63 years", "063Y"), ("PatientAge", "6m", "006M"), ("PatientAge", "old", ""),
        ("StudyDate", "5. Mai", ""), ("StudyDate", "2020/1/5", "20200105"),
        ("StudyDate", "20201305", ""), ("StudyTime", "9:05", "0905"), ("StudyTime", "noon", ""),
        ("PatientSex", "M", "M"), ("StudyDate", "20200105", "20200105"),
    ],
)  # fmt: skip
def test_only_one_repair_is_possible_or_the_value_goes(
    word: str, given: str, expected: str
) -> None:
    said = pydicom.Dataset()
    with unchecked():
        setattr(said, word, given)
        told = repaired(said)
    assert str(said[word].value) == expected
    assert bool(told) == (given != expected)


ODD = {
    "PatientWeight": b"70,5 ", "PregnancyStatus": b"9", "PatientName": b"A" * 70,
    "PatientID": b"A\\B ", "ReferringPhysicianName": b"Dr. X\\Dr. Y ", "StudyDate": b"20200231",
    "StudyTime": b"256199", "SliceThickness": b"", "SeriesNumber": b"12.5",
    "SpecificCharacterSet": b"ISO_IR 999", "PatientComments": b"\x1b$Babc",
    "EthnicGroup": b"x" * 40,
}  # fmt: skip


@pytest.mark.parametrize("word", sorted(ODD))
def test_bytes_that_are_no_value_of_their_kind_stop_no_export(word: str, tmp_path: Path) -> None:
    def change(said: pydicom.Dataset) -> None:
        tag, value = pydicom.tag.Tag(word), ODD[word]
        kind = pydicom.datadict.dictionary_VR(tag)
        said._dict[tag] = RawDataElement(tag, kind, len(value), value, 0, False, True)

    scan = series(tmp_path / "s", change)
    several = report(tmp_path / "r", scan) if word in ("SliceThickness", "PatientID") else ()
    for path in (*written(tmp_path, scan), *several):
        require_valid(path)


@pytest.mark.parametrize("many", [True, False])
def test_series_without_a_thickness_and_files_of_many_frames_are_reported_on(
    many: bool, tmp_path: Path
) -> None:
    if many:
        scan = write_enhanced(tmp_path / "m.dcm", np.zeros(GRID.shape, np.uint16), GRID)
    else:
        scan = series(tmp_path / "s", lambda said: delattr(said, "SliceThickness"))
    groups = highdicom.sr.srread(report(tmp_path / "r", scan)[0]).content
    assert len(groups.get_volumetric_roi_measurement_groups()) == 3


def test_identifiers_stay_letter_by_letter_also_where_they_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(said: pydicom.Dataset) -> None:
        said.StudyInstanceUID, said.FrameOfReferenceUID = "1.2.03.4", "1.2.03.7"

    scan = series(tmp_path / "s", change)
    with unchecked():
        for path in written(tmp_path, scan):
            said = pydicom.dcmread(path)
            assert (said.StudyInstanceUID, said.FrameOfReferenceUID) == ("1.2.03.4", "1.2.03.7")
    assert "StudyInstanceUID is no valid UID; it stays" in capsys.readouterr().err


CLASSES = ("肝臓", "Łój", "a\\b", "x" * 80, "two\nlines", "печень")


def test_class_names_of_any_letters_are_names_of_segments_and_regions(tmp_path: Path) -> None:
    scan = series(tmp_path / "s", lambda said: setattr(said, "SpecificCharacterSet", "ISO_IR 100"))
    seg, structures = written(tmp_path, scan, CLASSES)
    expected = ["肝臓", "Łój", "a/b", "x" * 64, "two lines", "печень"]
    assert [str(one.SegmentLabel) for one in require_valid(seg).SegmentSequence] == expected
    names = [str(one.ROIName) for one in require_valid(structures).StructureSetROISequence]
    assert names == expected
    assert list(read_segments(seg).names.values()) == expected
    assert [one.name for one in read_structures(structures).found] == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("a\\b", "a/b"), (" a\r\nb ", "a b"), ("ü" * 70, "ü" * 64)]
)
def test_text_of_one_line(text: str, expected: str) -> None:
    assert plain_text(text) == expected


def test_one_uid_never_names_two_contents(tmp_path: Path) -> None:
    scan = series(tmp_path / "s")
    planes = source_planes(scan)
    mask = masks()[0] > 0
    when = datetime(2026, 1, 2)
    variants = [
        (mask, "liver", Made("0" * 64, when, {"thresholds": "0.5"})),
        (mask, "liver", Made("0" * 64, when, {"thresholds": "0.4"})),
        (mask, "spleen", Made("0" * 64, when, {"thresholds": "0.5"})),
        (mask, "liver", Made("0" * 64, datetime(2026, 1, 3), {"thresholds": "0.5"})),
        (mask, "liver", Made("1" * 64, when, {"thresholds": "0.5"})),
        (np.roll(mask, 1, 1), "liver", Made("0" * 64, when, {"thresholds": "0.5"})),
    ]
    made = [
        segmentation(planes, values[None], [Segment.of_class(name)], by)
        for values, name, by in variants
    ]
    assert len({one.SOPInstanceUID for one in made}) == len(variants)
    again = segmentation(planes, mask[None], [Segment.of_class("liver")], variants[0][2])
    assert again.SOPInstanceUID == made[0].SOPInstanceUID
    assert again.to_json() == made[0].to_json()
    assert made[0].file_meta.MediaStorageSOPInstanceUID == made[0].SOPInstanceUID


def test_another_patient_in_the_headers_is_another_object(tmp_path: Path) -> None:
    first = written(tmp_path / "a", series(tmp_path / "a" / "s"))
    other = series(tmp_path / "b" / "s", lambda said: setattr(said, "PatientID", "Q"))
    for one, two in zip(first, written(tmp_path / "b", other), strict=True):
        uids = {pydicom.dcmread(path).SOPInstanceUID for path in (one, two)}
        assert len(uids) == 2


@pytest.mark.parametrize("modality", ["CT", "MR", "PT", "NM"])
def test_the_procedure_is_one_of_context_group_100(modality: str, tmp_path: Path) -> None:
    scan = series(tmp_path / "s", lambda said: setattr(said, "Modality", modality))
    said = highdicom.sr.srread(report(tmp_path / "r", scan)[0])
    group = {(c.value, c.scheme_designator) for c in codes.cid100.concepts.values()}
    (item,) = [
        one for one in said.ContentSequence
        if one.ConceptNameCodeSequence[0].CodeMeaning == "Procedure reported"
    ]  # fmt: skip
    code = item.ConceptCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator) in group


def test_every_nodule_has_a_colour_of_its_own(tmp_path: Path) -> None:
    said = pydicom.dcmread(report(tmp_path / "r", series(tmp_path / "s"))[1])
    colours = {tuple(one.RecommendedDisplayCIELabValue) for one in said.SegmentSequence}
    assert len(colours) == len(said.SegmentSequence) == 3


def test_a_hundred_colours_differ_and_the_first_stays() -> None:
    found = distinct([(240, 228, 66)] * 100 + [(1, 2, 3)])
    assert len(set(found)) == 101
    assert (found[0], found[-1]) == ((240, 228, 66), (1, 2, 3))
