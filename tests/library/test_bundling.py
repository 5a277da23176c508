import itertools
import json
import shutil
import zipfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from typer.testing import CliRunner

import inklings as ik
from inklings.calibration.fitting import Fitted
from inklings.calibration.maps import Map
from inklings.calibration.record import Calibration
from inklings.cli import app
from inklings.data import intensity
from inklings.errors import DataError, SpecError
from inklings.inference.predict import predict
from inklings.library import bioimage
from inklings.library.bundling import bundle, verify
from inklings.predictions.dense import DensePrediction
from inklings.predictions.guarantee import Guarantee
from inklings.predictions.guarantee import write as write_promises
from inklings.predictions.head import Head
from inklings.runs.bundle import write_bundle
from inklings.runs.run import Run, RunRecord, write_model
from inklings.spec import BagExperiment, Component, Volumes
from inklings.spec.detection import DetectionExperiment
from inklings.testing.bags import bag_experiment
from inklings.testing.runs import model_config, pictures, untrained_run

KINDS: dict[str, dict[str, Any]] = {
    "pictures": {},
    "exclusive": {"channels": ("background", "a", "b"), "classes": ("a", "b"),
                  "activation": "softmax"},
    "half": {"intensity": Component(name="half")},
    "resized": {"resize": 32},
    "volumes": {"model": Component(name="unet3d", options={"width": 2, "depth": 2}),
                "in_channels": 1, "volumes": {"view": "3d"}, "window": (8, 16, 16),
                "intensity": Component(name="window", options={"low": -100, "high": 200})},
}  # fmt: skip


