import csv
from pathlib import Path

import pytest

from inklings.errors import DataError
from inklings.findings.finding import Finding
from inklings.predictions.findings import Findings, file_of, read_all, write_table

FOUND = (
    Finding((1.0, -2.5, 3.25), 6.0, 0.25, None, 113.1, "left", "upper"),
    Finding((10.0, 20.0, -30.0), 12.0, 0.75, 0.5, picture="a/0.png", scores={"candidate": 0.9}),
)


def test_findings_come_back_as_they_were_written_most_probable_first(tmp_path: Path) -> None:
    before = Findings("a.1", FOUND, "frame", {"voxels": 100, "candidates": 2}, {"run": "r"})
    before.write(tmp_path)
    after = Findings.read(tmp_path, "a.1")
    assert after == before
    assert [f.nodule for f in after] == [0.75, 0.25]
    assert read_all(tmp_path) == [before]


def test_the_table_is_a_luna16_submission(tmp_path: Path) -> None:
    path = write_table([Findings("a", FOUND)], tmp_path / "findings.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert list(rows[0])[:5] == ["seriesuid", "coordX", "coordY", "coordZ", "probability"]
    assert [(r["seriesuid"], float(r["coordZ"]), float(r["probability"])) for r in rows] == [
        ("a", -30.0, 0.75),
        ("a", 3.25, 0.25),
    ]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "findings").mkdir()
    file_of(tmp_path, "a").write_text("{}")
    with pytest.raises(DataError, match=r"a\.json is damaged"):
        Findings.read(tmp_path, "a")
    with pytest.raises(DataError, match="no such file"):
        Findings.read(tmp_path, "b")
