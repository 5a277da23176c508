"""NIfTI and NRRD of predictions: the voxels, their place in the patient, and their names."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from export_volumes import CLASSES, codes, masks_on, predict
from typer.testing import CliRunner
from volume_files import grid, oblique, orientations, write

from inklings.cli import app
from inklings.errors import GeometryError
from inklings.exports.mha import Mha
from inklings.exports.nifti import Nifti
from inklings.exports.nrrd import Nrrd
from inklings.exports.source import ExportSource
from inklings.geometry import Geometry

CORNERS = np.array([[0, 0, 0], [17, 39, 43], [3, 0, 43], [17, 5, 1]])


def assert_there(image: SimpleITK.Image, geometry: Geometry, off_mm: float) -> None:
    for z, y, x in CORNERS.tolist():
        point = image.TransformIndexToPhysicalPoint((x, y, z))
        assert np.abs(np.subtract(point, geometry.to_points((z, y, x)))).max() < off_mm


@pytest.mark.parametrize("name", sorted(orientations()))
def test_every_orientation_lies_where_simpleitk_and_nibabel_say_it_does(
    name: str, tmp_path: Path
) -> None:
    geometry = grid(orientations()[name])
    masks = masks_on(geometry)
    source = ExportSource.open(
        predict(tmp_path / "p", "one", write("dicom", tmp_path, geometry), masks)
    )
    nifti = Nifti()(source, tmp_path / "nifti") / "one.nii.gz"
    nrrd = Nrrd()(source, tmp_path / "nrrd") / "one.seg.nrrd"
    # NIfTI keeps its matrix in 32 bits, NRRD its numbers in decimal.
    for path, off_mm in ((nifti, 1e-4), (nrrd, 1e-5)):
        image = SimpleITK.ReadImage(str(path))
        np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image), codes(masks))
        assert_there(image, geometry, off_mm)
    loaded = nibabel.load(nifti)
    np.testing.assert_array_equal(np.asarray(loaded.dataobj).transpose(2, 1, 0), codes(masks))
    points = nibabel.affines.apply_affine(loaded.affine, CORNERS[:, ::-1]) * [-1, -1, 1]
    assert np.abs(points - geometry.to_points(CORNERS)).max() < 1e-4
    assert loaded.get_sform(coded=True)[1] == 1


def test_names_of_classes_go_along(tmp_path: Path) -> None:
    geometry = grid(np.eye(3))
    masks = masks_on(geometry)
    predictions = predict(tmp_path / "p", "one", write("mha", tmp_path, geometry), masks)
    for kind in ("nifti", "nrrd"):
        ran = CliRunner().invoke(app, ["export", str(predictions), "--to", kind])
        assert ran.exit_code == 0, ran.output
        assert f"1 cases exported to {kind}" in ran.stdout
    out = predictions / "exports"
    named = json.loads((out / "nifti" / "classes.json").read_text())
    assert list(named.values()) == ["background", *CLASSES]
    image = SimpleITK.ReadImage(str(out / "nrrd" / "one.seg.nrrd"))
    assert [image.GetMetaData(f"Segment{k}_Name") for k in range(3)] == list(CLASSES)
    assert [image.GetMetaData(f"Segment{k}_LabelValue") for k in range(3)] == ["1", "2", "3"]
    assert "SCT^10200004^Liver" in image.GetMetaData("Segment0_Tags")
    places = np.argwhere(masks[0])
    extent = " ".join(f"{places[:, a].min()} {places[:, a].max()}" for a in (2, 1, 0))
    assert image.GetMetaData("Segment0_Extent") == extent


def test_a_tilted_grid_keeps_its_place_in_nrrd_and_mha_and_is_refused_for_nifti(
    tmp_path: Path,
) -> None:
    axes = np.stack([[1, 0, 0], [0, 1, 0], [0, np.sin(0.3), np.cos(0.3)]], axis=1)
    geometry = grid(axes)
    series = write("dicom", tmp_path, geometry)
    source = ExportSource.open(predict(tmp_path / "p", "one", series, masks_on(geometry)))
    with pytest.raises(GeometryError, match=r"tilted gantry.*export to nrrd, mha or dicom-seg"):
        Nifti()(source, tmp_path / "out")
    for exporter, name in ((Nrrd(), "one.seg.nrrd"), (Mha(), "one.mha")):
        peer = SimpleITK.ReadImage(str(exporter(source, tmp_path / "out") / name))
        for index in CORNERS.tolist():
            place = peer.TransformContinuousIndexToPhysicalPoint(index[::-1])
            assert place == pytest.approx(geometry.to_points(index), abs=1e-4)


def test_exporting_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    geometry = grid(oblique())
    series = write("dicom", tmp_path, geometry)
    source = ExportSource.open(predict(tmp_path / "p", "one", series, masks_on(geometry)))
    for exporter, name in ((Nifti(), "one.nii.gz"), (Nrrd(), "one.seg.nrrd")):
        first = (exporter(source, tmp_path / "a") / name).read_bytes()
        assert (exporter(source, tmp_path / "b") / name).read_bytes() == first
