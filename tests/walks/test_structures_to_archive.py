"""A stranger with zipped DICOM and RT Structure Sets comes to a segmentation in the archive."""

import io
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import series
from orthanc import needs_orthanc, orthanc
from segmentation_files import structures
from stranger import stranger

pytestmark = [pytest.mark.slow, needs_orthanc]
SHAPE = (6, 48, 40)


def studies(folder: Path, count: int = 8) -> np.ndarray:
    """Zipped series of a bright liver with its contours; of the last one the mask ``(*S)``."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    for number in range(count):
        y, x, r = 24 + rng.integers(-6, 7), 20 + rng.integers(-5, 6), 9
        mask = np.repeat(((rows - y) ** 2 + (columns - x) ** 2 <= r**2)[None], SHAPE[0], 0)
        pixels = (rng.normal(200, 30, SHAPE) + 500 * mask).clip(0).astype(np.uint16)
        uid, home = f"1.2.826.{number + 1}", folder / f"patient{number}"

        def change(file: pydicom.Dataset, index: int, uid: str = uid) -> None:
            file.StudyInstanceUID, file.FrameOfReferenceUID = uid, f"{uid}.9"
            file.SOPInstanceUID = f"{uid}.1.{index + 1}"
            file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID

        series(home / "mr", change, pixels=pixels, uid=f"{uid}.1", PatientID=f"p{number}")
        files = [pydicom.dcmread(path) for path in sorted((home / "mr").iterdir())]
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        contours = []
        for file in files:
            origin, step = np.array(file.ImagePositionPatient), file.PixelSpacing
            ring = np.stack(
                [(x + r * np.cos(angle)) * step[1], (y + r * np.sin(angle)) * step[0], 0 * angle], 1
            )
            contours.append(("CLOSED_PLANAR", origin + ring))
        structures(home / "rs.dcm", files, [("liver", contours)])
        shutil.make_archive(str(folder / f"patient{number}"), "zip", home)
        shutil.rmtree(home)
    return mask


def test_contours_of_zipped_dicom_become_a_segmentation_in_orthanc(tmp_path: Path) -> None:
    his = stranger(tmp_path)
    (his.home / "studies").mkdir()
    mask = studies(his.home / "studies")
    his.runs("import", "dicom", "studies", "--out", "livers")
    his.runs("split", "livers", "--fractions", "0.6", "0.2", "0.2", "--seed", "0")
    his.runs("train", "livers", "--minutes", "0.5", "--out", "run")
    with orthanc(tmp_path / "orthanc") as server:
        shutil.unpack_archive(his.home / "studies" / "patient7.zip", tmp_path / "last")
        server.upload(*sorted((tmp_path / "last" / "mr").iterdir()))
        url = f"{server.url}/studies/1.2.826.8"
        said = his.runs("predict", "run", url, "--store", "--out", "found")
        assert "1 object stored" in said or "1 objects stored" in said
        (data,) = server.objects("SEG")
    made = pydicom.dcmread(io.BytesIO(data))
    assert made.StudyInstanceUID == "1.2.826.8"
    assert [str(one.SegmentLabel) for one in made.SegmentSequence] == ["liver"]
    found = made.pixel_array.reshape(-1, *SHAPE[1:]) > 0
    places = [
        float(frame.PlanePositionSequence[0].ImagePositionPatient[2])
        for frame in made.PerFrameFunctionalGroupsSequence
    ]
    whole = np.zeros(SHAPE, bool)
    heights = sorted({round(z, 3) for z in places})
    for plane, z in zip(found, places, strict=True):
        whole[heights.index(round(z, 3))] = plane
    overlap = 2 * (whole & mask).sum() / (whole.sum() + mask.sum())
    assert overlap > 0.8
