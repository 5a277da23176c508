import pytest

from inklings.evaluation import overlap, surface
from inklings.evaluation.changes import Change, corrected
from inklings.evaluation.intervals import Difference
from inklings.evaluation.metric import DEFAULT
from inklings.evaluation.scores import Scores


def test_a_change_for_the_worse_is_told_as_loudly_as_a_gain() -> None:
    """HD95 doubled and recall down are worse, whatever the sign; corrected p is beside."""
    dice = Difference(0.9, 0.8, 0.1, 0.05, 0.15, 0.001)
    hd95 = Difference(9.0, 4.5, 4.5, 3.0, 6.0, 0.01)
    recall = Difference(0.7, 0.8, -0.1, -0.15, -0.05, 0.04)
    nsd = Difference(0.7, 0.7, 0.0, -0.1, 0.1, 1.0)
    metrics = {m.name: m for m in surface.metrics(DEFAULT)} | {
        m.name: m for m in overlap.metrics(DEFAULT)
    }
    found = {"dice": dice, "hd95": hd95, "recall": recall, "nsd": nsd}
    changes = corrected([Change.of(metrics[k], "liver", d) for k, d in found.items()])
    assert [c.verdict for c in changes] == ["better", "WORSE", "WORSE", ""]
    assert [c.p_holm for c in changes] == pytest.approx([0.004, 0.03, 0.08, 1.0])
    told = Scores((), (), changes=changes).text()
    assert "WORSE than the other run: Hausdorff distance, 95 %; Recall" in told
    assert "better than the other run: Dice" in told


def test_changes_of_several_classes_say_of_which_class() -> None:
    """Two rows of one title would else be told apart by nobody."""
    dice = {m.name: m for m in overlap.metrics(DEFAULT)}["dice"]
    found = Difference(0.9, 0.8, 0.1, 0.05, 0.15, 0.001)
    changes = corrected([Change.of(dice, label, found) for label in ("liver", "spleen")])
    rows = Scores((), (), changes=changes).text().splitlines()
    assert [row.split(":")[0] for row in rows if "+0.100" in row] == ["liver", "spleen"]
    title = dice.title
    assert rows[-1] == f"better than the other run: liver: {title}; spleen: {title}"
