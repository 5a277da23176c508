import csv
from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.datasets.importing import run
from inklings.datasets.luna16 import NODULE, Luna16
from inklings.datasets.luna_candidates import read_candidates
from inklings.datasets.luna_tables import read_malignancy, read_places
from inklings.errors import DataError
from inklings.labels.kinds import IRRELEVANT, BallLabel
from inklings.simulation.phantoms.chest import Patient
from inklings.simulation.phantoms.luna import write_luna

SHAPE = (24, 48, 48)
SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_luna(tmp_path_factory.mktemp("luna"), 4, shape=SHAPE, nodules=3)


@pytest.fixture(scope="module")
def cohort(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    out = tmp_path_factory.mktemp("cohort") / "c"
    run(Luna16(root), out, workers=1)
    return Cohort.read(out)


def test_every_nodule_of_the_phantoms_comes_back_with_its_malignancy(cohort: Cohort) -> None:
    assert len(cohort) == 4
    for number, case in enumerate(cohort):
        truth = Patient(number, 3).nodules
        balls = [k for k in case.labels if isinstance(k, BallLabel) and k.name == NODULE]
        assert [(b.centre_mm, b.diameter_mm, b.malignant, b.ratings) for b in balls] == [
            (n.centre_mm, n.diameter_mm, n.malignant, n.ratings) for n in truth
        ]
        assert case.facts["nodules"] == "3"
        irrelevant = [k for k in case.labels if k.name == IRRELEVANT]
        assert len(irrelevant) == 3
        assert all(k.diameter_mm is None for k in irrelevant)


def test_images_are_those_of_the_phantoms_and_nodules_lie_at_their_samples(
    cohort: Cohort,
) -> None:
    case = cohort.cases[1]
    scan = Patient(1, 3).render(SHAPE)
    with open_case(case, "ct") as image:
        assert (image.read(image.geometry.full)[0] == scan.image).all()
        places = [k.centre_mm for k in case.labels if k.name == NODULE]
        index = image.geometry.to_indices(places)
    wanted = [scan.geometry.to_indices(nodule.centre_mm) for nodule in scan.nodules]
    np.testing.assert_allclose(index, wanted, atol=0.01)


def test_candidates_hold_every_nodule(cohort: Cohort, root: Path) -> None:
    folder = root.parent / "again"
    run(Luna16(root), folder, workers=1)
    candidates = read_candidates(folder)
    assert set(candidates) == {case.id for case in cohort}
    points, nodule = candidates[cohort.cases[0].id]
    assert nodule.sum() == 3
    assert len(points) > 10
    with pytest.raises(DataError, match=r"candidates of other\.csv"):
        read_candidates(folder, "other")


def test_partial_downloads_are_counted_and_the_rest_is_imported(tmp_path: Path) -> None:
    root = write_luna(tmp_path / "luna", 4, shape=SHAPE, nodules=2, subsets=4)
    raws = sorted(root.rglob("*.raw"))
    raws[0].unlink()
    raws[1].write_bytes(raws[1].read_bytes()[:-100])
    report = run(Luna16(root), tmp_path / "out", workers=1)
    assert len(report.cohort) == 2
    details = [f.detail for f in report.findings if f.kind == "incomplete download"]
    assert any("is missing" in d for d in details)
    assert any(f"has {48 * 48 * 24 * 2 - 100} of {48 * 48 * 24 * 2} bytes" in d for d in details)
    assert report.words[0] == "2 scans of 2 of 10 subsets, 2 incomplete"
    assert "4 nodules in them (4 are annotated in scans that are not here)" in report.words[1]


def test_splits_survive_a_second_import_and_patients_join_scans(tmp_path: Path) -> None:
    root = write_luna(tmp_path / "luna", 2, shape=SHAPE, nodules=1)
    names = sorted(path.stem for path in root.rglob("*.mhd"))
    table = tmp_path / "patients.csv"
    table.write_text("seriesuid,patient\n" + "".join(f"{name},P1\n" for name in names))
    cohort = run(Luna16(root, table), tmp_path / "out", workers=1).cohort
    assert {case.patient for case in cohort} == {"P1"}


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected annotations\.csv"):
        run(Luna16(tmp_path), tmp_path / "out")


def test_a_malignancy_table_names_the_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(
        "seriesuid,coordX,coordY,coordZ,diameter_mm,mal_bool,mal_details\na,1,2,x,4,True,[4]\n"
    )
    with pytest.raises(DataError, match=r"row 2, column 'coordZ'"):
        read_malignancy(path)


@pytest.mark.skipif(not (SHARED / "luna16").is_dir(), reason="the real tables are not here")
def test_the_label_rule_holds_on_all_1182_real_rows() -> None:
    path = SHARED / "luna16" / "annotations_with_malignancy.csv"
    rated = read_malignancy(path)
    assert len(rated) == 1182
    assert all(one.malignant == one.by_rule for one in rated)
    with path.open() as file:
        assert len(list(csv.DictReader(file))) == len(rated)


def test_a_table_of_names_without_rows_says_that_nothing_was_found(tmp_path: Path) -> None:
    path = tmp_path / "findings.csv"
    path.write_text("seriesuid,coordX,coordY,coordZ,probability\n")
    places = read_places(path, ("probability",))
    assert len(places) == 0
    assert places.points.shape == (0, 3)
    assert places.by_case() == {}
