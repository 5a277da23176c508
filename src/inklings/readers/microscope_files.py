"""What ND2 and LIF hold, by nd2 (BSD; Lambert) and liffile (BSD; Gohlke).

What the formats have in common is here; CZI is `inklings.readers.microscope_czi`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inklings.errors import MissingExtraError, ReaderError
from inklings.readers.resample import Whole

_UM = {"m": 1e6, "mm": 1e3, "um": 1.0, "µm": 1.0, "nm": 1e-3}
Um = tuple[float | None, float | None, float | None]


@dataclass(frozen=True)
class Scene:
    """One image of a file.

    Attributes:
        name: As the file has it; may be empty.
        sizes: Letter of each axis over the planes, of which there are several, to how many.
        shapes: ``(h, w)`` of each level, the finest first.
        dtype: Of the samples.
        colours: Whether a plane has red, green and blue.
        channels: Their names, where the file has any.
        um: Between samples, ``(z, y, x)``; None where it does not say.
        entry: Where it says that.
    """

    name: str
    sizes: Mapping[str, int]
    shapes: tuple[Whole, ...]
    dtype: np.dtype[Any]
    colours: bool
    channels: Sequence[str]
    um: Um
    entry: str


class OpenFile(Protocol):
    """A file that is open."""

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """Its images."""

    def plane(
        self, scene: int, at: Mapping[str, int], level: int, start: Whole, size: Whole
    ) -> NDArray[Any]:
        """A box ``(h, w, S)`` of one plane; red comes first."""

    def close(self) -> None:
        """Close it."""


class Owned:
    """A file that is open in the library of its format; closed if it turns out to be unreadable."""

    scenes: tuple[Scene, ...]

    def __init__(self, path: Path) -> None:
        self._file = self._opened(str(path))
        try:
            self._read(path)
        except BaseException:
            self._file.close()
            raise

    def _opened(self, path: str) -> Any:
        raise NotImplementedError

    def _read(self, path: Path) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Close it."""
        self._file.close()


class Nd2(Owned):
    """A file of Nikon; its positions are scenes."""

    def _opened(self, path: str) -> Any:
        return library("nd2", "ND2").ND2File(path)

    def _read(self, path: Path) -> None:
        sizes: dict[str, int] = dict(self._file.sizes)
        self._shape = (sizes.pop("Y"), sizes.pop("X", 1))
        self._samples, count = sizes.pop("S", 1), sizes.pop("P", 1)
        self._channels = sizes.get("C", 1)
        self._frames = {_place(one): k for k, one in enumerate(self._file.loop_indices)}
        names = self._file._position_names() if count > 1 else [""]
        planes = self._file.metadata.channels or []
        um: list[float | None] = [None, None, None]
        if planes:  # what is not calibrated is 1 there
            volume = planes[0].volume
            steps = zip(volume.axesCalibrated, volume.axesCalibration, strict=True)
            um = [float(one) if known and one > 0 else None for known, one in steps]
            um.reverse()
        named = [one.channel.name for one in planes]
        frames = int(self._file.attributes.sequenceCount)
        if frames > len(self._frames):
            raise ReaderError(
                f"{path}: expected {len(self._frames)} frames by its loops, got {frames}; export "
                "it as OME-TIFF"
            )
        self._file._rdr._missing_frame = _missing  # the library fills what is missing with 0
        self.scenes = tuple(
            Scene(
                str(names[k]) if len(names) == count else "", sizes, (self._shape,),
                np.dtype(self._file.dtype), self._samples == 3, named,
                (um[0], um[1], um[2]), "its calibration",
            )
            for k in range(count)
        )  # fmt: skip

    def plane(
        self,
        scene: int,
        at: Mapping[str, int],
        level: int,  # noqa: ARG002 - there is one
        start: Whole,
        size: Whole,
    ) -> NDArray[Any]:
        """A box of one frame, which is decoded whole."""
        frame = self._file.read_frame(self._frames[_place({**at, "P": scene})])
        shape = (self._channels, *self._shape, self._samples)
        rows, columns = (slice(a, a + n) for a, n in zip(start, size, strict=True))
        found: NDArray[Any] = np.reshape(frame, shape)[at.get("C", 0), rows, columns]
        return found


def _missing(number: int = 0) -> NDArray[Any]:
    raise ValueError(f"frame {number} is not in the file")


def _place(at: Mapping[str, int]) -> frozenset[tuple[str, int]]:
    """Of a frame; an axis of one place, and channels, which a frame holds all of, do not count."""
    return frozenset((k, int(n)) for k, n in at.items() if k != "C" and n)


class Lif(Owned):
    """A file of Leica; its images are scenes."""

    def _opened(self, path: str) -> Any:
        return library("liffile", "LIF").LifFile(path)

    def _read(self, path: Path) -> None:
        self._images = [one for one in self._file.images if {"Y", "X"} <= {*one.sizes}]
        if not self._images:
            raise ReaderError(f"{path}: expected an image of rows and columns, got none")
        for one in self._images:  # the library turns colours within the file's map: read only
            vars(one)["_is_bgr"] = False
        self._orders = [_red_first(one.xml_element) for one in self._images]
        self.scenes = tuple(map(self._scene, self._images))

    def _scene(self, image: Any) -> Scene:
        said = image.xml_element
        sizes = {k: n for k, n in image.sizes.items() if k not in ("Y", "X", "S")}
        units = {
            int(one.attrib["DimID"]): one.attrib.get("Unit", "")
            for one in said.iter("DimensionDescription")
        }
        um: list[float | None] = []
        for number, letter in ((3, "Z"), (2, "Y"), (1, "X")):
            at = image.coords.get(letter, ())
            step = abs(float(at[1] - at[0])) if len(at) > 1 else 0.0
            um.append(step * _UM.get(units.get(number, ""), 0.0) or None)
        names = [one.attrib.get("LUTName", "") for one in said.iter("ChannelDescription")]
        return Scene(
            str(image.path), sizes, ((image.sizes["Y"], image.sizes["X"]),), np.dtype(image.dtype),
            image.sizes.get("S") == 3, names, (um[0], um[1], um[2]), "its dimensions",
        )  # fmt: skip

    def plane(
        self,
        scene: int,
        at: Mapping[str, int],
        level: int,  # noqa: ARG002 - there is one
        start: Whole,
        size: Whole,
    ) -> NDArray[Any]:
        """A box; the image is mapped and not read whole, where it lies in one piece."""
        image = self._images[scene]
        letters = [*image.sizes]
        where = {"Y": slice(start[0], start[0] + size[0]), "X": slice(start[1], start[1] + size[1])}
        index = tuple(where.get(k, slice(None) if k == "S" else at.get(k, 0)) for k in letters)
        found: NDArray[Any] = np.asarray(image.asarray(out="memmap")[index])
        left = [k for k in letters if k in "YXS"]
        order = ["Y", "X", *(["S"] if "S" in left else [])]
        found = found.transpose([left.index(k) for k in order])
        if "S" not in left:
            return found[..., None]
        return found[..., self._orders[scene]] if self.scenes[scene].colours else found


def _red_first(said: Any) -> list[int]:
    """Samples of a pixel by colour; some files begin with blue."""
    tags = [int(one.attrib.get("ChannelTag", 0)) for one in said.iter("ChannelDescription")]
    return [tags.index(k) for k in (1, 2, 3)] if sorted(tags) == [1, 2, 3] else [0, 1, 2]


def library(name: str, what: str) -> Any:
    """The library of a format.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.split(".")[0]
        raise MissingExtraError(
            f"{what} needs {package}: pip install inklings[microscope]"
        ) from None
