import gzip
from typing import Any

import nibabel
import numpy as np
import pytest

from inklings.errors import DataError
from inklings.findings.finding import Finding
from inklings.geometry import Geometry
from inklings.predictions.findings import Findings
from inklings.viewer.shelf import Shelf, open_shelf
from inklings.viewer.volumes import millimetres, nifti, to_samples

GEOMETRY = Geometry(
    (6, 20, 24), (3.0, 0.8, 0.7), (-10.0, 5.0, 40.0), ((-1, 0, 0), (0, 1, 0), (0, 0, 1))
)


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


def test_a_volume_made_coarser_stays_in_its_place_with_its_layers(
    start: Any, scans: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inklings.viewer.desk.FEW", 6 * 20 * 24 * 4 // 8)
    running = start(scans)
    running.enter()
    parts = ("images/ct", "layers/prediction0")
    whole, half = (
        [loaded(running.ask(f"/api/cases/a/{p}/volume.nii.gz?coarse={c}").body) for p in parts]
        for c in ("false", "true")
    )
    assert [part.shape for part in half] == [(12, 10, 3)] * 2
    for fine, coarse in zip(whole, half, strict=True):
        outer = [image.affine @ [-0.5, -0.5, -0.5, 1] for image in (fine, coarse)]
        assert outer[1] == pytest.approx(outer[0], abs=1e-4)
        assert np.diag(coarse.affine)[:3] == pytest.approx(2 * np.diag(fine.affine)[:3], abs=1e-4)
    mask = np.asarray(half[1].dataobj)
    assert mask.sum() == pytest.approx(3 * 6 * 8 / 8, abs=6)
    assert (np.asarray(half[0].dataobj)[mask > 0] > -700).all()


def test_a_finding_says_where_it_is_in_the_patient_and_in_samples(start: Any, scans: Shelf) -> None:
    running = start(scans)
    running.enter()
    (found,) = running.ask("/api/cases/a/findings/prediction0").json["findings"]
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
        back = np.array(to_samples(GEOMETRY)) @ [*there, 1]
        assert back.tolist() == pytest.approx(index, abs=1e-3)


def test_written_findings_and_their_funnel_are_shown_at_their_places(
    start: Any, scans: Shelf
) -> None:
    centre = GEOMETRY.to_points((3.0, 8.5, 11.5))
    finding = Finding(
        "nodule", 0.9, tuple(centre.tolist()), 6.0,
        {"malignancy_probability": 0.4, "side": "left", "zone": "upper"},
    )  # fmt: skip
    folder = scans.folder.parent / f"{scans.folder.name}-nodules"
    Findings("a", (finding,), stage_counts={"candidates": 7, "nodules": 1}).write(folder)
    running = start(open_shelf([folder], cohort=scans.cohort))
    running.enter()
    answer = running.ask("/api/cases/a/findings/prediction0").json
    assert answer["funnel"] == {"candidates": 7, "nodules": 1}
    (found,) = answer["findings"]
    assert found["centre"] == pytest.approx([3.0, 8.5, 11.5])
    assert found["radii"] == pytest.approx([1.0, 3 / 0.8, 3 / 0.7])
    assert (found["title"], found["malignancy"]) == ("left upper nodule", 0.4)
    assert [layer["id"] for layer in running.ask("/api/cases/a").json["layers"]] == ["labels"]


def test_findings_of_a_file_bring_the_image_they_were_found_in(scans: Shelf) -> None:
    folder = scans.folder.parent / f"{scans.folder.name}-file"
    image = scans.cases["a"].images["ct"]
    Findings("ct", (), facts={"image": str(image)}).write(folder)
    Findings("other", ()).write(folder)
    found = open_shelf([folder])
    assert {case.id: case.images for case in found} == {"ct": {"image": image}}
    (folder / "findings" / "ct.json").unlink()
    with pytest.raises(DataError, match="--cohort"):
        open_shelf([folder])
