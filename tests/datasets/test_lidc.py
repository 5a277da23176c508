from pathlib import Path

import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.datasets.importing import run
from inklings.datasets.lidc import UNKNOWN, Lidc
from inklings.datasets.luna16 import NODULE
from inklings.errors import DataError
from inklings.geometry import Geometry
from inklings.labels.files import read_mask
from inklings.labels.kinds import IRRELEVANT, BallLabel, MaskLabel
from inklings.labels.lidc import ReaderOutline, filled, read_lidc
from inklings.readers import open_image
from inklings.simulation.phantoms.dicom_files import SeriesText, write_series

ZIP = Path(__file__).parents[2] / ".." / "shared" / "data" / "lidc_idri_0001.zip"
real = pytest.mark.skipif(not ZIP.is_file(), reason="the real scan is not here")
GEOMETRY = Geometry((12, 60, 60), (2.0, 1.0, 1.0), (-20.0, 10.0, -100.0))


def square(z: int, low: int, high: int, sops: list[str], inside: bool = True) -> str:
    """The outline around samples ``low < i < high`` of a plane."""
    side = range(low, high + 1)
    corners = [(low, k) for k in side] + [(k, high) for k in side]
    corners += [(high, k) for k in reversed(side)] + [(k, low) for k in reversed(side)]
    edges = "".join(
        f"<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>" for x, y in corners
    )
    return (
        f"<roi><imageZposition>0</imageZposition><imageSOP_UID>{sops[z]}</imageSOP_UID>"
        f"<inclusion>{'TRUE' if inside else 'FALSE'}</inclusion>{edges}</roi>"
    )


def nodule(name: str, rois: str, malignancy: int | None = None) -> str:
    said = "" if malignancy is None else (
        f"<characteristics><malignancy>{malignancy}</malignancy></characteristics>")  # fmt: skip
    return f"<unblindedReadNodule><noduleID>{name}</noduleID>{said}{rois}</unblindedReadNodule>"


