import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from inklings.applications.lung_nodules.malignancy import (
    by_thresholds,
    compare,
    diameter_baseline,
)
from inklings.cli import app
from inklings.datasets.luna_tables import read_malignancy
from inklings.errors import DataError
from inklings.evaluation.intervals import Bootstrap

TABLE = Path(__file__).parents[3] / ".." / "shared/data/luna16/annotations_with_malignancy.csv"


@pytest.mark.skipif(not TABLE.is_file(), reason="the real table is not here")
def test_the_diameter_alone_reaches_9190_on_the_1182_real_nodules() -> None:
    baseline = diameter_baseline(read_malignancy(TABLE), Bootstrap(200))
    assert (baseline.nodules, baseline.against_rule) == (1182, 0)
    assert baseline.area.value == pytest.approx(0.9190, abs=5e-5)
    assert baseline.reference == pytest.approx(0.9184, abs=5e-5)
    assert baseline.area.low < 0.9190 < baseline.area.high


def test_the_command_prints_the_baseline_of_a_table(tmp_path: Path) -> None:
    table = tmp_path / "m.csv"
    rows = [(k, 4.0 + k, k > 5, [5, 5] if k > 5 else [1, 2]) for k in range(10)]
    table.write_text(
        "seriesuid,coordX,coordY,coordZ,diameter_mm,mal_bool,mal_details\n"
        + "".join(f's{k},0,0,0,{d},{m},"{r}"\n' for k, d, m, r in rows)
    )
    words = ["evaluate", str(table), "--diameter", "--resamples", "50"]
    result = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out")])
    assert {"roc.csv", "roc.png"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert result.exit_code == 0, result.output
    assert "10 nodules, 4 malignant" in result.stdout
    assert re.search(r"AUC of the diameter alone +1\.000   0\.\d{3} to 1\.000", result.stdout)
    again = CliRunner().invoke(app, ["evaluate", str(table), "--resamples", "50"])
    assert again.stdout == result.stdout


def drawn(n: int, seed: int, shift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    malignant = rng.random(n) < 0.4
    size = np.exp(rng.normal(2 + 0.3 * malignant, 0.4))
    return np.log(size) + shift * (malignant + rng.normal(0, 0.5, n)), size, malignant


def test_a_model_that_adds_to_the_diameter_is_worth_using() -> None:
    model, size, malignant = drawn(300, 0, 1.0)
    verdict = compare(model, size, malignant, bootstrap=Bootstrap(300))
    assert verdict.model.value == pytest.approx(roc_auc_score(malignant, model))
    assert verdict.diameter.value == pytest.approx(roc_auc_score(malignant, size))
    assert verdict.is_better
    assert verdict.p < 1e-3
    assert verdict.sentence.startswith("The model is worth using: it ranks better")


def test_a_model_that_only_repeats_the_diameter_is_not() -> None:
    _, size, malignant = drawn(300, 1, 0)
    verdict = compare(size**2, size, malignant, bootstrap=Bootstrap(100))
    assert verdict.difference.value == 0
    assert verdict.p == 1
    assert "No reason to prefer the model to the diameter: the interval includes 0" in (
        verdict.sentence
    )


def test_a_worse_model_is_called_worse() -> None:
    _, size, malignant = drawn(300, 2, 0)
    noise = np.random.default_rng(0).random(300)
    verdict = compare(noise, size, malignant, bootstrap=Bootstrap(200))
    assert "the diameter alone ranks better" in verdict.sentence


def test_nothing_is_claimed_on_few_nodules_however_good_the_model() -> None:
    _, size, malignant = drawn(40, 3, 0)
    verdict = compare(malignant + 0.0, size, malignant, bootstrap=Bootstrap(200))
    assert not verdict.is_better
    assert "fewer than 30 of one kind" in verdict.sentence


def test_one_malignant_nodule_has_no_p_and_claims_nothing() -> None:
    malignant = np.arange(5) == 2
    verdict = compare(malignant + 0.0, np.arange(5.0), malignant, bootstrap=Bootstrap(50))
    assert np.isnan(verdict.p)
    assert "p = undefined" in verdict.sentence


def test_the_test_is_calibrated_when_there_is_no_difference() -> None:
    rng = np.random.default_rng(5)
    rejected = 0
    for _ in range(200):
        truth = rng.random(80) < 0.5
        common = truth + rng.normal(0, 1, 80)
        one, other = (common + rng.normal(0, 0.7, 80) for _ in range(2))
        verdict = compare(one, other, truth, bootstrap=Bootstrap(200))
        gap = verdict.difference
        assert (verdict.p < 0.05) == (gap.low > 0 or gap.high < 0)
        rejected += verdict.p < 0.05
    assert 3 <= rejected <= 20  # 10 expected


def test_patients_are_drawn_with_all_their_nodules() -> None:
    model, size, malignant = drawn(120, 6, 0.5)
    alone = compare(model, size, malignant, bootstrap=Bootstrap(400))
    copies = [np.repeat(v, 4) for v in (model, size, malignant)]
    patients = np.repeat([str(k) for k in range(120)], 4).tolist()
    joined = compare(copies[0], copies[1], copies[2], patients, Bootstrap(400))
    width = [v.model.high - v.model.low for v in (alone, joined)]
    assert width[1] == pytest.approx(width[0], rel=0.15)


def test_the_thresholds_of_the_reference_reach_both_ends() -> None:
    score = np.array([1.0, 2.0, 3.0, 4.0])
    assert by_thresholds(score, np.array([False, False, True, True])) == pytest.approx(1.0)


def test_one_kind_alone_is_refused() -> None:
    with pytest.raises(DataError, match="expected benign and malignant"):
        compare(np.ones(3), np.ones(3), np.ones(3, bool))
