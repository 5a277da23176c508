"""OME-Zarr 0.4 and 0.5 through zarr: pictures, pyramids, volumes and labels, chunk by chunk.

How far levels are apart is what their scales say, never a power of two. A coarser level is used
only where it lies on the finest one by its own translation; of labels the finest alone, since
writers average numbers of coarser ones, or leave them beside their place.

Reference:
    https://ngff.openmicroscopy.org, 0.4 (2022) and 0.5 (2024)
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import MissingExtraError, ReaderError
from inklings.geometry import Geometry, Region
from inklings.readers.choice import ANY, Choice
from inklings.readers.notes import Note
from inklings.readers.pyramid import Pyramid
from inklings.readers.resample import Whole
from inklings.readers.resolution import Resolution
from inklings.readers.volume import Volume

MARKS = (".zattrs", ".zgroup", "zarr.json")
"""Files that lie in a group: of Zarr 2, of Zarr 3."""

MM = {
    "angstrom": 1e-7, "nanometer": 1e-6, "micrometer": 1e-3, "millimeter": 1.0, "centimeter": 10.0,
    "decimeter": 100.0, "meter": 1000.0, "inch": 25.4,
}  # fmt: skip
_OFF = 0.25  # samples of a coarser level that it may lie beside the finest one


@dataclass(frozen=True)
class ZarrLevels:
    """The levels of one multiscale image; see `inklings.readers.pyramid.Levels`."""

    path: Path
    names: tuple[str, ...]
    axes: str
    shapes: tuple[Whole, ...]
    channels: tuple[str, ...]
    dtype: np.dtype[Any]
    whole: bool = False

    def read(self, level: int, start: Whole, size: Whole) -> NDArray[Any]:
        """Pixels ``(h, w, C)`` of a box within a level."""
        rows, columns = (slice(a, a + n) for a, n in zip(start, size, strict=True))
        found = self.box(level, {"y": rows, "x": columns})
        return np.moveaxis(found, 0, -1)

    def box(self, level: int, where: Mapping[str, slice]) -> NDArray[Any]:
        """Samples ``(C, *S)``, in the machine's byte order, however the file orders its axes.

        Args:
            level: Of the image.
            where: What is read along the axes ``S``, in their order; time and the like are read at
                their only place.

        Raises:
            ReaderError: If a chunk cannot be decoded.
        """
        index = tuple(where.get(axis, slice(None) if axis == "c" else 0) for axis in self.axes)
        try:
            found = np.asarray(_array(self.path, self.names[level])[index])
        except Exception as error:  # of whichever codec a chunk has
            why = " ".join(str(error).split()) or type(error).__name__
            raise ReaderError(
                f"{self.path}: level {self.names[level]} cannot be read ({why}); copy it "
                "again from its source"
            ) from None
        left = [axis for axis in self.axes if axis == "c" or axis in where]
        order = ["c", *where] if "c" in left else [*where]
        found = found.transpose([left.index(axis) for axis in order])
        found = found.astype(found.dtype.newbyteorder("="), copy=False)
        return found if "c" in left else found[None]


class OmeZarrReader:
    """Folders of OME-Zarr."""

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """By the files of a Zarr group."""
        return path.is_dir() and any((path / name).is_file() for name in MARKS)

    def open(self, path: Path, choice: Choice = ANY) -> Pyramid | Volume:
        """Read what the group says; no chunk is decoded.

        Raises:
            MissingExtraError: Without zarr.
            ReaderError: If it is no OME-Zarr, or holds several fields or points of time.
        """
        choice.only(path)
        path, said = _one_field(path)
        try:
            scales = said.get("multiscales") or [{}]
            if len(scales) != 1 or not scales[0].get("datasets"):
                raise ReaderError(
                    f"{path}: expected OME-Zarr 0.4 or 0.5 with one multiscale image, got "
                    f"{len(said.get('multiscales') or ())}; give the folder of one image"
                )
            return _opened(path, said, scales[0])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            why = " ".join(str(error).split())
            raise ReaderError(f"{path}: its OME metadata are damaged ({why})") from None


def _one_field(path: Path) -> tuple[Path, Mapping[str, Any]]:
    """The folder of the image and what it says of itself."""
    said = _attributes(path)
    if "plate" in said or "well" in said:
        what = "plate" if "plate" in said else "well"
        raise ReaderError(
            f"{path}: expected one field, got a {what} of several; give the folder of one, such as "
            f"{path / ('A/1/0' if what == 'plate' else '0')}"
        )
    if "bioformats2raw.layout" in said:
        fields = sorted(
            (p for p in path.iterdir() if p.name.isdigit() and p.is_dir()),
            key=lambda p: int(p.name),
        )
        if len(fields) != 1:
            raise ReaderError(
                f"{path}: expected one field, got {len(fields)}; give the folder of one, such as "
                f"{path / '0'}"
            )
        return fields[0], _attributes(fields[0])
    return path, said


def _opened(path: Path, said: Mapping[str, Any], scale: Mapping[str, Any]) -> Pyramid | Volume:
    axes = [one if isinstance(one, Mapping) else {"name": one} for one in scale["axes"]]
    names = "".join(str(one["name"]) for one in axes)
    levels = [_level(one, scale, len(names)) for one in scale["datasets"]]
    arrays = [_array(path, one.name) for one in levels]
    shapes = [dict(zip(names, array.shape, strict=True)) for array in arrays]
    order = sorted(range(len(levels)), key=lambda k: -math.prod(shapes[k].values()))
    finest = order[0]
    shape = shapes[finest]
    for axis, count in shape.items():
        if axis not in "cyxz" and count != 1:
            raise ReaderError(
                f"{path}: expected one picture or volume, got {count} along the axis {axis!r}; "
                "save one of them by itself"
            )
    dtype = arrays[finest].dtype.newbyteorder("=")
    if dtype.kind not in "buif":
        raise ReaderError(
            f"{path}: expected real samples, got {dtype}; give magnitude or phase as a file of "
            "their own"
        )
    mm = {
        str(one["name"]): levels[finest].scale[k] * MM[one["unit"]]
        for k, one in enumerate(axes)
        if one.get("unit") in MM
    }
    channels = _channels(said, shape.get("c", 1), dtype)
    solid = shape.get("z", 1) > 1  # volumes are read from the finest level alone
    labels = "image-label" in said
    kept, notes = ([finest], ()) if solid else _aligned(levels, shapes, order, names, labels)
    store = ZarrLevels(
        path, tuple(levels[k].name for k in kept), names,
        tuple((shapes[k]["y"], shapes[k]["x"]) for k in kept), channels, dtype,
    )  # fmt: skip
    if solid:
        return _volume(store, shape, mm, levels[finest], axes)
    spacing = (mm["y"], mm["x"]) if {"y", "x"} <= set(mm) else None
    how = "no unit of its axes" if spacing is None else f"{1000 * spacing[0]:.4g} um a pixel"
    return replace(Pyramid.of(store, Resolution(spacing, how)), notes=notes)


def _volume(
    store: ZarrLevels,
    shape: Mapping[str, int],
    mm: Mapping[str, float],
    level: _Level,
    axes: Sequence[Mapping[str, Any]],
) -> Volume:
    def boxes(region: Region) -> NDArray[Any]:
        return store.box(0, dict(zip("zyx", region.slices, strict=True)))

    def planes(first: int, last: int) -> NDArray[Any]:
        return boxes(Region((first, 0, 0), (last - first, shape["y"], shape["x"])))

    known = set("zyx") <= set(mm)
    spacing = tuple(mm[axis] for axis in "zyx") if known else None
    at = {
        str(one["name"]): level.translation[k] * MM[one["unit"]]
        for k, one in enumerate(axes)
        if one.get("unit") in MM
    }
    origin = tuple(at[axis] for axis in "xyz") if known else None
    geometry = Geometry((shape["z"], shape["y"], shape["x"]), spacing, origin)
    return Volume(store.path, geometry, store.channels, planes, boxes=boxes)


@dataclass(frozen=True)
class _Level:
    """One dataset: its name, and scale and translation along each axis."""

    name: str
    scale: tuple[float, ...]
    translation: tuple[float, ...]


def _level(one: Mapping[str, Any], all_of: Mapping[str, Any], axes: int) -> _Level:
    scale, translation = np.ones(axes), np.zeros(axes)
    own = one.get("coordinateTransformations") or ()
    for step in (*own, *(all_of.get("coordinateTransformations") or ())):
        if step["type"] not in ("scale", "translation"):
            continue
        numbers = np.array(step[step["type"]], np.float64)
        if numbers.shape != (axes,) or not np.isfinite(numbers).all():
            raise ValueError(f"a {step['type']} of {axes} numbers expected, got {step}")
        if step["type"] == "scale":
            scale, translation = scale * numbers, translation * numbers
        else:
            translation = translation + numbers
    if not (scale > 0).all():
        raise ValueError(f"scales above 0 expected, got {scale.tolist()}")
    return _Level(str(one["path"]), tuple(scale.tolist()), tuple(translation.tolist()))


def _aligned(
    levels: Sequence[_Level],
    shapes: Sequence[Mapping[str, int]],
    order: Sequence[int],
    names: str,
    labels: bool,
) -> tuple[list[int], tuple[Note, ...]]:
    """Levels that lie on the finest, the finest first, and what is said of the others."""
    first, *rest = order
    fine = levels[first]
    kept: list[int] = [first]
    left: list[int] = []
    told = any(any(one.translation) for one in levels)
    for k in rest:
        fits = not labels
        for axis in "yx":
            a = names.index(axis)
            ratio = levels[k].scale[a] / fine.scale[a]
            size = shapes[first][axis] / ratio
            fits = fits and abs(size - shapes[k][axis]) < 1 + 1e-6
            if told:
                edge = fine.translation[a] + (levels[k].scale[a] - fine.scale[a]) / 2
                fits = fits and abs(levels[k].translation[a] - edge) <= _OFF * levels[k].scale[a]
        (kept if fits else left).append(k)
    if labels or not left:
        return kept, ()
    names_left = ", ".join(levels[k].name for k in left)
    return kept, (Note("levels", f"levels {names_left} lie beside the finest, and are not used"),)


def _channels(said: Mapping[str, Any], count: int, dtype: np.dtype[Any]) -> tuple[str, ...]:
    """Names of the planes."""
    listed = (said.get("omero") or {}).get("channels") or ()
    names = tuple(str(one.get("label") or k) for k, one in enumerate(listed))
    if count == 1:
        return ("grey",)
    if count == 3 and dtype == np.uint8 and {n[:1].upper() for n in names} in (set(), {*"RGB"}):
        return ("R", "G", "B")
    return names if len({*names}) == count else tuple(f"c{k}" for k in range(count))


def _attributes(path: Path) -> Mapping[str, Any]:
    """What a group says of its image: 0.5 has it under ``ome``."""
    try:
        found: dict[str, Any] = dict(_zarr().open_group(str(path), mode="r").attrs)
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise ReaderError(f"{path}: expected a group of OME-Zarr, got: {why}") from None
    inner = found.get("ome")
    return inner if isinstance(inner, Mapping) else found


def _array(path: Path, name: str) -> Any:
    """One level; opened once, and anew where its description was written anew."""
    there = [path / name / mark for mark in (".zarray", "zarr.json")]
    return _kept(path, name, *(one.stat().st_mtime_ns for one in there if one.is_file()))


@functools.lru_cache(maxsize=64)
def _kept(path: Path, name: str, *changed: int) -> Any:  # noqa: ARG001
    return _zarr().open_array(str(path / name), mode="r")


def _zarr() -> Any:
    try:
        import zarr
    except ImportError:
        raise MissingExtraError("OME-Zarr needs zarr: pip install inklings[zarr]") from None
    return zarr
