import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from inklings.data import NORMALISERS
from inklings.data.slide_look import SlideLook
from inklings.data.tissue_finder import everywhere
from inklings.errors import GeometryError, ReaderError, SpecError
from inklings.geometry import Geometry, Region
from inklings.inference.dense import predict_array
from inklings.inference.slide_grid import SlideSettings
from inklings.inference.slides import Job, predict_slide
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head
from inklings.predictions.slides import SlidePrediction
from inklings.readers.array import ArrayImage
from inklings.runs.run import Run
from inklings.spec import Component, Inference
from inklings.testing.runs import untrained_run

HALF = {"intensity": Component(name="half")}
TWO = {"channels": ("benign", "tumour"), "classes": ("benign", "tumour")}


def tissue_like(shape: tuple[int, int], spacing: float | None = None, seed: int = 0) -> ArrayImage:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (3, shape[0] // 8 + 1, shape[1] // 8 + 1), dtype=np.uint8)
    array = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, : shape[0], : shape[1]]
    mm = None if spacing is None else (spacing, spacing)
    return ArrayImage(np.ascontiguousarray(array), Geometry(shape, mm), ("R", "G", "B"))


def loaded(tmp_path: Path, **changes: Any) -> Run:
    return Run.load(untrained_run(tmp_path / "run", **{**HALF, **changes}))


def job(window: int = 64, flips: bool = False, **slides: Any) -> Job:
    thresholds = slides.pop("thresholds", (0.5, 0.5))
    settings = SlideSettings(**{"smallest_region": 1, **slides})
    return Job("s", Path("s.svs"), Inference(window=window, mirroring=flips), settings, thresholds)


def predicted(
    run: Run, image: ArrayImage, wanted: Job, folder: Path, tissue: Any = everywhere
) -> tuple[SlidePrediction, np.ndarray]:
    case = folder / "cases" / wanted.case
    case.mkdir(parents=True)
    Head(run.classes, tuple(map(float, wanted.thresholds)), run.provenance).write(folder)
    predict_slide((run,), image, tissue, wanted, case)
    record = SlidePrediction.read(folder, wanted.case)
    with record.heatmap(folder) as heat:
        return record, heat.read(Region((0, 0), record.map_shape))


@pytest.mark.parametrize("shape", [(300, 410), (64, 129), (40, 30), (517, 64)])
@pytest.mark.parametrize("flips", [False, True])
def test_a_slide_gets_what_a_picture_gets(
    shape: tuple[int, int], flips: bool, tmp_path: Path
) -> None:
    run, image = loaded(tmp_path, **TWO), tissue_like(shape)
    wanted = job(flips=flips, heatmap_factor=1)
    record, heat = predicted(run, image, wanted, tmp_path / "out")
    whole = predict_array(run, image.array, wanted.window)
    assert record.map_shape == shape
    assert np.abs(heat.astype(int) - whole).max() <= 1


@pytest.mark.parametrize("name", ["macenko", "reinhard"])
def test_a_run_that_changes_stains_changes_those_of_a_slide_by_its_tissue(
    name: str, tmp_path: Path
) -> None:
    run, image = loaded(tmp_path), tissue_like((300, 210))
    own = dataclasses.replace(run.model_config, stains=Component(name=name))
    changed = SlideLook.of(image, everywhere(image)).restain(NORMALISERS.build(name, {}))(
        image.array
    )
    assert np.abs(changed.astype(int) - image.array).mean() > 1
    _, heat = predicted(
        dataclasses.replace(run, model_config=own), image, job(heatmap_factor=1), tmp_path / "out"
    )
    whole = predict_array(run, changed, job().window)
    assert np.abs(heat.astype(int) - whole).max() <= 1


