"""Masks of other programs become predictions: matched by case, read in any form, or told."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.datasets.chaos import Chaos
from inklings.datasets.foreign_masks import take
from inklings.datasets.importing import run
from inklings.datasets.values import parse
from inklings.errors import DataError, SpecError
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.exports.export import export
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.simulation.phantoms.abdomen import ORGANS
from inklings.simulation.phantoms.chaos import write_studies
from inklings.testing.folders import write_cohort

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
GREYS = parse("0=background,63=liver,126=right kidney,189=left kidney,252=spleen")


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Studies on disk and their cohort, two of them labelled."""
    root = tmp_path_factory.mktemp("chaos")
    studies = write_studies(root / "disk", 2, 1, shape=(8, 48, 48))
    run(Chaos(studies, "mr-t2"), root / "cohort", workers=1)
    return studies, root / "cohort"


def submitted(studies: Path, out: Path) -> Path:
    """PNG slices as participants of CHAOS hand them in: ``<case>/Results/*.png``."""
    for case in ("1", "2"):
        truth = studies / "Train_Sets" / "MR" / case / "T2SPIR" / "Ground"
        shutil.copytree(truth, out / case / "Results")
    return out


def dice(predictions: Path, cohort: Path) -> dict[str, float]:
    found = evaluate(predictions, cohort, Settings(split="all", metrics=("dice",)))
    return {row.label: row.value for row in found.rows}


def test_slices_lie_in_the_order_in_which_they_were_taken(
    chaos: tuple[Path, Path], tmp_path: Path
) -> None:
    studies, cohort = chaos
    masks = submitted(studies, tmp_path / "masks")
    done = take(masks, cohort, tmp_path / "p", GREYS)
    assert (done.taken, done.classes, done.missing) == (2, ORGANS, ("03",))
    assert dice(tmp_path / "p", cohort) == dict.fromkeys(ORGANS, 1.0)
    head = PredictionFolder.open(tmp_path / "p").head
    assert head.trained_on is None  # so every score says that nobody can know it


@pytest.mark.parametrize("to", ["nifti", "nrrd", "mha", "dicom-seg"])
def test_what_other_programs_write_of_volumes_comes_back_as_it_was(
    to: str, chaos: tuple[Path, Path], tmp_path: Path
) -> None:
    studies, cohort = chaos
    first = tmp_path / "first"
    take(submitted(studies, tmp_path / "masks"), cohort, first, GREYS)
    export(first, to, tmp_path / "exported", cohort)
    take(tmp_path / "exported", cohort, tmp_path / "again")
    for case in ("01", "02"):
        one, other = (DensePrediction.read(p, case) for p in (first, tmp_path / "again"))
        np.testing.assert_array_equal(one.dense, other.dense)
        assert one.geometry == other.geometry


def test_pictures_take_codes_and_numbers_of_objects(tmp_path: Path) -> None:
    cohort = Cohort.read(write_cohort(tmp_path / "c"))
    masks = tmp_path / "masks"
    masks.mkdir()
    for case in cohort:
        (label,) = case.labels
        numbers = np.asarray(Pillow.open(label.path))  # type: ignore[union-attr]
        Pillow.fromarray(numbers.astype(np.uint16)).save(masks / f"{case.id}_mask.png")
    done = take(masks, tmp_path / "c", tmp_path / "p", instances=True)
    assert done.taken == len(cohort.cases)
    found = evaluate(tmp_path / "p", tmp_path / "c", Settings(split="all", metrics=("dice", "pq")))
    assert [row.value for row in found.rows] == [1.0, 1.0]


def test_what_does_not_fit_is_set_aside_and_told(chaos: tuple[Path, Path], tmp_path: Path) -> None:
    studies, cohort = chaos
    masks = submitted(studies, tmp_path / "masks")
    next(iter(sorted((masks / "2" / "Results").glob("*.png")))).unlink()
    shutil.copytree(masks / "1", masks / "phantom")
    command = ["import", "predictions", masks, "--cohort", cohort, "--out", tmp_path / "p"]
    said = "0=background,63=liver,126=background,189=background,252=background"
    told = CliRunner().invoke(app, [*map(str, command), "--values", said])
    assert told.exit_code == 3, told.output
    assert "failed: 02: " in told.output
    assert "7 slices, the image has 8" in told.output
    assert "1 masks belong to no case (phantom/Results)" in told.output
    assert PredictionFolder.open(tmp_path / "p").failed.keys() == {"02"}
    assert dice(tmp_path / "p", cohort) == {"liver": 1.0}


def test_wrong_requests_are_refused(chaos: tuple[Path, Path], tmp_path: Path) -> None:
    studies, cohort = chaos
    masks = submitted(studies, tmp_path / "masks")
    with pytest.raises(DataError, match=r"holds 63, known are .*--values '63=liver"):
        take(masks, cohort, tmp_path / "a")
    with pytest.raises(SpecError, match=r"or classes of the cohort .* got 'lung'"):
        take(masks, cohort, tmp_path / "a", parse("63=lung"))
    with pytest.raises(SpecError, match="got 'unlabelled'"):
        take(masks, cohort, tmp_path / "a", parse("63=liver,0=unlabelled"))
    shutil.copytree(masks / "1", masks / "01")
    with pytest.raises(DataError, match="expected one mask of case 01, got"):
        take(masks, cohort, tmp_path / "a", GREYS)
    with pytest.raises(DataError, match="expected masks called like the cases"):
        take(masks / "01", cohort, tmp_path / "a", GREYS)


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "chaos_ct_sample.zip").is_file(), reason="no sample of CHAOS here")
def test_the_sample_of_chaos_has_its_published_scores_by_two_commands(tmp_path: Path) -> None:
    with zipfile.ZipFile(DATA / "chaos_ct_sample.zip") as archive:
        archive.extractall(tmp_path / "sample")
    run(Chaos(tmp_path / "sample", "ct"), tmp_path / "c", workers=1)
    masks, out = tmp_path / "sample" / "Segmentation", tmp_path / "p"
    call = [str(a) for a in ("import", "predictions", masks, "--cohort", tmp_path / "c", "-o", out)]
    call += ["--values", "63=liver"]
    told = CliRunner().invoke(app, call)
    assert told.exit_code == 0, told.output
    names = ("dice", "ravd", "chaos_assd", "chaos_mssd")
    found = evaluate(out, tmp_path / "c", Settings(split="all", metrics=names))
    values = {row.metric: row.value for row in found.rows}
    assert values["dice"] == pytest.approx(0.978, abs=5e-4)
    assert values["ravd"] == pytest.approx(0.665, abs=5e-4)
    assert values["chaos_assd"] == pytest.approx(0.734, abs=5e-4)
    assert values["chaos_mssd"] == pytest.approx(14, abs=0.5)
