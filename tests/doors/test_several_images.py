"""Cases of several images: read, learnt, predicted and refused by their names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.stacked import inputs_of, stacked_case
from inklings.errors import DataError, GeometryError
from inklings.inference.predict import predict
from inklings.labels.kinds import MaskLabel
from inklings.predictions.dense import DensePrediction
from inklings.runs.run import ModelConfig, Run
from inklings.spec import Experiment
from inklings.tasks.train import train


def smooth(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """A field over the patient, ``(..., 3)`` mm to intensities: linear, so exactly interpolated."""
    values: NDArray[np.float32] = (100 + points @ np.array([2.0, -1.0, 3.0])).astype(np.float32)
    return values


def volume(path: Path, shape: tuple[int, ...], affine: NDArray[np.float64]) -> Path:
    """A NIfTI whose voxels hold `smooth` of where they lie, in RAS mm."""
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).astype(float)
    points = index @ affine[:3, :3].T + affine[:3, 3]
    nibabel.save(nibabel.Nifti1Image(smooth(points), affine), path)
    return path


@pytest.mark.parametrize(
    ("shape", "steps", "turn"),
    [
        ((9, 10, 12), (2.0, 2.0, 1.5), 0.0),
        ((30, 28, 20), (0.7, 0.7, 1.0), 0.0),
        ((14, 14, 14), (2.0, 2.0, 2.0), 0.3),
    ],
)
def test_a_second_image_on_another_grid_lies_where_its_file_says(
    tmp_path: Path, shape: tuple[int, ...], steps: tuple[float, ...], turn: float
) -> None:
    first = volume(tmp_path / "t1.nii.gz", (12, 11, 10), np.diag([1.0, 1.0, 2.0, 1.0]))
    affine = np.diag([*steps, 1.0])
    c, s = np.cos(turn), np.sin(turn)
    affine[:2, :2] = affine[:2, :2] @ np.array([[c, -s], [s, c]])
    affine[:3, 3] = (-1.0, -0.5, 0.3)
    second = volume(tmp_path / "t2.nii.gz", shape, affine)
    read = stacked_case(Case("a", "a", {"t1": first, "t2": second}))
    assert read.channels == ("t1", "t2")
    assert [note.kind for note in read.notes] == ["resampled"]
    assert read.samples.shape == (2, 10, 11, 12)
    # The referee resamples the same two files; it does not smooth, which moves the border only.
    one, two = sitk.ReadImage(str(first)), sitk.ReadImage(str(second))
    told = sitk.Resample(two, one, sitk.Transform(), sitk.sitkLinear, -1e6)
    referee = sitk.GetArrayFromImage(told)
    within = referee > -1e5
    assert within.mean() > 0.3
    if max(1.0 / s for s in steps) > 1:
        within = ndimage.binary_erosion(within, iterations=2)
    assert np.abs(read.samples[1] - referee)[within].max() < 1e-2
    assert (read.samples[1][referee < -1e5] == read.samples[1].min()).all()


def test_channels_on_one_grid_are_untouched_and_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(0, 4000, (5, 6, 7), np.int16) for name in ("t1", "t2", "flair")}
    for name, array in arrays.items():
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / f"{name}.nii")
    read = stacked_case(Case("a", "a", {name: tmp_path / f"{name}.nii" for name in arrays}))
    assert read.channels == ("t1", "t2", "flair")
    assert not [note for note in read.notes if note.kind == "resampled"]
    for channel, array in zip(read.samples, arrays.values(), strict=True):
        assert np.array_equal(channel, array.transpose(2, 1, 0))


def test_images_that_do_not_meet_or_say_no_place_are_refused(tmp_path: Path) -> None:
    first = volume(tmp_path / "t1.nii", (6, 6, 6), np.eye(4))
    far = np.eye(4)
    far[:3, 3] = 500
    second = volume(tmp_path / "t2.nii", (6, 6, 6), far)
    with pytest.raises(GeometryError, match="do not overlap"):
        stacked_case(Case("a", "a", {"t1": first, "t2": second}))
    for name, side in (("p", 8), ("q", 9)):
        Image.fromarray(np.zeros((side, 8), np.uint8)).save(tmp_path / f"{name}.png")
    with pytest.raises(GeometryError, match="one size"):
        stacked_case(Case("b", "b", {"p": tmp_path / "p.png", "q": tmp_path / "q.png"}))


def test_cases_with_other_images_than_the_first_are_refused() -> None:
    path = Path("x.nii")
    whole = Case("a", "a", {"t1": path, "t2": path})
    turned = Case("b", "b", {"t2": path, "t1": path})
    assert inputs_of([whole, turned]) == ("t1", "t2")
    with pytest.raises(DataError, match=r"t1, t2 of every case, as a .* t1 of c"):
        inputs_of([whole, Case("c", "c", {"t1": path})])


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures whose object shows in the second image alone; the first is noise."""
    folder = tmp_path_factory.mktemp("several")
    rng = np.random.default_rng(0)
    cases = []
    for k in range(8):
        mask = np.zeros((32, 32), np.uint8)
        y, x = rng.integers(4, 18, 2)
        mask[y : y + 10, x : x + 10] = 1
        noise = rng.integers(0, 255, (32, 32), np.uint8)
        seen = (40 + 150 * mask + rng.integers(0, 30, mask.shape)).astype(np.uint8)
        for name, array in (("noise", noise), ("seen", seen), ("mask", mask)):
            Image.fromarray(array).save(folder / f"{k}_{name}.png")
        images = {"noise": folder / f"{k}_noise.png", "seen": folder / f"{k}_seen.png"}
        label = MaskLabel(folder / f"{k}_mask.png", "noise", "classes", ("square",))
        split = "train" if k < 5 else "val" if k < 6 else "test"
        cases.append(Case(f"c{k}", f"p{k}", images, (label,), split))
    Cohort("several", tuple(cases), ("square",)).write(folder)
    return folder