@pytest.mark.parametrize("shape", [(301, 411), (257, 512)])
def test_coarser_maps_are_means_of_the_fine_one_to_the_very_border(
    shape: tuple[int, int], tmp_path: Path
) -> None:
    run, image = loaded(tmp_path), tissue_like(shape)
    wanted = job(heatmap_factor=4, thresholds=(0.5,))
    record, heat = predicted(run, image, wanted, tmp_path / "out")
    fine = predict_array(run, image.array, wanted.window)[0].astype(float)
    high, wide = (-(-n // 4) for n in shape)
    assert record.map_shape == (high, wide)
    padded = np.full((high * 4, wide * 4), np.nan)
    padded[: shape[0], : shape[1]] = fine
    means = np.nanmean(padded.reshape(high, 4, wide, 4), axis=(1, 3))
    # The last window of the coarse grid may begin elsewhere than that of the fine one.
    assert np.abs(heat[0] - means)[: high - 16, : wide - 16].max() <= 1
    assert np.abs(heat[0] - means).mean() < 1


def test_only_tissue_is_read_and_predicted_there_as_if_all_were(tmp_path: Path) -> None:
    run, image = loaded(tmp_path), tissue_like((900, 700))
    mask = np.zeros((90, 70), np.bool_)
    mask[10:20, 5:40] = mask[60:75, 50:60] = True
    reads: list[Region] = []

    class Watched(ArrayImage):
        def shrunk(self, factor: float) -> Any:
            return self if factor == 1 else super().shrunk(factor)

        def read(self, region: Region) -> Any:
            reads.append(region)
            return super().read(region)

    watched = Watched(image.array, image.geometry, image.channels)
    wanted = job(heatmap_factor=1, thresholds=(0.5,))
    record, heat = predicted(run, watched, wanted, tmp_path / "out", lambda _: mask)
    whole = predict_array(run, image.array, wanted.window)
    fine = mask.repeat(10, axis=0).repeat(10, axis=1)
    assert np.abs(heat[0].astype(int) - whole[0])[fine].max() <= 1
    assert not heat[0][~fine].any()
    assert record.windows == len(reads) - 1 < 60  # and the thumbnail
    assert record.tissue.pixels == fine.sum()


def test_areas_and_outlines_and_the_map_of_classes_agree(tmp_path: Path) -> None:
    run, image = loaded(tmp_path, **TWO), tissue_like((640, 512), spacing=0.0005)
    whole = predict_array(run, image.array, job().window)
    thresholds = tuple(np.median(whole, axis=(1, 2)) / 255)
    record, heat = predicted(
        run, image, job(heatmap_factor=4, thresholds=thresholds), tmp_path / "out"
    )
    with record.class_map(tmp_path / "out") as codes:
        code = codes.read(Region((0, 0), record.map_shape))[0]
    counts = np.bincount(code.ravel(), minlength=3)
    assert counts[1] > 0
    assert counts[2] > 0
    assert (code[(heat >= np.array(thresholds)[:, None, None] * 255).any(axis=0)] > 0).all()
    sample_mm2 = (4 * 0.0005) ** 2
    assert [a.mm2 for a in record.areas] == pytest.approx((counts[1:] * sample_mm2).tolist())
    assert record.tissue.mm2 == pytest.approx(640 * 512 * 0.0005**2)
    features = json.loads((tmp_path / "out/cases/s/outlines.geojson").read_text())["features"]
    assert len(features) == record.outlined
    for place, name in enumerate(("benign", "tumour")):
        own = [f for f in features if f["properties"]["classification"]["name"] == name]
        total = sum(f["properties"]["measurements"]["Area mm^2"] for f in own)
        assert total == pytest.approx(record.areas[place].mm2)
        pixels = sum(
            ring_area(ring) for f in own for ring in f["geometry"]["coordinates"]
        )  # holes turn the other way
        assert pixels == pytest.approx(record.areas[place].pixels)


def ring_area(ring: list[list[float]]) -> float:
    x, y = np.array(ring).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


def test_the_slide_is_seen_on_the_grid_that_the_run_learnt_on(tmp_path: Path) -> None:
    run = loaded(tmp_path, spacing_um=1.0)
    fine = tissue_like((600, 400), spacing=0.0005)
    record, _ = predicted(run, fine, job(thresholds=(0.5,)), tmp_path / "a")
    assert record.network == pytest.approx((2, 2))
    assert record.factor == pytest.approx((8, 8))
    assert record.map_shape == (75, 50)
    assert record.map_spacing_um == pytest.approx((4, 4))
    wanted = job(thresholds=(0.5,), heatmap_spacing_um=15)
    assert predicted(run, fine, wanted, tmp_path / "b")[0].factor == pytest.approx((32, 32))


def test_without_a_known_spacing_the_error_says_how_to_give_it_and_a_factor_will_do(
    tmp_path: Path,
) -> None:
    run, image = loaded(tmp_path, spacing_um=1.0), tissue_like((300, 200))
    with pytest.raises(GeometryError, match=r"--spacing-um.*--factor"):
        predicted(run, image, job(thresholds=(0.5,)), tmp_path / "a")
    record, _ = predicted(run, image, job(thresholds=(0.5,), factor=2), tmp_path / "b")
    assert record.network == (2, 2)
    assert record.areas[0].mm2 is None
    assert any("pixels of level 0" in remark for remark in record.remarks)
    assert "mm2" not in (tmp_path / "b/cases/s/outlines.geojson").read_text()


def test_a_run_of_whole_resized_pictures_is_refused(tmp_path: Path) -> None:
    run = loaded(tmp_path, resize=64)
    with pytest.raises(SpecError, match="scales whole images"):
        predicted(run, tissue_like((300, 200)), job(thresholds=(0.5,)), tmp_path / "a")


def test_a_slide_without_tissue_is_finished_and_says_so(tmp_path: Path) -> None:
    run, image = loaded(tmp_path), tissue_like((300, 200))
    record, heat = predicted(
        run, image, job(thresholds=(0.5,)), tmp_path / "a", lambda _: np.zeros((9, 9), np.bool_)
    )
    assert not heat.any()
    assert record.areas[0].share == 0
    assert any("no tissue" in remark for remark in record.remarks)
    assert sorted(PredictionFolder.open(tmp_path / "a").slides) == ["s"]


def test_a_window_that_cannot_be_decoded_is_an_error_of_the_slide(tmp_path: Path) -> None:
    class Broken(ArrayImage):
        def shrunk(self, factor: float) -> Any:
            return self if factor == 1 else super().shrunk(factor)

        def read(self, region: Region) -> Any:
            if region.start[0] > 100:
                raise ReaderError("s.svs: cannot decode")
            return super().read(region)

    image = tissue_like((300, 200))
    broken = Broken(image.array, image.geometry, image.channels)
    with pytest.raises(ReaderError, match="cannot decode"):
        predicted(loaded(tmp_path), broken, job(thresholds=(0.5,)), tmp_path / "a")
    assert sorted(PredictionFolder.open(tmp_path / "a").slides) == []


def test_the_pictures_show_the_classes_where_they_are(tmp_path: Path) -> None:
    run, image = loaded(tmp_path), tissue_like((600, 900))
    predicted(run, image, job(thresholds=(0.001,)), tmp_path / "a")
    thumbnail = np.asarray(Pillow.open(tmp_path / "a/cases/s/thumbnail.png")).astype(int)
    overlay = np.asarray(Pillow.open(tmp_path / "a/cases/s/overlay.png")).astype(int)
    assert thumbnail.shape == overlay.shape == (600, 900, 3)
    colour = np.array([213, 94, 0])
    expected = thumbnail * 0.45 + colour * 0.55
    assert np.abs(overlay - expected)[5:-5, 5:-5].max() <= 1
