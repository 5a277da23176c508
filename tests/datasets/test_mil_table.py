"""Rows of a table as instances."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inklings.bags.task import class_of, presence
from inklings.cohorts.cohort import Cohort
from inklings.datasets.importing import run
from inklings.datasets.mil_table import MilTable
from inklings.errors import DataError, LabelError
from inklings.evaluation.instance_truth import instance_truth
from inklings.labels.kinds import SurvivalLabel

REAL = Path(__file__).parents[2] / ".." / "shared" / "data" / "mil_classic"


def mil_table(path: Path, out: Path, **options: Any) -> Cohort:
    return run(MilTable(path, **options), out, workers=1).cohort


@pytest.mark.parametrize("name", ["X", "y", "bag", "bag_name"])
@pytest.mark.parametrize("what", ["no array", "objects", "cut short"])
def test_an_npz_whose_arrays_are_no_numbers_is_refused_in_one_line(
    name: str, what: str, tmp_path: Path
) -> None:
    held = {"X": np.ones((2, 3)), "y": np.arange(2), "bag": np.arange(2), "bag_name": np.arange(2)}
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for key, array in held.items():
            stream = io.BytesIO()
            np.save(stream, array.astype(object) if (key, what) == (name, "objects") else array)
            data = stream.getvalue()
            if key == name and what != "objects":
                data = b"no array" if what == "no array" else data[:-1]
            archive.writestr(f"{key}.npy", data)
    with pytest.raises(DataError, match="expected arrays X, y and bag, got"):
        mil_table(tmp_path / "a.npz", tmp_path / "c")


def test_npz_with_names(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz",
        X=np.arange(8.0).reshape(4, 2), y=[1, 1, 0, 0], bag=[0, 0, 1, 2],
        bag_name=np.array(["MUSK-1  ", "NON 2", "NON/3"]),
    )  # fmt: skip
    cohort = mil_table(tmp_path / "a.npz", tmp_path / "c")
    assert [case.id for case in cohort] == ["MUSK-1", "NON_2", "NON_3"]
    assert [presence(case, cohort.classes)[0] for case in cohort] == [1, 0, 0]


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines))
    return path


def test_a_table_may_hold_times_and_events(tmp_path: Path) -> None:
    path = table(
        tmp_path / "a.csv", "bag,months,status,f1", "a,3,0,1", "a,3,0,3", "b,7.5,1:DECEASED,5"
    )
    cohort = mil_table(path, tmp_path / "c", time="months", event="status")
    assert cohort.cases[0].labels == (SurvivalLabel("months", 3.0, False),)
    assert cohort.cases[1].labels == (SurvivalLabel("months", 7.5, True),)


def test_csv_with_patients_instances_and_grades(tmp_path: Path) -> None:
    path = table(
        tmp_path / "a.csv",
        "bag,who,label,hit,f1,f2,note",
        "a,p,grade 2,0,1,2,x", "a,p,grade 2,1,3,4,y", "b,p,grade 10,0,5,6,z", "c,q,grade 2,0,7,8,",
    )  # fmt: skip
    options = {"instance": "hit", "patient": "who", "ignore": ("note",)}
    cohort = mil_table(path, tmp_path / "c", **options, ordered=True)
    assert cohort.classes == ("grade 2", "grade 10")
    assert cohort.facts["task"] == "ordinal"
    assert [case.patient for case in cohort] == ["p", "p", "q"]
    assert [class_of(case, cohort.classes) for case in cohort] == [0, 1, 0]
    assert instance_truth(tmp_path / "c")["a"].tolist() == [0, 1]


def test_wrong_tables_are_explained(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "bag,label,f", "a,1,2", "a,0,2")
    with pytest.raises(LabelError, match="one label a bag"):
        mil_table(path, tmp_path / "c")
    path = table(tmp_path / "a.csv", "bag,label,f", "a,1,red")
    with pytest.raises(DataError, match="--ignore"):
        mil_table(path, tmp_path / "c")
    path = table(tmp_path / "a.csv", "id,label,f", "a,1,2")
    with pytest.raises(DataError, match="--bag"):
        mil_table(path, tmp_path / "c")
    path = table(tmp_path / "a.csv", "bag,label,f", "a,1,nan")
    with pytest.raises(DataError, match="finite"):
        mil_table(path, tmp_path / "c")


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no tables at {REAL}")
@pytest.mark.parametrize(
    ("name", "bags", "positive"), [("musk1", 92, 47), ("musk2", 102, 39), ("fox", 200, 100)]
)
def test_the_classic_benchmarks_have_their_known_sizes(
    tmp_path: Path, name: str, bags: int, positive: int
) -> None:
    cohort = mil_table(REAL / f"{name}.npz", tmp_path / "c")
    assert len(cohort) == bags
    assert sum(presence(case, cohort.classes)[0] for case in cohort) == positive
