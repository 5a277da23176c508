import dataclasses
import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from site_blocks import blocks
from torch import nn
from typer.testing import CliRunner

from inklings.calibration.fitting import Fitted
from inklings.calibration.maps import Map
from inklings.calibration.record import Calibration
from inklings.cli import app
from inklings.errors import MissingExtraError, SpecError
from inklings.inference import dense, onnx
from inklings.inference.answers import Answer
from inklings.inference.onnx import export, session, strides, to_onnx
from inklings.runs.run import Run
from inklings.spec import Component, Volumes
from inklings.testing.runs import untrained_run

runtime = pytest.importorskip("onnxruntime", reason="ONNX: pip install inklings[onnx]")

GREY = {"in_channels": 1, "volumes": Volumes(view="3d"), "window": (16, 32, 32)}
NETWORKS: dict[str, dict[str, Any]] = {
    "unet": {"width": 4, "depth": 2},
    "unet, transposed and strided": {"width": 4, "depth": 2, "up": "transposed", "stride": 2},
    "unet3d": {"width": 4, "depth": 2},
    "unet3d, flat": {"width": 4, "depth": 2, "flat": 1, "norm": "batch"},
    "deeplabv3plus": {},
    "deeplabv3plus, hrnet": {"encoder": "hrnet_w18_small"},
    "transunet_small": {},
    "smp": {"architecture": "fpn", "encoder": "resnet18"},
    "smp, segformer": {"architecture": "segformer", "encoder": "mit_b0"},
    "monai": {"network": "UNet", "channels": [4, 8, 16], "strides": [2, 2]},
    "monai, volumes": {"network": "SegResNet", "dimensions": 3, "init_filters": 8},
}


def run_with(folder: Path, network: str, **changes: Any) -> Run:
    """An untrained run of a network; of one of three dimensions, on grey volumes."""
    options = NETWORKS[network]
    flat = "3d" not in network and options.get("dimensions") != 3
    model = Component(name=network.split(",")[0], options=options)
    untrained_run(folder, model=model, **({} if flat else GREY), **changes)
    return Run.load(folder)


