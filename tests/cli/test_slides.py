"""What the commands say and do about slides."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.simulation.phantoms.biopsy import SlidePlan
from inklings.simulation.phantoms.slides import write_panda
from inklings.testing.slides import write_levels

REAL = Path(__file__).parents[3] / "shared" / "data" / "slides"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="slides are not in ../shared/data")


def run(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("panda")
    write_panda(folder, 3, SlidePlan(size=(768, 512), um=2.0, tumour=0.5, pen=0))
    return folder


@pytest.fixture(scope="module")
def cohort(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cohorts") / "panda"
    code, said, _ = run("import", "panda", root, "--out", out, "--spacing-um", 2, "--workers", 1)
    assert code == 0
    assert "3 slides (3 labelled, 0 unlabelled)" in said
    assert "every check passed" in said
    return out


@needs_real
@pytest.mark.parametrize("name", ["broken.svs", "unreadable.svs", "unopenable.tiff"])
def test_a_broken_slide_is_one_line_and_exit_code_2(name: str, tmp_path: Path) -> None:
    code, _, error = run("show", REAL / name, "--out", tmp_path / "a.png")
    assert code == 2
    assert error.startswith("inklings: ")
    assert error.count("\n") == 1
    assert name in error


@needs_real
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cmu-1-small-region.svs", ["size: 2967 x 2220", "0.499 um a pixel by Aperio's MPP"]),
        ("tcga-cr-7395-01a-01-ts1.svs", ["levels of 1/2", "the file does not say", "--spacing-um"]),
        ("CropBreastSlide.tiff", ["264.6 um", "no slide has", "taken as unknown"]),
    ],
)
def test_show_says_what_a_slide_is_and_draws_it(
    name: str, words: list[str], tmp_path: Path
) -> None:
    code, said, _ = run("show", REAL / name, "--out", tmp_path / "a.png")
    assert code == 0
    assert all(word in said for word in words)
    drawn = np.asarray(Pillow.open(tmp_path / "a.png").convert("RGB"))
    assert np.ptp(drawn.mean(2)) > 100


@needs_real
def test_good_slides_are_imported_beside_broken_ones_with_exit_code_3(tmp_path: Path) -> None:
    code, said, _ = run("import", "slides", "--images", REAL, "--out", tmp_path / "c")
    assert code == 3
    assert "left out because broken: 3 cases (broken, unopenable, unreadable)" in said
    assert len(Cohort.read(tmp_path / "c")) == 3


def test_masks_are_drawn_five_by_three_with_grades(cohort: Path, tmp_path: Path) -> None:
    code, _, error = run("show", cohort, "--masks", "--out", tmp_path / "m.png")
    assert code == 0, error
    drawn = np.asarray(Pillow.open(tmp_path / "m.png").convert("RGB")).reshape(-1, 3)
    for colour in ((0, 0, 0), (128, 128, 128), (0, 128, 0)):
        assert (drawn == colour).all(1).mean() > 0.001


def test_masks_of_pictures_are_refused_in_words(tmp_path: Path) -> None:
    Cohort("c", (), ("a",)).write(tmp_path)
    code, _, error = run("show", tmp_path, "--masks")
    assert code == 2
    assert "has no cases" in error


def test_a_gallery_of_slides_has_outlines(cohort: Path, tmp_path: Path) -> None:
    code, said, _ = run("show", cohort, "--out", tmp_path / "g.png")
    assert code == 0
    assert "pixel spacing: all 0.002 x 0.002 mm (3)" in said


def test_check_looks_at_a_sample_of_each_slide(cohort: Path) -> None:
    code, said, _ = run("check", cohort)
    assert code == 0
    assert "nothing that would spoil a training" in said


def test_check_finds_a_slide_that_was_damaged_since(root: Path, tmp_path: Path) -> None:
    run("import", "slides", "--images", root / "train_images", "--out", tmp_path / "c")
    case = next(iter(Cohort.read(tmp_path / "c")))
    path = case.images["slide"]
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[: len(whole) // 3])
        code, said, _ = run("check", tmp_path / "c")
    finally:
        path.write_bytes(whole)
    assert code == 1
    assert "unreadable image" in said


def test_check_finds_the_mask_of_another_slide(tmp_path: Path) -> None:
    slide = np.random.default_rng(0).integers(100, 200, (256, 320, 3)).astype(np.uint8)
    write_levels(tmp_path / "s" / "a.tif" if not (tmp_path / "s").mkdir() else tmp_path, [slide])
    mask = np.ones((256, 320, 3), np.uint8)
    write_levels(tmp_path / "a_mask.tif", [mask])
    options = ("--masks", tmp_path / "a_mask.tif", "--codes", "tumour", "--out", tmp_path / "c")
    run("import", "slides", "--images", tmp_path / "s", *options)
    write_levels(tmp_path / "a_mask.tif", [np.ones((300, 200, 3), np.uint8)])
    code, said, _ = run("check", tmp_path / "c")
    assert code == 1
    assert "other proportions" in said


def test_slides_are_split_by_patient(tmp_path: Path) -> None:
    for k in range(6):
        array = np.random.default_rng(k).integers(0, 255, (128, 128, 3)).astype(np.uint8)
        write_levels(tmp_path / f"TCGA-AA-000{k // 2}-01A-0{k % 2 + 1}-TS1.x{k}.svs", [array])
    code, _, error = run("import", "tcga", tmp_path, "--out", tmp_path / "c", "--workers", 1)
    assert code == 0, error
    code, _, error = run("split", tmp_path / "c", "--fractions", 0.34, 0.33, 0.33)
    assert code == 0, error
    cohort = Cohort.read(tmp_path / "c")
    assert len({(case.patient, case.split) for case in cohort}) == 3


def test_slides_can_be_weakened_and_the_truth_stays(cohort: Path, tmp_path: Path) -> None:
    from inklings.cohorts.region import annotate_overview
    from inklings.evaluation.truth import truth

    code, _, error = run(
        "weaken", cohort, "--kind", "dilate", "--pixels", 3, "--out", tmp_path / "w"
    )
    assert code == 0, error
    weak, full = Cohort.read(tmp_path / "w"), truth(tmp_path / "w")
    for one, other in zip(weak, full, strict=True):
        a = annotate_overview(one, "slide", ("tumour",)).category
        b = annotate_overview(other, "slide", ("tumour",)).category
        assert ((a > 0) & (b > 0)).sum() == (b > 0).sum()
        assert (a > 0).sum() > (b > 0).sum()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["panda", "none", "--out", "x"], "expected data at"),
        (["slides", "--images", "none/*.svs", "--out", "x"], "expected data at"),
        (["slides", "--images", ".", "--out", "x", "--names", "a"], "--names: expected"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, tmp_path: Path) -> None:
    words = [str(tmp_path / w) if w in ("x", "none", "none/*.svs") else w for w in words]
    code, _, error = run("import", *words)
    assert code == 2
    assert message in error
