import csv
from pathlib import Path

import pytest

from inklings.errors import DataError
from inklings.files import write_json
from inklings.findings.finding import Finding
from inklings.predictions.findings import Findings, file_of, read_all, write_table

FOUND = (
    Finding(
        "nodule", 0.25, (1.0, -2.5, 3.25), 6.0,
        {"organ": "lung", "volume_mm3": 113.1, "side": "left", "zone": "upper"},
    ),
    Finding(
        "nodule", 0.75, (10.0, 20.0, -30.0), 12.0,
        {
            "organ": "lung", "malignancy_probability": 0.5, "picture": "a/0.png",
            "candidate_score": 0.9,
        },
    ),
)  # fmt: skip


def test_findings_come_back_as_they_were_written_most_probable_first(tmp_path: Path) -> None:
    before = Findings("a.1", FOUND, "frame", {"voxels": 100, "candidates": 2}, {"run": "r"})
    before.write(tmp_path)
    after = Findings.read(tmp_path, "a.1")
    assert after == before
    assert [f.score for f in after] == [0.75, 0.25]
    assert read_all(tmp_path) == [before]


def test_the_table_is_a_luna16_submission(tmp_path: Path) -> None:
    path = write_table([Findings("a", FOUND)], tmp_path / "findings.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert list(rows[0])[:5] == ["seriesuid", "coordX", "coordY", "coordZ", "probability"]
    assert (rows[0]["malignancy_probability"], rows[0]["side"]) == ("0.5", "")
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


def test_nodules_of_version_0_1_are_read_as_findings(tmp_path: Path) -> None:
    blank = {"malignancy": None, "volume_mm3": None, "side": None, "zone": None, "picture": None}
    one = {"centre_mm": [1.0, -2.5, 3.25], "diameter_mm": 6.0, "nodule": 0.25, "scores": {}}
    other = {"centre_mm": [10.0, 20.0, -30.0], "diameter_mm": 12.0, "nodule": 0.75}
    record = {
        "schema": 1, "case": "a", "frame": "frame", "funnel": {"candidates": 2}, "facts": {},
        "findings": [
            blank | other
            | {"malignancy": 0.5, "picture": "a/0.png", "scores": {"candidate": 0.9}},
            blank | one | {"volume_mm3": 113.1, "side": "left", "zone": "upper"},
        ],
    }  # fmt: skip
    write_json(file_of(tmp_path, "a"), record)
    assert Findings.read(tmp_path, "a") == Findings("a", FOUND, "frame", {"candidates": 2})
    write_json(file_of(tmp_path, "a"), {**record, "schema": 3})
    with pytest.raises(DataError, match="expected findings of schema 2 or before, got 3"):
        Findings.read(tmp_path, "a")


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_attributes_that_are_no_numbers_are_refused(tmp_path: Path, value: str) -> None:
    cyst = Finding("cyst", 0.5, (0.0, 0.0, 0.0), 5.0, {"contrast_hu": 1.5})
    path = Findings("a", (cyst,)).write(tmp_path)
    path.write_text(path.read_text().replace("1.5", value))
    with pytest.raises(DataError, match=r"numbers|damaged"):
        Findings.read(tmp_path, "a")
