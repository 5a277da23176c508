"""Exact outlines of real glands, at several resolutions, and outlines that were drawn too wide."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inklings.simulation.chain import Chain, apply, stream
from inklings.weak.correction.auto import AutoCorrection

REAL = Path(__file__).parents[4] / "shared" / "data" / "glas_dev.zip"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REAL.is_file(), reason="glas_dev.zip is not in ../shared/data"),
]
Fields = list[tuple[Image.Image, Image.Image]]
PATIENTS = ("p02", "p04")
EACH = 6


@pytest.fixture(scope="module")
def fields() -> Fields:
    with zipfile.ZipFile(REAL) as archive:
        names = sorted(n for n in archive.namelist() if n.startswith("images/") and n[-1] != "/")
        chosen = [n for p in PATIENTS for n in [m for m in names if f"/{p}" in m][:EACH]]
        masks = {n.split("/")[1].split(".")[0]: n for n in archive.namelist() if "masks/" in n}

        def opened(name: str) -> Image.Image:
            return Image.open(io.BytesIO(archive.read(name)))

        return [
            (opened(n).convert("RGB"), opened(masks[n.split("/")[1].split(".")[0]])) for n in chosen
        ]


def scanned(
    fields: Fields, factor: float
) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.int32]]]:
    images, objects = [], []
    for image, mask in fields:
        size = (round(image.width * factor), round(image.height * factor))
        images.append(np.asarray(image.resize(size, Image.Resampling.BOX)))
        nearest = mask.resize(size, Image.Resampling.NEAREST)
        objects.append(np.asarray(nearest).astype(np.int32))
    return images, objects


@pytest.mark.parametrize("factor", [1.0, 0.5, 0.25])
def test_exact_glands_come_back_bit_identical_at_every_resolution(
    fields: Fields, factor: float
) -> None:
    images, objects = scanned(fields, factor)
    masks = [o > 0 for o in objects]
    corrected = AutoCorrection().correct(images, masks)
    assert all(after is before for before, after in zip(masks, corrected.masks, strict=True))


@pytest.mark.parametrize("slop", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("pixels", [8, 16, 32])
def test_glands_drawn_too_wide_come_back(fields: Fields, pixels: int, slop: float) -> None:
    images, objects = scanned(fields, 1.0)
    chain = Chain.parse(f"dilate:pixels={pixels},boundary_error={slop}")
    wide = [apply(o, chain, stream(0, str(i))) > 0 for i, o in enumerate(objects)]
    corrected = AutoCorrection().correct(images, wide)

    def dice(masks: list[NDArray[np.bool_]]) -> float:
        pairs = [(mask, own > 0) for mask, own in zip(masks, objects, strict=True)]
        return float(np.mean([2 * (m & t).sum() / (m.sum() + t.sum()) for m, t in pairs]))

    before, after = dice(wide), dice(corrected.masks)
    assert after > before + 0.6 * (1 - before)
