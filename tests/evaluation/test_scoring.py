import numpy as np
import pytest

from inklings.errors import DataError, GeometryError, SpecError
from inklings.evaluation.evaluate import score
from inklings.evaluation.metric import Options
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.evaluation.scoring import choose, differences, measure
from inklings.testing.metrics import squares


def test_score_of_pairs_in_memory_holds_only_what_was_asked() -> None:
    pairs = (squares(k % 3, f"c{k}", f"p{k}") for k in range(9))
    table = score(pairs, ("dice", "dice_pooled"))
    assert table.names == ["dice", "dice_pooled"]
    assert table["dice"].value == pytest.approx((1 + 7 / 8 + 6 / 8) / 3)
    assert 0.75 <= table["dice"].low < table["dice"].value < table["dice"].high <= 1


def test_a_bin_of_the_calibration_has_the_interval_of_the_same_share() -> None:
    """Of samples that are certain, the share that is true is the precision."""
    pairs = [squares(k % 3, f"c{k}", f"p{k}") for k in range(12)]
    table = score(pairs, ("precision_pooled", "ece"))
    bins = table.curves["foreground"]["reliability"]
    row = table["precision_pooled"]
    last = [bins[name][-1] for name in ("frequency", "low", "high")]
    assert last == pytest.approx([row.value, row.low, row.high])
    alone = score(pairs[:1], ("ece",)).curves["foreground"]["reliability"]
    assert np.isnan(alone["low"]).all()


def test_a_misspelt_metric_names_the_nearest() -> None:
    with pytest.raises(SpecError, match="did you mean 'dice'"):
        score([squares()], ("dics",))


def test_no_pairs_is_an_error() -> None:
    with pytest.raises(DataError, match="at least one case"):
        score([])


def test_grids_that_differ_are_an_error_that_names_the_case() -> None:
    with pytest.raises(GeometryError, match="case c7"):
        Pair("p", "c7", Segmentation.of(np.zeros((2, 3))), Segmentation.of(np.zeros((3, 2))))


