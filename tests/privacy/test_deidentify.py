"""Copies that name nobody: a phantom whose every attribute is filled with a name."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.datadict import DicomDictionary, tag_for_keyword
from typer.testing import CliRunner

from inklings.cli import app
from inklings.errors import DataError
from inklings.geometry import Geometry
from inklings.privacy.deidentify import REPORT, Rules, deidentify, painted
from inklings.privacy.profile import KEYWORDS, PROFILE, action_of
from inklings.readers import open_image
from inklings.simulation.phantoms.dicom_files import SeriesText, write_series

SECRET = "ZEBRAFISH"
RULES = Rules(b"k" * 32)
GRID = Geometry((4, 6, 5), (2.0, 1.0, 1.0), (0.0, 0.0, 0.0))
RAMP = np.arange(120, dtype=np.uint16).reshape(GRID.shape)
TEXTS = ("LO", "SH", "PN", "ST", "LT", "UT", "UC", "UR", "AE", "AS")


def series(folder: Path, patient: str = SECRET, key: str = "k") -> Path:
    write_series(folder, RAMP, GRID, SeriesText(key, patient, description=SECRET, bits=16))
    return folder


def named(folder: Path) -> Path:
    """Every attribute of text that DICOM knows, a private one and a nested one hold the name."""
    for path in series(folder).glob("*.dcm"):
        said = pydicom.dcmread(path)
        for tag, (kind, _, _, retired, keyword) in DicomDictionary.items():
            if kind not in TEXTS or not keyword or retired or tag >> 16 in (0, 2, 4):
                continue
            if not said.get(keyword):
                said.add_new(tag, kind, "033Y" if kind == "AS" else SECRET)
        said.PatientName = f"{SECRET}^ANNA"
        said.PatientBirthDate, said.StudyDate, said.StudyTime = "19700102", "20200304", "101112"
        said.OperatorsName = SECRET
        item = pydicom.Dataset()
        item.PatientName, item.ReferencedSOPInstanceUID = SECRET, said.SOPInstanceUID
        item.ReferencedSOPClassUID = said.SOPClassUID
        said.ReferencedImageSequence = [item]
        said.private_block(0x0009, SECRET, create=True).add_new(1, "LO", SECRET)
        said.add_new(0x60000022, "LO", SECRET)
        said.add_new(0x60003000, "OW", SECRET.encode() + b"\0")
        said.file_meta.SourceApplicationEntityTitle = SECRET
        said.preamble = SECRET.encode().ljust(128, b"\0")
        said.save_as(path.with_name(f"{SECRET}-{path.name}"))
        path.unlink()
    return folder


def everything(folder: Path) -> str:
    """Names and bytes of all files, and what pydicom reads in them, inside of sequences too."""
    texts = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    for path in folder.rglob("*"):
        if path.is_file():
            texts.append(path.read_bytes().decode("latin-1"))
    return "\n".join(texts)


def test_a_name_in_every_attribute_of_text_appears_nowhere_in_the_copy(tmp_path: Path) -> None:
    source = named(tmp_path / SECRET)
    kept = {k: v for k, v in PROFILE.items() if v == "keep"}
    deidentify(source, tmp_path / "copy", RULES)
    # What the table keeps is listed among what is not promised; the rest must hold no name.
    for path in (tmp_path / "copy").rglob("*.dcm"):
        said = pydicom.dcmread(path)
        for element in said.iterall():
            if element.tag not in kept and element.VR not in ("OB", "OW"):
                assert SECRET not in str(element.value), element
        for element in list(said):
            if element.tag in kept and element.VR in TEXTS:
                del said[element.tag]
        assert SECRET not in said.to_json()
        assert SECRET.encode() not in path.read_bytes()[:400]
        buffer = io.BytesIO()
        said.save_as(buffer, enforce_file_format=True)
        assert SECRET.encode() not in buffer.getvalue()
    assert SECRET not in str(sorted((tmp_path / "copy").rglob("*")))
    assert SECRET not in (tmp_path / "copy" / REPORT).read_text()


def test_pixels_and_places_stay_and_all_uids_change_alike(tmp_path: Path) -> None:
    source = named(tmp_path / "in")
    deidentify(source, tmp_path / "copy", RULES)
    with open_image(tmp_path / "copy") as copy, open_image(source) as original:
        np.testing.assert_array_equal(copy.read(GRID.full), original.read(GRID.full))
        assert copy.geometry.origin == original.geometry.origin
        assert copy.geometry.spacing == original.geometry.spacing
        assert copy.geometry.frame != original.geometry.frame
    before = [pydicom.dcmread(p) for p in source.glob("*.dcm")]
    after = [pydicom.dcmread(p) for p in (tmp_path / "copy").rglob("*.dcm")]
    for word in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"):
        mine, theirs = ({said[word].value for said in some} for some in (before, after))
        assert len(mine) == len(theirs)
        assert not mine & theirs
    for said in after:
        assert said.ReferencedImageSequence[0].ReferencedSOPInstanceUID == said.SOPInstanceUID
        assert said.file_meta.MediaStorageSOPInstanceUID == said.SOPInstanceUID
        assert said.SOPClassUID.name == "MR Image Storage"
        assert said.PatientIdentityRemoved == "YES"
        assert said.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
        assert not any(element.tag.is_private for element in said.iterall())


def test_one_secret_gives_one_pseudonym_in_every_run_and_another_another(tmp_path: Path) -> None:
    first, second = series(tmp_path / "a"), series(tmp_path / "b", key="other study")
    series(tmp_path / "c", patient="SOMEBODY", key="c")

    def who(source: Path, out: str, rules: Rules = RULES) -> tuple[str, str]:
        deidentify(source, tmp_path / out, rules)
        said = pydicom.dcmread(next((tmp_path / out).rglob("*.dcm")))
        return str(said.PatientID), str(said.StudyInstanceUID)

    one, two, three = who(first, "1"), who(second, "2"), who(tmp_path / "c", "3")
    assert one[0] == two[0] != three[0]
    assert one[1] != two[1]
    assert who(first, "4") == one
    other = who(first, "5", Rules(b"z" * 32))
    assert other[0] != one[0]
    assert other[1] != one[1]


def test_dates_go_or_move_together_by_a_secret_number_of_days(tmp_path: Path) -> None:
    source = series(tmp_path / "in")
    for path, day in zip(sorted(source.glob("*.dcm")), (1, 1, 9, 9), strict=True):
        said = pydicom.dcmread(path)
        said.StudyDate, said.ContentDate = "20200301", f"2020030{day}"
        said.StudyTime, said.AcquisitionDateTime = "101112", f"2020030{day}101112.5"
        said.PatientBirthDate = "19700102"
        said.save_as(path)
    deidentify(source, tmp_path / "gone", RULES)
    for path in (tmp_path / "gone").rglob("*.dcm"):
        said = pydicom.dcmread(path)
        times = [e for e in said.iterall() if e.VR in ("DA", "DT", "TM")]
        assert not any(e.value for e in times)
        assert said.LongitudinalTemporalInformationModified == "REMOVED"
    deidentify(source, tmp_path / "moved", Rules(b"k" * 32, shift_dates=True))
    moved = [pydicom.dcmread(path) for path in (tmp_path / "moved").rglob("*.dcm")]
    days = sorted({int(said.ContentDate) for said in moved})
    assert len(days) == 2
    first, last = (np.datetime64(f"{d // 10000}-{d // 100 % 100:02}-{d % 100:02}") for d in days)
    assert (last - first).astype(int) == 8
    assert days[0] < 20190302
    assert all(said.PatientBirthDate == "" for said in moved)
    assert all(said.AcquisitionDateTime.endswith("101112.5") for said in moved)


def test_reports_documents_and_strangers_are_left_out_and_counted(tmp_path: Path) -> None:
    source = series(tmp_path / "in")
    (source / "names.txt").write_text(SECRET)
    said = pydicom.dcmread(source / "0000.dcm")
    del said.PixelData
    said.SOPClassUID = pydicom.uid.EncapsulatedPDFStorage
    said.save_as(source / "letter.dcm")
    (source / "broken.dcm").write_bytes((source / "0001.dcm").read_bytes()[:200])
    done = deidentify(source, tmp_path / "copy", RULES)
    assert done.images == 4
    assert done.left_out["no DICOM file"] == 1
    assert done.left_out["no image (Encapsulated PDF Storage)"] == 1
    assert sum(done.left_out.values()) == 3
    assert len(list((tmp_path / "copy").rglob("*.dcm"))) == 4


def test_pictures_of_screens_are_named_as_those_to_look_at(tmp_path: Path) -> None:
    source = series(tmp_path / "in")
    said = pydicom.dcmread(source / "0000.dcm")
    assert painted(said) == ""
    said.BurnedInAnnotation = "YES"
    assert painted(said) == "the file says that text is burned in"
    said.BurnedInAnnotation, said.ConversionType = "NO", "WSD"
    assert "secondary capture" in painted(said)
    said.save_as(source / "0000.dcm")
    ran = CliRunner().invoke(app, ["deidentify", str(source), "--out", str(tmp_path / "copy")])
    assert ran.exit_code == 0, ran.output
    assert "4 images of 1 patient copied" in ran.stdout
    assert "look at the pixels of series 2.25." in ran.stderr
    assert "what this copy cannot promise:" in ran.stderr
    record = json.loads((tmp_path / "copy" / REPORT).read_text())
    assert len(record["burned_in"]) == 1
    assert record["removed"]["SeriesDescription"] == 4


def test_a_secret_that_is_short_or_missing_is_one_line(tmp_path: Path) -> None:
    source, key = series(tmp_path / "in"), tmp_path / "key"
    for words in ("expected a file with a secret", "at least 16 bytes, got 5"):
        ran = CliRunner().invoke(
            app, ["deidentify", str(source), "--out", str(tmp_path / "copy"), "--key", str(key)]
        )
        assert ran.exit_code == 2
        assert words in ran.stderr
        assert ran.stderr.count("\n") == 1
        key.write_text("short")
    assert not (tmp_path / "copy").exists()


def test_files_without_a_header_and_compressed_ones_are_copied(tmp_path: Path) -> None:
    source = series(tmp_path / "in")
    bare = pydicom.dcmread(source / "0000.dcm")
    del bare.file_meta
    pydicom.dcmwrite(source / "0000.dcm", bare, implicit_vr=True, little_endian=True)
    packed = pydicom.dcmread(source / "0001.dcm")
    packed.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    packed.save_as(source / "0001.dcm")
    assert deidentify(source, tmp_path / "copy", RULES).images == 4
    with open_image(tmp_path / "copy") as image:
        np.testing.assert_array_equal(image.read(GRID.full)[0], RAMP)


def test_a_copy_appears_whole_or_not_and_never_over_something(tmp_path: Path) -> None:
    source = series(tmp_path / "in")
    for out, words in ((source / "copy", "outside of"), (source, "a new folder")):
        ran = CliRunner().invoke(app, ["deidentify", str(source), "--out", str(out)])
        assert ran.exit_code == 2
        assert words in ran.stderr
        assert ran.stderr.count("\n") == 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="expected DICOM images under"):
        deidentify(tmp_path / "empty", tmp_path / "copy", RULES)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "in"]


def test_archives_are_read_and_descriptions_stay_on_request(tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "all"), "zip", series(tmp_path / "in"))
    rules = Rules(b"k" * 32, keep_descriptions=True)
    assert deidentify(Path(archive), tmp_path / "copy", rules).images == 4
    said = pydicom.dcmread(next((tmp_path / "copy").rglob("*.dcm")))
    assert said.SeriesDescription == SECRET
    assert "StudyDescription" not in said


def test_the_table_names_attributes_that_exist_and_unknown_text_never_stays() -> None:
    assert not [word for word in KEYWORDS if tag_for_keyword(word) is None]
    assert len(PROFILE) == len(set(KEYWORDS)) + 2
    for tag, (kind, _, _, _, keyword) in DicomDictionary.items():
        if kind in TEXTS and keyword:
            tag = pydicom.tag.Tag(tag)
            assert action_of(tag, kind) != "keep" or tag in PROFILE, keyword


def test_a_cohort_and_its_pictures_never_hold_the_name_of_a_patient(tmp_path: Path) -> None:
    source = series(tmp_path / "in", patient="ID7")
    for path in source.glob("*.dcm"):
        said = pydicom.dcmread(path)
        said.PatientName, said.SeriesDescription = f"{SECRET}^ANNA", "T1"
        said.save_as(path)
    ran = CliRunner().invoke(app, ["show", str(source), "--out", str(tmp_path / "shown.png")])
    assert ran.exit_code == 0, ran.output
    assert SECRET not in ran.output
    with open_image(source) as image:
        assert SECRET not in repr(image)
