from pathlib import Path

import numpy as np
import pytest

from inklings.errors import DataError
from inklings.geometry import Geometry
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head, Provenance

HEAD = Head(
    classes=("nucleus",),
    thresholds=(0.7,),
    provenance=Provenance("run", "ab12", None, "0.1.0"),
    trained_on=("p1", "p2"),
    settings={"window": 256},
)


def dense(seed: int = 0) -> "np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]":
    return np.random.default_rng(seed).integers(0, 256, (2, 5, 7)).astype(np.uint8)


def test_a_head_reads_back_equal(tmp_path: Path) -> None:
    HEAD.write(tmp_path)
    assert Head.read(tmp_path) == HEAD


@pytest.mark.parametrize("instances", [None, np.arange(35, dtype=np.uint16).reshape(5, 7)])
def test_a_prediction_reads_back_equal(tmp_path: Path, instances: object) -> None:
    DensePrediction("a.b-1", Path("x/y z.png"), dense(), instances).write(tmp_path)  # type: ignore[arg-type]
    back = DensePrediction.read(tmp_path, "a.b-1")
    assert (back.case, back.image) == ("a.b-1", Path("x/y z.png"))
    np.testing.assert_array_equal(back.dense, dense())
    if instances is None:
        assert back.instances is None
    else:
        np.testing.assert_array_equal(back.instances, instances)


def test_the_mask_is_at_and_above_the_threshold() -> None:
    values = np.array([[[178, 179, 255]]], np.uint8)  # 0.7 of 255 is 178.5
    mask = DensePrediction("a", Path("a"), values).mask(HEAD)
    assert mask.tolist() == [[False, True, True]]


def test_cases_are_listed_in_order_and_half_written_ones_not_at_all(tmp_path: Path) -> None:
    HEAD.write(tmp_path)
    for name in ("b", "a"):
        DensePrediction(name, Path("i"), dense()).write(tmp_path)
    (tmp_path / "cases" / ".c.x.part.npz").write_bytes(b"half")
    assert list(PredictionFolder.open(tmp_path).cases) == ["a", "b"]


def test_damage_and_absence_are_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected predictions written by 'inklings predict'"):
        Head.read(tmp_path)
    with pytest.raises(DataError, match="expected a prediction of case a"):
        DensePrediction.read(tmp_path, "a")
    DensePrediction("a", Path("i"), dense()).write(tmp_path)
    path = tmp_path / "cases" / "a.npz"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"is damaged .* delete it and predict again"):
        DensePrediction.read(tmp_path, "a")


def test_a_volume_keeps_its_place_in_the_patient(tmp_path: Path) -> None:
    turned = ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    grid = Geometry((2, 5, 7), (3.3, 0.7, 0.71), (1.5, -2.25, 1 / 3), turned, "1.2.3")
    volume = np.zeros((1, 2, 5, 7), np.uint8)
    DensePrediction("v", Path("scan.nii.gz"), volume, geometry=grid).write(tmp_path)
    assert DensePrediction.read(tmp_path, "v").geometry == grid
    DensePrediction("p", Path("x.png"), dense()).write(tmp_path)
    assert DensePrediction.read(tmp_path, "p").geometry is None
