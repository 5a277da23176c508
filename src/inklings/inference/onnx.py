"""A run's network as ONNX: checked against torch, with all that its numbers mean beside it.

The file holds the network from normalised samples to the probabilities that predictions keep, and
in its metadata, a JSON value a key, what surrounds it: how intensities are scaled, names of the
classes, thresholds, calibration, grid, windows.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inklings import __version__
from inklings.data import INTENSITIES
from inklings.errors import MissingExtraError, SpecError
from inklings.files import written
from inklings.inference.answers import Answer, sides_of
from inklings.inference.dense import settings_of
from inklings.inference.predict import single
from inklings.progress import note
from inklings.runs.bundle import is_bundle
from inklings.runs.run import Run

TOLERANCE = 1e-4
"""How far probabilities of onnxruntime may lie from those of torch."""

INPUT, OUTPUT = "image", "probabilities"
FORMULAS = {
    "zscore": "(x - mean) / (deviation + grain), of the whole image; each channel apart with "
    "per_channel; grain is 1, with fractions and floats 0.01 of the largest |x| within 1e-6 and 1; "
    "with invert_bright negated where the mean is above half of the range (127.5 of 8 bits, else "
    "half of the largest x)",
    "percentiles": "(x - (p_low + p_high) / 2) / max((p_high - p_low) / 2, grain / 2), of the "
    "whole image; grain as of zscore",
    "window": "(x - (low + high) / 2) / ((high - low) / 2)",
    "half": "(x - 127.5) / 127.5, of 8-bit images",
}
"""What is done to the samples before the network, in words."""


@dataclass(frozen=True)
class OnnxFile:
    """What was written.

    Attributes:
        path: The file.
        shape: Of the input: names of what may vary, numbers of what may not.
        apart: Largest difference from torch on the inputs that it was checked with.
        opset: Of the operators.
    """

    path: Path
    shape: tuple[str | int, ...]
    apart: float
    opset: int


def export(run: Path, out: Path | None = None) -> OnnxFile:
    """Write the network of the one run of a folder or a bundle.

    Args:
        run: Where it is.
        out: A file, or a folder for ``model.onnx``; ``exports`` in the folder of the run if None.

    Raises:
        InklingsError: As `to_onnx`; also if there are several runs, or a bundle without ``out``.
    """
    require()
    one = single(run, "a network in ONNX")
    if out is None and is_bundle(run):
        raise SpecError(f"{run}: expected --out FILE beside a bundle, which is not written into")
    out = run / "exports" if out is None else out
    return to_onnx(one, out if out.suffix == ".onnx" else out / "model.onnx")


def to_onnx(run: Run, out: Path, normalise: nn.Module | None = None) -> OnnxFile:
    """Write the network of a segmentation.

    Batch and sides may vary where the network allows it: sides are multiples of its strides. What
    allows only the batch to vary, or nothing, is written so, with a note.

    Args:
        run: Of pictures, slides or volumes.
        out: The file, written whole or not at all, after onnxruntime has given the numbers of torch
            on several sizes.
        normalise: Goes before the network, where the file takes samples as they are.

    Raises:
        MissingExtraError: Without onnx, onnxscript and onnxruntime.
        SpecError: If it is another task, or the network cannot be written so, by its name.
    """
    require()
    name = run.model_config.model.name
    if run.task != "segmentation":
        raise SpecError(
            f"{run.folder}: expected a run of pictures, slides or volumes for onnx, got one of "
            f"task {run.task} (model {name}); 'inklings bundle' takes any"
        )
    answer = Answer(run)
    network = answer if normalise is None else nn.Sequential(normalise, answer)
    why = ""
    with written(out) as temporary:
        for free in _freedoms(run):
            try:
                opset = _written(network, run, free, temporary)
                apart = _apart(network, run, free, temporary)
            except Exception as error:
                why = why or _reason(error)
                continue
            if apart <= TOLERANCE:
                break
            why = why or f"probabilities {apart:.1g} apart from those of torch"
        else:
            raise SpecError(f"model {name} cannot be written as ONNX ({why})")
    shape = _shape(run, free)
    if free != _freedoms(run)[0]:
        note(f"model {name}: only inputs {shape} are taken ({why})")
    return OnnxFile(out, shape, apart, opset)


def require() -> None:
    """Say what has to be installed, before anything is read.

    Raises:
        MissingExtraError: If something is not there.
    """
    for needed in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(needed) is None:
            raise MissingExtraError(f"ONNX needs {needed}: pip install inklings[onnx]")


def strides(run: Run) -> tuple[int, ...]:
    """What the sides of an input are multiples of, axis by axis."""
    model = run.model
    own = model.divisors or (model.divisor,) * model.dimensions
    return tuple(math.lcm(run.model_config.divisor, one) for one in own)


def session(path: Path) -> Any:
    """A file at work in onnxruntime, on the processor, on as many threads as torch has."""
    runtime: Any = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def told(run: Run) -> dict[str, Any]:
    """What the metadata say, by key: JSON values."""
    config, settings, own = run.model_config, settings_of(run), run.calibration
    window: int | Sequence[int] | None = config.window or config.resize or settings.window
    return {
        "inklings": __version__,
        "model": config.model.model_dump(mode="json"),
        "weights_sha256": run.weights_sha256,
        "inputs": list(config.inputs),
        "channels_in": config.in_channels,
        "classes": list(config.classes),
        "outputs": [config.channels[k] for k in config.kept],
        "activation": config.activation,
        "thresholds": list(run.thresholds),
        "calibration": None
        if own is None
        else [{"class": one.name, "text": str(one.change), **asdict(one.change)}
              for one in own.classes],
        "intensity": {
            **config.intensity.model_dump(mode="json"),
            "options": _options(config.intensity.name, config.intensity.options),
            "formula": FORMULAS.get(config.intensity.name, ""),
        },
        "stains": None if config.stains is None else config.stains.model_dump(mode="json"),
        "multiples_of": list(strides(run)),
        "window": window,
        "overlap": settings.overlap,
        "resize": config.resize,
        "spacing_um": config.spacing_um,
        "factor": config.factor,
        "volumes": None if config.volumes is None else config.volumes.model_dump(mode="json"),
        "orientation": config.orientation,
        "largest": list(run.record.largest),
    }  # fmt: skip


def _options(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a scaling, also those that nobody has set."""
    return {**vars(INTENSITIES.build(name, dict(given)))}


