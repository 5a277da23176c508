"""Bulk annotations of DICOM: written by us and by highdicom, read by the other."""

from datetime import datetime
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
import twenty
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid
from slide_files import described, dicom_level, picture

from inklings.errors import DataError, LabelError
from inklings.exports.dicom_ann import DicomAnn
from inklings.labels.annotations import read_outlines
from inklings.labels.outlines import Outline

MIXED = (
    Outline("cell", (((3.5, 4.25),),), "point"),
    Outline("cell", (((1.5, 2.0), (7.0, 9.5)),), "box"),
    Outline("duct", (((1.0, 2.0), (7.0, 9.5)),), "line"),
)


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    return described(dicom_level(tmp_path / "s.dcm", picture(*twenty.SIZE), "1.2.3"))


def test_twenty_outlines_and_every_kind_come_back_and_highdicom_reads_them(
    slide: Path, tmp_path: Path
) -> None:
    outer = tuple(Outline(one.name, one.rings[:1]) for one in twenty.outlines())
    there = twenty.Picture("p1", "s.dcm", twenty.SIZE, (*outer, *MIXED), slide)
    DicomAnn().drawn([there], tmp_path / "out")
    path = tmp_path / "out" / "p1.dcm"
    found = read_outlines(path).outlines
    by_class = sorted(outer, key=lambda one: one.name != outer[0].name)
    for one, back in zip(by_class, found[:20], strict=True):
        assert one.name == back.name
        assert (there.mask(one) == there.mask(back)).all()
    assert [(one.kind, one.rings) for one in found[20:]] == [(o.kind, o.rings) for o in MIXED]
    groups = hd.ann.annread(path).get_annotation_groups()
    assert [group.label for group in groups] == ["lumen", "gland", "cell", "cell", "duct"]
    assert sum(len(group.get_graphic_data("2D")) for group in groups) == 23
    first = path.read_bytes()
    DicomAnn().drawn([there], tmp_path / "out")
    assert path.read_bytes() == first


@pytest.mark.parametrize("predicted", [False, True])
def test_a_file_says_who_drew_and_when(slide: Path, tmp_path: Path, predicted: bool) -> None:
    when = datetime(2026, 1, 2, 3, 4, 5)
    there = twenty.Picture(
        "p1", "s.dcm", twenty.SIZE, MIXED, slide, when=when.timestamp(), predicted=predicted
    )
    DicomAnn().drawn([there], tmp_path)
    said = pydicom.dcmread(tmp_path / "p1.dcm")
    assert said.ContentDate + said.ContentTime == "20260102030405"
    for group in said.AnnotationGroupSequence:
        kind = group.AnnotationGroupGenerationType
        named = "AnnotationGroupAlgorithmIdentificationSequence" in group
        assert (kind, named) == (("AUTOMATIC", True) if predicted else ("MANUAL", False))


def annotations(slide: Path, kind: str, places: np.ndarray, coordinates: str = "2D") -> Path:
    group = hd.ann.AnnotationGroup(
        number=1, uid=generate_uid(), label="cell", graphic_type=kind, graphic_data=[places],
        annotated_property_category=codes.SCT.AnatomicalStructure,
        annotated_property_type=codes.SCT.Cell, algorithm_type="MANUAL",
    )  # fmt: skip
    made = hd.ann.MicroscopyBulkSimpleAnnotations(
        [pydicom.dcmread(slide)], coordinates, [group], generate_uid(), 1, generate_uid(), 1,
        "maker", "model", "1", "1",
    )  # fmt: skip
    path = slide.with_name("ann.dcm")
    made.save_as(path, enforce_file_format=True)
    return path


def test_ellipses_are_their_axes(slide: Path) -> None:
    ends = np.array([(10, 20), (30, 20), (20, 15), (20, 25)], np.float32)
    (found,) = read_outlines(annotations(slide, "ELLIPSE", ends)).outlines
    places = np.array(found.rings[0]) + 0.5
    assert np.allclose((((places - 20) / (5, 10)) ** 2).sum(1), 1)


def test_places_on_the_glass_other_objects_and_other_slides_are_refused(
    slide: Path, tmp_path: Path
) -> None:
    places = np.array([(0.1, 0.2, 0), (0.3, 0.2, 0), (0.3, 0.4, 0)], np.float32)
    with pytest.raises(LabelError, match=r"millimetres on the glass"):
        read_outlines(annotations(slide, "POLYGON", places, "3D"))
    with pytest.raises(LabelError, match=r"s\.dcm: expected bulk annotations"):
        read_outlines(slide)
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(slide.read_bytes()[:300])
    with pytest.raises(LabelError):
        read_outlines(cut)
    with pytest.raises(DataError, match="expected a slide of DICOM"):
        DicomAnn().drawn([twenty.picture()], tmp_path / "out")
