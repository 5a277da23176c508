"""How long a network learns, and how; the same for every task."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from inklings.sections import Component, Section

_Count = Annotated[int, Field(gt=0)]


class Training(Section):
    """How long and how.

    One of ``steps`` and ``epochs`` bounds the run, or ``minutes`` alone; an epoch is as many
    batches as it takes to see as many samples as there are training images. Beside one of them
    ``minutes`` stops earlier. With ``minutes`` the schedule of the learning rate follows the clock.
    ``backbone_rate`` is the learning rate of the encoder as a share of the whole (0.1 where it is
    pretrained). ``keep_steps`` keeps the weights of every so many steps, or of the steps that are
    listed, each as a run of its own in ``steps/``.
    """

    steps: int | None = Field(default=None, gt=0)
    epochs: int | None = Field(default=None, gt=0)
    minutes: float | None = Field(default=None, gt=0)
    batch_size: int = Field(default=8, gt=0)
    accumulate: int = Field(default=1, gt=0)
    optimiser: Component = Component(name="adamw", options={"weight_decay": 1e-4})
    learning_rate: float = Field(default=4e-3, gt=0)
    backbone_rate: float = Field(default=1.0, ge=0)
    schedule: Component = Component(name="one_cycle")
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    clip_gradient: float | None = Field(default=5.0, gt=0)
    ema: float | None = Field(default=None, gt=0, lt=1)
    validate_every: int | None = Field(default=None, gt=0)
    patience: int | None = Field(default=None, gt=0)
    checkpoint_every: int = Field(default=100, gt=0)
    keep_steps: _Count | tuple[_Count, ...] = ()
    log_every: int = Field(default=10, gt=0)
    loggers: tuple[Literal["tensorboard", "mlflow", "wandb"], ...] = ("tensorboard",)
    devices: _Count | Literal["auto"] = "auto"
    nodes: int = Field(default=1, gt=0)
    deterministic: bool = False
    seed: int = Field(default=0, ge=0, lt=2**63)

    @model_validator(mode="after")
    def _one_bound(self) -> Training:
        given = (self.steps is not None) + (self.epochs is not None)
        if given > 1 or not (given or self.minutes):
            raise ValueError("give exactly one of steps and epochs, or minutes alone")
        return self

    def keeps(self, step: int) -> bool:
        """Whether the weights of a step are kept."""
        asked = self.keep_steps
        return step % asked == 0 if isinstance(asked, int) else step in asked
