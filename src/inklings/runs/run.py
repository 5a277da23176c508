"""What a training leaves behind, and the model that comes back from it.

A run folder holds, among other things:

- ``weights.safetensors`` and ``model.json`` (`ModelConfig`: what to build and feed, so that the
  weights mean something), written by `write_model`;
- ``experiment.yaml``, the resolved experiment;
- ``calibration.json`` (`Calibration`) and ``likeness.npz`` (`Likeness`): what probabilities mean by
  held-out cases, and what its training images are like;
- ``run.json`` (`RunRecord`: what was decided and where it came from), written last: a folder
  without it is a training that has not finished;
- ``card.md``, the model card, which reports make of all of these (`inklings.reports.card`).

Weights are safetensors and never pickle, so that opening a run executes nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from torch import nn

from inklings import __version__
from inklings.calibration.record import Calibration
from inklings.errors import DataError, SpecError
from inklings.files import write_json
from inklings.models import MODELS
from inklings.models.base import Model
from inklings.models.folding import folded
from inklings.predictions.head import Provenance
from inklings.predictions.likeness import Likeness
from inklings.records import read_record
from inklings.renamed import renamed
from inklings.runs.bundle import opened, source_of
from inklings.runs.weights import digest_of, load_weights, write_weights
from inklings.spec import Component, Experiment, Volumes
from inklings.spec.before import load_experiment

Activation = Literal["sigmoid", "softmax", "identity"]
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class ModelConfig:
    """``model.json``: everything that must be known to use the weights.

    Attributes:
        model: Name and options in the table of models.
        in_channels: Channels of the image, ``C``.
        channels: Name of every output channel, ``K`` of them: the classes, perhaps ``core``,
            and for exclusive classes ``background``, in the order of the logits.
        classes: What is reported, in this order; each is one of ``channels``.
        activation: From logits to probabilities; ``softmax`` runs over ``channels``.
        intensity: Name and options in the table of intensity scalings.
        stains: Name and options of the normalisation of stains; None leaves them.
        divisor: Sides of the input must be multiples of it.
        resize: Side to which a whole image is scaled first; None where it never is.
        task: What is asked of a bag; None for models of images.
        spacing_um: Of the pixels trained on; slides are resampled to it. None if unknown.
        factor: How many times coarser than level 0 its grid is, where only that is known.
        volumes: How the network sees volumes; None for one that learnt from pictures.
        window: Sides of the windows of a volume, ``(z, y, x)``, for networks of three dimensions.
        inputs: Names of the images of a case whose channels are stacked, in this order; one name
            stands for any single image.
        orientation: Three letters that volumes are turned to first, as `inklings.orientation`
            has them, or ``stored``; None in runs of 0.1.0, which took volumes as they were stored.
    """

    model: Component
    in_channels: int
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    activation: Activation = "sigmoid"
    intensity: Component = field(default_factory=lambda: Component(name="zscore"))
    divisor: int = 1
    resize: int | None = None
    task: str | None = None
    spacing_um: float | None = None
    factor: float | None = None
    volumes: Volumes | None = None
    window: tuple[int, ...] | None = None
    stains: Component | None = None
    inputs: tuple[str, ...] = ()
    orientation: str | None = None

    def __post_init__(self) -> None:
        known = self.task is not None or {*self.classes} <= {*self.channels}
        if not known or not self.classes:
            raise SpecError(
                f"expected every class among the output channels {list(self.channels)}, "
                f"got {list(self.classes)}"
            )

    @property
    def kept(self) -> tuple[int, ...]:
        """Indices of the channels that a prediction keeps: the classes, then ``core`` if any.

        A class may be called ``core`` or ``background`` itself: the first channel of exclusive
        classes is never a class, and ``core`` is a channel that is no class.
        """
        first = int(self.activation == "softmax" and self.task is None)
        own = [self.channels.index(name, first) for name in self.classes]
        rest = [i for i, name in enumerate(self.channels) if name == "core" and i not in own]
        return (*own, *rest)

    @property
    def core(self) -> int | None:
        """Index of ``core`` in what `kept` selects; None where there is none."""
        return len(self.classes) if len(self.kept) > len(self.classes) else None

    def build(self) -> Model:
        """The network, freshly initialised; SpecError if it cannot be, or is none of ours."""
        sizes = {"in_channels": self.in_channels, "out_channels": len(self.channels)}
        model = MODELS.build(self.model.name, {**self.model.options, **sizes})
        if not isinstance(model, Model):
            raise SpecError(
                f"model {self.model.name}: expected a subclass of inklings.models.base.Model, "
                f"got {type(model).__name__}"
            )
        return model

    def write(self, folder: Path) -> None:
        """Write ``model.json``."""
        record = dataclasses.asdict(self)
        # As it is rebuilt: its weights come from the run, and none from the network.
        options = {k: None if k == "weights" else v for k, v in self.model.options.items()}
        record["model"] = Component(name=self.model.name, options=options).model_dump()
        record["intensity"] = self.intensity.model_dump()
        record["stains"] = None if self.stains is None else self.stains.model_dump()
        record["volumes"] = None if self.volumes is None else self.volumes.model_dump(mode="json")
        write_json(folder / "model.json", record)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read ``model.json``.

        Raises:
            DataError: If there is none or it is damaged.
        """
        made = "a run made by 'inklings train'"
        return read_record(cls, folder / "model.json", made, "train again", renamed)


