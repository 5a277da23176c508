"""NaN and infinity: refused, set aside, or filled by one rule, and never written as an answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, LabelError, ReaderError, SpecError
from inklings.geometry import Region
from inklings.inference.volumes import predict_volume
from inklings.labels.files import read_mask, write_mask
from inklings.labels.kinds import MaskLabel
from inklings.losses.base import Loss
from inklings.predictions.dense import DensePrediction
from inklings.predictions.numbers import quantise
from inklings.readers import open_image
from inklings.runs.run import Run, RunRecord
from inklings.simulation.chain import Chain
from inklings.spec import Component, Experiment
from inklings.tasks import pixels as learning
from inklings.tasks import train as training
from inklings.testing.runs import untrained_run
from inklings.training import OPTIMISERS

EXPERIMENT: dict[str, Any] = {
    "cohort": "cohort",
    "model": {"name": "unet", "width": 4, "depth": 2},
    "loss": "bce",
    "training": {"steps": 2},
}


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan"])
@pytest.mark.parametrize(
    "key",
    [
        "training.learning_rate", "training.minutes", "training.clip_gradient", "training.ema",
        "training.backbone_rate", "training.optimiser.weight_decay", "loss.gamma",
        "sampling.foreground", "volumes.spacing_mm", "volumes.foreground", "inference.threshold",
        "inference.overlap", "teacher.learning_rate", "teacher.ignore_band", "teacher.crf.spread",
        "self_training.share", "intensity.low",
    ],
)  # fmt: skip
def test_no_number_of_an_experiment_is_none(tmp_path: Path, key: str, value: str) -> None:
    Experiment.check(EXPERIMENT, "").write(tmp_path / "a.yaml")
    with pytest.raises(SpecError) as caught:
        Experiment.load(tmp_path / "a.yaml", [f"{key}={value}"])
    assert key.split(".")[0] in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        "training.seed=-1", "training.seed=9223372036854775808", "training.steps=0",
        "training.devices=0", "training.batch_size=1e400", "sampling.size=-5",
        "volumes.spacing_mm=0",
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_named(tmp_path: Path, change: str) -> None:
    Experiment.check(EXPERIMENT, "").write(tmp_path / "a.yaml")
    with pytest.raises(SpecError, match=change.split("=")[0]):
        Experiment.load(tmp_path / "a.yaml", [change])


COMMANDS = (
    ("--tolerance", "evaluate", "X", "--cohort", "Y"),
    ("--spacing-um", "tile", "X", "--out", "Y"),
    ("--min-tissue", "tile", "X", "--out", "Y"),
    ("--threshold", "predict", "X", "Y", "--out", "Z"),
    ("--keep", "weaken", "X", "--kind", "drop", "--out", "Y"),
    ("--val", "crossval", "X", "--out", "Y"),
    ("--max-gib", "cache", "X", "--out", "Y"),
    ("--fractions", "split", "X"),
    ("--spacing-mm", "import", "folder", "--images", "X", "--out", "Y"),
)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: f"{words[1]}{words[0]}")
def test_no_number_of_a_command_is_none(words: tuple[str, ...], value: str) -> None:
    option, *command = words
    values = [value, "0.1", "0.1"] if option == "--fractions" else [value]
    done = CliRunner().invoke(app, [*command, option, *values])
    assert done.exit_code == 2, done.output
    assert option in done.output or "No such option" in done.output
    assert "nexpected" not in done.output.replace("unexpected extra", "")


@pytest.mark.parametrize("command", [("split", "X"), ("prior", "X"), ("evaluate", "X")])
def test_seeds_are_whole_numbers_from_zero(command: tuple[str, ...]) -> None:
    for seed in ("-1", str(2**64)):
        done = CliRunner().invoke(app, [*command, "--seed", seed])
        assert done.exit_code == 2
        assert "--seed" in done.output


def test_options_of_a_weakening_are_numbers() -> None:
    with pytest.raises(SpecError, match="finite keep"):
        Chain.parse("drop:keep=.nan")


def test_a_value_that_a_component_cannot_take_is_no_surprise() -> None:
    asked = {**EXPERIMENT, "training": {"steps": 2, "optimiser": {"name": "adamw", "betas": 3}}}
    assert Experiment.check(asked, "").training.optimiser.options == {"betas": 3}
    options = {"parameters": [torch.nn.Parameter(torch.zeros(1))], "learning_rate": 1e-3}
    with pytest.raises(SpecError, match="optimiser 'adamw'"):
        OPTIMISERS.build("adamw", {**options, "weight_decay": -1.0})


def test_an_option_set_beside_resolved_ones_counts(tmp_path: Path) -> None:
    Experiment.check(EXPERIMENT, "").write(tmp_path / "a.yaml")
    changed = Experiment.load(tmp_path / "a.yaml", ["training.optimiser.weight_decay=0.5"])
    assert changed.training.optimiser.options["weight_decay"] == 0.5


# Images -----------------------------------------------------------------------------------------


def sound() -> NDArray[np.float32]:
    """``(Z, Y, X)``, from 0 to 100."""
    rng = np.random.default_rng(3)
    samples = rng.uniform(1, 99, (6, 20, 24)).astype(np.float32)
    samples[0, 0, 0], samples[-1, -1, -1] = 0, 100
    return samples


def _nifti(path: Path, samples: NDArray[np.float32]) -> Path:
    affine = np.diag([-1.0, -1.0, 3.0, 1.0])
    path = path.with_suffix(".nii.gz")
    nib.save(nib.Nifti1Image(samples.transpose(2, 1, 0), affine), path)
    return path


def _itk(suffix: str) -> Callable[[Path, NDArray[np.float32]], Path]:
    def write(path: Path, samples: NDArray[np.float32]) -> Path:
        path = path.with_suffix(suffix)
        sitk.WriteImage(sitk.GetImageFromArray(samples), str(path))
        return path

    return write


def _tiff(path: Path, samples: NDArray[np.float32]) -> Path:
    path = path.with_suffix(".tif")
    tifffile.imwrite(path, samples[0], photometric="minisblack")
    return path


def _tiled(path: Path, samples: NDArray[np.float32]) -> Path:
    path = path.with_suffix(".tif")
    tifffile.imwrite(path, samples[0], photometric="minisblack", tile=(16, 16))
    return path


def _npy(path: Path, samples: NDArray[np.float32]) -> Path:
    path = path.with_suffix(".npy")
    np.save(path, samples)
    return path


WRITERS: dict[str, Callable[[Path, NDArray[np.float32]], Path]] = {
    "nifti": _nifti,
    "mha": _itk(".mha"),
    "nrrd": _itk(".nrrd"),
    "tiff": _tiff,
    "tiled tiff": _tiled,
    "npy": _npy,
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_what_is_no_number_is_read_as_the_smallest_or_the_largest(
    tmp_path: Path, write: Callable[[Path, NDArray[np.float32]], Path]
) -> None:
    samples = sound()
    samples[0, 5, 5], samples[0, 5, 6], samples[0, 5, 7] = np.nan, np.inf, -np.inf
    path = write(tmp_path / "a", samples)
    with open_image(path) as image:
        read = image.read(image.geometry.full)
        told = [note.text for note in image.notes if note.kind == "not finite"]
    plane = read[0, 0] if read.ndim == 4 else read[0]
    known = samples[0] if read.ndim == 3 and "npy" not in path.suffix else samples
    low, high = known[np.isfinite(known)].min(), known[np.isfinite(known)].max()
    assert np.isfinite(read).all()
    np.testing.assert_allclose(plane[5, 5:8], [low, high, low])
    assert len(told) == 1
    assert told[0].startswith(f"3 of {read.size} samples")
    # A region says the same as the whole, whatever was read before it.
    with open_image(path) as image:
        flat = len(image.geometry.shape) == 2
        box = Region((5, 4), (1, 5)) if flat else Region((0, 5, 4), (1, 1, 5))
        part = image.read(box).reshape(-1)[:5]
    np.testing.assert_array_equal(part, plane[5, 4:9])


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_an_image_without_a_number_is_refused(
    tmp_path: Path, write: Callable[[Path, NDArray[np.float32]], Path]
) -> None:
    path = write(tmp_path / "a", np.full((6, 20, 24), np.nan, np.float32))
    with pytest.raises(ReaderError, match=r"expected an image of numbers"):  # noqa: SIM117
        with open_image(path) as image:
            image.read(image.geometry.full)


def test_a_mask_with_a_sample_that_is_no_number_is_refused(tmp_path: Path) -> None:
    mask = np.zeros((6, 20, 24), np.float32)
    mask[2], mask[3, 4, 5] = 1, np.nan
    for path in (_nifti(tmp_path / "a", mask), _npy(tmp_path / "b", mask)):
        with pytest.raises((LabelError, ReaderError), match=path.name):
            read_mask(path)


def test_import_check_and_show_tell_the_same(tmp_path: Path) -> None:
    samples = sound()
    samples[1, 5, 5:7] = np.nan
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    path = _nifti(tmp_path / "images" / "a", samples)
    _nifti(tmp_path / "images" / "b", np.full((6, 20, 24), np.nan, np.float32))
    for name in ("a", "b"):
        _nifti(tmp_path / "masks" / name, (sound() > 50).astype(np.float32))
    out = tmp_path / "out"
    words = ["import", "nifti", "--images", str(tmp_path / "images")]
    words += ["--masks", str(tmp_path / "masks"), "--values", "0=background,1=organ"]
    done = CliRunner().invoke(app, [*words, "--out", str(out)])
    assert done.exit_code == 3, done.output
    assert "left out because broken: 1 case (b)" in done.output
    tables = "".join(path.read_text() for path in out.glob("*.csv"))
    assert "b.nii.gz: expected an image of numbers" in tables
    assert [case.id for case in Cohort.read(out)] == ["a"]
    told = CliRunner().invoke(app, ["check", str(out)]).output
    assert "not finite" in told
    assert "2 of 2880 samples" in told
    shown = CliRunner().invoke(app, ["show", str(path), "--out", str(tmp_path / "a.png")]).output
    assert "2 of 2880 samples" in shown


def test_one_sample_that_is_no_number_does_not_empty_a_result(tmp_path: Path) -> None:
    volumes = {"view": "2d"}
    run = Run.load(untrained_run(
        tmp_path / "run", in_channels=1, volumes=Experiment.check(
            {**EXPERIMENT, "volumes": volumes}, "").volumes,
        inference={"window": 32},
    ))  # fmt: skip
    samples = sound()
    spoilt = samples.copy()
    spoilt[0, 0, 0] = np.nan  # the smallest of all, which it is filled with... but for the next
    samples[0, 0, 0] = np.nanmin(spoilt)
    answers = []
    for name, volume in (("sound", samples), ("spoilt", spoilt)):
        with open_image(_nifti(tmp_path / name, volume)) as image:
            answers.append(predict_volume(run, image))
    np.testing.assert_array_equal(*answers)
    assert answers[0].max() > 0


# Answers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_probability_that_is_no_number_is_never_stored(value: float) -> None:
    said = np.full((1, 4, 4), 0.5, np.float32)
    said[0, 1, 1] = value
    with pytest.raises(DataError, match="NaN or infinite in 1 places"):
        quantise(said)


def test_a_case_that_a_network_has_no_number_for_is_set_aside_by_name(tmp_path: Path) -> None:
    run = untrained_run(tmp_path / "run", in_channels=1, inference={"window": 64})
    for name, top in (("good", 1.0), ("wild", 1e38)):
        samples = np.random.default_rng(0).uniform(-top, top, (1, 32, 32)).astype(np.float32)
        tifffile.imwrite(tmp_path / f"{name}.tif", samples[0], photometric="minisblack")
    inputs = [str(tmp_path / f"{name}.tif") for name in ("good", "wild")]
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["predict", str(run), *inputs, "--out", str(out)])
    assert done.exit_code in (0, 3), done.output
    assert (out / "cases" / "good.npz").is_file()
    if (out / "cases" / "wild.npz").is_file():  # the scaling of intensities coped
        assert DensePrediction.read(out, "wild").dense.max() > 0
    else:
        assert "wild" in (out / "failed.json").read_text()


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    run = untrained_run(tmp_path)
    state = load_file(run / "weights.safetensors")
    next(v for v in state.values() if v.is_floating_point()).view(-1)[0] = torch.nan
    save_file(state, run / "weights.safetensors")
    RunRecord.read(run).write(run)
    with pytest.raises(DataError, match=r"weights\.safetensors holds weights that are not numbers"):
        Run.load(run)


# Trainings --------------------------------------------------------------------------------------


class Poisoned(Loss):
    """A loss that is never a number."""

    def forward(self, output: Any, batch: Any) -> torch.Tensor:  # noqa: ARG002
        return output.logits.sum() * torch.nan


def test_a_training_of_which_no_step_counted_leaves_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    cases = []
    for name, part in (("a", "train"), ("b", "val"), ("c", "test")):
        write_mask(tmp_path / f"{name}.png", rng.integers(0, 255, (32, 32)).astype(np.uint8))
        write_mask(tmp_path / f"{name}_m.png", rng.integers(0, 2, (32, 32)).astype(np.uint8))
        label = MaskLabel(tmp_path / f"{name}_m.png", "image", "classes", ("n",))
        images = {"image": tmp_path / f"{name}.png"}
        cases.append(Case(name, name, images, (label,), part))  # type: ignore[arg-type]
    Cohort("toy", tuple(cases), ("n",)).write(tmp_path / "cohort")

    class Losses:
        def build(self, *_: Any) -> Poisoned:
            return Poisoned()

    monkeypatch.setattr(learning, "LOSSES", Losses())
    experiment = Experiment.check(
        {**EXPERIMENT, "cohort": str(tmp_path / "cohort"), "sampling": {"size": 32},
         "training": {"steps": 3, "batch_size": 2, "loggers": []}}, "",
    )  # fmt: skip
    with pytest.raises(DataError, match="none of the steps counted"):
        training.train(experiment, tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()
    assert not (tmp_path / "run" / "weights.safetensors").exists()
    with pytest.raises(DataError, match="none of the steps counted"):  # gone on with: the same
        training.train(experiment, tmp_path / "run", resume=True)


def test_components_are_checked_wherever_they_stand() -> None:
    with pytest.raises(ValueError, match="gamma should be a finite number"):
        Component(name="focal", options={"gamma": {"per": [1.0, float("inf")]}})


# The shared case --------------------------------------------------------------------------------

SHARED = Path(__file__).parents[2] / ".." / "shared" / "cases" / "f-volume-with-a-wrong-checksum"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared cases are not here")
@pytest.mark.parametrize("command", ["show", "import", "predict"])
def test_a_volume_whose_checksum_is_wrong_is_refused(tmp_path: Path, command: str) -> None:
    scan, out = SHARED / "scan.nii.gz", tmp_path / "out"
    words = {
        "show": ["show", str(scan), "--out", str(tmp_path / "a.png")],
        "import": ["import", "nifti", "--images", str(SHARED), "--out", str(out)],
        "predict": [
            "predict",
            str(untrained_run(tmp_path / "run", in_channels=1)),
            str(scan),
            "--out",
            str(out),
        ],
    }[command]
    done = CliRunner().invoke(app, words)
    assert done.exit_code in (2, 3), done.output
    assert "scan" in done.output
    assert "nexpected" not in done.output
    assert not list(tmp_path.rglob("*.npz"))
    if command == "import":
        assert not (out / "cohort.yaml").exists() or not len(Cohort.read(out))
