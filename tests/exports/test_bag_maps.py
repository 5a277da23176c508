import csv
import json
from pathlib import Path

import numpy as np
import pytest
import slides
from PIL import Image
from typer.testing import CliRunner

from inklings.bags.places import places, slides_of
from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.data.tiling import Rule, tile_cohort
from inklings.errors import SpecError
from inklings.exports.bag_maps import tile_map
from inklings.exports.export import export
from inklings.inference.embed import embed
from inklings.inference.tile_encoder import PIXELS, Encoder
from inklings.predictions.bags import BagPrediction
from inklings.predictions.head import Head, Provenance

SHAPE, SIDE = (400, 520), 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bags`` of two slides, and ``said``: of every tile a probability of its own."""
    root = tmp_path_factory.mktemp("maps")
    cases = [slides.write(root, name, slides.blobs(SHAPE, k)) for k, name in enumerate("ab")]
    slides.cohort(root / "slides", cases)
    tile_cohort(root / "slides", root / "tiles", Rule(size=SIDE))
    embed(root / "tiles", root / "bags", Encoder(PIXELS, batch=7))
    provenance = Provenance("run", "0" * 64, None, "0")
    settings = {"task": "binary", "channels": ["tumour"]}
    Head(("tumour",), (0.5,), provenance, settings=settings, kind="bags").write(root / "said")
    cohort = Cohort.read(root / "bags")
    for case in cohort:
        lies = places(case, slides_of(cohort, root / "bags"))
        assert lies is not None
        p = np.linspace(0.05, 0.95, len(lies.boxes))
        logits = np.log(p / (1 - p))[:, None].astype(np.float32)
        image = next(iter(case.images.values()))
        BagPrediction(case.id, image, np.array([0.9]), np.array([2.0]), logits).write(root / "said")
    return root


def boxes(folder: Path, case: str) -> np.ndarray:
    cohort = Cohort.read(folder / "bags")
    lies = places(next(c for c in cohort if c.id == case), slides_of(cohort, folder / "bags"))
    assert lies is not None
    return lies.boxes


def by_hand(places: np.ndarray, shape: tuple[int, int], step: int) -> tuple[np.ndarray, np.ndarray]:
    """Every pixel of level 0 holds the tiles over it; map pixels are sums of blocks."""
    total, count = np.zeros(shape), np.zeros(shape)
    for p, (y, x, h, w) in zip(
        np.linspace(0.05, 0.95, len(places)), places.astype(int), strict=True
    ):
        total[y : y + h, x : x + w] += p
        count[y : y + h, x : x + w] += 1
    pad = [(0, -n % step) for n in shape]
    total, count = (np.pad(a, pad) for a in (total, count))
    blocks = (total.shape[0] // step, step, total.shape[1] // step, step)
    total, count = (a.reshape(blocks).sum((1, 3)) for a in (total, count))
    return total / np.maximum(count, 1), count > 0


@pytest.mark.parametrize("step", [16, 64, 100])
def test_a_map_pixel_is_the_mean_of_the_tiles_that_reach_into_it(folder: Path, step: int) -> None:
    for case in "ab":
        mine = boxes(folder, case)
        p = np.linspace(0.05, 0.95, len(mine))[:, None]
        made, known = tile_map(mine, p, SHAPE, (step, step))
        wanted, there = by_hand(mine, SHAPE, step)
        np.testing.assert_array_equal(known, there)
        np.testing.assert_allclose(made[0][known], wanted[there])


def test_maps_are_raw_and_thresholded_pictures_whose_grid_is_told(
    folder: Path, tmp_path: Path
) -> None:
    words = ["export", str(folder / "said"), "--to", "tile-maps", "--cohort", str(folder / "bags")]
    words += ["--heatmap-factor", "32", "--threshold", "0.4", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader((tmp_path / "out" / "maps.csv").open()))
    assert [(row["slide"], row["pixels_a_map_pixel"]) for row in rows] == [
        ("a", "32 x 32"),
        ("b", "32 x 32"),
    ]
    for row in rows:
        wanted, there = by_hand(boxes(folder, row["slide"]), SHAPE, 32)
        raw = np.asarray(Image.open(tmp_path / "out" / "raw" / "tumour" / f"{row['slide']}.png"))
        np.testing.assert_array_equal(raw[..., 1] == 255, there)
        assert np.abs(raw[..., 0] / 255 - wanted * there).max() < 0.003
        cut = Image.open(tmp_path / "out" / "thresholded" / "tumour" / f"{row['slide']}.png")
        sure = np.abs(wanted - 0.4) > 1e-6
        np.testing.assert_array_equal((np.asarray(cut)[..., 0] == 255)[sure], (wanted >= 0.4)[sure])
        p = np.linspace(0.05, 0.95, len(boxes(folder, row["slide"])))
        assert (int(row["tiles"]), int(row["called"])) == (len(p), int((p >= 0.4).sum()))
        over = np.asarray(Image.open(tmp_path / "out" / "overlays" / f"{row['slide']}.png"))
        assert over.shape == (*SHAPE, 3)


def test_by_default_a_map_pixel_is_the_way_from_tile_to_tile(folder: Path, tmp_path: Path) -> None:
    out = export(folder / "said", "tile-maps", tmp_path / "out", folder / "bags").path
    row = next(csv.DictReader((out / "maps.csv").open()))
    mine = boxes(folder, "a")
    ways = [min(min(np.diff(np.unique(mine[:, k]))), SIDE) for k in (0, 1)]
    assert row["pixels_a_map_pixel"] == f"{ways[0]:g} x {ways[1]:g}"
    assert row["threshold"] == "0.3"


def test_geojson_holds_the_tiles_called_and_beside_it_all_of_them(
    folder: Path, tmp_path: Path
) -> None:
    out = export(folder / "said", "geojson", tmp_path / "out", folder / "bags").path
    for case in "ab":
        mine = boxes(folder, case)
        p = np.linspace(0.05, 0.95, len(mine))
        every = json.loads((out / f"{case}.raw.geojson").read_text())
        called = json.loads((out / f"{case}.geojson").read_text())
        assert len(every["features"]) == len(mine)
        assert len(called["features"]) == (p >= 0.3).sum()
        for feature, box, chance in zip(every["features"], mine, p, strict=True):
            (ring,) = feature["geometry"]["coordinates"]
            assert ring[0] == ring[-1] == [box[1], box[0]]
            assert ring[2] == [box[1] + box[3], box[0] + box[2]]
            said = feature["properties"]
            assert said["measurements"]["probability tumour"] == pytest.approx(chance, abs=1e-5)
            assert "classification" not in said
        names = {f["properties"]["classification"]["name"] for f in called["features"]}
        assert names == {"tumour"}


def test_maps_without_places_are_refused_in_words(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="add --cohort"):
        export(folder / "said", "tile-maps", tmp_path / "out")
    with pytest.raises(SpecError, match="expected a probability between 0 and 1, got 3"):
        export(folder / "said", "tile-maps", tmp_path / "out", options={"threshold": 3.0})
    both = {"heatmap_factor": 2.0, "heatmap_spacing_um": 2.0}
    with pytest.raises(SpecError, match="got both"):
        export(folder / "said", "tile-maps", tmp_path / "out", options=both)
    assert not (tmp_path / "out").exists()
