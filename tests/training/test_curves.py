"""What TensorBoard shows of a validation is what independent programs say of the same scores."""

from pathlib import Path

import numpy as np
import pytest
from lightning.pytorch.loggers import TensorBoardLogger
from sklearn.metrics import precision_score, recall_score
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from inklings.training.curves import roc_figure, write_curves
from inklings.training.thresholds import NO_COUNTS, counted_of


def written(folder: Path, counted: np.ndarray) -> EventAccumulator:
    logger = TensorBoardLogger(folder, name="", version="")
    write_curves(counted, 7, [object(), logger])
    logger.experiment.flush()
    events = EventAccumulator(str(folder), {"tensors": 0, "histograms": 0, "images": 0})
    events.Reload()
    return events


def test_curves_and_histograms_are_those_of_the_scores(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(400) < 0.3
    chance = np.clip(rng.normal(0.35 + 0.3 * truth, 0.15), 0, 1)
    chance = np.rint(chance * 255) / 255
    events = written(tmp_path, counted_of(chance, truth))
    tags = events.Tags()
    assert tags["images"] == ["roc/"]
    (event,) = events.Tensors("precision_recall/")
    curve = make_ndarray(event.tensor_proto)
    assert (event.step, curve.shape) == (7, (6, 127))
    levels = np.linspace(0, 255, 127).round() / 255
    for k in (0, 40, 63, 90):
        called = chance >= levels[k] - 1e-9
        assert curve[4, k] == pytest.approx(precision_score(truth, called, zero_division=0))
        assert curve[5, k] == pytest.approx(recall_score(truth, called))
        assert curve[:4, k].sum() == 400
    for side, many in (("positive", truth.sum()), ("negative", (~truth).sum())):
        (shown,) = events.Tensors(f"scores_{side}/") if not tags["histograms"] else (None,)
        if shown is None:
            (histogram,) = events.Histograms(f"scores_{side}/")
            assert histogram.histogram_value.num == many
        else:
            assert make_ndarray(shown.tensor_proto)[:, 2].sum() == pytest.approx(many)


def test_each_class_has_its_own_and_one_that_is_never_there_has_none(tmp_path: Path) -> None:
    both = counted_of(np.array([0.2, 0.9]), np.array([False, True]))
    none = counted_of(np.array([0.2, 0.9]), np.array([False, False]))
    tags = written(tmp_path, np.concatenate([both, none, both])).Tags()
    assert tags["images"] == ["roc/class_0", "roc/class_2"]
    assert not written(tmp_path / "numbers", NO_COUNTS).Tags()["images"]


def test_the_roc_curve_goes_from_corner_to_corner() -> None:
    hits, false = counted_of(np.array([0.1, 0.4, 0.8]), np.array([False, True, True]))[0]
    line = roc_figure(hits / hits[0], false / false[0]).axes[0].lines[0]
    assert line.get_xydata()[[0, -1]].tolist() == [[1, 1], [0, 0]]
