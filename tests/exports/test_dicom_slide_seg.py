"""Segmentations of whole slides: read back by highdicom and by our own reader."""

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from slide_files import described, dicom_level, picture

from inklings.errors import DataError
from inklings.exports.dicom_seg import DicomSeg, Made, Segment, _described, save
from inklings.exports.dicom_slide_seg import tiled
from inklings.exports.source import ExportSource
from inklings.inference.predict import predict
from inklings.labels.annotations import read_outlines
from inklings.predictions.slides import SlidePrediction
from inklings.spec import Component
from inklings.testing.runs import slides, untrained_run


def placed(path: Path) -> Path:
    """A slide that lies turned on the glass."""
    said = pydicom.dcmread(described(path))
    said.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    place = Dataset()
    place.XOffsetInSlideCoordinateSystem, place.YOffsetInSlideCoordinateSystem = "20", "40"
    said.TotalPixelMatrixOriginSequence = [place]
    said.save_as(path)
    return path


def test_classes_of_a_coarser_grid_come_back_at_their_place(tmp_path: Path) -> None:
    source = placed(dicom_level(tmp_path / "s.dcm", picture(1200, 2000), "1.2.3"))
    masks = np.zeros((600, 1000, 3), np.uint8)
    masks[300:350, 400:700, 0] = 1
    masks[590:600, 990:1000, 1] = 1
    tiles = []
    for y, x in ((256, 256), (256, 512), (512, 768)):
        part = masks[y : y + 256, x : x + 256]
        around = ((0, 256 - part.shape[0]), (0, 256 - part.shape[1]), (0, 0))
        tiles.append((y, x, np.pad(part, around)))
    by = Made("a" * 64, datetime(2026, 1, 2), {"run": "r"})
    names = ("tumour", "stroma", "nothing")
    segments = [_described(k, Segment.of_class(n), (9, 9, 9), by) for k, n in enumerate(names, 1)]
    said = pydicom.dcmread(source)
    save(tmp_path / "o.dcm", tiled(said, (600, 1000), (2, 2), tiles, segments, by.when))
    back = hd.seg.segread(tmp_path / "o.dcm")
    matrix = back.get_total_pixel_matrix(segment_numbers=[1, 2, 3])
    assert (np.asarray(matrix) == masks).all()
    assert (back.DimensionOrganizationType, back.NumberOfFrames) == ("TILED_SPARSE", 3)
    assert back.FrameOfReferenceUID == said.FrameOfReferenceUID
    place = back.TotalPixelMatrixOriginSequence[0]  # half a pixel of the slide further in
    assert float(place.XOffsetInSlideCoordinateSystem) == pytest.approx(20 - 0.00025)
    assert float(place.YOffsetInSlideCoordinateSystem) == pytest.approx(40 - 0.00025)
    rings = {
        one.name: np.array(one.rings[0]) * (600, 1000)
        for one in read_outlines(tmp_path / "o.dcm").outlines
    }
    assert rings.keys() == {"tumour", "stroma"}
    for name, (low, high) in {
        "tumour": ((300, 400), (350, 700)),
        "stroma": ((590, 990), (600, 1000)),
    }.items():
        assert np.allclose(rings[name].min(0), low)
        assert np.allclose(rings[name].max(0), high)
    if shutil.which("dciodvfy"):
        done = subprocess.run(["dciodvfy", tmp_path / "o.dcm"], capture_output=True, text=True)
        assert "Error" not in done.stderr


def test_a_predicted_slide_is_written_and_one_of_another_format_refused(tmp_path: Path) -> None:
    run = untrained_run(tmp_path / "run", intensity=Component(name="half"), spacing_um=1.0)
    pixels = np.full((300, 420, 3), 245, np.uint8)
    pixels[60:240, 80:320] = picture(180, 240) // 2 + np.array((90, 0, 60), np.uint8)
    path = placed(dicom_level(tmp_path / "dcm" / "s.dcm", pixels, "1.2.3"))
    predict(run, [path], tmp_path / "p", threshold=0.01)
    source = ExportSource.open(tmp_path / "p")
    (case,) = source.cases
    DicomSeg()(source, tmp_path / "out")
    slide = SlidePrediction.read(tmp_path / "p", case)
    with slide.class_map(tmp_path / "p") as there:
        codes = np.concatenate([band[0] for band in there.bands()])
    assert codes.any()
    back = hd.seg.segread(tmp_path / "out" / f"{case}.dcm")
    for k in range(len(slide.classes)):
        matrix = np.asarray(back.get_total_pixel_matrix(segment_numbers=[k + 1]))[..., 0]
        assert (matrix == (codes == k + 1)).all()
    tiff = slides(tmp_path / "tiff", 1, shape=(300, 300))
    predict(run, [tiff], tmp_path / "q", threshold=0.01)
    with pytest.raises(DataError, match="expected a slide of DICOM"):
        DicomSeg()(ExportSource.open(tmp_path / "q"), tmp_path / "no")