@pytest.fixture(autouse=True)
def undescribed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bundles without a network in ONNX, which takes seconds, but for the tests about it."""
    if "described" not in request.fixturenames:
        monkeypatch.setattr(bioimage, "describe", lambda *_: {})


@pytest.fixture
def described() -> None:
    """Bundles as they are."""
    pytest.importorskip("onnxruntime", reason="ONNX: pip install inklings[onnx]")


def run_of(folder: Path, **changes: Any) -> Path:
    """An untrained run whose numbers are not all alike."""
    if isinstance(seen := changes.get("volumes"), dict):
        changes["volumes"] = Volumes.model_validate(seen)
    return untrained_run(folder, **changes)


def bag_run(folder: Path) -> Path:
    """A run of bags of vectors as a training leaves it."""
    experiment: BagExperiment = bag_experiment(Path("cohort"))
    options = {**experiment.model.options, "shape": (4,)}
    plan = model_config(
        model=Component(name="bags", options=options), in_channels=4, task="binary"
    )  # fmt: skip
    torch.manual_seed(0)
    write_model(folder, plan.build(), plan)
    experiment.write(folder / "experiment.yaml")
    RunRecord((0.5,), trained_on=("p1",)).write(folder)
    return folder


def detector_run(folder: Path) -> Path:
    """A detector as a training leaves it."""
    record = {
        "task": "detection",
        "cohort": "cohort",
        "model": "centre_point",
        "loss": "centre_point",
        "training": {"steps": 1},
    }
    experiment = DetectionExperiment.check(record, "test")
    plan = model_config(
        model=Component(name="centre_point", options={"width": 2, "blocks": 1}), in_channels=1
    )
    torch.manual_seed(0)
    write_model(folder, plan.build(), plan)
    experiment.write(folder / "experiment.yaml")
    RunRecord((0.5,), trained_on=("p1",)).write(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_of_any_segmentation_is_verified(kind: str, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", **KINDS[kind])
    made = bundle(run, tmp_path / "model.zip")
    checked = verify(tmp_path / "model.zip")
    assert (checked.index, checked.patients) == (made.index, 2)
    assert checked.apart < 1e-6
    with zipfile.ZipFile(tmp_path / "model.zip") as zipped:
        said = zipped.read("weights.safetensors")
    assert said == (run / "weights.safetensors").read_bytes()


@pytest.mark.parametrize("made", [bag_run, detector_run])
def test_bags_and_detectors_are_bundled_too(made: Any, tmp_path: Path) -> None:
    bundle(made(tmp_path / "run"), tmp_path / "model.zip")
    assert verify(tmp_path / "model.zip").apart < 1e-6


def test_predictions_of_a_bundle_are_those_of_its_run(tmp_path: Path) -> None:
    run = untrained_run(tmp_path / "run")
    digest = ik.Run.load(run).weights_sha256
    lower = (Fitted("nucleus", Map("temperature", a=0.5), "because"),)
    Calibration(lower, ("p3",), None, digest).write(run)
    bundle(run, tmp_path / "model.zip")
    images = pictures(tmp_path / "images", 2)
    shutil.move(run, tmp_path / "moved")
    result = CliRunner().invoke(
        app, ["predict", str(tmp_path / "model.zip"), str(images), "--out", str(tmp_path / "zip")]
    )
    assert result.exit_code == 0, result.output
    predict(tmp_path / "moved", [images], tmp_path / "folder")
    for case in ("p000", "p001"):
        one, other = (DensePrediction.read(tmp_path / n, case) for n in ("zip", "folder"))
        np.testing.assert_array_equal(one.dense, other.dense)
    zipped, plain = (Head.read(tmp_path / name) for name in ("zip", "folder"))
    assert zipped.settings == plain.settings
    assert zipped.trained_on == plain.trained_on == ("p1", "p2", "p3")
    assert zipped.provenance.run == str(tmp_path / "model.zip")
    one, other = (ik.predict(tmp_path / n, images / "p000.png") for n in ("model.zip", "moved"))
    np.testing.assert_array_equal(one.mask, other.mask)


def test_two_bundles_are_averaged_and_gone_on_with(tmp_path: Path) -> None:
    for seed in (0, 1):
        bundle(untrained_run(tmp_path / f"run{seed}", seed), tmp_path / f"{seed}.zip")
    images = pictures(tmp_path / "images", 1)
    for _ in range(2):
        also = [tmp_path / "1.zip"]
        done = predict(tmp_path / "0.zip", [images], tmp_path / "out", also=also)
    assert done.line("predicted", tmp_path / "out").count("1")
    assert Head.read(tmp_path / "out").settings["members"] == [
        str(tmp_path / f"{seed}.zip") for seed in (0, 1)
    ]


def test_a_run_of_version_0_1_is_bundled(tmp_path: Path) -> None:
    run = untrained_run(tmp_path / "run")
    record = json.loads((run / "model.json").read_text())
    for name in ("orientation", "inputs", "stains"):
        del record[name]
    (run / "model.json").write_text(json.dumps(record))
    said = json.loads((run / "run.json").read_text())
    for name in ("weights_sha256", "largest"):
        said.pop(name)
    (run / "run.json").write_text(json.dumps(said))
    text = (run / "experiment.yaml").read_text()
    (run / "experiment.yaml").write_text(text.replace("task: segmentation\n", ""))
    bundle(run, tmp_path / "model.zip")
    assert verify(tmp_path / "model.zip").index.task == "segmentation"


def test_other_weights_or_another_answer_are_found(tmp_path: Path) -> None:
    run = untrained_run(tmp_path / "run")
    bundle(run, tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    answer = np.load(tmp_path / "test_output.npy")
    np.save(tmp_path / "test_output.npy", answer + 0.01)
    names = [name for name in files if name != "bundle.json"]
    write_bundle(tmp_path / "bad.zip", "segmentation", {n: tmp_path / n for n in names})
    with pytest.raises(DataError, match=r"one that differs by 0\.01 \(at most 0\.001\)"):
        verify(tmp_path / "bad.zip")


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((1, 7, 48, 48), np.float32), "is no input of its run"),
        (np.zeros(0, np.float32), "is no input of its run"),
        (np.zeros((1, 3, 48, 48), np.complex64), "numbers expected, got complex64"),
        (np.array(["a"]), "numbers expected"),
        (None, "cannot be read"),
    ],
)
def test_a_test_input_that_is_none_is_one_line(
    array: np.ndarray | None, said: str, tmp_path: Path
) -> None:
    bundle(untrained_run(tmp_path / "run"), tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as zipped:
        zipped.extractall(tmp_path / "files")
    there = tmp_path / "files" / "test_input.npy"
    if array is None:  # of more samples than the file holds
        np.save(there, np.zeros(10**3))
        there.write_bytes(there.read_bytes().replace(b"(1000,), }    ", b"(10000000000,), }"[:14]))
    else:
        np.save(there, array)
    files = {one.name: one for one in (tmp_path / "files").iterdir() if one.name != "bundle.json"}
    write_bundle(tmp_path / "bad.zip", "segmentation", files)
    with pytest.raises(DataError, match=said) as caught:
        verify(tmp_path / "bad.zip")
    assert "\n" not in str(caught.value)


def test_what_no_bundle_holds_is_refused_by_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        untrained_run(tmp_path / "runs" / name)
    with pytest.raises(
        SpecError, match=r"holds several runs, and a bundle holds one: take each, such as .*one"
    ):
        bundle(tmp_path / "runs", tmp_path / "model.zip")
    with pytest.raises(SpecError, match="got a folder"):
        bundle(tmp_path / "runs" / "one", tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        bundle(tmp_path / "nothing", tmp_path / "model.zip")
    (tmp_path / "runs" / "two" / "run.json").unlink()
    with pytest.raises(DataError, match="has not finished"):
        bundle(tmp_path / "runs" / "two", tmp_path / "model.zip")
    assert not (tmp_path / "model.zip").exists()


def test_the_command_says_the_hash_and_whose_names_travel(tmp_path: Path) -> None:
    run, out = untrained_run(tmp_path / "run"), tmp_path / "model.zip"
    digest = Run.load(run).weights_sha256
    promise = Guarantee(
        "fnr", "dense", "nucleus", 0.1, None, 0.2, ("p2", "q1", "q2"), 1, 0.05, 0.3, 0.2, (),
        "cohort", "test", None, digest, "settings", "0.2.0",
    )  # fmt: skip
    write_promises(run, [promise])
    made = CliRunner().invoke(app, ["bundle", str(run), "--out", str(out)])
    assert made.exit_code == 0, made.output
    assert "names 4 patients ->" in made.stdout
    assert verify(out).patients == 4
    checked = CliRunner().invoke(app, ["bundle", str(out), "--verify"])
    assert checked.exit_code == 0, checked.output
    digest = verify(out).index.digest
    assert f"SHA-256 {digest}" in made.stdout
    assert f"SHA-256 {digest}" in checked.stdout
    for wrong in (["bundle", str(run)], ["bundle", str(out), "--verify", "--out", str(out)]):
        assert CliRunner().invoke(app, wrong).exit_code == 2
    far = ["predict", str(out), str(run), "--out", str(tmp_path / "p"), "--scheduler", "tcp://a:1"]
    refused = CliRunner().invoke(app, far)
    assert refused.exit_code == 2
    assert "expected a folder that all workers see" in refused.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("described")
@pytest.mark.parametrize("kind", KINDS)
def test_programs_of_bioimage_io_take_a_bundle(kind: str, tmp_path: Path) -> None:
    spec = pytest.importorskip("bioimageio.spec", reason="pip install bioimageio.spec")
    run = run_of(tmp_path / "run", **KINDS[kind])
    bundle(run, tmp_path / "model.zip")
    assert verify(tmp_path / "model.zip").apart < 1e-6
    found = spec.load_description(tmp_path / "model.zip", format_version="latest")
    assert found.validation_summary.status != "failed", found.validation_summary.format()
    assert found.type == "model"
    if find_spec("bioimageio.core") is None:
        return  # the description is valid; to run the network: pip install bioimageio.core
    summary = import_module("bioimageio.core").test_model(found, weight_format="onnx")
    assert summary.status == "passed", summary.format()


def test_a_network_that_scales_by_itself_does_so_as_the_package() -> None:
    draw = np.random.default_rng(0)
    for per_channel, invert, fractions in itertools.product((False, True), repeat=3):
        own = bioimage.ZScore(per_channel, invert, fractions)
        ours = intensity.ZScore(per_channel, invert, fractions)
        for image in (
            draw.uniform(0, 1, (3, 9, 7)).astype(np.float32),
            draw.uniform(100, 255, (3, 9, 7)).astype(np.float32),
            np.zeros((3, 4, 4), np.float32),
        ):
            found = own(torch.from_numpy(image[None]))[0].numpy()
            np.testing.assert_allclose(found, ours(image), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("described")
def test_the_description_of_a_bundle_says_tests_sizes_and_weights(tmp_path: Path) -> None:
    options = {"fractions": True, "per_channel": True, "invert_bright": True}  # as of trainings
    intensity = Component(name="zscore", options=options)
    run = untrained_run(tmp_path / "run", spacing_um=0.5, intensity=intensity)
    bundle(run, tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as zipped:
        said = yaml.safe_load(zipped.read("rdf.yaml"))
        digests = json.loads(zipped.read("bundle.json"))["sha256"]
    (image,), (answer,) = said["inputs"], said["outputs"]
    assert image["axes"][2] == {
        "type": "space", "id": "y", "size": {"min": 48, "step": 4}, "unit": "micrometer",
        "scale": 0.5,
    }  # fmt: skip
    assert answer["axes"][1] == {"type": "channel", "channel_names": ["nucleus"]}
    assert image["test_tensor"]["sha256"] == digests["test_input.npy"]
    assert said["weights"]["onnx"]["sha256"] == digests["model.onnx"]
    assert said["config"]["inklings"]["thresholds"] == [0.5]


@pytest.mark.usefixtures("described")
def test_what_the_format_cannot_say_is_bundled_without_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = untrained_run(tmp_path / "run", stains=Component(name="macenko"))
    made = bundle(run, tmp_path / "model.zip")
    assert "rdf.yaml" not in made.index.sha256
    assert "no words for stains that are normalised first" in capsys.readouterr().err
