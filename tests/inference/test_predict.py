import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.inference.predict import find_objects, predict
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head
from inklings.predictions.outputs import remembered
from inklings.refinement.watershed import Watershed
from inklings.testing.runs import pictures, untrained_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return untrained_run(tmp_path / "run")


def stamps(out: Path) -> dict[str, tuple[int, int]]:
    files = (out / "cases").glob("[!.]*.npz")
    return {path.stem: (path.stat().st_mtime_ns, path.stat().st_ino) for path in files}


def test_every_picture_is_predicted_at_its_size(run: Path, tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 4)
    summary = predict(run, [images], tmp_path / "out")
    assert (summary.finished, summary.skipped, summary.failed) == (4, 0, {})
    for case in PredictionFolder.open(tmp_path / "out").cases:
        prediction = DensePrediction.read(tmp_path / "out", case)
        size = Image.open(prediction.image).size
        assert prediction.dense.shape == (1, size[1], size[0])
        assert prediction.instances is not None
        assert prediction.instances.dtype == np.uint16


def test_the_head_says_what_made_the_predictions(run: Path, tmp_path: Path) -> None:
    predict(
        run, [pictures(tmp_path / "images", 1)], tmp_path / "out", threshold=0.7, mirroring=True
    )
    head = Head.read(tmp_path / "out")
    assert head.thresholds == (0.7,)
    assert head.trained_on == ("p1", "p2")
    assert head.provenance.split_hash == "abc"
    assert head.settings["mirroring"] is True
    assert head.settings["window"] == 64
    assert head.settings["instances"]["name"] == "watershed"
    assert remembered(run) == (tmp_path / "out",)


def test_finished_cases_are_skipped(run: Path, tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 5)
    out = tmp_path / "out"
    predict(run, [images / "p001.png", images / "p003.png"], out)
    before = stamps(out)
    summary = predict(run, [images], out)
    assert (summary.finished, summary.skipped) == (3, 2)
    assert before.items() <= stamps(out).items()


def test_a_broken_picture_is_set_aside_and_the_rest_goes_on(run: Path, tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 3)
    whole = (images / "p001.png").read_bytes()
    (images / "p001.png").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out"
    summary = predict(run, [images], out)
    assert list(PredictionFolder.open(out).cases) == ["p000", "p002"]
    assert list(summary.failed) == ["p001"]
    assert "truncated" in json.loads((out / "failed.json").read_text())["p001"]
    (images / "p001.png").write_bytes(whole)
    assert predict(run, [images], out).finished == 1
    assert not (out / "failed.json").exists()


def test_images_of_a_case_are_stacked_as_channels(tmp_path: Path) -> None:
    run = untrained_run(tmp_path / "run", in_channels=2)
    rng = np.random.default_rng(0)
    paths = {name: tmp_path / f"{name}.png" for name in ("t1", "t2")}
    for path in paths.values():
        Image.fromarray(rng.integers(0, 256, (24, 30), dtype=np.uint8)).save(path)
    Cohort("demo", (Case("c", "p", paths),), ("nucleus",)).write(tmp_path / "cohort")
    predict(run, [tmp_path / "cohort"], tmp_path / "out")
    assert DensePrediction.read(tmp_path / "out", "c").dense.shape == (1, 24, 30)


def test_impossible_settings_are_refused(run: Path, tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 1)
    with pytest.raises(SpecError, match="less than 1"):
        predict(run, [images], tmp_path / "out", threshold=1.5)
    with pytest.raises(SpecError, match="did you mean 'watershed'"):
        predict(run, [images], tmp_path / "out", instances="watersched")
    assert not (tmp_path / "out").exists()


def test_objects_come_in_the_smallest_type() -> None:
    dense = np.zeros((2, 20, 20), np.uint8)
    dense[0, 2:12, 2:12] = 200
    objects = find_objects(dense, 0.5, Watershed(), core=1)
    assert objects.dtype == np.uint16
    assert (objects == 1).sum() == 100


def kill_and_complete(run: Path, images: Path, out: Path, kills: int, seed: int) -> None:
    """Kill the command ``kills`` times while it works, complete it, and compare."""
    chance = random.Random(seed)
    command = [sys.executable, "-c", "from inklings.cli import run; run()", "predict"]
    command += [str(run), str(images), "--out", str(out), "--quiet"]
    total = len(list(images.iterdir()))
    for kill in range(kills):
        before = stamps(out)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        target = min(total - 1, (kill + 1) * total // (kills + 1))
        while process.poll() is None and len(stamps(out)) < target:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert before.items() <= stamps(out).items(), "a finished case was done again"
    before = stamps(out)
    assert subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
    assert before.items() <= stamps(out).items()
    undisturbed = out.with_name("undisturbed")
    predict(run, [images], undisturbed)
    assert list(PredictionFolder.open(out).cases) == list(PredictionFolder.open(undisturbed).cases)
    for case in PredictionFolder.open(out).cases:
        ours, theirs = DensePrediction.read(out, case), DensePrediction.read(undisturbed, case)
        np.testing.assert_array_equal(ours.dense, theirs.dense)
        np.testing.assert_array_equal(ours.instances, theirs.instances)


def test_a_kill_loses_nothing(run: Path, tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 40)
    kill_and_complete(run, images, tmp_path / "out", kills=2, seed=0)


@pytest.mark.slow
def test_twenty_kills_lose_nothing(run: Path, tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 200)
    kill_and_complete(run, images, tmp_path / "out", kills=20, seed=1)
