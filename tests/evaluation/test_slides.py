from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.evaluation import slides
from inklings.evaluation.evaluate import evaluate, score
from inklings.evaluation.family import Settings
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.labels.kinds import BagLabel, MaskLabel
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head, Provenance
from inklings.predictions.heatmaps.canvas import TILE
from inklings.predictions.heatmaps.writer import HeatmapWriter, Places
from inklings.predictions.slides import Area, SlidePrediction, slide_written
from inklings.testing.runs import blobs, write_pyramid

CLASSES = ("benign", "tumour")
SHAPE = (700, 900)
STEP = 4
EVERY = Settings(split="all")


def said(folder: Path, case: str, image: Path, heat: np.ndarray) -> None:
    """Write ``heat`` (K, h, w) uint8 as the prediction of a slide."""
    shape = heat.shape[1:]
    size = (shape[0] * STEP, shape[1] * STEP)
    factor = (float(STEP), float(STEP))
    with slide_written(folder, case) as part:
        tissue = Places(np.ones((4, 4), np.bool_), shape)
        with HeatmapWriter(
            part, CLASSES, (0.5, 0.5), tissue, shape=shape, factor=factor, slide=size,
            spacing_um=None,
        ) as sink:  # fmt: skip
            padded = np.pad(heat, ((0, 0), (0, -shape[0] % TILE), (0, -shape[1] % TILE)))
            for ty in range(padded.shape[1] // TILE):
                row = {
                    tx: padded[:, ty * TILE :, tx * TILE :][:, :TILE, :TILE].astype(np.float32)
                    / 255
                    for tx in range(padded.shape[2] // TILE)
                }
                sink.take([(ty, row)])
            sink.finish()
            samples, peaks = sink.samples, sink.peaks
        areas = tuple(
            Area(name, float(n), None, n / heat[0].size, peak / 255)
            for name, n, peak in zip(CLASSES, samples[1:], peaks, strict=True)
        )
        SlidePrediction(
            case, image, size, None, (1.0, 1.0), factor, shape, CLASSES, (0.5, 0.5),
            Area("tissue", 1.0, None, 1.0, 1.0), areas, 1, 0, 0, 0.0,
        ).write(part)  # fmt: skip


@pytest.fixture
def predicted(tmp_path: Path) -> tuple[Path, Path, list[Pair]]:
    """Predictions of four slides, their cohort, and the same as pairs in memory."""
    out, pairs, cases = tmp_path / "out", [], []
    rng = np.random.default_rng(0)
    provenance = Provenance("run", "0", None, "0")
    Head(CLASSES, (0.5, 0.5), provenance).write(out)
    for i in range(4):
        image, mask = tmp_path / f"{i}.tiff", tmp_path / f"{i}_mask.tiff"
        write_pyramid(image, blobs(SHAPE, i))
        grid = (SHAPE[0] // STEP, SHAPE[1] // STEP)
        coarse = rng.integers(0, 4, (grid[0] // 5, grid[1] // 5)).astype(np.uint8)
        if i == 3:
            coarse[coarse == 2] = 0
        true = coarse.repeat(5, axis=0).repeat(5, axis=1)
        known = true < 3
        fine = np.where(known, true, 255).astype(np.uint8)
        write_pyramid(mask, fine.repeat(STEP, axis=0).repeat(STEP, axis=1))
        heat = np.clip(
            np.stack([true == 1, true == 2]) * 140 + rng.integers(0, 120, (2, *true.shape)), 0, 255
        ).astype(np.uint8)
        said(out, f"c{i}", image, heat)
        label = MaskLabel(mask, "slide", "classes", CLASSES, extent="partial")
        cases.append(Case(f"c{i}", f"p{i // 2}", {"slide": image}, (label,)))
        pairs.append(
            Pair(
                f"p{i // 2}",
                f"c{i}",
                Segmentation(heat >= 127.5, None, heat),
                Segmentation((true == np.array([1, 2])[:, None, None]) & known),
                known,
            )
        )
    Cohort("slides", tuple(cases), CLASSES).write(tmp_path / "cohort")
    return out, tmp_path / "cohort", pairs


@pytest.mark.parametrize("block", [64, 4096])
def test_streamed_scores_are_those_of_whole_pictures(
    predicted: tuple[Path, Path, list[Pair]], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, cohort, pairs = predicted
    monkeypatch.setattr(slides, "_BLOCK", block)
    table = evaluate(out, cohort, EVERY)
    whole = score(pairs, classes=CLASSES)
    expected = {(row.metric, row.label): row for row in whole}
    for row in table:
        if not row.metric.startswith("auc_slide"):
            same = expected[row.metric, row.label]
            assert row.value == pytest.approx(same.value, abs=1e-12), row.metric
            assert (row.low, row.high) == pytest.approx((same.low, same.high), nan_ok=True)
    assert {"dice", "iou_pooled", "miou", "precision", "recall", "ece"} <= set(table.names)
    assert [line["predicted_samples"] for line in table.cases] == [
        pair.predicted.mask.sum() for pair in pairs
    ]


def test_slides_are_ranked_by_their_peak_and_their_share(
    predicted: tuple[Path, Path, list[Pair]],
) -> None:
    out, cohort, pairs = predicted
    table = evaluate(out, cohort, EVERY)
    present = [bool(pair.reference.mask[1].any()) for pair in pairs]
    assert present == [True, True, True, False]
    peaks = [pair.predicted.probability[1].max() for pair in pairs]  # type: ignore[index]
    by = {row.metric: row for row in table if row.label == "tumour"}
    assert by["auc_slide_peak"].value == pytest.approx(roc_auc_score(present, peaks))
    assert by["auc_slide_area"].value == 1
    assert "auc_slide_peak" not in [row.metric for row in table if row.label == "benign"]


def test_a_slide_with_nothing_but_its_label_counts_as_a_slide_and_not_as_samples(
    predicted: tuple[Path, Path, list[Pair]],
) -> None:
    out, cohort, _ = predicted
    there = Cohort.read(cohort)
    cases = [*there.cases[:2]]
    for case in there.cases[2:]:
        bag = (BagLabel("tumour", case.id == "c2"),)
        cases.append(Case(case.id, case.patient, case.images, bag))
    Cohort("bags", tuple(cases), CLASSES).write(cohort)
    table = evaluate(out, cohort, EVERY)
    assert {row.n for row in table if row.metric == "dice_pooled"} == {2}
    by = {row.metric: row for row in table if row.label == "tumour"}
    assert by["auc_slide_area"].n == 4
    assert by["auc_slide_area"].value == 1


def test_of_labels_that_never_say_where_nothing_is_recall_and_the_share_remain(
    predicted: tuple[Path, Path, list[Pair]],
) -> None:
    out, cohort, pairs = predicted
    there = Cohort.read(cohort)
    cases = []
    for case in there.cases:
        (mask,) = case.labels
        assert isinstance(mask, MaskLabel)
        left = np.zeros(SHAPE, np.uint8)
        left[:, : SHAPE[1] // 2] = 1
        write_pyramid(mask.path, left)
        weak = MaskLabel(mask.path, "slide", "classes", CLASSES, extent="positives")
        cases.append(Case(case.id, case.patient, case.images, (weak,)))
    Cohort("weak", tuple(cases), CLASSES).write(cohort)
    table = evaluate(out, cohort, EVERY)
    rows = {row.metric: row.value for row in table if row.label == "benign"}
    half = [pair.predicted.probability[0] >= 127.5 for pair in pairs]  # type: ignore[index]
    hit = [said[:, : said.shape[1] // 2].mean() for said in half]
    assert rows["recall_annotated"] == pytest.approx(np.mean(hit), abs=0.02)
    assert rows["share_predicted"] == pytest.approx(np.mean([said.mean() for said in half]))
    assert not {"dice", "dice_annotated", "precision_annotated"} & set(table.names)


def test_metrics_that_need_a_whole_image_say_so(predicted: tuple[Path, Path, list[Pair]]) -> None:
    out, cohort, _ = predicted
    assert PredictionFolder.open(out).slides
    with pytest.raises(SpecError, match="needs a whole image"):
        evaluate(out, cohort, Settings(split="all", metrics=("hd95",)))
    with pytest.raises(SpecError, match="did you mean 'dice'"):
        evaluate(out, cohort, Settings(split="all", metrics=("dic",)))
    table = evaluate(out, cohort, Settings(split="all", metrics=("miou", "auc_slide_area")))
    assert table.names == ["miou", "auc_slide_area"]


def test_a_slide_whose_mask_is_damaged_is_left_out_and_named(
    predicted: tuple[Path, Path, list[Pair]],
) -> None:
    out, cohort, pairs = predicted
    (mask,) = Cohort.read(cohort).cases[1].labels
    assert isinstance(mask, MaskLabel)
    mask.path.write_bytes(mask.path.read_bytes()[:200])
    table = evaluate(out, cohort, EVERY)
    assert list(table.head["failed"]) == ["c1"]
    assert "1 case could not be scored (c1)" in table.head["warnings"][-1]
    rest = [pairs[0], pairs[2], pairs[3]]
    assert table["iou_pooled"].value == pytest.approx(
        score(rest, classes=CLASSES)["iou_pooled"].value
    )
    assert not list(out.glob(".scores*"))
    result = CliRunner().invoke(app, ["evaluate", str(out), "--cohort", str(cohort)])
    assert result.exit_code == 3
    assert "case c1 is not scored" in result.stderr


@pytest.mark.slow
def test_worker_processes_find_the_same_numbers(
    predicted: tuple[Path, Path, list[Pair]],
) -> None:
    out, cohort, _ = predicted
    alone = evaluate(out, cohort, EVERY)
    together = evaluate(out, cohort, Settings(split="all", workers=2))
    assert together.records() == alone.records()
