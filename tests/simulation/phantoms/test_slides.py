import csv
import itertools
from pathlib import Path

import numpy as np
import pytest

from inklings.errors import SpecError
from inklings.geometry import Region
from inklings.readers import open_image
from inklings.readers.pyramid import Pyramid
from inklings.simulation.phantoms.biopsy import Biopsy, SlidePlan
from inklings.simulation.phantoms.sheets import library
from inklings.simulation.phantoms.slide_files import Storing, write_pyramid
from inklings.simulation.phantoms.slides import COARSE, MASKS, Written, write_panda, write_slide

PLAN = SlidePlan(size=(1536, 768), um=2.0, tumour=0.4, pen=1, border=True)


def opened(path: Path) -> Pyramid:
    image = open_image(path)
    assert isinstance(image, Pyramid)
    return image


def whole(path: Path, factor: float = 1.0) -> np.ndarray:
    view = opened(path).shrunk(factor)
    return view.read(view.geometry.full)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Written]:
    root = tmp_path_factory.mktemp("slide")
    return root, write_slide(root, 5, PLAN, "radboud", coarse_too=True)


def test_levels_are_of_1_4_and_16_and_bear_no_resolution(slide: tuple[Path, Written]) -> None:
    root, made = slide
    image = opened(root / "train_images" / f"{made.name}.tiff")
    assert image.levels.shapes == ((1536, 768), (384, 192), (96, 48))
    assert image.geometry.spacing is None
    mask = opened(root / MASKS / f"{made.name}_mask.tiff")
    assert mask.levels.shapes == image.levels.shapes
    fine = mask.levels.read(0, (0, 0), (1536, 768))[2::4, 2::4, 0]
    np.testing.assert_array_equal(mask.levels.read(1, (0, 0), (384, 192))[..., 0], fine)


def test_the_grade_is_that_of_the_mask(slide: tuple[Path, Written]) -> None:
    root, made = slide
    codes = whole(root / MASKS / f"{made.name}_mask.tiff")[0]
    areas = np.bincount(codes.ravel(), minlength=6)[1:] * 0.002**2
    assert made.areas_mm2 == pytest.approx(areas.tolist())
    tumour = {g: areas[g - 1] for g in (3, 4, 5)}
    assert made.gleason.startswith(str(max(tumour, key=tumour.__getitem__)))
    assert made.isup in (1, 2, 3, 4, 5)


def test_glass_is_bright_and_tissue_is_not(slide: tuple[Path, Written]) -> None:
    root, made = slide
    rgb = whole(root / "train_images" / f"{made.name}.tiff").mean(0)
    codes = whole(root / MASKS / f"{made.name}_mask.tiff")[0]
    assert np.median(rgb[codes == 0]) > 230
    assert np.median(rgb[codes == 1]) < 225
    assert 0.1 < (codes > 0).mean() < 0.5


def test_there_is_a_pen_stroke_and_a_black_edge(slide: tuple[Path, Written]) -> None:
    root, made = slide
    rgb = whole(root / "train_images" / f"{made.name}.tiff")
    assert rgb[:, -8:].max() < 30
    assert rgb[:, :, :4].max() < 30


def test_blocks_are_parts_of_the_slide_and_blank_ones_are_blank() -> None:
    biopsy = Biopsy(3, PLAN)
    rgb, codes = biopsy.render((0, 0), PLAN.size)
    blank = 0
    for y, x in itertools.product(range(0, 1536, 191), range(0, 768, 157)):
        size = (min(191, 1536 - y), min(157, 768 - x))
        here = slice(y, y + size[0]), slice(x, x + size[1])
        if biopsy.is_blank((y, x), size):
            blank += 1
            assert (rgb[here] == biopsy.glass).all()
            assert not codes[here].any()
            continue
        part = biopsy.render((y, x), size)
        np.testing.assert_array_equal(part[0], rgb[here])
        np.testing.assert_array_equal(part[1], codes[here])
    assert blank > 5


