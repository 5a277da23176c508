from pathlib import Path

import numpy as np

from inklings.exports.npz import Npz
from inklings.exports.source import ExportSource


def test_probabilities_masks_and_names_need_only_numpy(predictions: Path, tmp_path: Path) -> None:
    out = Npz()(ExportSource.open(predictions), tmp_path / "out")
    with np.load(out / "full.npz", allow_pickle=False) as file:
        assert sorted(file) == ["channels", "instances", "mask", "probability", "thresholds"]
        assert file["channels"].tolist() == ["nucleus", "core"]
        assert file["thresholds"].tolist() == [0.5]
        assert file["probability"].dtype == np.float32
        assert file["probability"].max() == np.float32(200 / 255)
        np.testing.assert_array_equal(file["mask"][0], file["instances"] > 0)
