"""One image through one model: intensities, size, precision, windows, and back."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from inklings.calibration.record import Calibration
from inklings.data import INTENSITIES, NORMALISERS
from inklings.data.crops import resize_image
from inklings.data.intensity import Scale, apply
from inklings.errors import DataError
from inklings.inference.device import device_of, native_bf16
from inklings.inference.sliding_window import Forward, sliding_window
from inklings.predictions.numbers import quantise
from inklings.runs.run import Run
from inklings.spec import Inference, SegmentationExperiment
from inklings.tensors import Output

OF_VOLUMES = "expected volumes, got pictures; objects of pictures are told apart by 'instances'"
_MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def predict_array(
    run: Run,
    image: NDArray[Any],
    settings: Inference | None = None,
    scale: Scale | None = None,
) -> NDArray[np.uint8]:
    """Probabilities of every sample of an image, at the size of the image.

    Args:
        run: A trained model, or one in training, on whatever device it is; its mode is kept.
        image: ``(C, *S)``, as a reader returns it.
        settings: Window, overlap and mirroring; those of the run's experiment if None.
        scale: Centre and width of the intensities, where the image is a part of something
            larger that decides them; None for its own.

    Returns:
        ``(K, *S)`` quantised, 255 is certainty: the classes, then ``core`` if the model has it.

    Raises:
        DataError: If the image has other channels than the model was trained on.
    """
    settings = settings or settings_of(run)
    model_config = run.model_config
    image = fit_channels(image, model_config.in_channels)
    if model_config.stains is not None:
        image = NORMALISERS.build(model_config.stains.name, model_config.stains.options)(image)
    source = image if model_config.resize is None else resize_image(image, model_config.resize)
    scaling = INTENSITIES.build(model_config.intensity.name, model_config.intensity.options)
    scale = scale or scaling.scale(source)
    training = run.model.training
    run.model.eval()
    try:
        dense = sliding_window(
            forward_of(run),
            source,
            window=model_config.resize or settings.window,
            overlap=settings.overlap,
            divisor=math.lcm(model_config.divisor, run.model.divisor),
            mirroring=settings.mirroring,
            prepare=functools.partial(apply, scale=scale),
        )
    finally:
        run.model.train(training)
    dense = dense if model_config.resize is None else restore(dense, image.shape[1:])
    return calibrated(run, settings, dense)


def settings_of(run: Run) -> Inference:
    """How the run's experiment wants images to be predicted.

    A threshold that it fixes is one of what the network says: `thresholds_of` carries it over to
    what is calibrated, which a number given with a prediction speaks of already.
    """
    own = run.experiment
    asked = own.inference if isinstance(own, SegmentationExperiment) else Inference()
    if run.calibration is None or isinstance(asked.threshold, str):
        return asked
    return asked.model_copy(update={"threshold": "auto"})


def thresholds_of(run: Run, settings: Inference) -> tuple[float, ...]:
    """Probability from which a sample belongs to each class: as asked for, else the run's."""
    fixed = settings.threshold
    if not isinstance(fixed, str):
        return (fixed,) * len(run.classes)
    own = calibration_of(run, settings)
    return run.thresholds if own is None else own.thresholds(run.thresholds)


def calibration_of(run: Run, settings: Inference) -> Calibration | None:
    """What the probabilities of a run are mapped by; None where nothing changes them."""
    own = run.calibration
    return own if own is not None and own.changes and settings.calibration else None


def calibrated(run: Run, settings: Inference, dense: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a network says, ``(K, *S)``, mapped as held-out patients ask for."""
    own = calibration_of(run, settings)
    return dense if own is None else own.dense(dense, run.thresholds)


def largest_of(run: Run, settings: Inference) -> tuple[str, ...]:
    """Classes of which the largest connected part of a volume is kept, and no other."""
    if settings.components == "auto":
        return run.record.largest
    return run.classes if settings.components == "largest" else ()


def forward_of(run: Run) -> Forward:
    """The model of a run as a function from samples to the probabilities that are kept.

    Runs in bfloat16 where the device does that in hardware, unless the experiment asked for
    ``32-true``, and with channels last, which is what convolutions like best there.
    """
    device = device_of(run.model)
    exact = run.experiment is not None and run.experiment.training.precision == "32-true"
    half = native_bf16(device) and not exact
    kept = list(run.model_config.kept)

    def forward(inputs: Tensor) -> Tensor:
        layout = torch.channels_last if inputs.ndim == 4 else torch.contiguous_format
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            output: Output = run.model(inputs.to(device, memory_format=layout))
        logits = output.logits.float()
        softmax = run.model_config.activation == "softmax"
        return (logits.softmax(1) if softmax else logits.sigmoid())[:, kept]

    return forward


def fit_channels(image: NDArray[Any], channels: int) -> NDArray[Any]:
    """A grey picture is also a colour picture whose channels are equal, and the reverse.

    Raises:
        DataError: If the channels of ``image`` ``(C, *S)`` cannot be those expected.
    """
    here = image.shape[0]
    if here == channels:
        return image
    if here == 1 and channels == 3:
        return np.repeat(image, 3, axis=0)
    if here == 3 and channels == 1 and (image == image[:1]).all():
        return image[:1]
    raise DataError(
        f"expected an image of {channels} channels, as the model was trained on, got {here}; "
        "convert it or use a run trained on such images"
    )


def restore(dense: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Quantised probabilities ``(K, *S)`` scaled linearly to ``(K, *shape)``."""
    if dense.shape[1:] == shape:
        return dense
    tensor = torch.from_numpy(dense.astype(np.float32) / 255)[None]
    scaled = F.interpolate(tensor, size=shape, mode=_MODES[len(shape)], align_corners=False)
    return quantise(scaled[0].numpy())
