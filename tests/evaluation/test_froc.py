import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_curve
from typer.testing import CliRunner

from inklings.applications.lung_nodules.luna import from_tables
from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.datasets.importing import run
from inklings.datasets.luna16 import Luna16
from inklings.datasets.luna_tables import read_places
from inklings.errors import DataError, SpecError
from inklings.evaluation.findings import SENSITIVITIES, froc
from inklings.evaluation.froc import RATES, Reference, curve, match, resampled
from inklings.evaluation.intervals import Bootstrap
from inklings.evaluation.marks import from_cohort, read_marks
from inklings.evaluation.scores import Scores
from inklings.findings.finding import Finding
from inklings.findings.points import PointTable
from inklings.labels.kinds import BallLabel
from inklings.predictions.findings import Findings
from inklings.simulation.phantoms.luna import write_luna

LUNA = Path(__file__).parents[2] / ".." / "shared" / "data" / "luna16"
real = pytest.mark.skipif(not LUNA.is_dir(), reason="the real tables are not here")


def places(*rows: tuple[str, float, float, float, float], name: str = "probability") -> PointTable:
    return PointTable.of(rows, name)


def reference(**rows: list[tuple[str, float, float, float, float]]) -> Reference:
    nodules = places(*rows.get("nodules", []), name="diameter_mm")
    return Reference(("a", "b"), nodules, places(*rows.get("excluded", []), name="diameter_mm"))


def test_hand_worked_case_with_doubled_excluded_and_missed() -> None:
    marks = places(
        ("a", 0, 0, 1, 0.9),  # hits the first nodule
        ("a", 0, 0, 2, 0.95),  # hits it again, better
        ("a", 50, 0, 0, 0.8),  # false
        ("a", 100, 0, 0, 0.99),  # on an excluded finding of unknown size
        ("b", 0, 0, 5, 0.7),  # exactly at the radius: no hit
        ("c", 0, 0, 0, 0.5),  # another study
    )
    truth = reference(
        nodules=[("a", 0, 0, 0, 6), ("b", 0, 0, 0, 10)], excluded=[("a", 100, 4.9, 0, -1)]
    )
    found = match(marks, truth)
    assert (found.hits, found.doubled, found.irrelevant, found.elsewhere) == (1, 1, 1, 1)
    assert sorted(found.false.tolist()) == [0.7, 0.8]
    line = curve(found)
    np.testing.assert_allclose(line.false_positives, [0, 0, 0.5, 1.0])
    np.testing.assert_allclose(line.sensitivity, [0, 0.5, 0.5, 0.5])
    assert line.cpm == pytest.approx(0.5)


def test_a_mark_inside_two_nodules_hits_both() -> None:
    truth = reference(nodules=[("a", 0, 0, 0, 10), ("a", 4, 0, 0, 10)])
    found = match(places(("a", 2, 0, 0, 0.5)), truth)
    assert (found.hits, len(found.false), found.doubled) == (2, 0, 0)
    assert curve(found).cpm == 1.0


def test_only_the_100_best_marks_of_a_scan_count_and_ties_at_the_edge_go() -> None:
    rows = [("a", 1000.0 + k, 0, 0, 1 - k / 1000) for k in range(99)]
    rows += [("a", 2000.0 + k, 0, 0, 0.5) for k in range(3)]
    truth = reference(nodules=[("a", 0, 0, 0, 6)])
    found = match(places(*rows), truth)
    assert (len(found.false), found.beyond) == (99, 3)
    assert len(match(places(*rows), truth, None).false) == 102


def test_marks_of_other_scans_only_are_refused() -> None:
    with pytest.raises(DataError, match="got only others, such as x"):
        match(places(("x", 0, 0, 0, 1.0)), reference(nodules=[("a", 0, 0, 0, 6)]))


def test_the_bootstrap_draws_patients_and_weighs_their_scans_together() -> None:
    rng = np.random.default_rng(0)
    names = tuple(f"s{k}" for k in range(40))
    nodules = places(*[(n, 0, 0, 0, 8.0) for n in names], name="diameter_mm")
    none = places(name="diameter_mm")
    rows = [(n, 0, 0, 0, rng.random()) for n in names if rng.random() < 0.7]
    rows += [(n, 99, 0, 0, rng.random()) for n in names for _ in range(3)]
    truth = Reference(names, nodules, none, tuple(f"p{k // 2}" for k in range(40)))
    found = match(places(*rows), truth)
    patients = Bootstrap(20).weights(20)
    drawn = resampled(found, patients)
    weights = patients[:, found.units]
    for row in range(3):  # once more, by repeating scans
        scans = np.repeat(np.arange(40), weights[row].astype(int))
        again = Reference(
            tuple(f"r{k}" for k in range(len(scans))),
            places(*[(f"r{k}", 0, 0, 0, 8.0) for k in range(len(scans))], name="diameter_mm"),
            none,
        )
        copies = [
            (f"r{k}", *mark[1:])
            for k, s in enumerate(scans)
            for mark in rows
            if mark[0] == names[s]
        ]
        np.testing.assert_allclose(
            drawn[row], curve(match(places(*copies), again)).at(RATES), atol=1e-12
        )


