"""Several runs: the mean of what they say, how far they differ, and who is refused."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from inklings.errors import DataError, SpecError
from inklings.geometry import Geometry, Region
from inklings.inference.ensemble import averaged
from inklings.inference.images import ImagePredictor
from inklings.inference.predict import predict
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import MEMBERS
from inklings.predictions.heatmaps.tiled import Map
from inklings.predictions.outputs import remembered
from inklings.predictions.slides import SPREAD, SlidePrediction, folder_of
from inklings.readers.nifti import write_nifti
from inklings.runs.members import Chosen
from inklings.runs.run import RunRecord
from inklings.spec import Component, Volumes
from inklings.testing.runs import pictures, slides, untrained_run

HALF = {"intensity": Component(name="half")}
PLAIN = {"window": 64}


def runs(folder: Path, count: int = 3, **changes: object) -> Path:
    """A folder of runs of different weights."""
    for seed in range(count):
        untrained_run(folder / f"run{seed}", seed, PLAIN, **changes)  # type: ignore[arg-type]
    return folder


def test_the_mean_and_the_spread_are_those_worked_by_hand() -> None:
    parts = [np.full((1, 2, 2), value, np.uint8) for value in (10, 20, 60)]
    parts[2][0, 1, 1] = 255
    mean, spread = averaged(parts)
    assert mean[0].tolist() == [[30, 30], [30, 95]]  # (10 + 20 + 255) / 3
    assert spread[0, 0, 0] == 22  # sqrt((400 + 100 + 900) / 3) = 21.6
    assert spread[0, 1, 1] == 113  # sqrt((85² + 75² + 160²) / 3) = 113.2


def test_as_many_certain_runs_as_are_allowed_do_not_overflow() -> None:
    mean, spread = averaged(np.full((1, 1, 3), 255, np.uint8) for _ in range(256))
    assert (mean == 255).all()
    assert (spread == 0).all()


def test_pictures_get_the_mean_of_what_each_run_says_of_them(tmp_path: Path) -> None:
    images, several = pictures(tmp_path / "images", 3), runs(tmp_path / "runs")
    predict(several, [images], tmp_path / "out")
    singles = [tmp_path / f"out{k}" for k in range(3)]
    for k, out in enumerate(singles):
        predict(several / f"run{k}", [images], out)
    there = PredictionFolder.open(tmp_path / "out")
    for case in there.cases:
        each = np.stack([DensePrediction.read(out, case).dense for out in singles]).astype(float)
        said = DensePrediction.read(tmp_path / "out", case)
        assert np.abs(said.dense - each.mean(0)).max() <= 0.5
        assert said.spread is not None
        assert np.abs(said.spread - each.std(0)).max() <= 0.5
        assert said.spread.any()
    assert len(there.head.settings[MEMBERS]) == 3
    # In another process a case is predicted by itself, by runs that are loaded there.
    ImagePredictor(several, [images], {}).task(tmp_path / "alone")("p000")
    alone = DensePrediction.read(tmp_path / "alone", "p000")
    assert np.array_equal(alone.dense, DensePrediction.read(tmp_path / "out", "p000").dense)
    with (tmp_path / "out" / "uncertainty.csv").open(newline="") as file:
        rows = {row["case"]: float(row["spread"]) for row in csv.DictReader(file)}
    first = DensePrediction.read(tmp_path / "out", there.cases[0]).spread
    assert first is not None
    assert rows[there.cases[0]] == pytest.approx(first.mean() / 255, rel=1e-5)


def test_identical_runs_agree_with_one_and_spread_is_zero(tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 2)
    for name in "ab":
        untrained_run(tmp_path / name, 5, PLAIN)
    predict(tmp_path / "a", [images], tmp_path / "both", also=[tmp_path / "b"])
    assert remembered(tmp_path / "a") == ()  # they are not its own
    predict(tmp_path / "a", [images], tmp_path / "one")
    for case in PredictionFolder.open(tmp_path / "one").cases:
        both, one = (DensePrediction.read(tmp_path / n, case) for n in ("both", "one"))
        assert np.array_equal(both.dense, one.dense)
        assert both.spread is not None
        assert not both.spread.any()
        assert one.spread is None


def test_slides_get_the_mean_of_the_maps_and_a_map_of_the_spread(tmp_path: Path) -> None:
    images = slides(tmp_path / "images", 1)
    several = runs(tmp_path / "runs", 2, spacing_um=1.0, **HALF)
    predict(several, [images], tmp_path / "out")
    singles = []
    for k in range(2):
        predict(several / f"run{k}", [images], tmp_path / f"out{k}")
        singles.append(SlidePrediction.read(tmp_path / f"out{k}", "s000"))
    said = SlidePrediction.read(tmp_path / "out", "s000")
    whole = Region((0, 0), said.map_shape)
    maps = []
    for name, record in (("out", said), ("out0", singles[0]), ("out1", singles[1])):
        with record.heatmap(tmp_path / name) as heat:
            maps.append(heat.read(whole).astype(float))
    with Map(folder_of(tmp_path / "out", "s000") / SPREAD) as file:
        spread = file.read(whole)
    assert np.abs(maps[0] - (maps[1] + maps[2]) / 2).max() <= 1
    assert np.abs(spread - np.abs(maps[1] - maps[2]) / 2).max() <= 1
    assert spread.any()
    assert said.spread[0].whole == pytest.approx(spread.sum() / 255 / _tissue(said), rel=1e-6)
    assert not (folder_of(tmp_path / "out0", "s000") / SPREAD).exists()


def _tissue(said: SlidePrediction) -> int:
    return round(said.tissue.pixels / said.factor[0] / said.factor[1])


def test_a_volume_gets_the_mean_of_planes_and_boxes_cut_into_components_once(
    tmp_path: Path,
) -> None:
    grid = Geometry((8, 24, 24), (2.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3).tolist())
    rng = np.random.default_rng(0)
    write_nifti(tmp_path / "v.nii.gz", rng.integers(0, 900, grid.shape).astype(np.int16), grid)
    given = {"in_channels": 1, "intensity": Component(name="percentiles")}
    untrained_run(tmp_path / "flat", 1, PLAIN, volumes=Volumes(view="2d"), **given)
    deep = Component(name="unet3d", options={"width": 4, "depth": 2})
    solid = {"model": deep, "volumes": Volumes(view="3d"), "window": (8, 16, 16)}
    untrained_run(tmp_path / "deep", 2, PLAIN, **given, **solid)
    image, also = [tmp_path / "v.nii.gz"], [tmp_path / "deep"]
    for name in ("flat", "deep"):
        predict(tmp_path / name, image, tmp_path / f"of-{name}")
    predict(tmp_path / "flat", image, tmp_path / "all", also=also)
    each = [DensePrediction.read(tmp_path / f"of-{n}", "v").dense for n in ("flat", "deep")]
    mean = DensePrediction.read(tmp_path / "all", "v").dense
    assert np.abs(mean - np.mean(each, 0)).max() <= 0.5
    cut = float(np.quantile(mean, 0.9)) / 255
    how = {"also": also, "components": "largest", "threshold": cut}
    predict(tmp_path / "flat", image, tmp_path / "largest", **how)  # type: ignore[arg-type]
    said = DensePrediction.read(tmp_path / "largest", "v")
    changed = said.dense != mean
    assert changed.any()
    assert (said.dense[changed] < cut * 255).all()
    assert (mean[changed] >= cut * 255).all()
    assert ndimage.label(said.mask(PredictionFolder.open(tmp_path / "largest").head))[1] == 1


def test_runs_that_cannot_be_averaged_are_refused_in_one_line(tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 1)
    first = untrained_run(tmp_path / "a", 0, PLAIN)
    others = {
        "classes": {"channels": ("gland",), "classes": ("gland",)},
        "images": {"volumes": Volumes(view="2d"), "in_channels": 1},
        "inputs": {"inputs": ("t1",)},
        "a core": {"channels": ("nucleus", "core")},
        "a grid of slides": {"spacing_um": 0.5},
    }
    for what, changes in others.items():
        run = untrained_run(tmp_path / what, 0, PLAIN, **changes)
        with pytest.raises(SpecError, match=f"can be averaged.*{what}") as caught:
            predict(first, [images], tmp_path / "out", also=[run])
        assert "\n" not in str(caught.value)
    second = untrained_run(tmp_path / "b", 1, PLAIN)
    with pytest.raises(SpecError, match="expected one run, whose prior it is"):
        predict(first, [images], tmp_path / "out", also=[second], threshold_by="prior")
    again = tmp_path / "b" / ".." / "a"
    for given in ([again], [second, again], [second, second], [tmp_path]):
        with pytest.raises(SpecError, match=r"expected different runs to average, got .* twice"):
            predict(first, [images], tmp_path / "out", also=given)
    assert not (tmp_path / "out").exists()


def test_thresholds_are_given_or_chosen_or_the_mean_of_the_runs(tmp_path: Path) -> None:
    images, several = pictures(tmp_path / "images", 1), runs(tmp_path / "runs", 2)
    for k, cut in enumerate((0.3, 0.5)):
        RunRecord((cut,), (f"p{k}",)).write(several / f"run{k}")
    predict(several, [images], tmp_path / "mean")
    head = PredictionFolder.open(tmp_path / "mean").head
    assert head.thresholds == pytest.approx((0.4,))
    assert head.trained_on == ("p0", "p1")
    predict(several, [images], tmp_path / "given", threshold=0.7)
    assert PredictionFolder.open(tmp_path / "given").head.thresholds == (0.7,)
    Chosen((0.6,)).write(several)
    predict(several, [images], tmp_path / "chosen")
    assert PredictionFolder.open(tmp_path / "chosen").head.thresholds == (0.6,)
    with pytest.raises(SpecError, match="other weights"):
        predict(several / "run0", [images], tmp_path / "chosen")


def test_a_cross_validation_that_is_not_finished_is_no_ensemble(tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 1)
    several = runs(tmp_path / "cv" / "folds" / "00-00", 1)
    (several / "run0").rename(several / "run")
    (tmp_path / "cv" / "crossval.yaml").write_text("plan: {}\n")
    with pytest.raises(DataError, match="has not finished"):
        predict(tmp_path / "cv", [images], tmp_path / "out")
    (tmp_path / "cv" / "scores.json").write_text(json.dumps([]))
    predict(tmp_path / "cv", [images], tmp_path / "out")
    assert len(PredictionFolder.open(tmp_path / "out").cases) == 1
