import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from inklings.cases.case import Case
from inklings.cases.cohort import Cohort
from inklings.geometry import Geometry
from inklings.labels.files import write_mask
from inklings.labels.kinds import MaskLabel
from inklings.predictions import Head, Prediction, Provenance
from inklings.readers.nifti import write_nifti
from inklings.viewer.shelf import Shelf, open_shelf
from inklings.viewer.volumes import millimetres, nifti

GEOMETRY = Geometry(
    (6, 20, 24), (3.0, 0.8, 0.7), (-10.0, 5.0, 40.0), ((-1, 0, 0), (0, 1, 0), (0, 0, 1))
)


@pytest.fixture
def scans(tmp_path: Path) -> Shelf:
    """A volume with a bright box, labelled and predicted."""
    rng = np.random.default_rng(0)
    samples = rng.normal(-800, 20, GEOMETRY.shape).astype(np.int16)
    box = np.zeros(GEOMETRY.shape, np.uint8)
    box[2:5, 6:12, 8:16] = 1
    samples[box > 0] = 30
    write_nifti(tmp_path / "ct.nii.gz", samples, GEOMETRY)
    write_mask(tmp_path / "m.npy", box)
    label = MaskLabel(tmp_path / "m.npy", "ct", "classes", ("lesion",))
    Cohort("ct", (Case("a", "p", {"ct": tmp_path / "ct.nii.gz"}, (label,)),), ("lesion",)).write(
        tmp_path
    )
    out = tmp_path / "predictions"
    Prediction("a", tmp_path / "ct.nii.gz", box[None] * np.uint8(240), None, GEOMETRY).write(out)
    Head(("lesion",), (0.5,), Provenance("", "", None, "")).write(out)
    return open_shelf([tmp_path], [out])


def loaded(data: bytes) -> Any:
    return nibabel.Nifti1Image.from_bytes(gzip.decompress(data))


def test_a_stream_has_the_samples_and_the_place_of_the_file(start: Any, scans: Shelf) -> None:
    running = start(scans)
    running.enter()
    assert running.ask("/api/cases/a").json["kind"] == "volume"
    sent = loaded(running.ask("/api/cases/a/images/ct/volume.nii.gz").body)
    stored = nibabel.load(next(iter(scans.cases["a"].images.values())))
    np.testing.assert_array_equal(np.asarray(sent.dataobj), np.asarray(stored.dataobj))
    np.testing.assert_allclose(sent.affine, stored.affine, atol=1e-4)
    mask = loaded(running.ask("/api/cases/a/layers/prediction0/volume.nii.gz").body)
    assert int(np.asarray(mask.dataobj).sum()) == 3 * 6 * 8
    assert running.ask("/api/cases/a/images/other/volume.nii.gz").status == 404
    assert running.ask("/api/cases/a/tile/0/0/0").status == 422
    assert running.ask("/api/cases/a/thumbnail").body[:2] == b"\xff\xd8"


def test_a_finding_says_where_it_is_in_the_patient_and_in_samples(start: Any, scans: Shelf) -> None:
    running = start(scans)
    running.enter()
    (found,) = running.ask("/api/cases/a/findings/0").json
    assert found["centre"] == pytest.approx([3.0, 8.5, 11.5])
    assert found["radii"] == pytest.approx([1.5, 3.0, 4.0])
    volume = 3 * 6 * 8 * 3.0 * 0.8 * 0.7
    assert found["size"] == pytest.approx((6 * volume / np.pi) ** (1 / 3))
    assert found["probability"] == pytest.approx(240 / 255, abs=1e-3)
    sent = loaded(running.ask("/api/cases/a/images/ct/volume.nii.gz").body)
    z, y, x = found["centre"]
    assert found["point"] == pytest.approx((sent.affine @ [x, y, z, 1])[:3].tolist(), abs=1e-4)


def test_samples_and_millimetres_agree_with_the_file_that_is_sent() -> None:
    image = loaded(nifti(np.zeros(GEOMETRY.shape, np.uint8), GEOMETRY))
    for index in ((0, 0, 0), (5, 19, 23), (2.5, 3.0, 1.0)):
        there = (image.affine @ [*index[::-1], 1])[:3]
        assert millimetres(GEOMETRY, index) == pytest.approx(there.tolist(), abs=1e-4)
