"""The one door to the truth."""

import ast
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inklings
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.evaluation.truth import truth
from inklings.labels.kinds import MaskLabel
from inklings.simulation.chain import Chain
from inklings.simulation.weaken import weaken

BAGS = Chain.parse("bag")


@pytest.fixture
def full(tmp_path: Path) -> Path:
    cases = []
    for i in range(4):
        drawn = np.zeros((16, 16), np.uint8)
        drawn[4 : 8 + i, 4:9] = i % 2 == 0
        picture, mask = tmp_path / f"{i}.png", tmp_path / f"{i}-mask.png"
        Image.fromarray(drawn * 200).save(picture)
        Image.fromarray(drawn).save(mask)
        labels = (MaskLabel(mask, "image", "classes", ("a",)),)
        cases.append(Case(f"c{i}", f"p{i}", {"image": picture}, labels))
    Cohort("bags", tuple(cases), ("a",)).write(tmp_path / "full")
    return tmp_path / "full"


def test_truth_has_the_labels_of_the_full_cohort_and_the_splits_of_the_weak_one(
    full: Path, tmp_path: Path
) -> None:
    weaken(full, Chain.parse("dilate:pixels=1"), 0, tmp_path / "weak")
    weaken(tmp_path / "weak", BAGS, 0, tmp_path / "weaker")
    weak = Cohort.read(tmp_path / "weaker")
    split = tuple(
        Case(c.id, c.patient, c.images, c.labels, "test", c.facts) for c in weak.cases[1:]
    )
    Cohort(weak.name, split, weak.classes, weak.facts).write(tmp_path / "weaker")
    real = truth(tmp_path / "weaker")
    assert [case.id for case in real] == ["c1", "c2", "c3"]
    assert {case.split for case in real} == {"test"}
    assert [case.labels for case in real] == [case.labels for case in Cohort.read(full)][1:]
    assert "weakness" not in real.facts


def test_a_cohort_that_was_not_weakened_is_its_own_truth(full: Path) -> None:
    assert truth(full) == Cohort.read(full)


def test_a_lost_full_cohort_and_lost_cases_are_explained(full: Path, tmp_path: Path) -> None:
    weaken(full, BAGS, 0, tmp_path / "weak")
    Cohort.read(full).where(lambda case: case.id != "c2").write(full)
    with pytest.raises(DataError, match=r"truth of all 4 cases.*none of 1 \(c2\)"):
        truth(tmp_path / "weak")
    shutil.rmtree(full)
    with pytest.raises(DataError, match=r"truth.yaml points at the full cohort .*put it back"):
        truth(tmp_path / "weak")


@pytest.mark.parametrize(
    "folder", ["training", "supervision", "sampling", "correction", "inference", "losses", "models"]
)
def test_nothing_that_learns_can_name_the_truth(folder: str) -> None:
    """Neither the module nor the file: the two ways to it."""
    for path in (Path(inklings.__file__).parent / folder).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", None) or "", *(a.name for a in node.names)]
        }
        assert not named & {"inklings.evaluation.truth", "truth", "inklings.simulation.weaken"}, (
            path
        )
        texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
        assert "truth.yaml" not in texts, path
