"""Smooth random fields and textures in world micrometres: the same values on every grid."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Plane = NDArray[np.float32]

# A cubic B-spline averages its coefficients; this brings the variance back to one.
_GAIN = 2.1
TEXTURE_UM = 0.5


class Field:
    """A smooth random field of about unit variance, periodic far outside of any picture."""

    def __init__(self, seed: tuple[int, ...], wavelength_um: float, cells: int = 128) -> None:
        self.wavelength = wavelength_um
        self.cells = cells
        rng = np.random.default_rng(seed)
        self._knots = (rng.standard_normal((cells, cells)) * _GAIN).astype(np.float32)

    def on(self, y: NDArray[np.float64], x: NDArray[np.float64]) -> Plane:
        """Values ``(H, W)`` on the grid of the coordinates ``y (H)`` and ``x (W)``, um."""
        across, first_y = _basis(y / self.wavelength)
        along, first_x = _basis(x / self.wavelength)
        rows = np.arange(first_y, first_y + across.shape[1]) % self.cells
        columns = np.arange(first_x, first_x + along.shape[1]) % self.cells
        values: Plane = across @ self._knots[np.ix_(rows, columns)] @ along.T
        return values

    def at(self, y: NDArray[np.float64], x: NDArray[np.float64]) -> Plane:
        """Values ``(N)`` at the points ``y (N)``, ``x (N)``, um."""
        knot_y, knot_x = np.floor(y / self.wavelength), np.floor(x / self.wavelength)
        rows, columns = knot_y.astype(int), knot_x.astype(int)
        along = _weights(x / self.wavelength - knot_x)
        values = np.zeros(np.shape(y), np.float32)
        for i, down in enumerate(_weights(y / self.wavelength - knot_y)):
            for j, right in enumerate(along):
                knots = self._knots[(rows + i - 1) % self.cells, (columns + j - 1) % self.cells]
                values += (down * right).astype(np.float32) * knots
        return values


def coverage(inside_um: Plane, width_um: float) -> Plane:
    """Share of a sample that lies inside, from the signed distance to an edge (um)."""
    share: Plane = np.clip(inside_um * np.float32(1 / width_um) + np.float32(0.5), 0, 1)
    return share


def bell(distance: Plane) -> Plane:
    """``exp(-distance**2)``."""
    value: Plane = np.exp(-(distance * distance))
    return value


def logistic(value: Plane) -> Plane:
    """``1 / (1 + exp(-value))``."""
    share: Plane = np.reciprocal(1 + np.exp(-value))
    return share


@lru_cache(maxsize=2)
def fibres(seed: int = 3, size: int = 512) -> Plane:
    """Wavy collagen and muscle along x, ``(size, size)`` at `TEXTURE_UM`, periodic, z-scored."""
    rng = np.random.default_rng(seed)
    wave = 7 * _stretched(rng, size, 14, 18) + 1.6 * _stretched(rng, size, 7, 7)
    rows, columns = np.mgrid[:size, :size]
    texture = 0.35 * _stretched(rng, size, 0.5, 0.5)
    for length, width, weight in ((30, 2.6, 1.0), (16, 1.1, 0.85), (9, 0.55, 0.5)):
        strands = _stretched(rng, size, width, length)
        bent = [rows + 0.8 * wave / TEXTURE_UM, columns]
        strands = ndimage.map_coordinates(strands, bent, order=1, mode="grid-wrap")
        texture = texture + weight * (strands - 1.1 * np.abs(strands))
    scored: Plane = ((texture - texture.mean()) / texture.std()).astype(np.float32)
    return scored


@lru_cache(maxsize=2)
def grain(seed: int = 4, size: int = 512) -> Plane:
    """``(2, size, size)`` at `TEXTURE_UM`, periodic: white noise, and a mottle of cytoplasm."""
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((size, size))
    fine = ndimage.gaussian_filter(white, 1.2, mode="wrap")
    coarse = ndimage.gaussian_filter(rng.standard_normal((size, size)), 3.5, mode="wrap")
    mottle = 0.7 * fine / fine.std() + 0.7 * coarse / coarse.std()
    return np.stack([white, mottle]).astype(np.float32)


def lookup(texture: Plane, y_um: NDArray[np.floating], x_um: NDArray[np.floating]) -> Plane:
    """The nearest samples of a periodic texture at (broadcast) coordinates in um."""
    last = texture.shape[0] - 1
    rows = np.floor(y_um / TEXTURE_UM).astype(np.int32) & last
    columns = np.floor(x_um / TEXTURE_UM).astype(np.int32) & last
    values: Plane = texture[rows, columns]
    return values


def _stretched(
    rng: np.random.Generator, size: int, y_um: float, x_um: float
) -> NDArray[np.float64]:
    """Periodic noise of unit variance, blurred by a Gaussian of ``y_um`` by ``x_um``."""
    noise = rng.standard_normal((size, size))
    sigmas = (y_um / TEXTURE_UM, x_um / TEXTURE_UM)
    smooth = np.fft.ifft2(ndimage.fourier_gaussian(np.fft.fft2(noise), sigmas)).real
    scored: NDArray[np.float64] = smooth / smooth.std()
    return scored


def _weights(t: NDArray[np.floating]) -> tuple[NDArray[np.floating], ...]:
    """The four weights of a cubic B-spline at the fraction ``t`` of a cell."""
    return (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t * t + 4) / 6,
        (-3 * t**3 + 3 * t * t + 3 * t + 1) / 6,
        t**3 / 6,
    )


def _basis(cells: NDArray[np.float64]) -> tuple[Plane, int]:
    """Weights ``(N, knots)`` for ascending coordinates in cells, and the first knot."""
    whole = np.floor(cells).astype(int)
    first = int(whole[0]) - 1
    weights = np.zeros((len(cells), int(whole[-1]) - first + 3), np.float32)
    rows = np.arange(len(cells))
    for k, weight in enumerate(_weights(cells - whole)):
        weights[rows, whole - first + k - 1] = weight
    return weights, first
