"""Images of any format, damaged: what is read is what was written, or one line names the file."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import damage
import fuzz
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from PIL import Image as Pillow

from inklings.datasets.archive import entries, read
from inklings.errors import InklingsError
from inklings.readers import open_image
from inklings.readers.finite import proved

RNG = np.random.default_rng(5)
VOLUME = RNG.integers(-1000, 1000, (5, 14, 12)).astype(np.int16)
COLOURS = RNG.integers(0, 256, (40, 36, 3), np.uint8)
CODES = np.kron(RNG.integers(0, 3, (5, 6)), np.ones((8, 6), int)).astype(np.uint8)


def _pillow(array: Any, **options: Any) -> Callable[[Path], Any]:
    return lambda path: Pillow.fromarray(array).save(path, **options)


def _tiff(array: Any, **options: Any) -> Callable[[Path], Any]:
    return lambda path: tifffile.imwrite(path, array, **options)


def _nifti(path: Path) -> None:
    nib.save(nib.Nifti1Image(VOLUME.transpose(2, 1, 0), np.diag([-1, -1, 2, 1.0])), path)


def _itk(compressed: bool) -> Callable[[Path], Any]:
    return lambda path: sitk.WriteImage(sitk.GetImageFromArray(VOLUME), str(path), compressed)


WRITERS: dict[str, Callable[[Path], Any]] = {
    "grey.png": _pillow(CODES),
    "colours.png": _pillow(COLOURS),
    "deep.png": _pillow(CODES.astype(np.uint16) * 300),
    "picture.jpg": _pillow(COLOURS),
    "picture.bmp": _pillow(COLOURS),
    "picture.gif": _pillow(CODES),
    "picture.webp": _pillow(COLOURS, lossless=True),
    "strips.tif": _tiff(COLOURS),
    "lzw.tif": _tiff(CODES, compression="lzw"),
    "deflate.tif": _tiff(CODES, compression="zlib", predictor=True),
    "tiles.tif": _tiff(COLOURS, tile=(16, 16), compression="zlib"),
    "float.tif": _tiff(CODES.astype(np.float32)),
    "imagej.tif": _tiff(CODES.astype(np.uint16), imagej=True),
    "ome.ome.tif": _tiff(CODES, ome=True),
    "plain.nii": _nifti,
    "packed.nii.gz": _nifti,
    "plain.mha": _itk(False),
    "packed.mha": _itk(True),
    "plain.nrrd": _itk(False),
    "packed.nrrd": _itk(True),
    "array.npy": lambda path: np.save(path, VOLUME),
}
CHECKED = ("packed.nii.gz",)  # a checksum over all of it


@pytest.mark.parametrize("name", WRITERS)
def test_a_damaged_image_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    sound = _read(path)
    whole = path.read_bytes()
    refused = 0
    for what, content in damage.of_bytes(whole, flips=40, seed=len(name)):
        path.write_bytes(content)
        value, said = _tried(lambda: _read(path))
        assert said is None or (name in said and "\n" not in said), f"{what}: {said}"
        refused += said is not None
        if said is None and name in CHECKED:
            same = value.shape == sound.shape and np.array_equal(value, sound)
            assert same, f"{what}: other samples, and no word of it"
    assert refused > 3


@pytest.mark.parametrize("name", WRITERS)
def test_fuzzed_images_are_shown_or_refused_in_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    fuzz.hold(path, lambda _: fuzz.command("show", path, "--out", tmp_path / "x.png"), tmp_path)


def _tried(read: Callable[[], Any]) -> tuple[Any, str | None]:
    """What was read, or what was said instead."""
    try:
        return read(), None
    except InklingsError as error:
        return None, str(error)


def _read(path: Path) -> Any:
    with open_image(path) as image:
        proved(image)
        return image.read(image.geometry.full)


def test_a_member_of_an_archive_is_what_it_was_or_refused(tmp_path: Path) -> None:
    texts = {f"{name}.txt": name.encode() * 400 for name in ("one", "two")}
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as to:
        for name, text in texts.items():
            to.writestr(name, text)
    whole, refused = archive.read_bytes(), 0
    for k, (what, content) in enumerate(damage.of_bytes(whole, flips=60)):
        path = tmp_path / f"{k}.zip"
        path.write_bytes(content)
        found, said = _tried(lambda: [read(e) for e in entries(path, tmp_path / "scratch")])  # noqa: B023
        assert said is None or (path.name in said and "\n" not in said), f"{what}: {said}"
        assert said or all(text in texts.values() for text in found), what
        refused += said is not None
    assert refused > 10