@dataclass(frozen=True)
class RunRecord:
    """``run.json``: what the training decided, and where it came from.

    Attributes:
        thresholds: Probability from which a sample belongs to a class, one for each class.
        trained_on: Patients whose labels or images the weights or thresholds have seen
            (train and val), sorted.
        split_hash: Fingerprint of the cohort's split.
        seed: Of weights, batches and augmentation.
        seconds: Time spent in training steps.
        versions, machine: Of inklings, torch and what else matters; processor, cores, memory.
        prior: Share of positive samples, estimated or given; None where it was not needed.
        warnings: What a reader of the results should know, a sentence each.
        facts: Whatever else is worth keeping (number of steps, best step, scores).
        largest: Classes of which the largest connected part of a volume alone counts.
        weights_sha256: Of the file of the weights, as it was written; empty in runs of 0.1.
    """

    thresholds: tuple[float, ...]
    trained_on: tuple[str, ...] = ()
    split_hash: str | None = None
    seed: int = 0
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    prior: Any = None
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    largest: tuple[str, ...] = ()
    weights_sha256: str = ""

    def write(self, folder: Path) -> None:
        """Write ``run.json``, the last file of a training, with the fingerprint of its weights."""
        record = dataclasses.asdict(self)
        if (folder / WEIGHTS).is_file():
            record["weights_sha256"] = digest_of(folder / WEIGHTS)
        write_json(folder / "run.json", record)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read ``run.json``.

        Raises:
            DataError: If the training has not finished, or the file is damaged.
        """
        if not (folder / "run.json").is_file() and (folder / "experiment.yaml").is_file():
            again = f"'inklings train {folder / 'experiment.yaml'} --out {folder} --resume'"
            raise DataError(f"{folder}: this training has not finished; resume it with {again}")
        made = "a run made by 'inklings train'"
        return read_record(cls, folder / "run.json", made, "train again")


@dataclass(frozen=True)
class Run:
    """A trained model, ready to predict.

    Attributes:
        model: In evaluation mode, on the processor.
        model_config: What the model takes and returns.
        record: Thresholds and provenance.
        experiment: As it was trained; None for a model still in memory.
        folder: Where it was read from; None for a model still in memory.
        weights_sha256: Fingerprint of the weights file.
        calibration: What its probabilities are mapped by; None for those of the network.
        likeness: What its training images are like; None where nobody has measured it.
    """

    model: Model
    model_config: ModelConfig
    record: RunRecord
    experiment: Experiment | None = None
    folder: Path | None = None
    weights_sha256: str = ""
    calibration: Calibration | None = None
    likeness: Likeness | None = None

    @property
    def task(self) -> str:
        """What it has learnt, as `inklings.spec.TASKS` calls it."""
        return self.experiment.task if self.experiment else "segmentation"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.model_config.classes

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Probability from which a sample belongs to each class."""
        return self.record.thresholds

    @property
    def trained_on(self) -> tuple[str, ...]:
        """Patients that the weights, the thresholds or the calibration have seen, sorted."""
        fitted = self.calibration.patients if self.calibration else ()
        return tuple(sorted({*self.record.trained_on, *fitted}))

    def __repr__(self) -> str:
        """One line: what it answers, how it was made, where it lies."""
        cuts = [f" >= {value:.2f}" for value in self.thresholds] or [""] * len(self.classes)
        said = ", ".join(f"{name}{cut}" for name, cut in zip(self.classes, cuts, strict=False))
        made = f"{self.model_config.model.name}, {self.record.facts.get('steps', 'no')} steps"
        where = f"{len(self.trained_on)} patients; {self.folder or 'in memory'}"
        return f"<Run: {self.task} of {said}; {made}, trained on {where}>"

    @property
    def provenance(self) -> Provenance:
        """Enough to make its predictions again."""
        where, own = str(source_of(self.folder)), self.record
        return Provenance(where, self.weights_sha256, own.split_hash, __version__)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a finished run: a folder, or a bundle of one.

        Raises:
            DataError: If it is no run, is not finished, or its weights do not fit.
        """
        folder = opened(Path(folder))
        record = RunRecord.read(folder)
        model_config, model, digest = read_model(folder, record)
        return cls(
            model=model.eval(),
            model_config=model_config,
            record=record,
            experiment=load_experiment(folder),
            folder=folder,
            weights_sha256=digest,
            calibration=Calibration.read(folder, digest),
            likeness=Likeness.read(folder, digest),
        )

    def folded(self) -> Self:
        """The same for predictions alone, which it makes faster: its model is `folded`, in place.

        The model of this run is changed with it: load the folder again for the one as trained.
        """
        return dataclasses.replace(self, model=folded(self.model))


def read_model(folder: Path, record: RunRecord) -> tuple[ModelConfig, Model, str]:
    """What `write_model` wrote, and the fingerprint of the weights.

    Raises:
        DataError: If a file is missing or damaged, or the weights are not those of the record.
    """
    model_config, path = ModelConfig.read(folder), folder / WEIGHTS
    try:
        model = model_config.build()
    except SpecError as error:
        raise DataError(f"{folder / 'model.json'} is damaged ({error}); train again") from None
    load_weights(model, path)
    digest = digest_of(path)
    if record.weights_sha256 not in ("", digest):
        raise DataError(
            f"{path}: expected the weights that this run has written (SHA-256 "
            f"{record.weights_sha256[:16]}...), got others ({digest[:16]}...); copy the run again "
            "from its source, or train again"
        )
    return model_config, model, digest


def write_model(folder: Path, model: nn.Module, model_config: ModelConfig) -> None:
    """Write ``weights.safetensors`` and ``model.json``, each atomically.

    Raises:
        DataError: If a weight is no number.
    """
    said = {"model": json.dumps(model_config.model.model_dump())}
    write_weights(folder / WEIGHTS, model, "the training ended with", said)
    model_config.write(folder)
