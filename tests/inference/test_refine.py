from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from inklings.cli import app
from inklings.errors import DataError, SpecError
from inklings.inference.crf import CRF, along_edges, colours, even_at, sharpen
from inklings.inference.predict import predict
from inklings.inference.refine import refine
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head, Provenance
from inklings.testing.runs import pictures, untrained_run

SMALL = {"position_sigma": 10.0, "colour_sigma": 20.0}


def scene(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture ``(H, W, 3)`` of a bright ellipse, where it is, and the same moved by two."""
    y, x = np.mgrid[:22, :26]
    inside = ((y - 11) / 7) ** 2 + ((x - 12) / 8) ** 2 < 1
    noise = np.random.default_rng(seed).normal(0, 8, (22, 26, 3))
    image = np.clip(110 + 60 * inside[..., None] + noise, 0, 255).astype(np.uint8)
    return image, inside, np.roll(inside, 2, axis=1)


def layout(root: Path, values: tuple[int, int] = (0, 255)) -> tuple[Path, Path]:
    """Folders of images and of moved masks; of case c, a mask without an object."""
    images, masks = root / "images", root / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    for seed, name in enumerate("abc"):
        image, _, moved = scene(seed)
        Image.fromarray(image).save(images / f"{name}.png")
        marked = moved & (name != "c")
        Image.fromarray(np.where(marked, *values[::-1]).astype(np.uint8)).save(
            masks / f"{name}_mask.png"
        )
    return images, masks


@pytest.mark.parametrize("values", [(0, 255), (3, 7)])
def test_masks_move_to_the_edges_and_keep_their_names_and_numbers(
    tmp_path: Path, values: tuple[int, int]
) -> None:
    images, masks = layout(tmp_path, values)
    assert refine(masks, tmp_path / "out", str(images), options=SMALL).finished == 3
    for seed, name in enumerate("ab"):
        made = np.asarray(Image.open(tmp_path / "out" / f"{name}_mask.png"))
        assert set(np.unique(made)) == set(values)
        _, inside, moved = scene(seed)
        assert ((made == values[1]) == inside).mean() > 0.985 > (moved == inside).mean()
    nothing = np.asarray(Image.open(tmp_path / "out" / "c_mask.png"))
    assert (nothing == values[0]).all()


@pytest.mark.parametrize(("kind", "top"), [("float32", 1.0), ("uint8", 255), ("uint16", 65535)])
def test_probabilities_stay_probabilities_of_their_type(
    tmp_path: Path, kind: str, top: float
) -> None:
    images, masks = layout(tmp_path)
    for path in masks.iterdir():
        path.unlink()
    image, inside, moved = scene(0)
    given = (np.where(moved, 0.8, 0.2) * top).astype(kind)
    suffix = ".tif" if kind == "float32" else ".png"
    Image.fromarray(given).save(masks / f"a{suffix}")
    whole = kind != "float32"
    refine(masks, tmp_path / "out", str(images), probabilities=whole, options=SMALL)
    made = np.asarray(Image.open(tmp_path / "out" / f"a{suffix}"))
    exact = sharpen(np.moveaxis(image, -1, 0), given / top, CRF(**SMALL))
    np.testing.assert_allclose(made / top, exact, atol=0.5 / 255)
    assert ((made >= top / 2) == inside).mean() > 0.985


@pytest.mark.parametrize("cut", [0.1, 0.3, 0.5, 0.8])
def test_a_threshold_means_before_and_after_where_odds_are_even(cut: float) -> None:
    image, _, moved = scene(3)
    samples = np.moveaxis(image, -1, 0)
    dense = np.where(moved, min(cut + 0.2, 1), cut / 2)[None]
    dense = np.rint(dense * 255).astype(np.uint8)
    made = along_edges(samples, dense, (cut,), CRF(**SMALL))
    wanted = sharpen(colours(samples), even_at(dense[0] / np.float32(255), cut), CRF(**SMALL))
    sure = np.abs(wanted - 0.5) > 0.02
    np.testing.assert_array_equal((made[0] / 255 >= cut)[sure], (wanted >= 0.5)[sure])


def test_predictions_are_refined_class_by_class_and_cut_anew(tmp_path: Path) -> None:
    images, _ = layout(tmp_path)
    before, out = tmp_path / "before", tmp_path / "after"
    settings = {"instances": {"name": "components", "options": {"min_size": 1}}, "core": None}
    provenance = Provenance("run", "0" * 64, None, "0")
    Head(("cell", "other"), (0.3, 0.5), provenance, settings=settings).write(before)
    _, inside, moved = scene(0)
    dense = np.stack([30 + moved * 90, 80 + ~moved * 90]).astype(np.uint8)
    objects = moved.astype(np.uint16)
    DensePrediction("a", images / "a.png", dense, objects).write(before)
    assert refine(before, out, options=SMALL).finished == 1
    there = PredictionFolder.open(out)
    made = DensePrediction.read(out, "a")
    assert there.head.settings["refine"]["crf"]["colour_sigma"] == 20
    for channel, truth in enumerate((inside, ~inside)):
        assert (made.mask(there.head, channel) == truth).mean() > 0.97
    assert made.instances is not None
    np.testing.assert_array_equal(made.instances > 0, made.mask(there.head))
    with pytest.raises(SpecError, match="choose another --out"):
        refine(before, out)


def test_predict_with_crf_is_predict_and_then_refine(tmp_path: Path) -> None:
    run, images = untrained_run(tmp_path / "run"), pictures(tmp_path / "images", 2)
    predict(run, [images], tmp_path / "at once", refine="crf")
    predict(run, [images], tmp_path / "first")
    refine(tmp_path / "first", tmp_path / "then")
    for case in PredictionFolder.open(tmp_path / "first").cases:
        one, two = (DensePrediction.read(tmp_path / f, case) for f in ("at once", "then"))
        np.testing.assert_array_equal(one.dense, two.dense)
        np.testing.assert_array_equal(one.instances, two.instances)
    with pytest.raises(SpecError, match="choose another --out"):
        predict(run, [images], tmp_path / "at once")


def test_what_cannot_be_refined_is_set_aside_with_the_reason_and_never_a_mask(
    tmp_path: Path,
) -> None:
    images, masks = layout(tmp_path)
    (images / "a.png").write_bytes((images / "a.png").read_bytes()[:90])
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(masks / "b_mask.png")
    words = ["refine", str(masks), "--images", str(images), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*words, "--set", "position_sigma=10"])
    assert result.exit_code == 3
    assert "1 refined" in result.stdout
    assert "as large as its image (22, 26) (y, x), got (5, 5)" in result.stderr
    made = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert made == ["c_mask.png"]


def test_what_is_neither_mask_nor_map_is_refused_in_words(tmp_path: Path) -> None:
    images, masks = layout(tmp_path)
    with pytest.raises(SpecError, match="add --images"):
        refine(masks, tmp_path / "out")
    with pytest.raises(SpecError, match="no option 'colour'"):
        refine(masks, tmp_path / "out", str(images), options={"colour": 3})
    with pytest.raises(SpecError, match="certainty between"):
        refine(masks, tmp_path / "out", str(images), certainty=0.4)
    ramp = np.arange(22 * 26, dtype=np.uint16).reshape(22, 26).astype(np.uint8)
    Image.fromarray(ramp).save(masks / "a_mask.png")
    with pytest.raises(DataError, match="say --probabilities"):
        refine(masks, tmp_path / "out", str(images))
    for path in masks.iterdir():
        Image.fromarray(np.zeros((22, 26), np.uint8)).save(path)
    with pytest.raises(DataError, match="nothing to tell apart"):
        refine(masks, tmp_path / "out", str(images))
    assert not (tmp_path / "out").exists()
