import numpy as np

from inklings.applications.lung_nodules.error_table import error_table
from inklings.findings.finding import Finding
from inklings.labels.kinds import BallLabel


def nodule(x: float, size: float = 10.0, malignant: bool | None = False) -> BallLabel:
    return BallLabel("ct", "nodule", (x, 0.0, 0.0), size, malignant)


def mark(x: float, probability: float, malignancy: float | None = None) -> Finding:
    said = {} if malignancy is None else {"malignancy_probability": malignancy}
    return Finding("nodule", probability, (x, 0.0, 0.0), 5.0, said)


def test_hand_worked_table_of_the_reference() -> None:
    nodules = [nodule(0), nodule(100, malignant=True), nodule(200, malignant=True), nodule(300)]
    marks = [
        mark(6.9, 0.9, 0.1),  # within 0.7 of the diameter: benign, called benign
        mark(101, 0.3),  # filtered
        mark(100, 0.8, 0.2),  # the better one of the same nodule: called benign
        mark(200, 0.9, 0.9),  # malignant, called malignant
        mark(500, 0.9, 0.7),  # no nodule, called malignant
        mark(600, 0.1),  # no nodule, filtered
    ]
    found = error_table(marks, nodules)
    assert found.table.tolist() == [[0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0]]
    assert found.losses == {
        "nodules": 4,
        "missed by segmentation": 1,
        "filtered by classification": 0,
        "wrong malignancy": 1,
        "right to the end": 2,
        "of them not rated": 0,
    }
    assert "missed by segmentation           1 of 4 (25.0%)" in found.text()


def test_the_rule_of_luna16_is_stricter() -> None:
    assert error_table([mark(6.9, 0.9)], [nodule(0)], rule="luna16").table[1, 0] == 1
    assert error_table([mark(4.9, 0.9)], [nodule(0)], rule="luna16").table[1, 2] == 1


def test_the_threshold_of_malignancy_is_used() -> None:
    """The reference takes it and then compares with the other threshold."""
    marks, nodules = [mark(0, 0.9, 0.4)], [nodule(0, malignant=True)]
    assert error_table(marks, nodules, threshold_malignancy=0.5).table[2].tolist() == [0, 0, 1, 0]
    assert error_table(marks, nodules, threshold_malignancy=0.3).table[2].tolist() == [0, 0, 0, 1]


def test_scans_without_candidates_or_without_nodules_count() -> None:
    assert error_table([], [nodule(0), nodule(9, malignant=None)]).table[:, 0].tolist() == [
        0,
        1,
        0,
        1,
    ]
    assert error_table([mark(0, 0.9)], []).table[0].tolist() == [0, 0, 1, 0]
    assert error_table([], []).table.sum() == 0


def test_a_candidate_within_two_nodules_counts_for_both() -> None:
    found = error_table([mark(2, 0.9)], [nodule(0), nodule(4)])
    assert found.table.tolist()[:2] == [[0, 0, 0, 0], [0, 0, 2, 0]]


def test_tables_add_up_over_scans() -> None:
    one = error_table([mark(0, 0.9)], [nodule(0)])
    both = one + error_table([], [nodule(0)])
    assert both.scans == 2
    assert np.array_equal(both.table[1], [1, 0, 1, 0])
    assert both.record()["losses"]["missed by segmentation"] == 1
