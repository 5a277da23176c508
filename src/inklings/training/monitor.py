"""Watches a run: a row of numbers every few steps, a line of progress, and warnings."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from inklings import progress
from inklings.errors import DataError
from inklings.files import write_text
from inklings.records import read_numbers
from inklings.training.module import Learner

COLUMNS = (
    "step",
    "seconds",
    "loss",
    "learning_rate",
    "predicted_positive",
    "labelled_positive",
    "clipped",
    "skipped",
    "images_per_second",
    "val_loss",
    "val_dice",
    "val_auc",
    "val_f1",
    "val_sensitivity",
)
_SAY_EVERY_S = 10.0


class History:
    """Rows of numbers by step, kept in ``metrics.csv`` where a folder is given."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Values at ``step``; they join the row that is already there."""
        if self.rows and self.rows[-1]["step"] == step:
            self.rows[-1].update(values)
        else:
            self.rows.append({"step": step, **values})

    def write(self) -> None:
        """Write all rows, atomically."""
        if self.path is None:
            return
        text = io.StringIO()
        others = dict.fromkeys(key for row in self.rows for key in row if key not in COLUMNS)
        table = csv.DictWriter(text, [*COLUMNS, *others], lineterminator="\n")
        table.writeheader()
        table.writerows(
            {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()}
            for row in self.rows
        )
        write_text(self.path, text.getvalue())

    def read(self, last_step: int) -> None:
        """Take back the rows up to ``last_step``; later ones will be made again."""
        if self.path is None or not self.path.is_file():
            return
        again = "delete it and go on"
        rows = read_numbers(self.path, "the history of a training", again)
        if not all("step" in row and math.isfinite(row["step"]) for row in rows):
            raise DataError(f"{self.path} is damaged (a row without a step); {again}")
        self.rows = [{**r, "step": int(r["step"])} for r in rows if r["step"] <= last_step]


class Monitor(Callback):
    """Fills the history and notices when a run goes wrong.

    ``predicted_positive`` is the share of known or unlabelled samples at 0.5 and above,
    ``labelled_positive`` the share labelled as positive, ``clipped`` the share of nnPU's
    decisions that clipped. A run is called collapsed when, late in it, the model calls all or
    next to nothing positive although its labels do not.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.warnings: list[str] = []
        self._losses: list[float] = []
        self._mark = self._said = 0.0
        self._marked = 0
        self._decisions = (0.0, 0.0)

    def state_dict(self) -> dict[str, Any]:
        """Losses since the last row."""
        return {"losses": list(self._losses)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self._losses = list(state_dict["losses"])

    def on_train_start(self, trainer: pl.Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        """Begin to measure speed."""
        self._mark = self._said = time.monotonic()
        self._marked = pl_module.seen
        if trainer.global_step:
            self.history.read(trainer.global_step)

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: pl.Trainer, pl_module: Learner, *_: Any
    ) -> None:
        """Collect; every few steps make a row of it."""
        if pl_module.last is not None:
            self._losses.append(pl_module.last[2])
        if pl_module.seen % pl_module.training_spec.accumulate:
            return
        step = trainer.global_step
        if step % pl_module.training_spec.log_every == 0 or step == pl_module.steps:
            self._row(trainer, pl_module, step)
        now = time.monotonic()
        if now - self._said >= _SAY_EVERY_S:
            self._said = now
            self._say(pl_module, step)

    def _row(self, trainer: pl.Trainer, learner: Learner, step: int) -> None:
        if learner.last is None:
            return
        now = time.monotonic()
        images = (learner.seen - self._marked) * learner.batches.batch_size
        predicted, labelled = _shares(learner)
        values: dict[str, float] = {
            "seconds": learner.clock.seconds(),
            "loss": sum(self._losses) / max(len(self._losses), 1),
            "learning_rate": learner.rate,
            "predicted_positive": predicted,
            "labelled_positive": labelled,
            "skipped": learner.skipped,
            "images_per_second": images / max(now - self._mark, 1e-9),
        }
        clipped = self._clipped(learner)
        if clipped is not None:
            values["clipped"] = clipped
        self._losses.clear()
        self._mark, self._marked = now, learner.seen
        self.history.add(step, values)
        for logger in trainer.loggers:
            logger.log_metrics(values, step)

    def _clipped(self, learner: Learner) -> float | None:
        now = learner.loss.clipped()
        if now is None:
            return None
        new = now[0] - self._decisions[0]
        share = (now[1] - self._decisions[1]) / new if new > 0 else 0.0
        self._decisions = now
        return share

    def _say(self, learner: Learner, step: int) -> None:
        done = max(learner.progress, 1e-6)
        seconds = learner.clock.seconds()
        loss = self.history.rows[-1].get("loss") if self.history.rows else None
        progress.note(
            f"train: step {step}"
            + (f" of {learner.steps}" if not learner.training_spec.minutes else "")
            + (f", loss {loss:.4f}" if loss is not None else "")
            + f", {seconds / done - seconds:.0f} s left"
        )

    def on_train_end(self, trainer: pl.Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        """Judge the run as a whole."""
        rows = [r for r in self.history.rows if "predicted_positive" in r]
        late = rows[-max(1, len(rows) // 4) :]
        if late and pl_module.loss.target == "classes":  # numbers and times are no yes or no
            self._judge(late)
        steps = max(trainer.global_step, 1)
        if pl_module.skipped:
            self._warn(
                f"{pl_module.skipped} of {steps} steps had a loss or gradients that were not "
                "finite and were left out; lower training.learning_rate if they are many"
            )

    def _judge(self, rows: list[dict[str, float]]) -> None:
        predicted = sum(r["predicted_positive"] for r in rows) / len(rows)
        labelled = sum(r["labelled_positive"] for r in rows) / len(rows)
        clipped = [r["clipped"] for r in rows if "clipped" in r]
        if predicted < 0.02 * labelled:
            self._warn(
                f"the run collapsed to all-negative: {predicted:.3%} of the samples are predicted "
                f"positive at 0.5, {labelled:.2%} are labelled so; if positives are missing from "
                "the labels, the threshold must follow the class prior"
            )
        if predicted > 0.98 and labelled < 0.9:
            self._warn(
                f"the run collapsed to all-positive: {predicted:.1%} of the samples are predicted "
                f"positive at 0.5, {labelled:.2%} are labelled so; check the prior and the loss"
            )
        if clipped and sum(clipped) / len(clipped) > 0.9:
            self._warn(
                f"nnPU clipped {sum(clipped) / len(clipped):.0%} of its late steps: "
                "the prior is probably too large"
            )

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        progress.note(f"warning: {text}")


def _shares(learner: Learner) -> tuple[float, float]:
    """Shares of predicted and of labelled positives in the last batch, padding left out."""
    assert learner.last is not None
    logits, batch, _ = learner.last
    positive = _positive(logits, learner.exclusive).float()
    labelled = (batch.value[:, -positive.shape[1] :] >= 0.5).float()
    if batch.valid is None or logits.ndim == 2:  # of bags, ``valid`` speaks of instances
        return float(positive.mean()), float(labelled.mean())
    weight = batch.valid.float()
    total = (weight.sum() * positive.shape[1]).clamp(min=1)
    return float((positive * weight).sum() / total), float((labelled * weight).sum() / total)


def _positive(logits: Tensor, exclusive: bool) -> Tensor:
    """Where each class is called, ``(B, K, H, W)`` bool; the background channel left out."""
    return logits[:, 1:] > logits[:, :1] if exclusive else logits > 0
