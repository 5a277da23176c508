import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from inklings.evaluation.evaluate import score
from inklings.reports import plots
from inklings.reports.figures import PRINTED, THEMED, inline, save
from inklings.testing.metrics import squares


@pytest.fixture(scope="module")
def svg() -> str:
    table = score([squares(k % 3, f"c{k}", f"p{k}") for k in range(6)])
    return inline(plots.f1_by_iou(table), "f1", "F1 by IoU")


def test_colours_of_a_page_are_variables_of_its_theme(svg: str) -> None:
    assert "var(--s2)" in svg
    assert "var(--soft)" in svg
    assert not re.search(r"#0[12][0-9a-f]{4}\b|#01010\d", svg)


def test_text_stays_text_and_the_size_follows_the_page(svg: str) -> None:
    assert "IoU greater than</text>" in svg
    assert " width=" not in svg[: svg.index(">")]
    assert 'aria-label="F1 by IoU"' in svg


def test_letters_of_a_small_figure_are_no_larger_than_those_of_a_wide_one() -> None:
    """Every figure is drawn in the same size of letters: rem an inch must be the same, too."""
    bins = {"confidence": [0.2, 0.8], "frequency": [0.1, 0.9], "samples": [10, 10]}
    history = {"step": np.arange(1.0, 9), "loss": np.arange(8.0)}
    for drawn in (plots.reliability(bins), plots.training(history)):
        limit = re.search(r"max-width: ([\d.]+)rem", inline(drawn, "x", ""))
        assert limit
        assert float(limit[1]) / drawn.get_figwidth() == pytest.approx(7, rel=1e-3)


def test_references_of_two_figures_never_meet() -> None:
    history = {"step": np.arange(1.0, 9), "loss": np.arange(8.0)}
    names = [
        set(re.findall(r'id="([^"]+)"', inline(plots.training(history), name, ""))) for name in "ab"
    ]
    assert names[0]
    assert not names[0] & names[1]


def test_the_same_figure_is_the_same_text() -> None:
    history = {"step": np.arange(1.0, 9), "loss": np.arange(8.0)}
    one, other = (inline(plots.training(history), "a", "") for _ in range(2))
    assert one == other


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_figures_are_files_too(tmp_path: Path, suffix: str) -> None:
    history = {"step": np.arange(1.0, 9), "val_dice": np.linspace(0, 1, 8)}
    path = tmp_path / f"curve{suffix}"
    save(plots.training(history, PRINTED), path)
    assert path.stat().st_size > 1000


def test_calibration_is_drawn_from_bins_with_gaps() -> None:
    bins = {"confidence": [0.1, None, 0.9], "frequency": [0.2, None, 0.8], "samples": [9, 0, 5]}
    assert "predicted probability" in inline(plots.reliability(bins), "c", "")
    bins |= {"low": [0.1, None, 0.7], "high": [0.3, None, 0.9]}
    top = plots.reliability(bins).axes[0]
    bars = next(c for c in top.collections if isinstance(c, LineCollection))
    ends = [part[:, 1].tolist() for part in bars.get_segments() if part.size]
    assert ends == [[0.1, 0.3], [0.7, 0.9]]


def test_palettes_have_as_many_colours_as_each_other() -> None:
    assert len(PRINTED.series) == len(set(PRINTED.series)) == len(THEMED.series)