def point(z: int, x: int, y: int, sops: list[str]) -> str:
    return (
        f"<roi><imageZposition>0</imageZposition><imageSOP_UID>{sops[z]}</imageSOP_UID>"
        f"<inclusion>TRUE</inclusion><edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>"
        "</roi>"
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One CT: a nodule of four readers (10, 10, 12 and 12 pixels wide), one of two, a point."""
    root = tmp_path_factory.mktemp("lidc")
    home = root / "LIDC-IDRI-0042" / "ct"
    stored = np.full(GEOMETRY.shape, 24, np.uint16)
    write_series(home, stored, GEOMETRY, SeriesText("x", "p", "CT", slope=1.0, intercept=-1024.0))
    files = [pydicom.dcmread(p, stop_before_pixels=True) for p in sorted(home.glob("*.dcm"))]
    files.sort(key=lambda f: float(f.ImagePositionPatient[2]))
    sops = [str(f.SOPInstanceUID) for f in files]
    sessions = []
    for reader, (low, stars) in enumerate([(19, 5), (19, 4), (18, 2), (18, 3)]):
        rois = "".join(square(z, low, 30 if reader < 2 else 31, sops) for z in (4, 5, 6))
        if reader == 0:
            rois += square(5, 22, 25, sops, inside=False)
        said = nodule(f"n{reader}", rois, stars)
        if reader in (1, 2):
            said += nodule("two", square(9, 40, 46, sops), 1)
        if reader == 3:
            said += nodule("small", point(2, 7, 8, sops))
            said += (
                "<nonNodule><nonNoduleID>no</nonNoduleID><imageZposition>0</imageZposition>"
                f"<imageSOP_UID>{sops[1]}</imageSOP_UID>"
                "<locus><xCoord>50</xCoord><yCoord>51</yCoord></locus></nonNodule>"
            )
        sessions.append(f"<readingSession>{said}</readingSession>")
    (home / "001.xml").write_text(
        '<?xml version="1.0"?><LidcReadMessage xmlns="http://www.nih.gov"><ResponseHeader>'
        f"<SeriesInstanceUid>{files[0].SeriesInstanceUID}</SeriesInstanceUid></ResponseHeader>"
        f"{''.join(sessions)}</LidcReadMessage>"
    )
    return root


def test_four_readers_are_merged_by_the_stated_rule(root: Path, tmp_path: Path) -> None:
    cohort = run(Lidc(root), tmp_path / "c", workers=1).cohort
    (case,) = cohort.cases
    assert (case.id, case.patient, case.facts["readers"]) == ("LIDC-IDRI-0042",) * 2 + ("4",)
    mask = next(k for k in case.labels if isinstance(k, MaskLabel))
    assert (mask.kind, mask.extent) == ("instances", "partial")
    codes = read_mask(mask.path)
    # Half of four readers suffice: the wide outlines stand, and the hole of one reader does not.
    assert (codes == 1).sum() == 3 * 12 * 12
    assert codes[5, 23, 23] == 1
    assert (codes == UNKNOWN).sum() == 5 * 5
    balls = [k for k in case.labels if isinstance(k, BallLabel)]
    big = next(k for k in balls if k.name == NODULE)
    widths = [3 * 100 - 4, 3 * 100, 3 * 144, 3 * 144]
    mean = np.mean([(6 * n * 2.0 / np.pi) ** (1 / 3) for n in widths])
    assert big.diameter_mm == pytest.approx(mean, abs=0.01)
    assert big.ratings == (5, 4, 2, 3)
    assert big.malignant is True
    np.testing.assert_allclose(big.centre_mm, [4.5, 34.5, -90.0], atol=0.02)
    others = [k for k in balls if k.name == IRRELEVANT]
    assert sorted(len(k.ratings) for k in others) == [0, 0, 2]
    small = [k.centre_mm for k in others if k.diameter_mm is None]
    assert small == [(-13.0, 18.0, -96.0), (30.0, 61.0, -98.0)]


def test_the_cohort_survives_the_disk_and_the_doctor(root: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["import", "lidc", str(root), "--out", str(tmp_path / "c"), "--workers", "1"]
    )
    assert result.exit_code == 0, result.output
    assert "1 nodules that 3 readers outlined (1 malignant), 3 other marks" in result.stdout
    with open_case(Cohort.read(tmp_path / "c").cases[0], "ct") as image:
        assert image.read(image.geometry.full).max() == -1000
    checked = CliRunner().invoke(app, ["check", str(tmp_path / "c")])
    assert "spoil" not in checked.stdout.lower() or checked.exit_code == 0, checked.output


def test_an_outline_does_not_belong_to_the_nodule() -> None:
    way = [(0, -1), (1, 0), (0, 1), (-1, 0)]
    at, corners = (2, 6), []
    for dx, dy in way:
        for _ in range(4):
            corners.append(at)
            at = (at[0] + dx, at[1] + dy)
    inside = filled(ReaderOutline("", 0.0, tuple(corners), True), (10, 10))
    assert inside.sum() == 9
    assert inside[3:6, 3:6].all()
    assert filled(ReaderOutline("", 0.0, ((3, 4),), True), (10, 10)).sum() == 1


def test_a_scan_without_readers_and_a_broken_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="with the XML of their readers"):
        run(Lidc(tmp_path), tmp_path / "c", workers=1)
    bad = tmp_path / "bad.xml"
    bad.write_text("<LidcReadMessage>")
    with pytest.raises(DataError, match=r"bad\.xml: expected the XML of LIDC readers"):
        read_lidc(bad)


@real
def test_the_luna16_nodule_of_patient_1_is_at_voxel_316_367_90() -> None:
    with open_image(ZIP) as image:
        index = image.geometry.to_indices([56.20840547, 86.34341278, -115.8675792])
        assert np.rint(index).astype(int).tolist() == [90, 367, 316]
        z, y, x = np.rint(index).astype(int)
        patch = image.read(image.geometry.full)[0, z - 1 : z + 2, y - 2 : y + 3, x - 2 : x + 3]
    assert patch.mean() > -100  # solid, not lung


@real
def test_the_readers_of_patient_1_agree_with_luna16(tmp_path: Path) -> None:
    (case,) = run(Lidc(ZIP), tmp_path / "c", workers=1).cohort.cases
    (ball,) = [k for k in case.labels if isinstance(k, BallLabel) and k.name == NODULE]
    off = np.subtract(ball.centre_mm, [56.20840547, 86.34341278, -115.8675792])
    assert np.linalg.norm(off) < 0.3
    assert ball.diameter_mm == pytest.approx(23.35, rel=0.02)
    assert ball.ratings == (5, 5, 5, 4)
    assert ball.malignant is True
