import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.inference.predict import predict
from inklings.labels.kinds import BagLabel, MaskLabel
from inklings.predictions.guarantee import Guarantee, with_promises
from inklings.predictions.head import Head
from inklings.reports.run import run_report
from inklings.reports.slide_examples import predicted_slide
from inklings.spec import Component
from inklings.testing.runs import blobs, untrained_run, write_pyramid


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    picture = blobs((800, 600))
    write_pyramid(tmp_path / "s.tiff", picture, 0.5)
    write_pyramid(tmp_path / "m.tiff", (picture.min(axis=2) < 200).astype(np.uint8))
    mask = MaskLabel(tmp_path / "m.tiff", "slide", "classes", ("nucleus",))
    case = Case("one", "p9", {"slide": tmp_path / "s.tiff"}, (mask,), "test")
    Cohort("slides", (case,), ("nucleus",)).write(tmp_path / "cohort")
    run = untrained_run(tmp_path / "run", intensity=Component(name="half"), spacing_um=1.0)
    record = json.loads((run / "run.json").read_text())
    record["split_hash"] = Cohort.read(tmp_path / "cohort").split_hash
    (run / "run.json").write_text(json.dumps(record))
    predict(run, [tmp_path / "cohort"], tmp_path / "out", threshold=0.01)
    experiment = run / "experiment.yaml"
    text = experiment.read_text().replace("cohort: cohort", f"cohort: {tmp_path / 'cohort'}")
    experiment.write_text(text)
    return run, tmp_path / "cohort", tmp_path / "out"


def test_a_predicted_slide_is_its_thumbnail_with_the_outlines_of_both_sides(
    folders: tuple[Path, Path, Path],
) -> None:
    _, cohort, out = folders
    (case,) = Cohort.read(cohort).cases
    head = Head.read(out)
    example = predicted_slide({"dice": 0.5}, out, head, case)
    assert example.score == "Dice 0.500"
    assert set(re.findall(r'class="contour (\w+)"', str(example.picture))) == {"truth", "predicted"}
    assert example.notes[0].endswith("mm\u00b2")
    bag = Case(case.id, case.patient, case.images, (BagLabel("nucleus", True),))
    assert 'contour truth"' not in str(predicted_slide({}, out, head, bag).picture)
    promise = Guarantee(
        "fnr", "dense", "nucleus", 0.1, None, 0.1, ("p",), None, 0.0, 0.5, 0.2, (), "c", "val",
        None, "w", "", "0",
    )  # fmt: skip
    example = predicted_slide({}, out, with_promises(head, [promise]), case, ("far",))
    assert 'contour guaranteed"' in str(example.picture)
    assert example.notes[0] == "far"


def test_the_report_of_a_run_evaluates_and_shows_slides(
    folders: tuple[Path, Path, Path],
) -> None:
    run, cohort, out = folders
    page = run_report(run).read_text()
    assert (out / "evaluation.json").exists()
    assert "case one" in page
    assert 'contour predicted"' in page
    table = evaluate(out, cohort, Settings())
    assert table["dice"].n == 1


def test_slides_that_were_scored_by_overlap_alone_are_shown_by_it(
    folders: tuple[Path, Path, Path],
) -> None:
    """The demo of slides asked for no Dice of cases, and its reports showed no slide."""
    run, cohort, out = folders
    evaluate(out, cohort, Settings(metrics=("dice_pooled", "iou"))).write(out)
    page = run_report(run).read_text()
    assert "Ranked by IoU" in page
    assert "IoU 0." in page
    assert 'contour predicted"' in page


def test_the_truth_that_is_shown_is_what_the_slides_were_scored_by(
    folders: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    """The demo learns from coarse outlines and scores by exact ones; reports drew the coarse."""
    run, cohort, out = folders
    square = np.pad(np.ones((80, 60), np.uint8), ((0, 720), (0, 540)))
    write_pyramid(tmp_path / "corner.tiff", square)
    known = Cohort.read(cohort)
    corner = MaskLabel(tmp_path / "corner.tiff", "slide", "classes", ("nucleus",))
    exact = tmp_path / "exact"
    Cohort("slides", (replace(known.cases[0], labels=(corner,)),), ("nucleus",)).write(exact)
    pages = {}
    for folder in (cohort, exact):
        evaluate(out, folder, Settings()).write(out)
        cases = run_report(run).read_text().split('id="cases"')[1].split("</section>")[0]
        pages[folder] = re.findall(r'<path class="contour truth"[^>]*>', cases)
    assert pages[cohort]
    assert len(pages[exact][0]) < len(pages[cohort][0])
