"""A bundle as a model of bioimage.io, format 0.5: ``rdf.yaml`` beside a network in ONNX.

Programs that take such models feed samples as files have them. What is done to these before the
network is said in their terms where these are exact (a fixed range, percentiles), and is otherwise
a part of the network (`ZScore`).

Reference:
    https://github.com/bioimage-io/spec-bioimage-io, model description 0.5
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from inklings import __version__
from inklings.errors import InklingsError, SpecError
from inklings.files import write_yaml
from inklings.inference.answers import sides_of
from inklings.inference.onnx import OnnxFile, require, strides, to_onnx, told
from inklings.progress import note
from inklings.reports import card
from inklings.runs.bundle import INPUT, OUTPUT
from inklings.runs.run import ModelConfig, Run
from inklings.runs.weights import digest_of

FILE, NETWORK = "rdf.yaml", "model.onnx"
FORMAT = "0.5.12"


def describe(run: Run, folder: Path) -> dict[str, Path]:
    """Write the description and the network beside the test arrays of a bundle.

    Args:
        run: What is bundled.
        folder: Where `INPUT` and `OUTPUT` lie, and perhaps the card.

    Returns:
        Name to file; nothing where the format has no words for the run, which a note says.
    """
    try:
        require()
        _require_sayable(run)
        made = to_onnx(run, folder / NETWORK, _normalisation(run.model_config))
        write_yaml(folder / FILE, _description(run, made, folder))
    except InklingsError as error:
        note(f"no {FILE} for bioimage.io: {error}")
        return {}
    return {name: folder / name for name in (FILE, NETWORK)}


class ZScore(nn.Module):
    """`inklings.data.intensity.ZScore` of float images ``(B, C, *S)``, as a part of a network.

    Args:
        per_channel, invert_bright, fractions: As there.
    """

    def __init__(
        self, per_channel: bool = False, invert_bright: bool = False, fractions: bool = False
    ) -> None:
        super().__init__()
        self.per_channel, self.invert_bright = per_channel, invert_bright
        self.fractions = fractions

    def forward(self, inputs: Tensor) -> Tensor:
        """Each image to mean 0 and deviation about 1."""
        whole = tuple(range(1, inputs.ndim))
        axes = whole[1:] if self.per_channel else whole
        mean = inputs.mean(axes, keepdim=True)
        width = ((inputs - mean) ** 2).mean(axes, keepdim=True).sqrt()
        if self.fractions:
            width = width + (0.01 * inputs.abs().amax(whole, keepdim=True)).clamp(1e-6, 1.0)
        else:
            width = width + 1
        if self.invert_bright:
            bright = inputs.mean(whole, keepdim=True) > inputs.amax(whole, keepdim=True) / 2
            width = width * (1 - 2 * bright.float())
        return (inputs - mean) / width


def _require_sayable(run: Run) -> None:
    config = run.model_config
    seen = "3d" if config.volumes is None else config.volumes.view
    for wrong, what in (
        (run.task != "segmentation", f"task {run.task}"),
        (config.stains is not None, "stains that are normalised first"),
        (seen != "3d", f"volumes seen as {seen}, whose planes are scaled as a whole"),
        (config.intensity.name not in ("zscore", *_STEPS), f"intensity {config.intensity.name}"),
    ):
        if wrong:
            raise SpecError(f"the format has no words for {what}")


def _normalisation(config: ModelConfig) -> nn.Module | None:
    return ZScore(**config.intensity.options) if config.intensity.name == "zscore" else None


def _fixed(low: float, high: float) -> list[dict[str, Any]]:
    kwargs = {"mean": (low + high) / 2, "std": (high - low) / 2}
    return [
        {"id": "fixed_zero_mean_unit_variance", "kwargs": kwargs},
        {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},  # else of the type of the input
    ]


def _percentiles(
    axes: list[str],
    low: float = 1.0,
    high: float = 99.0,
    per_channel: bool = False,
    fractions: bool = False,  # noqa: ARG001
) -> list[dict[str, Any]]:
    over = axes[1:] if per_channel else axes
    kwargs = {"axes": over, "min_percentile": low, "max_percentile": high}
    return [
        {"id": "scale_range", "kwargs": kwargs},
        {"id": "scale_linear", "kwargs": {"gain": 2.0, "offset": -1.0}},
    ]


_STEPS: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "half": lambda _, **__: _fixed(0.0, 255.0),
    "window": lambda _, low, high: _fixed(low, high),
    "percentiles": _percentiles,
}


def _description(run: Run, made: OnnxFile, folder: Path) -> dict[str, Any]:
    config, names = run.model_config, "zyx"[3 - run.model.dimensions :]
    outputs = [config.channels[k] for k in config.kept]
    inputs = [f"{name}{k or ''}" for name in config.inputs[:1] or ("channel",)
              for k in range(config.in_channels)]  # fmt: skip
    steps = _STEPS.get(config.intensity.name)
    before = steps(["channel", *names], **config.intensity.options) if steps else []
    free = isinstance(made.shape[-1], str)
    sizes = {
        name: {"min": side, "step": step} if free else side
        for name, side, step in zip(names, sides_of(run), strides(run), strict=True)
    }
    same = {name: {"tensor_id": "image", "axis_id": name, "offset": 0} for name in names}
    written = folder / card.FILE
    return {
        "format_version": FORMAT,
        "type": "model",
        "name": _plain(f"inklings {config.model.name} ({' '.join(run.classes)})")[:64],
        "description": f"Probabilities of {', '.join(run.classes)} by inklings {__version__}. "
        f"Called from {', '.join(f'{cut:.3g}' for cut in run.thresholds)} on.",
        **({"documentation": {"source": card.FILE}} if written.is_file() else {}),
        "inputs": [
            {
                "id": "image",
                "axes": _axes(config, inputs, sizes),
                "test_tensor": _tensor(folder / INPUT),
                "data": {"type": "uint8" if config.intensity.name == "half" else "float32"},
                **({"preprocessing": before} if before else {}),
            }
        ],
        "outputs": [
            {
                "id": "probabilities",
                "axes": _axes(config, outputs, same),
                "test_tensor": _tensor(folder / OUTPUT),
                "data": {"type": "float32"},
            }
        ],
        "weights": {
            "onnx": {
                "source": NETWORK,
                "sha256": digest_of(made.path),
                "opset_version": made.opset,
            }
        },
        "config": {"inklings": told(run)},
    }


def _axes(config: ModelConfig, channels: list[str], sizes: dict[str, Any]) -> list[dict[str, Any]]:
    spacing = None if config.volumes is None else config.volumes.spacing_mm
    known = (spacing,) * 3 if isinstance(spacing, float | int) else spacing
    um = {name: config.spacing_um for name in sizes if config.spacing_um is not None}
    if known is not None and len(sizes) == 3:
        um = {name: 1000 * mm for name, mm in zip(sizes, known, strict=True)}
    said = [re.sub(r"\W+", "_", name.lower()).strip("_") or "channel" for name in channels]
    unique = [name if said.count(name) == 1 else f"{name}_{k}" for k, name in enumerate(said)]
    first: list[dict[str, Any]] = [
        {"type": "batch"},
        {"type": "channel", "channel_names": [f"c{n}" if n[0].isdigit() else n for n in unique]},
    ]
    return first + [
        {
            "type": "space",
            "id": name,
            "size": size,
            **({"unit": "micrometer", "scale": um[name]} if name in um else {}),
        }
        for name, size in sizes.items()
    ]


def _tensor(path: Path) -> dict[str, str]:
    return {"source": path.name, "sha256": digest_of(path)}


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_+\- ()]+", "_", text)
