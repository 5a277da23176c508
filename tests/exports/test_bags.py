"""Predictions of bags as tables, and what other formats say of them."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.exports import EXPORTS
from inklings.predictions.bags import BagPrediction
from inklings.predictions.head import Head, Provenance


@pytest.mark.parametrize("name", [*EXPORTS])
def test_bags_go_to_tables_and_other_formats_say_so_without_calling_them_damaged(
    name: str, tmp_path: Path
) -> None:
    source = Provenance("run", "0", None, "0")
    Head(("hit",), (0.5,), source, (), {"task": "binary"}, "bags").write(tmp_path / "said")
    said = np.array([0.7])
    row = np.zeros((3, 1), np.float32)
    BagPrediction("a", tmp_path / "a.h5", said, said, row, None).write(tmp_path / "said")
    words = ["export", str(tmp_path / "said"), "--to", name, "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words)
    if name in ("csv", "json", "parquet"):
        assert done.exit_code == 0, done.stderr
    else:
        assert done.exit_code == 2
        needs = name in ("geojson", "tile-maps")
        assert ("add --cohort" if needs else "go to csv, json, parquet") in done.stderr
        assert "damaged" not in done.stderr
        assert "delete" not in done.stderr
