"""A run that learnt from patches segments pictures, through the usual commands."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.split_files import split_cohort
from inklings.cohorts.splits import SplitOptions
from inklings.errors import SpecError
from inklings.inference.predict import predict
from inklings.inference.scan import scan
from inklings.inference.scan_pictures import ScanPredictor
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.runs.run import Run
from inklings.simulation.phantoms.cohort import nuclei_cohort
from inklings.simulation.phantoms.nuclei import nuclei_field

SIDE = 20


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patches of one picture, a run that has hardly begun to learn from them, and pictures."""
    here = tmp_path_factory.mktemp("pu")
    rng = np.random.default_rng(0)
    rgb, nuclei = nuclei_field(100, 96)[:2]
    centres = np.argwhere(nuclei[10:-10, 10:-10] > 0) + 10
    for kind, places in (
        ("P", centres[rng.integers(len(centres), size=12)]),
        ("U", rng.integers(10, 86, (20, 2))),
    ):
        (here / "patches" / kind).mkdir(parents=True)
        for i, (y, x) in enumerate(places):
            cut = np.ascontiguousarray(rgb[y - 10 : y + 10, x - 10 : x + 10])
            Image.fromarray(cut).save(here / "patches" / kind / f"{i}.png")
    words = ["import", "pu-patches", here / "patches", "--class", "nucleus", "--held-back", 4, 0]
    told(*words, "--out", here / "cohort", "--workers", 1)
    changes = [f"cohort={here / 'cohort'}", "loss.prior=0.3", "training.steps=10"]
    changes += ["training.batch_size=16", "training.loggers=[]"]
    sets = [word for one in changes for word in ("--set", one)]
    told("train", "pu_patches", *sets, "--out", here / "run")
    nuclei_cohort(here / "pictures", 3, 96)
    split_cohort(here / "pictures", SplitOptions((0.0, 0.0, 1.0)))
    return here


def told(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_pictures_become_maps_that_every_command_takes(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told("predict", world / "run", world / "pictures", "--out", out, "--stride", 2)
    there = PredictionFolder.open(out)
    assert (there.kind, len(there.cases), there.head.classes) == ("dense", 3, ("nucleus",))
    assert "Dice" in told("evaluate", out, "--cohort", world / "pictures")
    told("export", out, "--to", "png")
    assert len(list((out / "exports" / "png" / "masks" / "nucleus").iterdir())) == 3
    told("refine", out, "--out", tmp_path / "refined")
    before, after = (DensePrediction.read(o, there.cases[0]) for o in (out, tmp_path / "refined"))
    assert (before.dense != after.dense).any()
    told("predict", world / "run", world / "pictures", "--out", tmp_path / "crf", "--stride", 2,
         "--refine", "crf")  # fmt: skip
    assert (DensePrediction.read(tmp_path / "crf", there.cases[0]).dense == after.dense).all()


def test_a_file_is_scanned_by_name_in_any_process_as_in_this_one(
    world: Path, tmp_path: Path
) -> None:
    rgb = nuclei_field(7, 48)[0]
    Image.fromarray(rgb).save(tmp_path / "a.png")
    Image.fromarray(rgb[::-1].copy()).save(tmp_path / "b.png")
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    predict(world / "run", files, tmp_path / "one", instances="components")
    elsewhere = ScanPredictor(world / "run", files, {"instances": "components"})
    elsewhere.task(tmp_path / "two")("a")
    said = [DensePrediction.read(tmp_path / out, "a") for out in ("one", "two")]
    assert (said[0].dense == said[1].dense).all()
    assert said[0].instances is not None
    whole = scan(Run.load(world / "run"), np.moveaxis(rgb, -1, 0))
    assert np.abs(whole.astype(int) - said[0].dense).max() <= 1


def test_a_cohort_of_patches_is_still_predicted_patch_by_patch(world: Path, tmp_path: Path) -> None:
    told("predict", world / "run", world / "cohort", "--split", "val", "--out", tmp_path / "out")
    there = PredictionFolder.open(tmp_path / "out")
    assert (there.kind, len(there.cases)) == ("bags", 4)


def test_options_of_the_other_kind_are_refused(world: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="--stride: does not apply to a run trained on bags"):
        predict(world / "run", [world / "cohort"], tmp_path / "a", stride=2)
    with pytest.raises(SpecError, match="--mirroring: does not apply to pictures that a run"):
        predict(world / "run", [world / "pictures"], tmp_path / "a", mirroring=True)
    with pytest.raises(SpecError, match="--stride: expected 1 to 20, the side of a patch, got 21"):
        predict(world / "run", [world / "pictures"], tmp_path / "a", stride=21)
