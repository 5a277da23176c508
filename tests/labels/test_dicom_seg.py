"""Segmentations of slides that highdicom wrote, tiled in every way, as annotations."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from scipy import ndimage
from slide_files import described, dicom_level, picture

from inklings.datasets.annotated import Piece
from inklings.datasets.findings import ImportFinding
from inklings.datasets.importing import run
from inklings.datasets.outlined import OnImage, Reading, labels_in
from inklings.datasets.slides import Slides
from inklings.labels.fill import filled
from inklings.labels.kinds import PolygonLabel

SIZE = (150, 230)


def segmentation(slide: Path, masks: np.ndarray, kind: str, layout: str, path: Path) -> None:
    """``masks (N, H, W)`` of segments 1 to N."""
    described_so = [
        hd.seg.SegmentDescription(
            number, f"Gefäß {number}", codes.SCT.Tissue, codes.SCT.Tissue,
            hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number in range(1, len(masks) + 1)
    ]  # fmt: skip
    array: Any = np.moveaxis(masks, 0, -1)[None]
    if kind == "LABELMAP":
        array = (masks * np.arange(1, len(masks) + 1)[:, None, None]).max(0).astype(np.uint8)[None]
    source = pydicom.dcmread(slide)
    corner = pydicom.Dataset()
    corner.XOffsetInSlideCoordinateSystem, corner.YOffsetInSlideCoordinateSystem = 0.0, 0.0
    source.TotalPixelMatrixOriginSequence = source.ImageCenterPointCoordinatesSequence = [corner]
    source.ImageOrientationSlide = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]
    made = hd.seg.Segmentation(
        source_images=[source], pixel_array=array.astype(np.uint8),
        segmentation_type=kind, segment_descriptions=described_so,
        series_instance_uid=generate_uid(), series_number=1, sop_instance_uid=generate_uid(),
        instance_number=1, manufacturer="maker", manufacturer_model_name="model",
        software_versions="1", device_serial_number="1", tile_pixel_array=True,
        tile_size=(64, 48), dimension_organization_type=layout,
        omit_empty_frames=layout != "TILED_FULL",
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )  # fmt: skip
    made.save_as(path)


def blobs(generator: np.random.Generator, count: int, shape: tuple[int, int]) -> np.ndarray:
    """Masks that do not overlap, with holes, parts and pixels at the border."""
    noise = ndimage.gaussian_filter(generator.normal(size=shape), 4)
    steps = np.quantile(noise, np.linspace(0.3, 0.95, count + 1))
    return np.stack([(noise > a) & (noise <= b) for a, b in itertools.pairwise(steps)])


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("layout", ["TILED_FULL", "TILED_SPARSE"])
def test_every_pixel_of_a_segment_comes_back_from_any_tiling(
    tmp_path: Path, kind: str, layout: str
) -> None:
    slide = described(dicom_level(tmp_path / "s.dcm", picture(*SIZE), "1.2.3"))
    masks = blobs(np.random.default_rng(0), 3, SIZE)
    path = tmp_path / "seg.dcm"
    segmentation(slide, masks, kind, layout, path)
    for factor in (1, 3):  # the slide itself, and one of which the segmentation is a coarse level
        shape = (SIZE[0] * factor + factor - 1, SIZE[1] * factor)
        findings: list[ImportFinding] = []
        labels = labels_in(Piece(path), OnImage("s", shape), Reading(), "slide", findings)
        assert [one.kind for one in findings] == ["not kept"] * (kind == "FRACTIONAL")
        for number, mask in enumerate(masks, 1):
            got = np.zeros(shape, bool)
            for label in labels:
                assert isinstance(label, PolygonLabel)
                if label.name == f"Gefäß {number}":
                    for ring in itertools.chain(*label.polygons):
                        got ^= filled(np.array(ring), shape)
            wanted = np.kron(mask, np.ones((factor, factor), bool))
            np.testing.assert_array_equal(got[: wanted.shape[0]], wanted)
            assert not got[wanted.shape[0] :].any()
    findings = []
    assert not labels_in(
        Piece(path), OnImage("s", (SIZE[0] * 2, SIZE[1] * 3)), Reading(), "slide", findings
    )
    assert "no level of the image" in findings[0].detail


def test_import_slides_takes_them_by_name_and_tells_empty_segments(tmp_path: Path) -> None:
    (tmp_path / "slides").mkdir()
    (tmp_path / "drawn").mkdir()
    slide = described(dicom_level(tmp_path / "slides" / "s.dcm", picture(*SIZE), "1.2.3"))
    masks = np.zeros((2, *SIZE), bool)
    masks[0, 3:9, 4:14] = True
    segmentation(slide, masks, "BINARY", "TILED_SPARSE", tmp_path / "drawn" / "slides.dcm")
    report = run(
        Slides(images=str(tmp_path / "slides"), annotations=str(tmp_path / "drawn" / "*.dcm")),
        tmp_path / "out", workers=1,
    )  # fmt: skip
    (case,) = report.cohort.cases
    (label,) = case.labels
    assert isinstance(label, PolygonLabel)
    assert label.name == "Gefäß 1"
    assert any("segment 2 (Gefäß 2): is empty" in finding.detail for finding in report.findings)