def official(marks: Path, folder: Path) -> tuple[int, int, np.ndarray]:
    """The public rules, mark by mark: hits, false positives, sensitivities at the rates."""
    with marks.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    by_scan = defaultdict(list)
    for r in rows:
        by_scan[int(r["seriesuid"])].append(tuple(float(r[k]) for k in r if k != "seriesuid"))
    truth = defaultdict(list)
    for name, included in (("newannotations.csv", True), ("newannotations_excluded.csv", False)):
        with (folder / name).open() as file:
            for r in csv.DictReader(file):
                values = tuple(float(r[k]) for k in r if k != "seriesuid")
                truth[int(r["seriesuid"])].append((*values, included))
    scans = [int(line) for line in (folder / "newseriesuids.csv").read_text().split()]
    labels, scores, total = [], [], 0
    for scan in scans:
        marks_here = by_scan[scan]
        if len(marks_here) > 100:
            limit = sorted((m[3] for m in marks_here), reverse=True)[100]
            marks_here = [m for m in marks_here if m[3] > limit][:100]
        left = set(range(len(marks_here)))
        for x, y, z, size, included in truth[scan]:
            radius = (size if size >= 0 else 10) / 2
            on = [
                k
                for k, m in enumerate(marks_here)
                if (x - m[0]) ** 2 + (y - m[1]) ** 2 + (z - m[2]) ** 2 < radius**2
            ]
            left -= set(on)
            total += included
            if included and on:
                labels.append(1)
                scores.append(max(marks_here[k][3] for k in on))
        labels += [0] * len(left)
        scores += [marks_here[k][3] for k in left]
    fpr, tpr, _ = roc_curve(labels, scores)
    hits = sum(labels)
    rate, sensitivity = fpr * (len(labels) - hits) / len(scans), tpr * hits / total
    return hits, len(labels) - hits, np.interp(RATES, rate, sensitivity)


@real
def test_a_real_submission_scores_what_the_official_rules_say() -> None:
    tables = [LUNA / f"new{n}.csv" for n in ("annotations", "annotations_excluded", "seriesuids")]
    table = froc(read_marks(LUNA / "dpn26bs32.csv"), from_tables(*tables), Bootstrap(200))
    hits, false, at = official(LUNA / "dpn26bs32.csv", LUNA)
    counts = table.facts["counts"]
    assert (counts["hits"], counts["false positives"]) == (hits, false) == (1136, 46078)
    *rows, cpm = table.rows
    assert [row.metric for row in rows] == list(SENSITIVITIES)
    np.testing.assert_allclose([row.value for row in rows], at, atol=1e-9)
    assert cpm.value == pytest.approx(at.mean(), abs=1e-9)
    assert cpm.value == pytest.approx(0.8419658, abs=1e-6)
    assert cpm.low < cpm.value < cpm.high


@real
def test_ids_with_and_without_leading_zeros_are_the_same_scan() -> None:
    annotations = read_places(LUNA / "newannotations.csv", ("diameter_mm",))
    assert annotations.cases[0] == "783"
    assert set(read_marks(LUNA / "dpn26bs32.csv").cases) <= {str(k) for k in range(888)}


