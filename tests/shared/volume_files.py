"""A ball in patient millimetres, written to every format, for the tests of the readers."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from inklings.geometry import Geometry
from inklings.readers.image import Image
from inklings.simulation.phantoms.dicom_files import SeriesText, write_series

CENTRE = np.array([12.3, -20.7, 35.1])
RADIUS = 9.0
SHAPE, SPACING = (18, 40, 44), (2.5, 0.9, 0.8)


def oblique() -> NDArray[np.float64]:
    """Axes turned by 20 degrees about x and 10 about z."""
    a, b = np.radians(20), np.radians(10)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return about_z @ about_x


def orientations() -> dict[str, NDArray[np.float64]]:
    """Every way in which the axes of a right-handed grid can follow those of the patient."""
    found = {}
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            axes = np.eye(3)[:, order] * signs
            if np.linalg.det(axes) > 0:
                letters = "".join("LPS" if s > 0 else "RAI" for s in signs)
                name = "".join(letters[3 * k + order[k]] for k in range(3))
                found[name] = axes
    return {**found, "oblique": oblique()}


def grid(axes: NDArray[np.float64], shape: tuple[int, ...] = SHAPE) -> Geometry:
    """A grid with these axes whose middle lies near the ball."""
    direction = tuple(tuple(row) for row in axes.tolist())
    flat = Geometry(shape, SPACING, (0.0, 0.0, 0.0), direction)
    middle = flat.to_points((np.array(shape) - 1) / 2)
    return Geometry(shape, SPACING, tuple((CENTRE - middle + [1.1, -0.6, 0.4]).tolist()), direction)


def ball(geometry: Geometry) -> NDArray[np.uint16]:
    """A soft ball, ``(Z, Y, X)``, up to 1000; its weighted mean lies at its centre."""
    indices = np.stack(np.meshgrid(*map(np.arange, geometry.shape), indexing="ij"), -1)
    away = np.linalg.norm(geometry.to_points(indices) - CENTRE, axis=-1)
    return np.rint(1000 * np.clip((RADIUS - away) / 3, 0, 1)).astype(np.uint16)


def centre_of(image: Image) -> NDArray[np.float64]:
    """Weighted mean of an image, as a point in the patient."""
    weights = image.read(image.geometry.full)[0].astype(float)
    indices = np.stack(np.meshgrid(*map(np.arange, weights.shape), indexing="ij"), -1)
    mean = (weights[..., None] * indices).sum((0, 1, 2)) / weights.sum()
    return image.geometry.to_points(mean)


def as_sitk(array: NDArray[np.uint16], geometry: Geometry) -> SimpleITK.Image:
    """With the geometry that SimpleITK knows."""
    image = SimpleITK.GetImageFromArray(array)
    image.SetSpacing(geometry.require_spacing()[::-1])
    image.SetOrigin(geometry.origin)
    image.SetDirection(geometry.axes.ravel().tolist())
    return image


def write(kind: str, folder: Path, geometry: Geometry) -> Path:
    """The ball in one format; the path that is to be opened."""
    if kind == "dicom":
        text = SeriesText("ball", "P1", bits=16, slope=1, intercept=0)
        write_series(folder / "series", ball(geometry), geometry, text)
        return folder / "series"
    path = folder / f"ball.{kind}"
    SimpleITK.WriteImage(as_sitk(ball(geometry), geometry), str(path))
    return path


KINDS = ("dicom", "nii", "nii.gz", "mhd", "mha", "nrrd")