def _freedoms(run: Run) -> tuple[str, ...]:
    """What may vary, the most first."""
    return ("batch", "nothing") if run.model_config.resize else ("sides", "batch", "nothing")


def _example(run: Run, free: str, batch: int, more: int) -> Tensor:
    """An input of the smallest sides that show all of the network, or of ``more`` strides."""
    grown = more if free == "sides" else 0
    sides = [side + grown * step for side, step in zip(sides_of(run), strides(run), strict=True)]
    draw = torch.Generator().manual_seed(batch)
    return torch.randn(batch, run.model_config.in_channels, *sides, generator=draw)


def _shape(run: Run, free: str) -> tuple[str | int, ...]:
    sides: tuple[str | int, ...] = sides_of(run)
    if free == "sides":
        names = "zyx"[3 - len(sides) :]
        steps = zip(names, strides(run), strict=True)
        sides = tuple(f"{step} {name}" if step > 1 else name for name, step in steps)
    return ("batch" if free != "nothing" else 1, run.model_config.in_channels, *sides)


def _written(network: nn.Module, run: Run, free: str, path: Path) -> int:
    """Write the file; the version of its operators."""
    dims: dict[int, Any] = {}
    if free != "nothing":
        dims[0] = torch.export.Dim("batch")
    if free == "sides":
        least = max(2, run.model.smallest // run.model.divisor)
        for axis, step in enumerate(strides(run), 2):
            side = torch.export.Dim(f"s{axis}", min=least)
            dims[axis] = step * side if step > 1 else side
    example = _example(run, free, 1 if free == "nothing" else 2, 1)
    level = logging.getLogger("torch.onnx").level
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        try:
            program: Any = torch.onnx.export(
                network.eval(),
                (example,),
                dynamo=True,
                dynamic_shapes=(dims,) if dims else None,
                input_names=[INPUT],
                output_names=[OUTPUT],
                verbose=False,
            )
        finally:
            logging.getLogger("torch.onnx").setLevel(level)
        program.model.metadata_props.update(
            {key: json.dumps(value) for key, value in told(run).items()}
        )
        program.save(path, external_data=False)
    return int(program.model.opset_imports[""])


def _reason(error: BaseException) -> str:
    """The first error behind one of the exporter, whose own words are advice for its makers."""
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _apart(network: nn.Module, run: Run, free: str, path: Path) -> float:
    """Largest difference of the file from torch, over several batches and sizes."""
    there, worst = session(path), 0.0
    for batch, more in ((1, 0), (1, 2), (3, 1)):
        example = _example(run, free, 1 if free == "nothing" else batch, more)
        with torch.inference_mode():
            expected = network(example).numpy()
        found = there.run([OUTPUT], {INPUT: example.numpy()})[0]
        if found.shape != expected.shape:
            return math.inf
        worst = max(worst, float(np.abs(found - expected).max()))
    return worst