def test_one_seed_is_one_slide_and_another_is_another() -> None:
    box = ((300, 300), (200, 200))
    first, again, other = (Biopsy(seed, PLAN).render(*box)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_planned_benign_slides_have_no_tumour() -> None:
    for seed in range(4):
        codes = Biopsy(seed, SlidePlan(size=(1024, 512), um=2.0, tumour=0.0)).render(
            (0, 0), (1024, 512)
        )[1]
        assert codes.max() <= 2


@pytest.mark.parametrize("turn", range(8))
def test_a_turned_sheet_keeps_its_glands_where_their_centres_say(turn: int) -> None:
    for sheet in library(2.0).sheets:
        moved = sheet.turned(turn)
        for gland in range(1, len(sheet.radii), 7):
            rows, columns = np.nonzero((moved.owner == gland) & moved.inside)
            if len(rows):
                off = np.hypot(*(np.array([rows.mean(), columns.mean()]) - moved.centres[gland]))
                assert off < 0.6 * moved.radii[gland] + 1


def test_coarse_outlines_hold_the_tumour_with_stroma_and_benign_glands(
    slide: tuple[Path, Written],
) -> None:
    root, made = slide
    fine = whole(root / MASKS / f"{made.name}_mask.tiff")[0]
    coarse = whole(root / COARSE / f"{made.name}_mask.tiff")[0]
    assert (coarse[fine >= 3] == 2).mean() > 0.97
    inside = fine[coarse == 2]
    assert (inside == 1).mean() > 0.1
    assert set(np.unique(coarse)) == {0, 1, 2}


def test_a_wider_slop_marks_more(tmp_path: Path) -> None:
    shares = []
    for slop in (20.0, 200.0):
        made = write_slide(tmp_path / str(slop), 5, PLAN, marks="coarse", slop_um=slop)
        assert made.provider == "karolinska"
        shares.append(
            float((whole(tmp_path / str(slop) / MASKS / f"{made.name}_mask.tiff")[0] == 2).mean())
        )
    assert shares[1] > 1.5 * shares[0]


def test_a_cohort_has_both_providers_their_codes_and_a_table(tmp_path: Path) -> None:
    made = write_panda(tmp_path, 4, SlidePlan(size=(1024, 512), um=2.0, tumour=0.5), unmasked=1)
    with (tmp_path / "train.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [r["image_id"] for r in rows] == [w.name for w in made]
    assert [r["data_provider"] for r in rows] == ["karolinska", "radboud"] * 2
    most = {r["image_id"]: 2 if r["data_provider"] == "karolinska" else 5 for r in rows}
    masks = sorted((tmp_path / MASKS).iterdir())
    assert len(masks) == 3
    for path in masks:
        codes = whole(path)
        assert codes[0].max() <= most[path.stem.removesuffix("_mask")]
        assert not codes[1:].any()
    for row in rows:
        sides = opened(tmp_path / "train_images" / f"{row['image_id']}.tiff").levels.shapes[0]
        assert all(n % 16 == 0 for n in sides)


def test_unknown_marks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expected marks"):
        write_slide(tmp_path, 0, PLAN, marks="rough")  # type: ignore[arg-type]


def test_a_pyramid_of_any_size_holds_what_its_blocks_gave(tmp_path: Path) -> None:
    size = (1301, 733)
    array = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    array[:600] = 250

    def block(start: tuple[int, int], part: tuple[int, int]) -> np.ndarray | None:
        cut = array[start[0] : start[0] + part[0], start[1] : start[1] + part[1]]
        return None if (cut == 250).all() else cut

    path = tmp_path / "a.tiff"
    write_pyramid(path, size, block, Storing((250, 250, 250), quality=None, um=0.5))
    image = opened(path)
    assert image.geometry.spacing == pytest.approx((0.0005, 0.0005))
    np.testing.assert_array_equal(np.moveaxis(image.read(image.geometry.full), 0, -1), array)
    quarter = image.levels.read(1, (160, 0), (100, 100)).astype(float)
    means = array[640:1040, :400].reshape(100, 4, 100, 4, 3).mean((1, 3))
    assert np.abs(quarter - means).max() <= 0.51


def test_slides_open_in_openslide_too(slide: tuple[Path, Written]) -> None:
    from inklings.readers.openslide import OpenSlideReader

    root, made = slide
    path = root / "train_images" / f"{made.name}.tiff"
    region = Region((500, 300), (64, 64))
    theirs, ours = OpenSlideReader().open(path).read(region), opened(path).read(region)
    assert np.abs(theirs.astype(int) - ours).max() <= 2


@pytest.mark.slow
def test_a_slide_of_50_000_pixels_a_side_is_written_in_bounded_memory(tmp_path: Path) -> None:
    import resource

    library(0.5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    write_slide(tmp_path, 1, SlidePlan(size=(50_000, 50_000), um=0.5, tissue=0.05), masked=False)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
    assert grown < 300
