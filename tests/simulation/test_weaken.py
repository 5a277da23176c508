"""Weakened cohorts: complete, repeatable, resumable, and without a way to the truth."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, LabelError
from inklings.labels.files import read_mask
from inklings.labels.kinds import BagLabel, MaskLabel, PointLabel, PolygonLabel
from inklings.simulation.chain import Chain
from inklings.simulation.phantoms.bags import vector_bags
from inklings.simulation.weaken import weaken

HALF = Chain.parse("drop", keep=0.5)


def masks(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: read_mask(path) for path in sorted((folder / "masks").glob("*"))}


def test_images_splits_patients_and_facts_stay_and_every_part_is_weakened(
    full: Path, tmp_path: Path
) -> None:
    weaken(full, HALF, 0, tmp_path / "weak")
    before, after = Cohort.read(full), Cohort.read(tmp_path / "weak")
    for old, new in zip(before, after, strict=True):
        assert dataclasses.replace(new, labels=()) == dataclasses.replace(old, labels=())
    assert after.facts["weakness"] == {
        "chain": "drop:keep=0.5",
        "steps": [{"kind": "drop", "keep": 0.5}],
        "seed": 0,
        "cases": 6,
    }
    old, new = masks(full), masks(tmp_path / "weak")
    assert {name for name in new if (old[name] != new[name]).any()} == {
        "c0",
        "c1",
        "c2",
        "c3",
        "c4",
    }
    assert all(case.labels[0].extent == "complete" for case in after if case.id != "c6")


def test_a_case_of_a_weak_cohort_holds_no_path_to_a_true_mask(full: Path, tmp_path: Path) -> None:
    weaken(full, HALF, 0, tmp_path / "weak")
    weak = Cohort.read(tmp_path / "weak")
    true_masks = full.resolve() / "masks"
    for case in weak:
        for label in case.labels:
            if isinstance(label, MaskLabel):
                assert label.path.parent == (tmp_path / "weak" / "masks").resolve()
        assert str(true_masks) not in repr(case)
    assert "truth" not in json.dumps({**weak.facts}, default=str)


def test_the_folder_may_be_moved_with_its_origin(full: Path, tmp_path: Path) -> None:
    weaken(full, HALF, 0, tmp_path / "weak")
    there = tmp_path / "elsewhere"
    there.mkdir()
    shutil.move(full, there / "full")
    shutil.move(tmp_path / "weak", there / "weak")
    for case in Cohort.read(there / "weak"):
        assert case.images["image"].is_file()
        assert all(label.path.is_file() for label in case.labels if isinstance(label, MaskLabel))


def test_a_case_is_weakened_alike_alone_and_among_others(full: Path, tmp_path: Path) -> None:
    weaken(full, HALF, 3, tmp_path / "all")
    alone = Cohort.read(full).where(lambda case: case.id == "c2")
    alone.write(tmp_path / "alone")
    weaken(tmp_path / "alone", HALF, 3, tmp_path / "one")
    assert (masks(tmp_path / "one")["c2"] == masks(tmp_path / "all")["c2"]).all()
    weaken(full, HALF, 4, tmp_path / "other")
    assert (masks(tmp_path / "other")["c2"] != masks(tmp_path / "all")["c2"]).any()


def test_finished_cases_are_kept_and_the_rest_is_added(full: Path, tmp_path: Path) -> None:
    weak = tmp_path / "weak"
    weaken(full, HALF, 0, weak)
    whole = masks(weak)
    stamps = {p.name: p.stat().st_mtime_ns for p in (weak / "masks").iterdir()}
    for name in ("cohort.yaml", "cases.parquet", "masks/c1.png"):
        (weak / name).unlink()
    weaken(full, HALF, 0, weak)
    assert {k: v.tolist() for k, v in masks(weak).items()} == {
        k: v.tolist() for k, v in whole.items()
    }
    again = {p.name: p.stat().st_mtime_ns for p in (weak / "masks").iterdir()}
    assert {n for n in stamps if stamps[n] != again[n]} == {"c1.png"}


def test_other_options_into_the_same_folder_are_refused(full: Path, tmp_path: Path) -> None:
    weaken(full, HALF, 0, tmp_path / "weak")
    for chain, seed in [(Chain.parse("drop", keep=0.4), 0), (HALF, 1)]:
        with pytest.raises(DataError, match=r"drop:keep=0.5 with seed 0; expected .*another --out"):
            weaken(full, chain, seed, tmp_path / "weak")
    with pytest.raises(DataError, match="not empty and holds no weakened cohort"):
        weaken(full, HALF, 0, full)


def test_two_processes_do_what_one_does(full: Path, tmp_path: Path) -> None:
    cohort = Cohort.read(full)
    many = [dataclasses.replace(case, id=f"{case.id}-{i}") for case in cohort for i in range(3)]
    dataclasses.replace(cohort, cases=tuple(many)).write(tmp_path / "many")
    one = weaken(tmp_path / "many", HALF, 0, tmp_path / "one", workers=1)
    two = weaken(tmp_path / "many", HALF, 0, tmp_path / "two", workers=2)
    assert [case.id for case in one] == [case.id for case in two]
    first, second = masks(tmp_path / "one"), masks(tmp_path / "two")
    assert all((first[name] == second[name]).all() for name in first)
    assert len(first) == len(second) == 18


def test_points_become_point_records_inside_objects(full: Path, tmp_path: Path) -> None:
    weak = weaken(full, Chain.parse("points"), 0, tmp_path / "weak")
    truth = masks(full)
    for case in weak.cases[:5]:
        hit = [truth[case.id][tuple(map(int, p.point))] for p in case.labels]
        assert sorted(hit) == np.unique(truth[case.id])[1:].tolist()
        assert all(isinstance(p, PointLabel) for p in case.labels)
    assert weak.cases[5].labels == ()
    assert not (tmp_path / "weak" / "masks").exists()


def test_bags_say_presence_of_what_is_left(full: Path, tmp_path: Path) -> None:
    weak = weaken(full, Chain.parse("drop+bag", keep=1.0), 0, tmp_path / "bag")
    assert [case.labels for case in weak] == [
        (BagLabel("nucleus", present),) for present in (True,) * 5 + (False, True)
    ]
    none = weaken(full, Chain.parse("drop+bag", keep=0.0), 0, tmp_path / "none")
    assert all(case.labels == (BagLabel("nucleus", False),) for case in none.cases[:6])


def test_scribbles_are_partial_masks(full: Path, tmp_path: Path) -> None:
    weak = weaken(full, Chain.parse("scribble"), 0, tmp_path / "weak")
    assert {case.labels[0].extent for case in weak.cases[:6]} == {"partial"}
    assert (masks(tmp_path / "weak")["c0"] == 65535).mean() > 0.75


def test_class_masks_stay_class_masks(full: Path, tmp_path: Path) -> None:
    cohort = Cohort.read(full)
    square = ((10.0, 10.0), (10.0, 20.0), (20.0, 20.0), (20.0, 10.0))
    other = tuple((y, x + 40) for y, x in square)
    labels = (PolygonLabel("image", "a", square), PolygonLabel("image", "b", other))
    case = dataclasses.replace(cohort.cases[0], labels=labels)
    dataclasses.replace(cohort, cases=(case,), classes=("a", "b")).write(tmp_path / "two")
    weak = weaken(tmp_path / "two", Chain.parse("dilate", pixels=2), 0, tmp_path / "weak")
    label = weak.cases[0].labels[0]
    assert (label.kind, label.classes) == ("classes", ("a", "b"))
    stored = read_mask(label.path)
    assert stored.dtype == np.uint8
    assert stored[21, 15] == 1  # the square covers rows 10 to 19: an edge is shared, no sample is
    assert stored[21, 55] == 2


def test_a_weak_cohort_may_be_weakened_further(full: Path, tmp_path: Path) -> None:
    weaken(full, HALF, 0, tmp_path / "weak")
    weaker = weaken(tmp_path / "weak", Chain.parse("erode"), 0, tmp_path / "weaker")
    assert weaker.facts["weakness"]["before"]["chain"] == "drop:keep=0.5"
    half, cores = masks(tmp_path / "weak")["c0"], masks(tmp_path / "weaker")["c0"]
    assert 0 < (cores > 0).sum() < 0.5 * (half > 0).sum()


def test_exact_cases_keep_their_labels_and_all_others_lose_theirs(
    full: Path, tmp_path: Path
) -> None:
    weak = weaken(full, HALF, 0, tmp_path / "weak", trusted=["c1", "c3"])
    for old, new in zip(Cohort.read(full), weak, strict=True):
        assert (new.labels == old.labels) == (new.id in {"c1", "c3", "c6"})
    assert weak.facts["weakness"]["exact"] == ["c1", "c3"]
    with pytest.raises(DataError, match="give another --out"):
        weaken(full, HALF, 0, tmp_path / "weak")
    with pytest.raises(DataError, match=r"expected cases of .*, got nobody"):
        weaken(full, HALF, 0, tmp_path / "other", trusted=["nobody"])


def test_bags_have_nothing_that_could_be_weakened(tmp_path: Path) -> None:
    vector_bags(tmp_path / "bags", 12)
    with pytest.raises(LabelError, match="got 12 cases with none but of the whole case"):
        weaken(tmp_path / "bags", HALF, 0, tmp_path / "weak")
    assert not (tmp_path / "weak").exists()


def test_only_cases_that_changed_are_counted(full: Path, tmp_path: Path) -> None:
    cohort = Cohort.read(full)
    bare = [dataclasses.replace(cohort.cases[0], labels=()), *cohort.cases[1:]]
    dataclasses.replace(cohort, cases=tuple(bare)).write(full)
    weak = weaken(full, HALF, 0, tmp_path / "weak")
    assert weak.facts["weakness"]["cases"] == 5  # of seven, one more has no complete labels
