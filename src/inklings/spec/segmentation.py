"""The experiment file of a segmentation: which pixels, which labels, and whom to believe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from inklings.modes import BAG, WEAK
from inklings.sections import Component, Section
from inklings.spec.base import Experiment

_Millimetres = Annotated[float, Field(gt=0)]
_Count = Annotated[int, Field(gt=0)]


class Sampling(Section):
    """Which pixels make a batch.

    ``size`` is the side of the crops in pixels; with ``resize`` the whole image is scaled to
    that size instead (the reference recipe). ``foreground`` is the share of crops that hold an
    annotated pixel, drawn at random and wherever in them.

    Of tiles: ``by_case`` draws every case as often as any other, however many tiles it has;
    ``by_class`` draws tiles of each class, and of none, equally often; ``bag`` is how many tiles
    in a row of a batch come from one case, for losses that judge a case as a whole.
    """

    size: int = Field(default=128, gt=0)
    resize: bool = False
    foreground: float = Field(default=0.0, ge=0, le=1)
    by_case: bool = False
    by_class: bool = False
    bag: int = Field(default=1, gt=0)
    augment: tuple[Component, ...] = (Component(name="flips"), Component(name="quarter_turns"))


class Volumes(Section):
    """How volumes are learnt and predicted; ``volumes: 3d`` alone gives the first of these.

    Attributes:
        view: ``2d``: single slices. ``2.5d``: slices with neighbours as further channels. ``3d``:
            patches, for networks of three dimensions.
        context: Neighbouring slices on either side, for ``2.5d``.
        patch: Voxels of a patch, across slices first; None for ``sampling.size`` everywhere.
        spacing_mm: Grid to learn on, ``(z, y, x)`` of the patient (to the head, the back, the
            left) or one number; None for that of the file.
        foreground: Share of the slices of an epoch that show something annotated; None: all alike.
    """

    word: ClassVar[str | None] = "view"
    view: Literal["2d", "2.5d", "3d"] = "2d"
    context: int = Field(default=1, gt=0)
    patch: tuple[_Count, _Count, _Count] | None = None
    spacing_mm: _Millimetres | tuple[_Millimetres, _Millimetres, _Millimetres] | None = None
    foreground: float | None = Field(default=0.7, gt=0, le=1)

    @property
    def planes(self) -> int:
        """Slices that the network sees at once as channels."""
        return 2 * self.context + 1 if self.view == "2.5d" else 1


class SelfTraining(Section):
    """How often the predictions become labels of a training from the start.

    One iteration is plain training. Each further one relabels a drawn ``share`` of the training
    images with what the network predicts, beside what was annotated: of partial labels every
    statement stays, of complete masks their objects.
    """

    iterations: int = Field(default=1, gt=0)
    share: float = Field(default=0.5, gt=0, le=1)


_FalsePositiveRate = Annotated[float, Field(gt=0, lt=0.5)]


class PixelClassifier(Section):
    """Gradient-boosted trees on filters that thin labels first: ``trees`` a pass.

    They are fitted to ``pixels`` of all cases. Each of ``folds`` parts of the cases is marked by
    trees that did not see it; ``false_positive_rate``, one for each pass, and ``ignore_band`` are
    as a `Teacher`'s. ``filter_scale`` is the width of the widest filter in pixels: beyond 4 trees
    learn where outlines lie, which labels of whole slides do not have.
    """

    false_positive_rate: Annotated[tuple[_FalsePositiveRate, ...], Field(min_length=1)] = (
        0.02,
        0.02,
    )
    ignore_band: float = Field(default=3.0, ge=1)
    folds: int = Field(default=6, ge=2)
    pixels: int = Field(default=400_000, gt=0)
    trees: int = Field(default=60, gt=0)
    filter_scale: float = Field(default=4.0, ge=1, le=64)


class Teacher(Section):
    """Labels that are too wide: a teacher learns from them, the student from its pseudo-labels.

    What is None is as the student's.

    Attributes:
        pixel_classifier: What thins the labels before the teacher learns; None for nothing.
        loss: Of the first pass, ``alpha_beta`` for labels of slides; later ones, and the first
            after a pixel classifier, take the student's.
        model, sampling, batch_size, steps, learning_rate: Of the teacher. Without a model of its
            own it is the student, which goes on from its weights.
        false_positive_rate: Share of the pixels outside all labels that may look positive; the
            teacher's score there becomes one half. Several: the teacher learns as often, each
            time from the labels as it last thinned them. None at all, ``[]``: the student learns
            from what the pixel classifier kept, and there is no network before it.
        ignore_band: Scores that more than ``false_positive_rate`` and at most ``ignore_band``
            times as many of the pixels outside exceed are neither yes nor no: the student ignores
            these pixels.
        crf: Options of `inklings.inference.crf.CRF` that refines maps along the edges of the
            image; ``{}`` for the usual ones, None for no refinement.
        subsample: Of how many pixels one is looked at to find the false positive rate.
    """

    pixel_classifier: PixelClassifier | None = None
    loss: Component | None = None
    model: Component | None = None
    sampling: Sampling | None = None
    batch_size: int | None = Field(default=None, gt=0)
    steps: int | None = Field(default=None, gt=0)
    learning_rate: float | None = Field(default=None, gt=0)
    false_positive_rate: _FalsePositiveRate | tuple[_FalsePositiveRate, ...] = 0.01
    ignore_band: float = Field(default=3.0, ge=1)
    crf: dict[str, float] | None = None
    subsample: int = Field(default=7, gt=0)

    @property
    def passes(self) -> tuple[float, ...]:
        """False positive rate of each pass of the network."""
        rates = self.false_positive_rate
        return rates if isinstance(rates, tuple) else (rates,)

    @model_validator(mode="after")
    def _someone_teaches(self) -> Teacher:
        if not self.passes and self.pixel_classifier is None:
            raise ValueError(
                "without passes (false_positive_rate: []) expected a pixel_classifier, got none"
            )
        return self


class Inference(Section):
    """How a whole image is predicted and cut into objects.

    ``mirroring`` averages over all mirror images (test-time augmentation), ``mirroring: x`` over
    those along x only. ``threshold: auto`` chooses the threshold on the validation part by Dice
    where its labels look complete, by ``prior`` where objects seem to be missing, and takes one
    half where they speak of some samples only. ``prior`` puts it where the share of
    positives agrees with the class prior estimated on the validation part: right also where
    labels were left out. ``components: largest`` keeps of each class of a volume the largest
    connected component; ``auto`` does so for classes whose Dice on the validation part does not
    fall by it. ``calibration: false`` fits no map of probabilities on the validation part, and uses
    none.
    """

    window: int = Field(default=256, gt=0)
    overlap: float = Field(default=0.25, ge=0, lt=1)
    mirroring: bool | Annotated[str, Field(pattern="^[zyx]+$")] = False
    threshold: Literal["auto", "prior"] | Annotated[float, Field(gt=0, lt=1)] = "auto"
    instances: Component | None = None
    components: Literal["all", "largest", "auto"] = "all"
    calibration: bool = True


class SegmentationExperiment(Experiment):
    """One reproducible segmentation (``task: segmentation``, which need not be said).

    Attributes:
        mode: ``strong`` trusts the labels; ``weak`` lets a teacher make finer ones first.
        cohort: Folder made by `inklings import`; relative paths start at the working folder.
        tiles: Folder made by `inklings tile`, to train on; None to train on whole pictures.
        volumes: How volumes are seen.
        correction: What is done to the labels before training; ``none`` trusts them.
        supervision: How labels become targets; ``auto`` goes by the labels of each case.
        intensity: How pixels become network inputs.
        stains: ``macenko`` or ``reinhard`` brings all sections to one stain; None leaves them.
        self_training: Iterations of training on own predictions.
        teacher: For labels that are too wide (generous outlines, labels of slides): who makes
            finer ones of them.
    """

    learner: ClassVar[str] = "inklings.tasks.segmentation:SegmentationTask"
    task: Literal["segmentation"] = "segmentation"
    mode: Literal["strong", "weak"] = "strong"
    tiles: Path | None = None
    intensity: Component = Component(name="zscore")
    stains: Component | None = None
    correction: Component = Component(name="none")
    supervision: Component = Component(name="auto")
    sampling: Sampling = Sampling()
    volumes: Volumes = Volumes()
    self_training: SelfTraining = SelfTraining()
    teacher: Teacher | None = None
    inference: Inference = Inference()

    @model_validator(mode="before")
    @classmethod
    def _default_teacher(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("mode") == "weak" and not value.get("teacher"):
            said = value.get("supervision")
            name = said.get("name") if isinstance(said, dict) else said
            return {**value, "teacher": BAG if name == "bag" else WEAK}
        return value

    @property
    def predictor(self) -> str:
        """What predicts its runs."""
        return "inklings.inference.images:ImagePredictor"
