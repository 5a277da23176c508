import csv
from pathlib import Path

import numpy as np
import pytest

from inklings.geometry import Geometry
from inklings.readers import open_image
from inklings.simulation.phantoms.luna import write_luna, write_mhd


@pytest.mark.parametrize("direction", [None, "flipped", "oblique"])
def test_points_of_a_turned_scan_come_back_through_the_header(
    direction: str | None, tmp_path: Path
) -> None:
    """Scans of LUNA16 that were taken feet first have x and y reversed in their header."""
    c, s = np.cos(0.3), np.sin(0.3)
    axes = {
        None: np.eye(3),
        "flipped": np.diag([-1.0, -1.0, 1.0]),
        "oblique": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]),
    }[direction]
    geometry = Geometry(
        (4, 6, 8), (2.5, 0.7, 0.7), (10.0, -20.0, 300.5), tuple(map(tuple, axes.tolist()))
    )
    samples = np.arange(4 * 6 * 8, dtype=np.int16).reshape(4, 6, 8) - 90
    write_mhd(tmp_path / "a.mhd", samples, geometry)
    with open_image(tmp_path / "a.mhd") as image:
        assert (image.read(image.geometry.full)[0] == samples).all()
        index = np.array([[0, 0, 0], [3, 5, 7], [1.5, 2.25, 3]])
        np.testing.assert_allclose(
            image.geometry.to_points(index), geometry.to_points(index), atol=1e-6
        )
        point = image.geometry.to_points([3, 5, 7])
        by_hand = np.array([10.0, -20.0, 300.5]) + axes @ np.array([7 * 0.7, 5 * 0.7, 3 * 2.5])
        np.testing.assert_allclose(point, by_hand, atol=1e-6)
        np.testing.assert_allclose(image.geometry.to_indices(point), [3, 5, 7], atol=1e-6)


def test_the_layout_is_that_of_luna16(tmp_path: Path) -> None:
    root = write_luna(tmp_path, 3, shape=(16, 32, 32), nodules=2, subsets=2)
    assert sorted(p.name for p in root.iterdir() if p.is_dir()) == ["subset0", "subset1"]
    assert len(list(root.rglob("*.mhd"))) == len(list(root.rglob("*.raw"))) == 3
    rows = {p.stem: list(csv.DictReader(p.read_text().splitlines())) for p in root.glob("*.csv")}
    assert {name: len(r) for name, r in rows.items()} == {
        "annotations": 6,
        "annotations_excluded": 9,
        "annotations_with_malignancy": 6,
        "candidates": 135,
        "candidates_V2": 135,
    }
    assert {r["class"] for r in rows["candidates"]} == {"0", "1"}
    assert {r["diameter_mm"] for r in rows["annotations_excluded"]} == {"-1"}
