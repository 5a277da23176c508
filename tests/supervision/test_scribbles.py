from typing import Any

import pytest

from inklings.errors import SpecError
from inklings.spec import Experiment
from inklings.supervision import SUPERVISIONS
from inklings.supervision.base import FarBackground
from inklings.tasks.segmentation import SegmentationTask


def experiment(**changes: Any) -> Experiment:
    return Experiment.load("scribbles", ["cohort=c", *(f"{k}={v}" for k, v in changes.items())])


@pytest.mark.parametrize(
    ("options", "far"),
    [({}, FarBackground(None, 0.5)), ({"reach": 20.0, "weight": 2.0}, FarBackground(20.0, 2.0))],
)
def test_what_is_assumed_is_stated_or_left_to_the_strokes(
    options: dict[str, float], far: FarBackground
) -> None:
    assert SUPERVISIONS.build("scribbles", {"classes": ("a",), **options}).far == far


@pytest.mark.parametrize("name", [name for name in SUPERVISIONS if name != "scribbles"])
def test_nothing_is_assumed_where_nobody_said_so(name: str) -> None:
    assert SUPERVISIONS.build(name, {"classes": ("a",)}).far is None


@pytest.mark.parametrize("wrong", ["reach: 0", "reach: -3", "weight: 0"])
def test_what_cannot_be_is_refused_before_data_are_opened(wrong: str) -> None:
    with pytest.raises(SpecError, match="above 0"):
        SegmentationTask().check(experiment(supervision=f"{{name: scribbles, {wrong}}}"))


def test_tiles_hide_how_far_strokes_are_and_are_refused() -> None:
    SegmentationTask().check(experiment())
    with pytest.raises(SpecError, match="got tiles"):
        SegmentationTask().check(experiment(tiles="tiles"))
