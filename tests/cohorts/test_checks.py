import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.cohorts import checks
from inklings.cohorts.checks import Examination, Group, examine, examined, fingerprint
from inklings.cohorts.cohort import Cohort
from inklings.simulation.phantoms.nuclei import nuclei_field


def noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 255, (40, 48, 3), np.uint8)


def kinds(examination: Examination) -> list[str]:
    return [finding.kind for finding in examination.findings]


def test_a_sound_cohort_has_no_findings(noisy: Cohort, tmp_path: Path) -> None:
    examination = examine(noisy, tmp_path)
    assert examination.findings == ()
    assert examination.groups == ()
    assert not examination.spoils
    assert examination.objects == {case.id: 2 for case in noisy}


def test_copies_copies_of_copies_and_tiles_are_grouped(make_cohort, tmp_path: Path) -> None:
    field = nuclei_field(5, (128, 256), "stained")[0]
    left, right = field[:, :128], field[:, 128:]
    small = np.asarray(Pillow.fromarray(right).resize((96, 96)))
    pictures = {"left": left, "right": right, "copy": left.copy(), "a_small": small}
    pictures |= {f"other{i}": nuclei_field(i + 50, 128)[0] for i in range(4)}
    groups = examine(make_cohort(pictures), tmp_path).groups
    assert groups == (
        Group("duplicates", ("copy", "left")),
        Group("near duplicates", ("a_small", "right")),
        Group("sister crops", ("copy", "right"), {"copy": (0, 0), "right": (0, 1)}),
    )


def test_what_is_grouped_must_not_lie_in_two_splits(make_cohort, tmp_path: Path) -> None:
    pictures = {"a": noise(0), "b": noise(0), "c": noise(1), "d": noise(2)}
    split = {"a": "train", "b": "test", "c": "train", "d": "val"}
    cohort = make_cohort(pictures, split=split, patient={"c": "p", "d": "p"})
    examination = examine(cohort, tmp_path)
    assert [(f.case, f.reason) for f in examination.findings if f.kind == "leak"] == [
        ("a", "duplicates across splits: b in test, a in train"),
        ("c", "patient p across splits: c in train, d in val"),
    ]
    assert examination.spoils
    assert all(
        f.repair == f"inklings split {tmp_path}" for f in examination.findings if f.kind == "leak"
    )


def test_duplicates_within_a_split_do_not_spoil(make_cohort, tmp_path: Path) -> None:
    examination = examine(make_cohort({"a": noise(0), "b": noise(0)}), tmp_path)
    assert kinds(examination) == ["duplicate"]
    assert not examination.spoils


def test_the_worst_comes_first(make_cohort, tmp_path: Path) -> None:
    masks = {"a": np.zeros((40, 48), np.uint16), "z": np.ones((9, 9), np.uint16)}
    examination = examine(make_cohort({"a": noise(0), "z": noise(1)}, masks), tmp_path)
    assert kinds(examination) == ["mismatch", "empty mask"]


def test_an_examination_is_read_back_as_it_was_written(make_cohort, tmp_path: Path) -> None:
    cohort = make_cohort({"a": noise(0), "b": noise(0), "c": noise(1)}, {"c": None})
    written = examine(cohort, tmp_path)
    written.write(tmp_path)
    assert examined(cohort, tmp_path) == written


def test_a_file_that_changed_makes_the_examination_stale(
    noisy: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examined(noisy, tmp_path)
    called = []
    monkeypatch.setattr(checks, "examine", lambda *a: called.append(1) or examine(*a))
    examined(noisy, tmp_path)
    assert called == []
    Pillow.fromarray(noise(9)).save(noisy.cases[0].images["image"])
    examined(noisy, tmp_path)
    assert called == [1]


def test_splitting_does_not_make_the_examination_stale(noisy: Cohort, tmp_path: Path) -> None:
    split = dataclasses.replace(
        noisy, cases=tuple(dataclasses.replace(case, split="train") for case in noisy)
    )
    assert fingerprint(noisy, tmp_path) == fingerprint(split, tmp_path)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 1}'])
def test_a_damaged_record_is_made_again(noisy: Cohort, tmp_path: Path, damage: str) -> None:
    (tmp_path / "checks.json").write_text(damage)
    assert examined(noisy, tmp_path).findings == ()
    assert json.loads((tmp_path / "checks.json").read_text())["ok"]


def test_what_version_01_has_checked_is_not_checked_again(
    noisy: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = examined(noisy, tmp_path)
    (tmp_path / "checks.json").rename(tmp_path / "doctor.json")
    monkeypatch.delattr(checks, "examine")
    assert examined(noisy, tmp_path) == found


def test_a_lost_file_is_repaired_by_the_import_of_the_journal(
    noisy: Cohort, tmp_path: Path
) -> None:
    head = {"dataset": "dsb2018", "source": "stage1.zip", "options": {"labels": None}}
    (tmp_path / "import.jsonl").write_text(json.dumps(head) + "\n")
    noisy.cases[2].images["image"].unlink()
    (finding,) = examine(noisy, tmp_path).findings
    assert finding.repair == f"inklings import dsb2018 stage1.zip --out {tmp_path}"
