"""Encoders as others publish them, and places of tiles as other programs read them."""

import json
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import openslide
import pytest
import timm
import torch
from safetensors.torch import save_file
from slide_files import picture

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.data.tile_index import TileIndex
from inklings.data.tiling import Rule, tile_cohort
from inklings.errors import ReaderError, SpecError
from inklings.inference.embed import embed
from inklings.inference.tile_encoder import Encoder, arguments, loaded, numbers
from inklings.models import published
from inklings.testing.slides import halved, write_levels

SIDE = 160  # of timm's smallest transformer
TILES = np.stack([picture(SIDE, SIDE, seed).transpose(2, 0, 1) for seed in range(3)])
SCALED = {"init_values": 0.3}
REPOSITORY, COMMIT = "some/encoder", "a" * 40


@pytest.fixture(scope="module")
def model() -> Any:
    """A transformer whose layers are scaled, as UNI and DINOv2 are."""
    torch.manual_seed(1)
    made: Any = timm.create_model("test_vit", num_classes=0, **SCALED)
    for name, value in made.named_parameters():
        if name.endswith("gamma"):
            torch.nn.init.uniform_(value, 0.1, 2.0)
    return made.eval()


@pytest.fixture(scope="module")
def folder(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As timm publishes it."""
    path = tmp_path_factory.mktemp("published")
    save_file(model.state_dict(), path / "model.safetensors")
    card = {"mean": [0.7, 0.6, 0.7], "std": [0.2, 0.25, 0.2], "input_size": [3, SIDE, SIDE]}
    said = {"architecture": "test_vit", "num_classes": 0, "pretrained_cfg": card}
    (path / "config.json").write_text(json.dumps({**said, "model_args": SCALED}))
    return path


def features(encoder: Encoder, tiles: np.ndarray = TILES) -> np.ndarray:
    loaded.cache_clear()
    return loaded(encoder)(tiles).astype(np.float32)


def expected(model: Any, mean: Any, std: Any, tiles: np.ndarray = TILES) -> np.ndarray:
    mean, std = (torch.tensor(v, dtype=torch.float32).view(1, -1, 1, 1) for v in (mean, std))
    with torch.inference_mode():
        found: np.ndarray = model((torch.from_numpy(tiles).float() / 255 - mean) / std).numpy()
    return found


def test_weights_with_keys_that_the_network_lacks_are_refused(folder: Path) -> None:
    with pytest.raises(SpecError, match=r"unexpected: .*ls1.gamma.*init_values=1e-5"):
        features(Encoder("test_vit", str(folder / "model.safetensors")))


def test_arguments_of_the_model_make_them_fit(model: Any, folder: Path) -> None:
    given = arguments("init_values=0.3")
    half = Encoder("test_vit", str(folder / "model.safetensors"), arguments=given,
                   mean=(0.5,), spread=(0.5,))  # fmt: skip
    np.testing.assert_allclose(features(half), expected(model, [0.5], [0.5]), atol=2e-3)


@pytest.mark.parametrize("extra", ["head.weight", "blocks.0.ls1.gamma", "mask_token", "reg_token"])
def test_only_the_classifier_may_be_left_over(extra: str, tmp_path: Path) -> None:
    plain: Any = timm.create_model("test_vit", num_classes=0)
    save_file({**plain.state_dict(), extra: torch.zeros(4)}, tmp_path / "w.safetensors")
    encoder = Encoder("test_vit", str(tmp_path / "w.safetensors"))
    if extra.startswith("head"):
        assert features(encoder).shape == (3, plain.num_features)
    else:
        with pytest.raises(SpecError, match=f"unexpected: {extra}"):
            features(encoder)


def test_a_local_folder_brings_arguments_and_normalisation(model: Any, folder: Path) -> None:
    found = features(Encoder(f"local-dir:{folder}"))
    reference = expected(model, [0.7, 0.6, 0.7], [0.2, 0.25, 0.2])
    np.testing.assert_allclose(found, reference, atol=2e-3)


def test_a_name_of_the_hub_is_read_from_its_cache(
    model: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / f"models--{REPOSITORY.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(COMMIT)
    (home / "snapshots").mkdir()
    (home / "snapshots" / COMMIT).symlink_to(folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(published, "reachable", lambda: pytest.fail("asked the network"))
    found = features(Encoder(f"hf-hub:{REPOSITORY}"))
    np.testing.assert_allclose(found, expected(model, [0.7, 0.6, 0.7], [0.2, 0.25, 0.2]), atol=2e-3)


def test_a_name_that_is_not_here_is_refused_in_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    begun = time.monotonic()
    with pytest.raises(ReaderError, match="neither in the cache nor to be downloaded"):
        features(Encoder(f"hf-hub:{REPOSITORY}"))
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "expected an encoder of timm"),
        ("{", "expected JSON"),
        ('{"model_type": "dinov2"}', "expected the architecture"),
        ('{"architecture": "no_such_net"}', "no encoder named"),
        ('{"architecture": "test_vit", "model_args": {"no_such": 1}}', "cannot be made with"),
        ('{"architecture": "test_vit"}', "expected weights"),
    ],
)
def test_a_folder_that_is_no_encoder_is_refused(
    config: str | None, message: str, tmp_path: Path
) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises((SpecError, ReaderError), match=message):
        features(Encoder(f"local-dir:{tmp_path}"))


def test_tiles_of_another_size_are_refused_or_brought_to_it(model: Any, folder: Path) -> None:
    small, fixed = TILES[..., :64, :64], arguments("dynamic_img_size=false")
    with pytest.raises(SpecError, match=r"\(64, 64\).*--input-size"):
        features(Encoder(f"local-dir:{folder}", arguments=fixed), small)
    found = features(Encoder(f"local-dir:{folder}", arguments=fixed, input_size=SIDE), small)
    pixels = torch.nn.functional.interpolate(
        torch.from_numpy(small).float(), (SIDE, SIDE), mode="bilinear", antialias=True
    )
    reference = expected(model, [0.7, 0.6, 0.7], [0.2, 0.25, 0.2], pixels.numpy())
    np.testing.assert_allclose(found, reference, atol=3e-3)


@pytest.mark.parametrize("text", ["init_values", "=1", "a b=1", "x="])
def test_arguments_that_do_not_parse_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="expected NAME=VALUE"):
        arguments(text)


def test_options_of_encoders_are_checked() -> None:
    assert arguments("a=1,b=0.5,c=true,d=token,e=none") == (
        ("a", 1), ("b", 0.5), ("c", True), ("d", "token"), ("e", None),
    )  # fmt: skip
    with pytest.raises(SpecError, match="go together"):
        Encoder(mean=(0.5,))
    with pytest.raises(SpecError, match="above 0"):
        Encoder(mean=(0.5,), spread=(0.0,))
    with pytest.raises(SpecError, match="expected numbers"):
        numbers("--mean", "a,b,c")
    with pytest.raises(SpecError, match="leave them out"):
        Encoder("pixels", input_size=32)


@pytest.mark.parametrize(
    ("factor", "level", "patch"), [(1.0, 0, 32), (2.0, 1, 32), (4.0, 2, 32), (3.0, 0, 96)]
)
def test_places_are_those_that_clam_and_trident_read(
    factor: float, level: int, patch: int, tmp_path: Path
) -> None:
    finest = picture(384, 512)
    levels = [finest, halved(finest, 2), halved(finest, 4)]
    path = write_levels(
        tmp_path / "a.tif", levels, resolution=(20_000, 20_000), resolutionunit="CENTIMETER"
    )
    Cohort("c", (Case("a", "a", {"slide": path}),), ()).write(tmp_path / "cohort")
    rule = Rule(32, 24, factor=factor, method="everywhere")
    tile_cohort(tmp_path / "cohort", tmp_path / "tiles", rule)
    embed(tmp_path / "tiles", tmp_path / "bags", Encoder("pixels"))
    tiles = TileIndex.read(tmp_path / "tiles")
    with h5py.File(tmp_path / "bags" / "features" / "a.h5") as file:
        coords, said, pixels = file["coords"][:], dict(file["coords"].attrs), file["pixels"][:]
    np.testing.assert_array_equal(coords, np.stack([tiles.x, tiles.y], 1) * factor)
    assert (said["patch_level"], said["patch_size"]) == (level, patch)
    assert said["patch_size_level0"] == 32 * factor
    assert (said["level0_width"], said["level0_height"]) == (512, 384)
    assert said["level0_magnification"] == 20
    assert said["target_magnification"] == 20 / (1 if factor == 3 else factor)
    assert said["overlap"] == (24 if factor == 3 else 8)
    assert said["name"] == "a"
    slide = openslide.OpenSlide(path)
    for place, ours in zip(coords[:5], pixels, strict=False):  # as CLAM reads them
        region = slide.read_region(tuple(place), level, (patch, patch)).convert("RGB")
        theirs = np.asarray(region.resize((32, 32), resample=4), float)
        assert np.abs(theirs - ours.transpose(1, 2, 0)).mean() < 1.5