def test_findings_of_a_folder_are_scored_and_compared_by_the_command(tmp_path: Path) -> None:
    (tmp_path / "annotations.csv").write_text(
        "seriesuid,coordX,coordY,coordZ,diameter_mm\na,0,0,0,6\nb,0,0,0,6\n"
    )
    rows = (("a", (0, 0, 1), 0.9), ("a", (50, 0, 0), 0.8), ("b", (0, 0, 1), 0.7))
    for case in "ab":
        found = [Finding("nodule", score, at, 6) for name, at, score in rows if name == case]
        Findings(case, tuple(found)).write(tmp_path)
    (tmp_path / "other.csv").write_text("seriesuid,coordX,coordY,coordZ,probability\na,0,0,1,0.9\n")
    words = ["evaluate", str(tmp_path), "--froc", "--resamples", "50", "--json"]
    words += ["--annotations", str(tmp_path / "annotations.csv")]
    result = CliRunner().invoke(app, [*words, "--compare", str(tmp_path / "other.csv")])
    assert result.exit_code == 0, result.output
    rows = {row["metric"]: row for row in json.loads(result.stdout)}
    assert rows["cpm"]["counts"]["hits"] == 2
    # One false positive in two scans: half of the nodules until then, all from there on.
    assert rows["cpm"]["value"] == pytest.approx((0.5 + 0.5 + 5) / 7)
    assert rows["cpm"]["change"]["second"] == pytest.approx(0.5)
    record = json.loads((tmp_path / "froc.json").read_text())
    assert record["cpm"]["value"] == rows["cpm"]["value"]
    assert record["compared"]["cpm"] == pytest.approx(0.5)
    assert Scores.read(tmp_path)["sensitivity_0.125"].value == rows["sensitivity_0.125"]["value"]
    assert "sensitivity" in (tmp_path / "froc.csv").read_text()
    assert (tmp_path / "froc.png").stat().st_size > 5000


def test_scans_that_were_never_searched_are_told(tmp_path: Path) -> None:
    table = tmp_path / "annotations.csv"
    table.write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\na,0,0,0,6\nb,0,0,0,6\n")
    Findings("a", (Finding("nodule", 0.9, (0, 0, 1), 6),)).write(tmp_path)
    words = ["evaluate", str(tmp_path), "--froc", "--annotations", str(table), "--resamples", "9"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "warning: 1 of 2 scans have no findings (b)" in result.stderr


def test_a_reference_of_neither_kind_is_refused(tmp_path: Path) -> None:
    Findings("a", ()).write(tmp_path)
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path), "--froc"])
    assert result.exit_code == 2
    assert "expected --cohort or --annotations" in result.stderr


def test_a_cohort_gives_scans_patients_nodules_and_exclusions(tmp_path: Path) -> None:
    root = write_luna(tmp_path / "luna", 3, shape=(16, 32, 32), nodules=2)
    run(Luna16(root), tmp_path / "cohort", workers=1)
    known = from_cohort(tmp_path / "cohort")
    table = from_tables(root / "annotations.csv", root / "annotations_excluded.csv", None)
    assert set(known.cases) == set(table.cases)
    np.testing.assert_allclose(known.objects.points, table.objects.points)
    assert (len(known.ignored), len(known.patients)) == (9, 3)


def test_ids_that_differ_in_zeros_alone_stay_two_scans() -> None:
    """A cohort may call its cases 007 and 7; only an id that no scan has is looked for cut."""
    objects = places(
        ("007", 0, 0, 0, 6), ("7", 0, 0, 0, 6), ("012", 0, 0, 0, 6), name="diameter_mm"
    )
    truth = Reference(("007", "7", "012"), objects, places(name="diameter_mm"), name="lesion")
    found = match(places(("7", 0, 0, 1, 0.9), ("12", 0, 0, 1, 0.8), ("07", 0, 0, 0, 0.7)), truth)
    assert np.isnan(found.best).tolist() == [True, False, False]
    assert found.elsewhere == 1


def test_objects_of_any_class_are_told_by_its_name_and_those_unmeasured(tmp_path: Path) -> None:
    (tmp_path / "a.mhd").touch()

    def cohort(*labels: BallLabel) -> Path:
        case = Case("a", "p", {"mr": tmp_path / "a.mhd"}, labels)
        Cohort("lesions", (case,), ("lesion",)).write(tmp_path / "cohort")
        return tmp_path / "cohort"

    known = from_cohort(cohort(BallLabel("mr", "lesion", (0.0, 0.0, 0.0), None)))
    table = froc(places(("a", 0, 0, 4.9, 0.5)), known, Bootstrap(9))
    assert table.rows[-1].value == 1.0
    told = " ".join(table.facts["summary"])
    assert "1 lesions in 1 scans, 1 hit" in told
    assert "1 have no diameter and are taken as 10 mm across" in told
    both = [BallLabel("mr", name, (0.0, 0.0, 0.0), 5.0) for name in ("lesion", "cyst")]
    with pytest.raises(SpecError, match="expected one class of objects, got cyst, lesion"):
        from_cohort(cohort(*both))
    assert from_cohort(cohort(*both), name="cyst").name == "cyst"
