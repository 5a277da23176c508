"""Thresholds where the share predicted of all images together is the prior of a run."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tifffile

from inklings.errors import SpecError
from inklings.inference.cohort_threshold import at_prior, shares
from inklings.inference.pictures import find_objects
from inklings.inference.predict import predict
from inklings.inference.predictor import asked_threshold
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import RESTS_ON, Head
from inklings.predictions.slides import SlidePrediction, folder_of
from inklings.refinement.watershed import Watershed
from inklings.runs.run import RunRecord
from inklings.spec import Component
from inklings.testing.runs import pictures, slides, untrained_run


def with_prior(run: Path, *values: float, rule: str = "prior") -> Path:
    """The run as if its training had estimated these priors."""
    record = RunRecord.read(run)
    prior = [{"value": v, "low": v, "high": v, "labelled": v / 2} for v in values]
    facts = {"thresholds": [{"class": "nucleus", "rule": rule, "reason": "told"}]}
    dataclasses.replace(record, prior=prior, facts=facts).write(run)
    return run


def called(there: PredictionFolder, k: int = 0) -> float:
    """Share of an average image that is called class ``k``."""
    read = [DensePrediction.read(there.path, case) for case in there.cases]
    return float(np.mean([said.mask(there.head, k).mean() for said in read]))


def nearest(there: PredictionFolder, k: int, prior: float) -> float:
    """Of the shares that the 255 levels can have, the one nearest to the prior."""
    read = [DensePrediction.read(there.path, case).dense[k] for case in there.cases]
    can = [float(np.mean([(one >= level).mean() for one in read])) for level in range(1, 256)]
    return min(can, key=lambda share: abs(share - prior))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return with_prior(untrained_run(tmp_path / "run"), 0.3)


def test_the_quantile_is_of_all_images_together_and_each_counts_alike() -> None:
    """Of the first image 90 % reach level 200, of the second, which may be any size, none."""
    above = np.zeros((2, 1, 256))
    above[:, :, 0] = 1
    above[0, 0, 1:201] = 0.9
    above[1, 0, 1:101] = 0.4
    (low,) = at_prior(above, [0.65])
    (high,) = at_prior(above, [0.45])
    assert low == pytest.approx(50.5 / 255)
    assert high == pytest.approx(150.5 / 255)


def test_every_class_has_a_quantile_of_its_own(tmp_path: Path) -> None:
    two = ("nucleus", "stroma")
    run = untrained_run(tmp_path / "run", classes=two, channels=two, inference={"window": 64})
    with_prior(run, 0.2, 0.6)
    out = tmp_path / "out"
    predict(run, [pictures(tmp_path / "images", 3)], out, threshold_by="prior")
    there = PredictionFolder.open(out)
    for k, prior in enumerate((0.2, 0.6)):
        assert called(there, k) == pytest.approx(nearest(there, k, prior))
    assert there.head.thresholds[0] != there.head.thresholds[1]


def test_the_share_of_the_cohort_is_the_prior_and_the_head_says_what_it_rests_on(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    predict(run, [pictures(tmp_path / "images", 6)], out, threshold_by="prior")
    there = PredictionFolder.open(out)
    assert called(there) == pytest.approx(nearest(there, 0, 0.3))
    assert there.head.settings[RESTS_ON] == 6
    said = capsys.readouterr().err
    assert "of 6 images together, where the run's prior is 30.00%" in said
    assert "warning: thresholds rest on 6 images" in said


def test_objects_are_those_of_the_new_threshold(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict(run, [pictures(tmp_path / "images", 3)], out, threshold_by="prior")
    head = Head.read(out)
    for case in PredictionFolder.open(out).cases:
        said = DensePrediction.read(out, case)
        expected = find_objects(said.dense, head.thresholds[0], Watershed(), None)
        assert said.instances is not None
        assert np.array_equal(said.instances, expected)


def test_more_images_move_the_threshold_and_a_stop_in_between_is_gone_on_from(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = pictures(tmp_path / "images", 5)
    out, whole = tmp_path / "out", tmp_path / "whole"
    predict(run, [images], whole, threshold_by="prior")
    predict(run, [images / "p000.png"], out, threshold_by="prior")
    assert Head.read(out).settings[RESTS_ON] == 1

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("inklings.inference.slide_cases.CaseTask.cut", stopped)
        with pytest.raises(KeyboardInterrupt):
            predict(run, [images], out, threshold_by="prior")
    assert any("predict again" in line for line in PredictionFolder.open(out).notes)
    summary = predict(run, [images], out, threshold_by="prior")
    assert (summary.finished, summary.skipped) == (0, 5)
    assert Head.read(out).thresholds == Head.read(whole).thresholds
    assert Head.read(out).settings[RESTS_ON] == 5
    for case in PredictionFolder.open(out).cases:
        one, other = (DensePrediction.read(folder, case).instances for folder in (out, whole))
        assert one is not None
        assert np.array_equal(one, other)  # type: ignore[arg-type]


def test_a_case_predicted_again_is_cut_at_the_threshold_of_all(run: Path, tmp_path: Path) -> None:
    images, out = pictures(tmp_path / "images", 3), tmp_path / "out"
    predict(run, [images], out, threshold_by="prior")
    head = Head.read(out)
    assert head.thresholds != (0.5,)
    before = DensePrediction.read(out, "p001").instances
    PredictionFolder.open(out).where("p001").unlink()
    summary = predict(run, [images], out, threshold_by="prior")
    assert (summary.finished, summary.skipped) == (1, 2)
    assert Head.read(out) == head
    assert np.array_equal(DensePrediction.read(out, "p001").instances, before)  # type: ignore[arg-type]


def test_of_slides_the_share_is_of_their_tissue_and_their_maps_are_cut_anew(tmp_path: Path) -> None:
    half = Component(name="half")
    run = untrained_run(tmp_path / "run", intensity=half, spacing_um=1.0)
    folder = slides(tmp_path / "slides", 2)
    out, fixed = tmp_path / "out", tmp_path / "fixed"
    predict(run, [folder], tmp_path / "first")
    first = PredictionFolder.open(tmp_path / "first")
    found = np.mean([shares(first, case)[0] for case in first.cases], 0)
    prior = float(min(found[1:], key=lambda share: abs(share - 0.5)))
    predict(with_prior(run, prior), [folder], out, threshold_by="prior")
    there = PredictionFolder.open(out)
    (threshold,) = there.head.thresholds
    records = [SlidePrediction.read(out, case) for case in there.cases]
    assert np.mean([record.areas[0].share for record in records]) == pytest.approx(prior, abs=1e-6)
    assert {record.thresholds for record in records} == {(threshold,)}
    predict(run, [folder], fixed, threshold=threshold)
    for case in there.cases:
        for name in ("outlines.geojson", "areas.csv", "overlay.png"):
            one, other = ((folder_of(root, case) / name).read_bytes() for root in (out, fixed))
            assert one == other, name
        for name in ("classes.ome.tif", "heatmap.ome.tif"):
            maps = [tifffile.imread(folder_of(root, case) / name) for root in (out, fixed)]
            assert np.array_equal(*maps), name
    tissue = records[0].tissue.pixels / np.prod(records[0].factor)
    heat = tifffile.imread(folder_of(out, there.cases[0]) / "heatmap.ome.tif")
    expected = [(heat >= level).sum() / tissue for level in range(1, 256)]
    assert shares(there, there.cases[0])[0, 1:] == pytest.approx(expected)


def test_auto_is_the_threshold_of_the_run_where_its_labels_look_complete(tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 2)
    whole = with_prior(untrained_run(tmp_path / "whole"), 0.3, rule="dice")
    predict(whole, [images], tmp_path / "a", threshold_by="auto")
    assert Head.read(tmp_path / "a").thresholds == (0.5,)
    half = with_prior(untrained_run(tmp_path / "half"), 0.3)
    predict(half, [images], tmp_path / "b", threshold_by="auto")
    assert RESTS_ON in Head.read(tmp_path / "b").settings


def test_what_cannot_be_put_by_the_prior_is_refused(tmp_path: Path, run: Path) -> None:
    images = pictures(tmp_path / "images", 1)
    with pytest.raises(SpecError, match=r"says no prior of nucleus; train with"):
        predict(untrained_run(tmp_path / "none"), [images], tmp_path / "a", threshold_by="prior")
    with pytest.raises(SpecError, match="--refine crf: expected thresholds that stand"):
        predict(run, [images], tmp_path / "b", threshold_by="prior", refine="crf")
    with pytest.raises(SpecError, match="expected a number, prior or auto, got 'best'"):
        asked_threshold("best")
    predict(run, [images], tmp_path / "c")
    with pytest.raises(SpecError, match="by_prior None instead of"):
        predict(run, [images], tmp_path / "c", threshold_by="prior")
