"""How unlike the training images an image is: ``likeness.npz`` in a run, ``likeness.csv`` after it.

Two distances are taken: of the fingerprint of the image (`inklings.predictions.image_statistics`),
and of the features of the network, mean and standard deviation of channels of its deepest layer
over the whole image. Both are Mahalanobis distances (Lee et al., 2018) with a covariance shrunk as
Ledoit and Wolf (2004) do, which bears more features than images. What is far is learnt from images
that the distance was not fitted on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from inklings.arrays import read_npz
from inklings.errors import DataError
from inklings.files import written
from inklings.predictions.image_statistics import scaled

FILE = "likeness.npz"
LEVEL = 0.05
"""Share of images like those of the training that is called unlike them."""

FEWEST = 4
"""Images below which nothing is said."""

_EXACT = round(1 / LEVEL) - 1  # with fewer no rank is as rare as the level
_FOLDS = 10
_TIGHT = 0.1  # of channels: least deviation, as a share of the usual one
_LEAST = 1e-6  # of a variance, where all images are one
_LOOSE = 0.1  # least standard deviation of the logarithm of a distance
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """How unlike the training images one image is.

    Attributes:
        distance: Standard deviations that the logarithm of its distance lies above that of images
            which the distance was not fitted on.
        nearer: How many of these are nearer.
        of: How many there are.
        unlike: Whether it is farther than all but a share of `LEVEL` of images like them.
        by: What is farthest: ``network``, or a statistic of the fingerprint.
    """

    distance: float
    nearer: int
    of: int
    unlike: bool
    by: str


@dataclass(frozen=True, eq=False)
class Likeness:
    """What the training images of a run are like.

    Attributes:
        names: Of the statistics of a fingerprint, ``F`` of them.
        values: float32 ``(N, F + D)``, fingerprints and features of the network.
        patients: Of each image, by any names.
        held_out: ``(N,)``, whether it is of the validation part.
        layer: Of the network, whose inputs are the features.
        weights_sha256: Of the run's weights: others have other features.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    patients: tuple[str, ...]
    held_out: NDArray[np.bool_]
    layer: str
    weights_sha256: str

    def write(self, run: Path) -> None:
        """Write it into the folder of a run."""
        arrays: dict[str, Any] = {
            "values": self.values,
            "held_out": self.held_out,
            "names": np.array(self.names),
            "patients": np.array(self.patients),
            "layer": np.array(self.layer),
            "weights_sha256": np.array(self.weights_sha256),
        }
        with written(run / FILE) as path, path.open("wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def read(cls, run: Path, weights_sha256: str) -> Self | None:
        """What lies in a run; None where nothing does, as in runs of before.

        Raises:
            DataError: If it is damaged, or of other weights.
        """
        path, again = run / FILE, "delete it: predictions then do not say which images are unlike"
        try:
            file = read_npz(path)
            values, held_out = file["values"], file["held_out"]
            names, patients = (tuple(map(str, file[key])) for key in ("names", "patients"))
            found = cls(
                names, values, patients, held_out, str(file["layer"]), str(file["weights_sha256"])
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError) as error:
            raise DataError(f"{path} is damaged ({error}); {again}") from None
        kinds = values.dtype == np.float32 and held_out.dtype == np.bool_
        shapes = (len(patients), len(patients)) == (*held_out.shape, *values.shape[:1])
        if not kinds or not shapes or values.ndim != 2 or values.shape[1] < len(names):
            raise DataError(f"{path} is damaged (its arrays do not fit together); {again}")
        if found.weights_sha256 != weights_sha256:
            raise DataError(
                f"{path}: expected images as these weights see them ({weights_sha256[:16]}...), "
                f"got those of others ({found.weights_sha256[:16]}...); {again}"
            )
        return found

    def judge(self, values: NDArray[np.float32]) -> list[Judged]:
        """How unlike the training images others are.

        Args:
            values: ``(M, F + D)`` of other images.
        """
        known, centre, width = self._usual
        found = (np.log(self._distances(self._fitted, values)) - centre) / width
        limit, farthest = self._limit, known.max(1)
        names = self._farthest(values)
        return [
            Judged(
                distance=float(one.max()),
                nearer=int((farthest < one.max()).sum()),
                of=len(farthest),
                unlike=bool(one.max() > limit),
                by="network" if one[1] > one[0] else name,
            )
            for one, name in zip(found, names, strict=True)
        ]

    def compared(self, values: NDArray[np.float32]) -> dict[str, tuple[Array, Array]]:
        """By name what the patients of the training are like, and what others are.

        Fingerprints but for sides, in tenths of their deviation, and both distances, one image of
        each patient.

        Args:
            values: ``(M, F + D)`` of others, one image of each patient.
        """
        own, new = (part.round(1) for part in scaled(self.values, values, self.names))
        patients = np.array(self.patients)
        first = np.unique(patients, return_index=True)[1]
        found = {
            name: (own[first, k], new[:, k])
            for k, name in enumerate(self.names)
            if not name.startswith("side")
        }
        known, centre, width = self._usual
        apart = (np.log(self._distances(self._fitted, values)) - centre) / width
        first = np.unique(patients[self.held_out] if self._split else patients, return_index=True)[
            1
        ]
        named = (("distance of images", 0), ("distance of features", 1))
        return {**found, **{name: (known[first, k], apart[:, k]) for name, k in named}}

    @property
    def _split(self) -> bool:
        """Whether there are held-out images enough to be judged by, and others to fit on."""
        count = int(self.held_out.sum())
        return count >= _EXACT and len(self.values) - count >= _EXACT

    @cached_property
    def _fitted(self) -> NDArray[np.float32]:
        """Images that distances are taken from."""
        return self.values[~self.held_out] if self._split else self.values

    @cached_property
    def _usual(self) -> tuple[Array, Array, Array]:
        """Distances ``(n, 2)`` of images that were not fitted on, scaled; centre and scale."""
        if self._split:
            logs = np.log(self._distances(self._fitted, self.values[self.held_out]))
        else:
            logs = np.empty((len(self.values), 2))
            for apart in self._folds():
                logs[apart] = np.log(self._distances(self.values[~apart], self.values[apart]))
        centre, width = logs.mean(0), np.maximum(logs.std(0, ddof=1), _LOOSE)
        return (logs - centre) / width, centre, width

    def _folds(self) -> Iterator[NDArray[np.bool_]]:
        """Up to `_FOLDS` parts of the images, those of a patient together."""
        patients = np.array(self.patients)
        names = np.unique(patients)
        for k in range(min(_FOLDS, len(names))):
            yield np.isin(patients, names[k::_FOLDS])

    @cached_property
    def _limit(self) -> float:
        """The rank that holds for any distances; with few images that of normal logarithms."""
        known = np.sort(self._usual[0].max(1))
        n = len(known)
        if n >= _EXACT:
            return float(known[math.ceil((n + 1) * (1 - LEVEL) - 1e-9) - 1])
        return float(stats.t.ppf(1 - LEVEL / 2, n - 1) * math.sqrt(1 + 1 / n))

    def _distances(self, fit: NDArray[np.float32], of: NDArray[np.float32]) -> Array:
        """``(M, 2)`` distances of images from those of ``fit``: of fingerprints and features."""
        first, count = scaled(fit, of, self.names), len(self.names)
        own, others = fit[:, count:].astype(np.float64), of[:, count:].astype(np.float64)
        deviation = own.std(0)
        usual = float(np.median(deviation[deviation > 0])) if (deviation > 0).any() else 1.0
        width = np.maximum(deviation, _TIGHT * usual)
        second = ((own - own.mean(0)) / width, (others - own.mean(0)) / width)
        return np.stack([mahalanobis(*pair) for pair in (first, second)], 1)

    def _farthest(self, values: NDArray[np.float32]) -> list[str]:
        """The statistic of the fingerprint that is farthest from its mean, a name an image."""
        _, there = scaled(self._fitted, values, self.names)
        return [self.names[k] for k in np.abs(there).argmax(1)]


def mahalanobis(fit: Array, of: Array) -> Array:
    """Distances ``(M,)`` of rows ``(M, P)`` from the mean of ``fit`` ``(N, P)``.

    The covariance is that of Ledoit and Wolf (2004); divided by the root of ``P``.
    """
    mean = fit.mean(0)
    covariance = shrunk_covariance(fit - mean) + _LEAST * np.eye(fit.shape[1])
    apart = of - mean
    squares: Array = (apart * np.linalg.solve(covariance, apart.T).T).sum(1)
    found: Array = np.sqrt(np.maximum(squares / fit.shape[1], 1e-12))
    return found


def shrunk_covariance(rows: Array) -> Array:
    """Covariance ``(P, P)`` of rows ``(N, P)`` with mean 0, shrunk to a multiple of the identity.

    As `sklearn.covariance.ledoit_wolf`, which would cost every prediction 58 MiB and a quarter of a
    second to load.

    Reference:
        Ledoit and Wolf, Journal of Multivariate Analysis, 2004, lemma 3.2 to 3.4.
    """
    n, p = rows.shape
    plain = rows.T @ rows / n
    scale = max(float(np.trace(plain)) / p, 1e-12)
    target = scale * np.eye(p)
    apart = float(((plain - target) ** 2).sum())
    noise = float(((rows**2).T @ (rows**2) / n - plain**2).sum()) / n
    share = min(noise, apart) / apart if apart > 0 else 1.0
    shrunk: Array = share * target + (1 - share) * plain
    return shrunk