def largest_difference(run: Run, path: Path) -> float:
    """Of onnxruntime from torch over batches and sizes that the export did not look at."""
    answer, there, worst = Answer(run), session(path), 0.0
    for batch, more in ((2, 3), (1, 4), (4, 2)):
        sides = [(more + k + 1) * step for k, step in enumerate(strides(run))]
        sides = [
            max(side, run.model.smallest, 2 * s)
            for side, s in zip(sides, strides(run), strict=True)
        ]
        inputs = torch.randn(batch, run.model_config.in_channels, *sides)
        with torch.inference_mode():
            expected = answer(inputs).numpy()
        found = there.run(None, {"image": inputs.numpy()})[0]
        worst = max(worst, float(np.abs(found - expected).max()))
    return worst


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_onnxruntime_gives_the_numbers_of_torch_at_any_size(network: str, tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", network)
    made = to_onnx(run, tmp_path / "model.onnx")
    assert made.shape[0] == "batch"
    assert all(isinstance(side, str) for side in made.shape[2:])
    assert made.apart < 1e-4
    assert largest_difference(run, made.path) < 1e-4


@pytest.mark.slow
def test_a_whole_image_scaled_to_one_side_is_of_that_side(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", "unet", resize=32)
    assert to_onnx(run, tmp_path / "model.onnx").shape == ("batch", 3, 32, 32)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A run of two exclusive classes with a calibration, and its file by the command."""
    here = tmp_path_factory.mktemp("onnx")
    run = run_with(
        here / "run",
        "unet",
        channels=("background", "a", "b"),
        classes=("a", "b"),
        activation="softmax",
        intensity=Component(name="zscore", options={"fractions": True, "invert_bright": True}),
        spacing_um=0.5,
    )
    maps = (Fitted("a", Map("temperature", 0.5, 0.5), "why"), Fitted("b", Map(), "why"))
    Calibration(maps, ("p3",), None, run.weights_sha256).write(here / "run")
    done = CliRunner().invoke(app, ["export", str(here / "run"), "--to", "onnx"])
    assert done.exit_code == 0, done.output
    path = here / "run" / "exports" / "model.onnx"
    assert "network of (batch, 3, 4 y, 4 x), " in done.stdout
    assert done.stdout.endswith(f" -> {path}\n")
    return Run.load(here / "run"), path


def test_numbers_are_those_of_torch(exported: tuple[Run, Path]) -> None:
    assert largest_difference(*exported) < 1e-4


def test_the_metadata_say_what_surrounds_the_network(exported: tuple[Run, Path]) -> None:
    run, path = exported
    meta = session(path).get_modelmeta().custom_metadata_map
    said = {key: json.loads(value) for key, value in meta.items()}
    assert (said["classes"], said["outputs"]) == (["a", "b"], ["a", "b"])
    assert (said["thresholds"], said["spacing_um"], said["multiples_of"]) == (
        [0.5] * 2,
        0.5,
        [4, 4],
    )
    assert (said["window"], said["weights_sha256"]) == (64, run.weights_sha256)
    assert said["intensity"]["name"] == "zscore"
    assert said["intensity"]["options"] == {
        "per_channel": False, "invert_bright": True, "fractions": True,
    }  # fmt: skip
    assert "deviation + grain" in said["intensity"]["formula"]
    assert said["calibration"][0] == {
        "class": "a", "text": "temperature 2", "method": "temperature",
        "a": 0.5, "b": 0.5, "c": 0.0,
    }  # fmt: skip
    assert not any("p1" in value for value in meta.values())  # nobody's name travels


SCALINGS = {
    "zscore": {"fractions": True, "invert_bright": True},
    "percentiles": {"per_channel": True},
    "window": {"low": -20.0, "high": 300.0},
    "half": {},
}


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_script_of_the_docs_says_what_predict_says(
    scaling: str, exported: tuple[Run, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = pytest.importorskip("onnx")
    run, path = exported
    asked = Component(name=scaling, options=SCALINGS[scaling])
    changed = dataclasses.replace(
        run, model_config=dataclasses.replace(run.model_config, intensity=asked), calibration=None
    )
    model = library.load(path)
    for one in model.metadata_props:
        if one.key == "intensity":
            one.value = json.dumps(onnx.told(changed)["intensity"])
    library.save(model, tmp_path / "model.onnx")
    (script,) = (b for b in blocks("docs/how-to/send-models.md") if b.language == "python")
    (tmp_path / "run_onnx.py").write_text(script.text)
    wanted = {"json", "sys", "numpy", "onnxruntime"}
    lines = [line.split() for line in script.text.splitlines() if "import" in line.split()]
    assert {words[1].split(".")[0] for words in lines} == wanted
    picture = np.random.default_rng(0).integers(0, 256, (3, 41, 54), dtype=np.uint8)
    picture[:, 10:30, 10:30] //= 4
    np.save(tmp_path / "picture.npy", picture)
    files = [str(tmp_path / name) for name in ("model.onnx", "picture.npy", "out.npz")]
    monkeypatch.setattr(sys, "argv", ["run_onnx.py", *files])
    runpy.run_path(str(tmp_path / "run_onnx.py"))
    monkeypatch.setattr(dense, "native_bf16", lambda _: False)
    expected = dense.predict_array(changed, picture) / 255
    with np.load(tmp_path / "out.npz") as out:
        assert np.abs(out["probabilities"] - expected).max() < 1 / 255
        np.testing.assert_array_equal(out["masks"], out["probabilities"] >= 0.5)
        assert out["masks"].shape == (2, 41, 54)


class Strange(nn.Module):
    """What no exporter can follow."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs if inputs.sum().item() > 0 else -inputs


def test_what_cannot_be_written_is_refused_by_name(
    tmp_path: Path, exported: tuple[Run, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        untrained_run(tmp_path / "runs" / name)
    with pytest.raises(SpecError, match="holds several runs, and a network in ONNX holds one"):
        export(tmp_path / "runs")
    refused = CliRunner().invoke(
        app, ["export", str(tmp_path / "runs" / "one"), "--to", "onnx", "--guaranteed"]
    )
    assert refused.exit_code == 2
    assert "takes --out alone" in refused.stderr
    run, _ = exported
    with monkeypatch.context() as patch:
        patch.setattr(
            onnx, "_written", lambda *_: (_ for _ in ()).throw(RuntimeError("no such op"))
        )
        with pytest.raises(SpecError, match=r"model unet cannot be written.*no such op"):
            to_onnx(run, tmp_path / "model.onnx")
    with pytest.raises(SpecError, match="model unet cannot be written as ONNX") as caught:
        to_onnx(run, tmp_path / "model.onnx", Strange())
    assert "step 1/3" not in str(caught.value)
    assert str(caught.value).isprintable()
    with monkeypatch.context() as patch:
        patch.setattr(onnx, "_written", lambda *_: 20)
        patch.setattr(onnx, "_apart", lambda *_: 0.01)
        with pytest.raises(SpecError, match=r"model unet cannot.*0\.01 apart from those of torch"):
            to_onnx(run, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
    monkeypatch.setattr(onnx, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(MissingExtraError, match=r"onnxscript: pip install inklings\[onnx\]"):
        export(tmp_path / "runs" / "one")
