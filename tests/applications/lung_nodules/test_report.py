"""The report of the nodules."""

import csv
from pathlib import Path

import numpy as np

from inklings.applications.lung_nodules.error_table import ErrorTable
from inklings.applications.lung_nodules.report import MOST_SCANS, CascadeScores, nodule_report
from inklings.evaluation.findings import froc
from inklings.evaluation.froc import Reference
from inklings.evaluation.intervals import Bootstrap
from inklings.evaluation.scores import Scores
from inklings.findings.finding import Finding
from inklings.findings.points import PointTable
from inklings.predictions.findings import Findings

FOUND = Finding("nodule", 0.9, (0, 0, 0), 8.0)
MISSED = Finding("nodule", 0.3, (9, 9, 9), 5.0)


def test_it_says_what_each_stage_left_and_lost(tmp_path: Path) -> None:
    """Two scans, two nodules: one is hit before any false mark, the other never."""
    found = [
        Findings(
            "a",
            (FOUND,),
            stage_counts={"voxels": 1000, "nodules": 1},
        ),
        Findings(
            "b",
            (Finding("nodule", 0.3, (9, 9, 9), 5.0),),
            stage_counts={"voxels": 3000, "nodules": 0},
        ),
    ]
    centres, sizes = np.zeros((2, 3)), {"diameter_mm": np.array([8.0, 6.0])}
    nodules = PointTable(np.array(["a", "b"], object), centres, sizes)
    none = PointTable(np.array([], object), np.zeros((0, 3)), {"diameter_mm": np.zeros(0)})
    marks = PointTable(
        np.array(["a", "b"], object),
        np.array([(0.0, 0, 0), (9, 9, 9)]),
        {"probability": np.array([0.9, 0.3])},
    )
    scored = froc(marks, Reference(("a", "b"), nodules, none), Bootstrap(20))
    table = Scores(scored.rows, scored.cases, scored.facts, files=scored.files)
    counts = np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    scores = CascadeScores(
        (ErrorTable(counts, "luna16", 0.5, 0.5, 2),), table, ("a note <of> its own",)
    )
    path = nodule_report(tmp_path / "report.html", found, tmp_path, 0.5, scores)
    text = path.read_text()
    assert '<td>voxels</td><td class="right value">4,000</td>' in text
    assert "missed by segmentation 1 (50.0 %)" in text
    assert "a note &lt;of&gt; its own" in text
    assert text.count("No nodule was found.") == 1
    with (tmp_path / "report-numbers" / "froc.csv").open(newline="") as file:
        rows = [
            (r["false_positives_a_scan"], float(r["sensitivity"])) for r in csv.DictReader(file)
        ]
    assert rows == [(r, 0.5) for r in ("0.125", "0.25", "0.5", "1", "2", "4", "8", "CPM")]
    counts = (tmp_path / "report-numbers" / "cascade.csv").read_text()
    assert counts == "case,voxels,nodules\na,1000,1\nb,3000,0\n"


def test_without_the_truth_it_has_no_error_analysis(tmp_path: Path) -> None:
    found = [Findings("a", (FOUND,), stage_counts={"nodules": 1})]
    text = nodule_report(tmp_path / "report.html", found, tmp_path, 0.5).read_text()
    assert "Fate of the annotated nodules" not in text
    assert not (tmp_path / "report-numbers" / "froc.csv").exists()


def test_scans_that_are_not_shown_are_counted(tmp_path: Path) -> None:
    found = [Findings(f"s{k}", (FOUND,)) for k in range(MOST_SCANS + 3)]
    text = nodule_report(tmp_path / "report.html", found, tmp_path, 0.5).read_text()
    assert f"{MOST_SCANS + 3} scans searched, {MOST_SCANS + 3} nodules called" in text
    assert f"the first {MOST_SCANS} are shown below" in text
