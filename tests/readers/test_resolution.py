from pathlib import Path

import numpy as np
import pytest
import tifffile

from inklings.errors import GeometryError
from inklings.readers import open_image
from inklings.readers.pyramid import Pyramid
from inklings.readers.resolution import Claim, by_magnification, judged

REAL = Path(__file__).parents[3] / "shared" / "data" / "slides"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="slides are not in ../shared/data")


def slide(path: Path, description: str = "", **options: object) -> Pyramid:
    array = np.zeros((64, 64, 3), np.uint8)
    tifffile.imwrite(path, array, tile=(64, 64), photometric="rgb", description=description,
                     metadata=None, **options)  # fmt: skip
    image = open_image(path)
    assert isinstance(image, Pyramid)
    return image


@pytest.mark.parametrize("um", [0.04, 20.1, 264.58, 352.8])
def test_what_no_slide_has_is_taken_as_unknown_and_told(um: float) -> None:
    found = judged([Claim("a tag", um, um)])
    assert found.spacing_mm is None
    assert f"{um:.4g} um (a tag), which no slide has" in found.remark


@pytest.mark.parametrize("um", [0.05, 0.25, 0.499, 1.0, 20.0])
def test_what_slides_have_is_believed(um: float) -> None:
    assert judged([Claim("a tag", um, um)]).spacing_mm == (um / 1000, um / 1000)


def test_a_believable_claim_beats_an_implausible_one_before_it() -> None:
    found = judged([Claim("a tag", 264.6, 264.6), *by_magnification("40")])
    assert found.spacing_mm == pytest.approx((0.00025, 0.00025))
    assert "objective of 40x" in found.remark


@pytest.mark.parametrize("text", [None, "", "0", "unknown"])
def test_no_magnification_is_no_claim(text: str | None) -> None:
    assert list(by_magnification(text)) == []


def test_the_resolution_tag_counts_by_the_centimetre_and_by_the_inch(tmp_path: Path) -> None:
    metric = slide(tmp_path / "a.tif", resolution=(20_000, 10_000), resolutionunit=3)
    assert metric.geometry.spacing == pytest.approx((0.001, 0.0005))
    inch = slide(tmp_path / "b.tif", resolution=(50_800, 50_800), resolutionunit=2)
    assert inch.geometry.spacing == pytest.approx((0.0005, 0.0005))


def test_a_tag_without_a_unit_says_nothing(tmp_path: Path) -> None:
    assert slide(tmp_path / "a.tif", resolution=(5, 5), resolutionunit=1).geometry.spacing is None


def test_aperio_says_mpp_or_at_least_the_objective(tmp_path: Path) -> None:
    said = slide(tmp_path / "a.tif", "Aperio Image Library\r\n1x1 |AppMag = 20|MPP = 0.5040")
    assert said.geometry.spacing == pytest.approx((0.000504, 0.000504))
    guessed = slide(tmp_path / "b.tif", "Aperio Image Library\r\n1x1 |AppMag = 40")
    assert guessed.geometry.spacing == pytest.approx((0.00025, 0.00025))


@needs_real
def test_96_dpi_of_a_picture_program_is_no_scanner_resolution() -> None:
    image = open_image(REAL / "CropBreastSlide.tiff")
    assert image.geometry.spacing is None
    with pytest.raises(
        GeometryError, match=r"264.6 um .* 96 dpi.*which no slide has.*--spacing-um"
    ):
        image.at(0.001)


@needs_real
def test_a_slide_without_resolution_is_usable_without_it() -> None:
    image = open_image(REAL / "tcga-cr-7395-01a-01-ts1.svs")
    assert image.geometry.spacing is None
    assert image.shrunk(8).geometry.shape == (446, 555)
    assert open_image(REAL / "cmu-1-small-region.svs").geometry.spacing == (0.000499, 0.000499)
