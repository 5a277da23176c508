"""A cohort becomes an index: resumed, quarantined, the same by any number of workers."""

import json
from pathlib import Path

import pytest
import slides

from inklings.cohorts.case import Case
from inklings.data.tile_index import TileIndex
from inklings.data.tiling import Rule, tile_cohort
from inklings.errors import SpecError


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    cases = [
        slides.write(folder, name, slides.blobs((700, 900), k)) for k, name in enumerate("abc")
    ]
    (folder / "broken.tiff").write_bytes((folder / "a.tiff").read_bytes()[:900])
    broken = Case("broken", "p", {"slide": folder / "broken.tiff"}, cases[0].labels)
    return slides.cohort(folder / "cohort", [*cases, broken])


def test_good_slides_are_finished_and_a_broken_one_is_quarantined(
    cohort: Path, tmp_path: Path
) -> None:
    summary = tile_cohort(cohort, tmp_path, Rule(size=128))
    assert (summary.finished, set(summary.failed)) == (3, {"broken"})
    assert "broken.tiff" in json.loads((tmp_path / "failed.json").read_text())["broken"]
    index = TileIndex.read(tmp_path)
    assert index.cases == ("a", "b", "c")
    assert index.head.settings["method"] == "mask"
    assert (index.tissue > 0.25).all()


def test_a_second_run_does_what_is_left(cohort: Path, tmp_path: Path) -> None:
    tile_cohort(cohort, tmp_path, Rule(size=128))
    (tmp_path / "cases" / "b.parquet").unlink()
    stamps = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cases").iterdir()}
    again = tile_cohort(cohort, tmp_path, Rule(size=128))
    assert (again.finished, again.skipped) == (1, 2)
    for name, stamp in stamps.items():
        assert (tmp_path / "cases" / name).stat().st_mtime_ns == stamp


def test_two_processes_make_the_same_index(cohort: Path, tmp_path: Path) -> None:
    tile_cohort(cohort, tmp_path / "one", Rule(size=128))
    summary = tile_cohort(cohort, tmp_path / "two", Rule(size=128), workers=2)
    assert (summary.finished, set(summary.failed)) == (3, {"broken"})
    for path in (tmp_path / "one" / "cases").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "cases" / path.name).read_bytes()


def test_an_index_is_not_continued_with_another_rule(cohort: Path, tmp_path: Path) -> None:
    tile_cohort(cohort, tmp_path, Rule(size=128))
    with pytest.raises(SpecError, match=r"size 128 and now 256.*another --out"):
        tile_cohort(cohort, tmp_path, Rule(size=256))


def test_a_spacing_that_slides_do_not_say_is_each_slides_failure(
    cohort: Path, tmp_path: Path
) -> None:
    summary = tile_cohort(cohort, tmp_path, Rule(size=128, spacing_um=1.0))
    assert summary.finished == 0
    assert "--spacing-um" in summary.failed["a"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spacing_um": 0.5, "factor": 2.0}, "got both"),
        ({"factor": 0.0}, "above 0"),
        ({"min_tissue": 1.5}, "expected a share"),
        ({"method": "otzu"}, "no tissue method named 'otzu'"),
    ],
)
def test_impossible_rules_are_refused(
    cohort: Path, tmp_path: Path, options: dict, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        tile_cohort(cohort, tmp_path, Rule(**options))
    assert not (tmp_path / "tiles.yaml").exists()
