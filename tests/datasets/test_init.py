from __future__ import annotations

from pathlib import Path

from inklings.datasets import DATASETS


def test_datasets_are_built_by_name() -> None:
    dataset = DATASETS.build("dsb2018", {"source": Path("somewhere.zip")})
    assert dataset.classes == ("nucleus",)
    assert dataset.facts["licence"] == "CC0-1.0"
    assert {"dsb2018", "folder", "tiles", "nnunet", "slides", "mil-table"} <= set(DATASETS)