@pytest.fixture(scope="module")
def run(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    experiment = Experiment.check(
        {
            "cohort": str(cohort),
            "model": {"name": "unet", "width": 4, "depth": 2},
            "loss": "bce",
            "training": {"steps": 60, "batch_size": 4, "precision": "32-true", "loggers": [],
                         "learning_rate": 0.01},
            "sampling": {"size": 32},
        },
        "test",
    )  # fmt: skip
    return train(experiment, tmp_path_factory.mktemp("run") / "run")


def test_a_run_knows_the_names_and_scales_each_image_by_itself(run: Path) -> None:
    model_config = ModelConfig.read(run)
    assert model_config.inputs == ("noise", "seen")
    assert model_config.in_channels == 2
    assert model_config.intensity.options["per_channel"] is True


def test_the_order_of_the_images_of_a_case_does_not_matter(
    run: Path, cohort: Path, tmp_path: Path
) -> None:
    known = Cohort.read(cohort)
    predict(run, [cohort], tmp_path / "one", split="test")
    turned = [replace(c, images=dict(reversed(list(c.images.items())))) for c in known]
    Cohort("turned", tuple(turned), known.classes).write(tmp_path / "turned")
    predict(run, [tmp_path / "turned"], tmp_path / "two")
    for case in ("c6", "c7"):
        one, two = (DensePrediction.read(tmp_path / n, case).dense for n in ("one", "two"))
        assert np.array_equal(one, two)
        truth = np.asarray(Image.open(cohort / f"{case[1:]}_mask.png")) > 0
        found = one[0] >= 128
        assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.9


def test_a_case_without_one_of_the_images_fails_by_name(
    run: Path, cohort: Path, tmp_path: Path
) -> None:
    known = Cohort.read(cohort)
    less = [replace(c, images={"noise": c.images["noise"]}) for c in known.part("test")]
    Cohort("less", tuple(less), known.classes).write(tmp_path / "less")
    summary = predict(run, [tmp_path / "less"], tmp_path / "out")
    assert set(summary.failed) == {"c6", "c7"}
    assert "'seen' too" in summary.failed["c6"]
    assert Run.load(run).model_config.inputs == ("noise", "seen")


def test_predict_takes_files_by_the_names_that_were_learnt(
    run: Path, cohort: Path, tmp_path: Path
) -> None:
    predict(run, [cohort], tmp_path / "one", split="test")
    (tmp_path / "new").mkdir()
    for case in ("6", "7"):
        for name in ("noise", "seen"):
            (tmp_path / "new" / f"{case}_{name}.png").write_bytes(
                (cohort / f"{case}_{name}.png").read_bytes()
            )
    (tmp_path / "new" / "8_seen.png").write_bytes((cohort / "6_seen.png").read_bytes())
    words = ["predict", str(run), "--out", str(tmp_path / "two")]
    words += ["--images", f"seen={tmp_path}/new/*_seen.png"]
    words += ["--images", f"noise={tmp_path}/new/*_noise.png"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 3
    assert (
        "8: the run was trained with the images noise, seen, expected 'noise' too" in result.output
    )
    for case in ("6", "7"):
        one = DensePrediction.read(tmp_path / "one", f"c{case}").dense
        assert np.array_equal(one, DensePrediction.read(tmp_path / "two", case).dense)
