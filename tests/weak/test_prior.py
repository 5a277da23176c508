import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.labels.kinds import MaskLabel
from inklings.simulation.chain import Chain
from inklings.simulation.phantoms.cohort import nuclei_cohort
from inklings.simulation.weaken import weaken
from inklings.weak.prior import cohort_prior


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prior") / "full"
    nuclei_cohort(folder, patients=16, size=128, microscope="fluorescence")
    return folder


def weakened(full: Path, out: Path, kind: str) -> Path:
    weaken(full, Chain.parse(kind), 0, out)
    return out


def test_what_was_left_out_at_random_is_counted_again(full: Path, tmp_path: Path) -> None:
    truth = cohort_prior(full).prior
    found = cohort_prior(weakened(full, tmp_path / "weak", "drop:keep=0.5"))
    assert found.warnings == ()
    assert found.prior.labelled < 0.6 * truth.labelled
    assert found.prior.value == pytest.approx(truth.labelled, rel=0.2)
    assert found.prior.low <= found.prior.value <= found.prior.high


def test_cores_bring_a_warning_that_position_decides(full: Path, tmp_path: Path) -> None:
    weak = weakened(full, tmp_path / "weak", "erode:depth=0.5")
    result = CliRunner().invoke(app, ["prior", str(weak), "--quiet"])
    assert result.exit_code == 0
    assert "warning" in result.stdout
    assert "position decides" in result.stdout


def test_cohort_without_labels_is_refused_in_words(full: Path, tmp_path: Path) -> None:
    cohort = Cohort.read(full)
    bare = tuple(dataclasses.replace(case, labels=()) for case in cohort.cases)
    dataclasses.replace(cohort, cases=bare).write(tmp_path / "bare")
    with pytest.raises(DataError, match="expected at least two labelled cases"):
        cohort_prior(tmp_path / "bare")


def test_of_several_classes_one_is_asked_for_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_drawn = SimpleNamespace(correct=lambda _, masks: SimpleNamespace(masks=masks, evidence=()))
    where = "inklings.weak.prior"
    monkeypatch.setattr(f"{where}.CORRECTIONS", SimpleNamespace(build=lambda *_: as_drawn))
    monkeypatch.setattr(f"{where}.texture_features", lambda image: image)
    monkeypatch.setattr(f"{where}.out_of_fold_odds", lambda _, known, __: known)
    cases = []
    rng = np.random.default_rng(0)
    for k in range(4):
        mask = np.zeros((48, 64), np.uint8)
        mask[:12], mask[12:36] = 1, 2
        Image.fromarray(rng.integers(0, 200, (48, 64, 3), np.uint8)).save(tmp_path / f"{k}.png")
        Image.fromarray(mask).save(tmp_path / f"{k}-mask.png")
        label = MaskLabel(tmp_path / f"{k}-mask.png", "image", "classes", ("a", "b"))
        cases.append(Case(f"c{k}", f"p{k}", {"image": tmp_path / f"{k}.png"}, (label,)))
    Cohort("two", tuple(cases), ("a", "b")).write(tmp_path)
    with pytest.raises(SpecError, match=r"one of the classes a, b, got none.*--class"):
        cohort_prior(tmp_path)
    shares = [cohort_prior(tmp_path, name=name).prior.labelled for name in "ab"]
    assert shares == [0.25, 0.5]
