"""Numbers and figures of a report on bags."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from inklings.bags.writer import MadeBag, write_bags
from inklings.predictions.bags import BagPrediction
from inklings.predictions.head import Head, Provenance
from inklings.reports.bag_sections import histogram

TOLD = {"p1": (True, 0.9), "p2": (True, 0.97), "n1": (False, 0.1), "u1": (None, 0.5)}


def material(folder: Path, classes: tuple[str, ...] = ("c",)) -> Any:
    pixels = np.zeros((1, 1, 4, 4), np.uint8)
    bags = [MadeBag(name, pixels, (told,) * len(classes)) for name, (told, _) in TOLD.items()]
    cohort = write_bags(folder / "cohort", "x", classes, bags, {})
    thresholds = (0.5,) * len(classes)
    head = Head(classes, thresholds, Provenance("r", "x", None, "0"), (), {}, "bags")
    head.write(folder / "out")
    for name, (_, p) in TOLD.items():
        numbers = np.full(len(classes), p)
        said = numbers[None].astype(np.float32)
        BagPrediction(name, folder / "x", numbers, numbers, said).write(folder / "out")
    return SimpleNamespace(head=head, predictions=folder / "out", cohort=cohort)


def test_scores_of_held_back_patches_are_counted_by_label(tmp_path: Path) -> None:
    drawn = histogram(material(tmp_path))
    assert drawn is not None
    counts = {name: list(values) for name, values in drawn.numbers.items()}
    assert list(counts) == ["from", "negative", "positive", "not labelled"]
    # Bins of .04: .9 lies in the 23rd, .97 in the 25th, .1 in the 3rd, .5 in the 13th.
    for name, bins in (
        ("positive", {22: 1, 24: 1}),
        ("negative", {2: 1}),
        ("not labelled", {12: 1}),
    ):
        assert {k: n for k, n in enumerate(counts[name]) if n} == bins
    assert "<svg" in str(drawn.picture)


def test_several_classes_have_no_histogram(tmp_path: Path) -> None:
    assert histogram(material(tmp_path, ("a", "b"))) is None
