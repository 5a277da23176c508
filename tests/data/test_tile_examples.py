from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.data import INTENSITIES, NORMALISERS
from inklings.data.slide_look import SlideLook
from inklings.data.tile_examples import Looks, gather_tiles, require_same_cohort
from inklings.data.tile_index import TileHead, TileIndex
from inklings.data.tiling import Rule, tile_cohort
from inklings.data.tissue_finder import finder
from inklings.datasets.importing import run
from inklings.datasets.panda import Panda
from inklings.errors import DataError
from inklings.simulation.phantoms.biopsy import SlidePlan
from inklings.simulation.phantoms.slides import write_panda
from inklings.supervision import SUPERVISIONS

FULL = SUPERVISIONS.build("full", {"classes": ("tumour",)})


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``cohort`` of two small slides, and ``tiles`` of it in samples of 2 um."""
    root = tmp_path_factory.mktemp("slides")
    plan = SlidePlan(size=(900, 700), um=1.0, tissue=0.6, tumour=0.5, pen=0, border=False)
    write_panda(root / "panda", 2, plan, marks="fine", varied=False)
    run(Panda(root / "panda", spacing_um=1.0, mask_provider="radboud"), root / "cohort")
    rule = Rule(size=96, stride=96, spacing_um=2.0)
    assert not tile_cohort(root / "cohort", root / "tiles", rule).failed
    return root


def test_a_tile_is_what_the_slide_shows_there_and_its_label_what_the_mask_says(
    slides: Path,
) -> None:
    cohort = Cohort.read(slides / "cohort")
    examples = gather_tiles(slides / "tiles", cohort.cases, FULL)
    index = TileIndex.read(slides / "tiles")
    assert len(examples) == len(index) > 8
    assert set(examples.groups) == {case.id for case in cohort.cases}
    shares = [float((t.value[0] >= 128).mean()) for t in examples.targets]
    order = {name: i for i, name in enumerate(examples.ids)}
    for number in range(len(index)):
        region = index.region(number)
        name = f"{index.cases[index.case[number]]}:{region.start[0]}:{region.start[1]}"
        assert shares[order[name]] == pytest.approx(index.share("tumour")[number], abs=0.03)
    case = cohort.cases[0]
    number = int(np.flatnonzero(index.case == index.cases.index(case.id))[0])
    region = index.region(number)
    with open_case(case) as slide:
        expected = slide.at(0.002).read(region)
    got = examples.images[order[f"{case.id}:{region.start[0]}:{region.start[1]}"]]
    assert np.array_equal(got, expected)


def test_tiles_are_scaled_and_stained_by_their_slide_as_its_prediction_is(slides: Path) -> None:
    cohort = Cohort.read(slides / "cohort")
    zscore, reinhard = INTENSITIES.build("zscore", {}), NORMALISERS.build("reinhard", {})
    plain = gather_tiles(slides / "tiles", cohort.cases, FULL)
    looks = Looks(zscore, reinhard)
    examples = gather_tiles(slides / "tiles", cohort.cases, FULL, looks=looks)
    assert len(examples.scales) == len(examples)
    for case in cohort.cases:
        with open_case(case) as slide:
            look = SlideLook.of(slide, finder("stained")(slide))
        centre, width = look.restained(reinhard).scale(zscore)
        mine = [i for i, name in enumerate(examples.groups) if name == case.id]
        for i in mine:
            assert np.array_equal(examples.scales[i][0], centre)
            assert np.array_equal(examples.scales[i][1], width)
        expected = look.restain(reinhard)(plain.images[mine[0]])
        assert np.array_equal(examples.images[mine[0]], expected)
    assert not gather_tiles(
        slides / "tiles", cohort.cases, FULL, looks=Looks(INTENSITIES.build("half", {}))
    ).scales


def test_the_label_of_a_slide_is_said_of_its_tissue_and_never_of_glass(slides: Path) -> None:
    cohort = Cohort.read(slides / "cohort")
    bag = SUPERVISIONS.build("bag", {"classes": ("tumour",)})
    examples = gather_tiles(slides / "tiles", cohort.cases, bag)
    glass = [image.min(0) > 225 for image in examples.images]
    told = [target.value[0] > 0 for target in examples.targets]
    tissue = np.concatenate([mask[~g] for mask, g in zip(told, glass, strict=True)])
    assert tissue.mean() > 0.97
    lone = [ndimage.binary_erosion(g, iterations=14) for g in glass]
    assert sum(int(g.sum()) for g in lone) > 1000
    assert not any((mask & g).any() for mask, g in zip(told, lone, strict=True))
    assert all(target.known.all() for target in examples.targets)


def test_what_exceeds_the_memory_budget_is_mapped_from_few_files(
    slides: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = Cohort.read(slides / "cohort")
    whole = gather_tiles(slides / "tiles", cohort.cases, FULL)
    monkeypatch.setenv("INKLINGS_MEMORY_GB", "0.00001")
    mapped = gather_tiles(slides / "tiles", cohort.cases, FULL, tmp_path / "scratch")
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["0.bin"]
    assert all(isinstance(image, np.memmap) for image in mapped.images)
    assert all(isinstance(target.value, np.memmap) for target in mapped.targets)
    for one, two in zip(whole.images, mapped.images, strict=True):
        assert np.array_equal(one, two)
    for a, b in zip(whole.targets, mapped.targets, strict=True):
        assert np.array_equal(a.value, b.value)
        assert np.array_equal(a.known, b.known)


def test_what_a_tile_reaches_beyond_its_slide_is_white_and_not_known(
    slides: Path, tmp_path: Path
) -> None:
    cohort = Cohort.read(slides / "cohort")
    tile_cohort(slides / "cohort", tmp_path / "large", Rule(size=512, stride=512, spacing_um=2.0))
    examples = gather_tiles(tmp_path / "large", cohort.cases, FULL)
    assert len(examples) == 2
    for image, target in zip(examples.images, examples.targets, strict=True):
        assert target.known[:, :450, :350].all()
        assert not target.known[:, 450:].any()
        assert not target.known[:, :, 350:].any()
        assert not target.value[~target.known].any()
        assert (image[:, 450:] == 255).all()


def test_a_case_without_tiles_is_named_with_the_command(slides: Path, tmp_path: Path) -> None:
    cohort = Cohort.read(slides / "cohort")
    (tmp_path / "cases").mkdir()
    (tmp_path / "tiles.yaml").write_text((slides / "tiles" / "tiles.yaml").read_text())
    with pytest.raises(DataError, match=r"got none of .* and 1 more; run 'inklings tile' again"):
        gather_tiles(tmp_path, cohort.cases, FULL)


def test_tiles_of_other_classes_are_refused(slides: Path) -> None:
    cohort = Cohort("other", (), ("nucleus",))
    with pytest.raises(DataError, match="expected tiles of a cohort of nucleus, got tiles of tumo"):
        require_same_cohort(slides / "tiles", cohort)
    assert TileHead.read(slides / "tiles").size == 96
