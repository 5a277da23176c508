"""Where numbers go besides ``metrics.csv``: TensorBoard, and MLflow or W&B where installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from inklings.errors import MissingExtraError
from inklings.registry import Registry

LOGGERS: Registry[Any] = Registry(
    "logger",
    {
        "mlflow": "lightning.pytorch.loggers:MLFlowLogger",
        "tensorboard": "lightning.pytorch.loggers:TensorBoardLogger",
        "wandb": "lightning.pytorch.loggers:WandbLogger",
    },
)
_PACKAGES = {"mlflow": "mlflow", "wandb": "wandb", "tensorboard": "tensorboard"}


def build_loggers(names: Sequence[str], out: Path | None) -> list[Any]:
    """Loggers that write under ``out``; none for a training that writes nothing.

    Raises:
        MissingExtraError: If the package of one that was asked for is not installed.
    """
    if out is None:
        return []
    for name in names:
        if name in _PACKAGES and find_spec(_PACKAGES[name]) is None:
            raise MissingExtraError(
                f"training.loggers: {name!r} needs the package {_PACKAGES[name]}, which is not "
                "installed; pip install 'inklings[tracking]'"
            )
    folder = str(out / "logs")
    options: dict[str, dict[str, Any]] = {
        "mlflow": {"experiment_name": "inklings", "run_name": out.name},
        "tensorboard": {"save_dir": folder, "name": "", "version": ""},
        "wandb": {"project": "inklings", "name": out.name, "save_dir": folder},
    }
    return [LOGGERS.build(name, options.get(name, {})) for name in names]
