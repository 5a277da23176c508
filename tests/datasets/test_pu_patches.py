"""Folders of positive, negative and unlabelled patches; labels that are hidden on purpose."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from inklings.bags.instances import Instances
from inklings.cli import app
from inklings.cohorts.bags import spans
from inklings.cohorts.cohort import Cohort
from inklings.datasets.importing import run
from inklings.datasets.labelled_pictures import pictures
from inklings.datasets.pu_patches import PuPatches
from inklings.errors import DataError, SpecError
from inklings.labels.kinds import BagLabel

COUNTS = {"P": 12, "N": 8, "U": 20}


def folders(root: Path) -> Path:
    """Patches whose red channel is 200, 100 or 0; two pictures gave those of each kind."""
    for k, (kind, count) in enumerate(COUNTS.items()):
        (root / kind).mkdir(parents=True)
        for i in range(count):
            patch = np.full((8, 8, 3), (200 - 100 * k, i, 7), np.uint8)
            Image.fromarray(patch).save(root / kind / f"pic{i % 4}_{i}.png")
    return root


def told(cohort: Cohort, part: str) -> Counter[bool | None]:
    """How many patches of a part are called positive, negative, or nothing."""
    said = [case.labels[0].present if case.labels else None for case in cohort.part(part)]  # type: ignore[union-attr,arg-type]
    return Counter(said)


def test_each_folder_is_a_kind_and_some_are_held_back(tmp_path: Path) -> None:
    asked = PuPatches(str(folders(tmp_path / "in")), held_back=(3, 2), test=4, class_name="nucleus")
    cohort = run(asked, tmp_path / "c", 1).cohort
    assert cohort.classes == ("nucleus",)
    assert told(cohort, "val") == {True: 3, False: 2}
    assert told(cohort, "test").total() == 4
    assert told(cohort, "test")[None] == 0
    every = told(cohort, "train") + told(cohort, "val") + told(cohort, "test")
    assert every == {True: 12, False: 8, None: 20}
    assert {case.id for case in cohort} == {
        f"{k}-pic{i % 4}_{i}" for k, n in COUNTS.items() for i in range(n)
    }
    bags = Instances([spans(case) for case in cohort], 10**9)
    for i, case in enumerate(cohort):
        red = int(bags.take(i)[0, 0, 0, 0])
        assert {200: "P", 100: "N", 0: "U"}[red] == case.id[0]
        assert case.labels == (() if red == 0 else (BagLabel("nucleus", red == 200),))


def test_nothing_held_back_leaves_every_positive_in_training(tmp_path: Path) -> None:
    # A public code writes P[:-n] for it, which is empty for n = 0.
    cohort = run(PuPatches(str(folders(tmp_path / "in"))), tmp_path / "c", 1).cohort
    assert told(cohort, "train") == {True: 12, False: 8, None: 20}


def test_patches_of_a_picture_stay_in_one_part(tmp_path: Path) -> None:
    asked = PuPatches(str(folders(tmp_path / "in")), held_back=(2, 1), patient=r"/(pic\d)_")
    cohort = run(asked, tmp_path / "c", 1).cohort
    parts = {
        case.patient: {c.split for c in cohort if c.patient == case.patient} for case in cohort
    }
    assert len(parts) == 4
    assert all(len(found) == 1 for found in parts.values())
    assert told(cohort, "val")[True] >= 2


def test_labels_of_known_digits_are_hidden_and_the_share_of_positives_is_told(
    tmp_path: Path,
) -> None:
    even, odd = ("0", "2", "4", "6", "8"), ("1", "3", "5", "7", "9")
    asked = PuPatches("digits", even, odd, labelled_positives=40, labelled_negatives=0, test=500)
    report = run(asked, tmp_path / "c", 1)
    cohort, labels = report.cohort, pictures("digits").labels
    assert told(cohort, "train") == {True: 40, None: 1797 - 500 - 40}
    hidden = [int(case.id) for case in cohort.part("train") if not case.labels]
    assert cohort.facts["prior"] == round(float((labels[hidden] % 2 == 0).mean()), 4)
    assert any("share of positives among the unlabelled" in word for word in report.words)
    for case in cohort.part("test"):
        assert case.labels == (BagLabel("positive", bool(labels[int(case.id)] % 2 == 0)),)


def test_a_seed_decides_who_is_labelled(tmp_path: Path) -> None:
    source = str(folders(tmp_path / "in"))
    made = [
        PuPatches(source, labelled_positives=4, seed=seed, most_unlabelled=9).made()
        for seed in (0, 0, 1)
    ]
    said = [{bag.id: bag.present for bag in one.bags} for one in made]
    assert said[0] == said[1] != said[2]
    assert Counter(present[0] for present in said[0].values()) == {True: 4, False: 8, None: 9}
    assert "19 unlabelled patches are left out" in made[0].words[0]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"positive": ("Q",)}, SpecError, "--positive: expected some of N, P, U, got 'Q'"),
        ({"negative": ("P",)}, SpecError, "--negative: 'P' was named as another kind"),
        ({"unlabelled": ("none",)}, SpecError, "--unlabelled: expected some of"),
        ({"held_back": (13, 0)}, DataError, "expected 1 more labelled patches for --held-back"),
        ({"held_back": (12, 0)}, DataError, "expected some patches for --labelled-positives"),
        ({"labelled_negatives": 9}, DataError, "expected 9 patches for --labelled-negatives"),
        ({"test": 21}, DataError, "expected 1 more labelled patches for --test"),
        ({"patient": "/(x)_"}, DataError, "is found nowhere in"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    options: dict[str, object], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        PuPatches(str(folders(tmp_path / "in")), **options).made()  # type: ignore[arg-type]


def test_a_second_import_converts_nothing(tmp_path: Path) -> None:
    asked = PuPatches(str(folders(tmp_path / "in")))
    assert [run(asked, tmp_path / "c", 1).now for _ in range(2)] == [40, 0]


def test_without_unlabelled_patches_there_is_nothing_to_learn_from(tmp_path: Path) -> None:
    folders(tmp_path / "in")
    for path in (tmp_path / "in" / "U").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="expected unlabelled patches, got none"):
        PuPatches(str(tmp_path / "in")).made()


def test_the_command_tells_what_it_did(tmp_path: Path) -> None:
    words = ["import", "pu-patches", str(folders(tmp_path / "in")), "--negative", "N"]
    words += ["--held-back", "2", "2", "--class", "nucleus", "--out", str(tmp_path / "c")]
    (tmp_path / "in" / "other").mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "in" / "other" / "a.png")
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "1 patches of 'other' are of no kind: left out" in done.output
    assert "no label" not in done.output
    assert len(Cohort.read(tmp_path / "c")) == 40
