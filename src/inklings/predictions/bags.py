"""What a model said about a bag and about each instance in it: ``cases/<id>.npz``.

Probabilities are stored as float64, not quantised: rankings of bags need it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.arrays import read_npz
from inklings.files import written
from inklings.predictions.stored import case_file, damaged, missing


@dataclass(frozen=True)
class BagPrediction:
    """One bag.

    Attributes:
        case: Identifier of the case.
        image: First file that was read.
        probability: ``(K,)`` of the classes; none where the answer is a number.
        logits: ``(C,)`` of the channels of the network.
        instances: ``(N, C)``: what the network would say of a bag of this instance alone, as
            logits; where the answer is a number, in its unit.
        attention: ``(N,)`` or ``(N, C)`` weights that sum to one; None where there are none.
        contribution: ``(N, C)`` shares of the bag's logit, where the model is a sum of them.
        coords: ``(N, 2)`` where the instances lie; None where that is not known.
        values: ``(V,)`` numbers that are predicted, the answer first; `Head.settings` names them.
            None where the answer is a class.
        statistics: ``(F + D,)`` float32 that say how like the training bags it is
            (`inklings.predictions.likeness`); None where the run does not know these.
    """

    case: str
    image: Path
    probability: NDArray[np.float64]
    logits: NDArray[np.float64]
    instances: NDArray[np.float32]
    attention: NDArray[np.float32] | None = None
    contribution: NDArray[np.float32] | None = None
    coords: NDArray[np.int64] | None = None
    values: NDArray[np.float64] | None = None
    statistics: NDArray[np.float32] | None = None

    def write(self, folder: Path) -> None:
        """Write ``cases/<id>.npz``."""
        arrays: dict[str, Any] = {
            name: value for name in _ARRAYS if (value := getattr(self, name)) is not None
        }
        path = case_file(folder, self.case)
        with written(path, durable=False) as temporary, temporary.open("wb") as file:
            np.savez(file, image=np.array(str(self.image)), **arrays)

    @classmethod
    def read(cls, folder: Path, case: str) -> BagPrediction:
        """Read the prediction of one bag.

        Raises:
            DataError: If there is none or it is damaged.
        """
        path = case_file(folder, case)
        try:
            file = read_npz(path)
            values = {name: file[name] for name in _ARRAYS if name in file}
            return cls(case, Path(str(file["image"])), **values)
        except FileNotFoundError:
            raise missing(case, path) from None
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(path, error) from None


_ARRAYS = (
    "probability", "logits", "instances", "attention", "contribution", "coords", "values",
    "statistics",
)  # fmt: skip
