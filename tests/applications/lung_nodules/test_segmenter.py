import csv

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from inklings.applications.lung_nodules.reference import Marked
from inklings.applications.lung_nodules.segmenter import (
    SegmenterPictures,
    SegmenterScore,
    SegmenterValidator,
    coloured,
    shown_planes,
)
from inklings.errors import SpecError
from inklings.runs.run import Run
from inklings.spec import Experiment
from inklings.tasks.train import train
from inklings.tensors import Output
from inklings.training.thresholds import counted_of


class Above(nn.Module):
    """Marks what is denser than a level in the middle plane."""

    def __init__(self, level_hu: float) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(level_hu / 1000))

    def forward(self, inputs: torch.Tensor) -> Output:
        assert not self.training
        return Output(50 * (inputs[:, 3:4] - self.level))


def scan() -> Marked:
    values = np.full((16, 40, 48), -900, np.int16)
    values[6:9, 10:16, 12:20] = 20
    mask = values > 0
    values[7, 30:34, 30:36] = -300
    return Marked(values, mask)


@pytest.mark.parametrize(("level", "false"), [(-200, 0), (-600, 4 * 6)])
def test_whole_planes_with_nodules_are_counted(level: float, false: int) -> None:
    score = SegmenterValidator([scan()], "recall").score(Above(level), None)  # type: ignore[arg-type]
    size = 3 * 6 * 8
    assert score.counted[0, :, 0].tolist() == [size, 3 * 40 * 48 - size]
    assert score.values["val_sensitivity"] == score.merit == 1
    assert score.values["val_false_positives"] == pytest.approx(false / size)
    assert score.values["val_dice"] == pytest.approx(2 * size / (2 * size + false))


def test_recall_or_dice_chooses() -> None:
    # Three of four are found, and two of what is not: 3/4, and 2 * 3 / (3 + 2 + 4).
    chance = np.array([0.9, 0.8, 0.7, 0.2, 0.6, 0.9, 0.1])
    counted = counted_of(chance, np.arange(7) < 4)
    assert SegmenterScore(counted, "recall").merit == 0.75
    assert SegmenterScore(counted, "dice").merit == pytest.approx(6 / 9)
    assert SegmenterScore(counted, "recall").values["val_missed"] == 0.25


def test_found_is_green_missed_orange_false_red() -> None:
    plane = np.full((1, 4), -1000, np.int16)
    found, truth = np.array([[1, 0, 1, 0]], bool), np.array([[1, 1, 0, 0]], bool)
    assert coloured(plane, found, truth)[0].tolist() == [
        [0, 127, 0], [127, 64, 0], [127, 0, 0], [0, 0, 0],
    ]  # fmt: skip


def test_pictures_show_six_planes_of_twelve_scans(tmp_path) -> None:
    many = [scan() for _ in range(15)]
    pictures = SegmenterPictures(tmp_path, many)
    pictures.draw(Above(-600), 3, ())
    with Image.open(tmp_path / "step-000003.png") as picture:
        assert picture.size == (6 * 192, 12 * 192)
        colours = np.asarray(picture).reshape(-1, 3).astype(int)
    green, red = (colours[:, k] - colours[:, 1 - k] > 60 for k in (1, 0))
    assert green.any()
    assert red.any()
    mask = many[0].mask
    planes = shown_planes(mask)
    assert len(planes) == 6
    assert mask[planes].any((1, 2)).sum() >= 3


def test_the_best_by_recall_stays_and_tensorboard_shows_how(experiment, tmp_path) -> None:
    record = experiment("detection").model_dump(mode="json", exclude={"detection"})
    record |= {
        "task": "nodule_segmentation",
        "model": {"name": "unet", "width": 4, "depth": 1},
        "loss": "luna_dice",
    }
    record["training"] |= {"validate_every": 2, "loggers": ["tensorboard"]}
    run = train(Experiment.check(record, "test"), tmp_path / "run")
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    seen = {int(row["step"]): float(row["val_sensitivity"]) for row in rows if row["val_dice"]}
    assert sorted(seen) == [2, 4]
    assert Run.load(run).record.facts["best_step"] == max(seen, key=lambda k: (seen[k], -k))
    events = EventAccumulator(str(run / "logs"))
    events.Reload()
    tags = events.Tags()
    assert {"samples", "roc/"} <= set(tags["images"])
    assert "precision_recall/" in tags["tensors"]
    assert {"val_sensitivity", "val_false_positives", "loss"} <= set(tags["scalars"])
    assert sorted(p.name for p in (run / "samples").iterdir()) == [
        "step-000002.png", "step-000004.png",
    ]  # fmt: skip


def test_changes_of_crops_that_are_none_are_refused(experiment) -> None:
    record = experiment("detection").model_dump(mode="json", exclude={"detection"})
    record |= {"task": "nodule_segmentation", "model": "unet", "loss": "luna_dice"}
    asked = Experiment.check({**record, "nodule_segmentation": {"augment": ["flip"]}}, "test")
    with pytest.raises(SpecError, match="did you mean 'flips'"):
        train(asked, asked.cohort / "nowhere")
