"""``calibration.json`` in a run: what its probabilities are mapped by, and what that rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from inklings.calibration.fitting import Fitted
from inklings.calibration.maps import CutMap, disjoint, first_level, kept_at, within_one
from inklings.errors import DataError
from inklings.files import write_json
from inklings.records import read_record

FILE = "calibration.json"


@dataclass(frozen=True)
class Calibration:
    """How the probabilities of a run are mapped before anybody sees them.

    Attributes:
        classes: The map of each class, of a choice of each channel.
        patients: Held-out patients that the maps were fitted on, sorted.
        split_hash: Of the cohort's split.
        weights_sha256: Of the run's weights: other weights need other maps.
        exclusive: Whether the classes and a background add up to one.
    """

    classes: tuple[Fitted, ...]
    patients: tuple[str, ...]
    split_hash: str | None
    weights_sha256: str
    exclusive: bool = False

    def write(self, run: Path) -> None:
        """Write it into the folder of a run."""
        write_json(run / FILE, asdict(self))

    @classmethod
    def read(cls, run: Path, weights_sha256: str) -> Self | None:
        """What lies in a run; None where nothing does.

        Raises:
            DataError: If it is damaged, or was fitted for other weights.
        """
        path, again = run / FILE, f"delete it, or run 'inklings calibrate {run} COHORT' again"
        if not path.is_file():
            return None
        found = read_record(cls, path, "a calibration", again)
        if found.weights_sha256 != weights_sha256:
            raise DataError(
                f"{path}: expected a calibration of these weights ({weights_sha256[:16]}...), got "
                f"one of others ({found.weights_sha256[:16]}...); {again}"
            )
        return found

    @property
    def changes(self) -> bool:
        """Whether any probability is changed."""
        return any(one.change.method != "none" for one in self.classes)

    @property
    def told(self) -> dict[str, str]:
        """Class to its map in words, for the head of predictions."""
        return {one.name: str(one.change) for one in self.classes}

    def thresholds(self, before: Sequence[float]) -> tuple[float, ...]:
        """Where probabilities are cut after the maps, so that masks stay as they were."""
        return tuple(cut.threshold for cut in self._cuts(before))

    def dense(self, levels: NDArray[np.uint8], before: Sequence[float]) -> NDArray[np.uint8]:
        """Maps of pixels or voxels, their masks unchanged at `thresholds`.

        Args:
            levels: ``(K, *S)`` of the classes; what follows them, as a core does, stays.
            before: The run's thresholds.
        """
        cuts = self._cuts(before)
        out = levels.copy()
        for k, cut in enumerate(cuts):
            out[k] = cut.levels[levels[k]]
        if self.exclusive and len(cuts) > 1:
            out[: len(cuts)] = within_one(out[: len(cuts)], [cut.cut for cut in cuts])
        return out

    def logits(self, before: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits ``(K,)`` of the classes or channels of a bag, after the maps."""
        pairs = zip(self.classes, before, strict=True)
        return np.array([float(one.change.logit(x)) for one, x in pairs])

    def of_scores(self, before: Sequence[float]) -> tuple[float, ...]:
        """Probabilities of the classes, or thresholds of them, where nothing is rounded."""
        pairs = zip(self.classes, before, strict=True)
        return tuple(float(one.change(cut)) for one, cut in pairs)

    def _cuts(self, before: Sequence[float]) -> list[CutMap]:
        pairs = zip(self.classes, before, strict=True)
        return [kept_at(one.change, threshold) for one, threshold in pairs]


def fits_together(classes: Sequence[Fitted], thresholds: Sequence[float]) -> bool:
    """Whether exclusive classes keep their masks and still add up to one at most."""
    before = [first_level(threshold) for threshold in thresholds]
    pairs = zip(classes, thresholds, strict=True)
    return disjoint(before, [kept_at(one.change, cut).cut for one, cut in pairs])