@pytest.mark.parametrize(
    ("mask", "probability", "said"),
    [
        (np.full((4, 4), 0.2), None, "a mask of 0 and 1"),
        (np.full((4, 4), np.nan), None, "a mask of 0 and 1"),
        (np.eye(4), np.full((4, 4), np.nan, np.float32), r"probabilities in \[0, 1\]"),
        (np.eye(4), np.full((4, 4), 255, np.int64), r"probabilities in \[0, 1\]"),
        (np.eye(4), np.full((4, 4), -0.1), r"probabilities in \[0, 1\]"),
    ],
)
def test_floats_that_are_no_mask_and_no_probability_are_refused(
    mask: np.ndarray, probability: np.ndarray | None, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        Segmentation.of(mask, None, probability)


def test_masks_of_any_type_are_one() -> None:
    kinds = (bool, np.uint8, np.int64, np.float16, np.float64)
    pairs = [
        Pair(f"p{k}", f"c{k}", Segmentation.of(np.eye(4, dtype=kind)), Segmentation.of(np.eye(4)))
        for k, kind in enumerate(kinds)
    ]
    assert score(pairs)["dice"].value == 1


def test_metrics_that_no_case_defines_have_no_row() -> None:
    mask = np.eye(8, dtype=bool)
    table = score([Pair("p", "c", Segmentation.of(mask), Segmentation.of(mask))])
    assert "ap" not in table
    assert "ece" not in table
    assert table["dice"].value == 1


def test_every_class_has_rows_of_its_own_and_the_mean_iou_joins_them() -> None:
    mask = np.zeros((2, 6, 6), bool)
    mask[0, :3], mask[1, 3:, :2] = True, True
    half = mask.copy()
    half[1, 3:, 0] = False
    table = score([Pair("p", "c", Segmentation(half), Segmentation(mask))], classes=("a", "b"))
    values = {(row.metric, row.label): row.value for row in table}
    assert values["dice", "a"] == 1
    assert values["dice", "b"] == pytest.approx(2 / 3)
    assert values["miou", "all"] == pytest.approx((1 + 1 / 2 + 12 / 15) / 3)
    assert ("miou", "b") not in values


def test_counts_of_empty_masks_say_which_side_was_empty() -> None:
    nothing, something = np.zeros((4, 4)), np.eye(4)
    sides = [(nothing, nothing), (something, nothing), (nothing, something), (something, something)]
    pairs = [
        Pair(f"p{i}", f"c{i}", Segmentation.of(said), Segmentation.of(true))
        for i, (said, true) in enumerate(sides)
    ]
    table = score(pairs, ("dice",))
    counts = table.head["empty"]["counts"]["foreground"]
    assert counts == {"both": 1, "reference": 1, "predicted": 1}
    assert table["dice"].value == pytest.approx(2 / 4)
    assert score(pairs, ("dice",), options=Options(empty="skip"))["dice"].value == pytest.approx(
        1 / 3
    )


def test_runs_measured_on_other_cases_are_not_compared() -> None:
    chosen = choose(("dice",), ("foreground",))
    one, other = (measure(squares(case=name), chosen) for name in "ab")
    with pytest.raises(DataError, match="same cases"):
        differences([one], [other], chosen)


def test_a_class_that_a_case_does_not_annotate_is_not_judged_there() -> None:
    """Eight random cases of two classes: each class is scored over the cases that annotate it."""
    rng = np.random.default_rng(0)
    masks = rng.random((8, 2, 2, 9, 9)) < 0.4
    masks[:, :, 0, 0, 0] = True
    spoken = [(True, True), (True, False), (False, True), (True, False)] * 2
    pairs = [
        Pair(f"p{i}", f"c{i}", Segmentation(said), Segmentation(true), annotated=both)
        for i, ((said, true), both) in enumerate(zip(masks, spoken, strict=True))
    ]
    table = score(pairs, classes=("a", "b"))
    rows = {(row.metric, row.label): row for row in table}
    for k, name in enumerate("ab"):
        own = [i for i, both in enumerate(spoken) if both[k]]
        said, true = masks[own, 0, k], masks[own, 1, k]
        each = 2 * (said & true).sum((1, 2)) / (said.sum((1, 2)) + true.sum((1, 2)))
        assert rows["dice", name].value == pytest.approx(each.mean())
        assert rows["dice", name].n == len(own)
        pooled = 2 * (said & true).sum() / (said.sum() + true.sum())
        assert rows["dice_pooled", name].value == pytest.approx(pooled)
    assert rows["miou", "all"].n == 2  # cases of which all classes are known
    assert table.head["annotated"] == {"a": 6, "b": 4}
    assert "b: judged in 4 of 8 cases, the others do not annotate it" in table.text()
    assert np.isnan(table.cases[1]["dice:b"])
    assert table.cases[1]["reference_samples"] == int(masks[1, 1, 0].sum())


def test_a_class_that_no_case_annotates_is_said_not_to_be_judged() -> None:
    mask = np.zeros((2, 6, 6), bool)
    pair = Pair("p", "c", Segmentation(~mask), Segmentation(mask), annotated=(True, False))
    table = score([pair], classes=("a", "b"))
    assert {row.label for row in table} == {"a"}
    assert "b: not judged, the cases do not annotate it" in table.text()
    assert table.head["empty"]["counts"]["b"] == {"both": 0, "reference": 0, "predicted": 0}


def test_naming_every_class_annotated_changes_nothing() -> None:
    pair = squares()
    said = Pair("p", "c", pair.predicted, pair.reference, annotated=(True,))
    plain = Pair("p", "c", pair.predicted, pair.reference)
    assert score([said]).records() == score([plain]).records()


def test_a_class_that_no_reference_holds_is_not_judged_and_never_perfect() -> None:
    """It scored Dice 1.000 [1.000, 1.000] where nothing was predicted; specificity stays."""
    rng = np.random.default_rng(1)
    masks = rng.random((6, 2, 2, 9, 9)) < 0.4
    masks[:, 1, 1] = False
    masks[2:, 0, 1] = False
    pairs = [
        Pair(f"p{i}", f"c{i}", Segmentation(said), Segmentation(true))
        for i, (said, true) in enumerate(masks)
    ]
    table = score(pairs, classes=("a", "b"))
    assert {row.metric for row in table if row.label == "b"} == {
        "specificity", "specificity_pooled"
    }  # fmt: skip
    assert "b: not judged, no reference of these cases holds it; predicted in 2 of them" in (
        table.text()
    )
    chosen = choose(None, ("a", "b"))
    measured = [measure(pair, chosen) for pair in pairs]
    assert {c.metric for c in differences(measured, measured, chosen) if c.label == "b"} == {
        "specificity", "specificity_pooled"
    }  # fmt: skip


def test_the_head_says_which_cases_distances_leave_out_and_what_a_miss_counts() -> None:
    nothing, something = np.zeros((4, 4)), np.eye(4)
    sides = [(nothing, nothing), (something, nothing), (nothing, something), (something, something)]
    pairs = [
        Pair(f"p{i}", f"c{i}", Segmentation.of(said), Segmentation.of(true))
        for i, (said, true) in enumerate(sides)
    ]
    table = score(pairs)
    assert table["hd95"].n == 2
    assert (
        "distances of foreground: 1 missed count the diagonal of their image; 2 left out, since "
        "their reference is empty"
    ) in table.text()
