import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.files import sweep
from inklings.inference.items import Item
from inklings.inference.predict import predict
from inklings.inference.slide_cases import opened
from inklings.inference.slide_grid import SlideSettings
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.slides import SlidePrediction, folder_of, slide_written
from inklings.spec import Component
from inklings.testing.runs import blobs, pictures, slides, untrained_run, write_pyramid

DATA = Path(__file__).parents[3] / "shared" / "data" / "slides"
NAMES = {
    "areas.csv", "classes.ome.tif", "heatmap.ome.tif", "outlines.geojson", "overlay.png",
    "slide.json", "thumbnail.png",
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return untrained_run(tmp_path / "run", intensity=Component(name="half"), spacing_um=1.0)


def test_a_folder_of_slides_pictures_and_broken_files_finishes_the_good_ones(
    run: Path, tmp_path: Path
) -> None:
    folder = slides(tmp_path / "images", 2)
    pictures(folder, 1)
    whole = (folder / "s000.tiff").read_bytes()
    (folder / "cut.tiff").write_bytes(whole[: len(whole) // 2])
    (folder / "noise.svs").write_bytes(bytes(range(256)) * 9)
    (folder / "empty.svs").write_bytes(b"")
    out = tmp_path / "out"
    summary = predict(run, [folder], out)
    assert (summary.finished, summary.skipped) == (3, 0)
    assert set(summary.failed) == {"cut", "noise", "empty"}
    assert all("\n" not in reason for reason in summary.failed.values())
    assert sorted(PredictionFolder.open(out).slides) == ["s000", "s001"]
    assert list(PredictionFolder.open(out).cases) == ["p000", "s000", "s001"]
    assert {path.name for path in folder_of(out, "s000").iterdir()} == NAMES
    assert DensePrediction.read(out, "p000").dense.shape[0] == 1
    assert set(json.loads((out / "failed.json").read_text())) == {"cut", "noise", "empty"}
    areas = (out / "areas.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in areas[1:]] == [
        ["s000", "tissue"], ["s000", "nucleus"], ["s001", "tissue"], ["s001", "nucleus"],
    ]  # fmt: skip


def test_finished_slides_are_skipped_and_damaged_ones_done_again(run: Path, tmp_path: Path) -> None:
    folder, out = slides(tmp_path / "images", 2), tmp_path / "out"
    predict(run, [folder], out)
    (folder_of(out, "s001") / "heatmap.ome.tif").unlink()
    before = (folder_of(out, "s000") / "slide.json").stat().st_mtime_ns
    summary = predict(run, [folder], out)
    assert (summary.finished, summary.skipped) == (1, 1)
    assert (folder_of(out, "s000") / "slide.json").stat().st_mtime_ns == before
    assert {path.name for path in folder_of(out, "s001").iterdir()} == NAMES
    with pytest.raises(SpecError, match="choose another --out"):
        predict(run, [folder], out, heatmap_factor=2)


def test_tissue_is_found_and_the_glass_left_alone(run: Path, tmp_path: Path) -> None:
    folder, out = slides(tmp_path / "images", 1, shape=(1600, 1600)), tmp_path / "out"
    predict(run, [folder], out)
    record = SlidePrediction.read(out, "s000")
    truth = (blobs((1600, 1600)).min(axis=2) < 240).sum()
    assert record.tissue.pixels == pytest.approx(truth, rel=0.15)
    everywhere = tmp_path / "everywhere"
    predict(run, [folder], everywhere, tissue="everywhere")
    assert SlidePrediction.read(everywhere, "s000").windows > record.windows


def test_a_cohort_knows_the_spacing_that_its_files_do_not(run: Path, tmp_path: Path) -> None:
    folder = slides(tmp_path / "images", 1, um=None)
    images = {"slide": folder / "s000.tiff"}
    case = Case("one", "p", images, facts={"spacing_um": "0.25"})
    Cohort("c", (case,), ("nucleus",)).write(tmp_path / "cohort")
    predict(run, [tmp_path / "cohort"], tmp_path / "out")
    record = SlidePrediction.read(tmp_path / "out", "one")
    assert record.spacing_um == pytest.approx((0.25, 0.25))
    assert record.network == pytest.approx((4, 4))
    predict(run, [tmp_path / "cohort"], tmp_path / "other", spacing_um=0.5)
    assert SlidePrediction.read(tmp_path / "other", "one").network == pytest.approx((2, 2))
    summary = predict(run, [folder], tmp_path / "unknown")
    assert "--spacing-um" in summary.failed["s000"]


def test_a_small_tiled_picture_stays_a_picture_for_a_run_of_pictures(tmp_path: Path) -> None:
    run = untrained_run(tmp_path / "run")
    folder = tmp_path / "images"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", blobs((100, 90)), tile=(64, 64), photometric="rgb")
    write_pyramid(folder / "b.tif", blobs((300, 290)))
    predict(run, [folder], tmp_path / "out")
    assert DensePrediction.read(tmp_path / "out", "a").dense.shape == (1, 100, 90)
    assert sorted(PredictionFolder.open(tmp_path / "out").slides) == ["b"]
    remarks = SlidePrediction.read(tmp_path / "out", "b").remarks
    assert any("does not say on which grid" in remark for remark in remarks)


def test_what_a_killed_process_left_is_removed_and_what_lives_is_not(tmp_path: Path) -> None:
    with slide_written(tmp_path, "a") as part:
        (part / "x").write_text("x")
        name = part.name
        dead = part.parent / name.replace(str(os.getpid()), "999999999")
        dead.mkdir()
        sweep(tmp_path / "cases")
        assert part.exists()
        assert not dead.exists()
    assert (tmp_path / "cases/a/x").exists()
    with pytest.raises(ValueError, match="stop"), slide_written(tmp_path, "b"):
        raise ValueError("stop")
    assert [path.name for path in (tmp_path / "cases").iterdir()] == ["a"]


def test_killed_in_the_middle_only_finished_slides_are_there_and_it_goes_on(
    run: Path, tmp_path: Path
) -> None:
    folder, out = slides(tmp_path / "images", 6, shape=(1500, 1400)), tmp_path / "out"
    script = (
        "import sys; from pathlib import Path; from inklings.inference.predict import predict; "
        "predict(Path(sys.argv[1]), [Path(sys.argv[2])], Path(sys.argv[3]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(run), str(folder), str(out)], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not sorted(out.glob("cases/*/slide.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = sorted(PredictionFolder.open(out).slides)
    assert 0 < len(done) < 6
    for case in done:
        assert {path.name for path in folder_of(out, case).iterdir()} == NAMES
    summary = predict(run, [folder], out)
    assert summary.skipped == len(done)
    assert len(sorted(PredictionFolder.open(out).slides)) == 6
    assert sorted(path.name for path in (out / "cases").iterdir()) == [f"s{i:03}" for i in range(6)]


@pytest.mark.slow
def test_workers_write_what_one_process_writes(run: Path, tmp_path: Path) -> None:
    folder = slides(tmp_path / "images", 3)
    pictures(folder, 1)
    (folder / "noise.svs").write_bytes(bytes(range(256)) * 9)
    predict(run, [folder], tmp_path / "one")
    summary = predict(run, [folder], tmp_path / "many", workers=2)
    assert (summary.finished, set(summary.failed)) == (4, {"noise"})
    for case in sorted(PredictionFolder.open(tmp_path / "one").slides):
        mine, theirs = (SlidePrediction.read(tmp_path / where, case) for where in ("one", "many"))
        with mine.heatmap(tmp_path / "one") as a, theirs.heatmap(tmp_path / "many") as b:
            one, many = (heatmap.read(mine.geometry.full) for heatmap in (a, b))
        np.testing.assert_allclose(one.astype(int), many, atol=1)
        outlines = [
            (folder_of(tmp_path / where, case) / "outlines.geojson").read_text()
            for where in ("one", "many")
        ]
        assert outlines[0] == outlines[1]


@pytest.mark.skipif(not DATA.is_dir(), reason="the real slides are not beside the repository")
def test_real_slides_are_predicted_and_each_broken_one_is_one_clear_line(tmp_path: Path) -> None:
    run = untrained_run(tmp_path / "run", intensity=Component(name="half"), factor=8)
    summary = predict(run, [DATA], tmp_path / "out")
    assert summary.finished == 3
    assert set(summary.failed) == {"broken", "unopenable", "unreadable"}
    for reason in summary.failed.values():
        assert len(reason) < 250
        assert "\n" not in reason
    known = SlidePrediction.read(tmp_path / "out", "cmu-1-small-region")
    assert known.shape == (2967, 2220)
    assert known.spacing_um == pytest.approx((0.499, 0.499))
    assert known.tissue.mm2 is not None
    for case in ("tcga-cr-7395-01a-01-ts1", "CropBreastSlide"):
        record = SlidePrediction.read(tmp_path / "out", case)
        assert record.tissue.mm2 is None
        assert any("areas are in pixels" in remark for remark in record.remarks)
        overlay = Pillow.open(folder_of(tmp_path / "out", case) / "overlay.png")
        assert max(overlay.size) <= 1024


def test_a_given_spacing_fills_gaps_and_overrules_a_file_only_when_asked(tmp_path: Path) -> None:
    path = slides(tmp_path / "images", 1, um=0.25) / "s000.tiff"
    item = Item("s", {"image": path})
    for overrule, um in ((False, 0.25), (True, 0.5)):
        image = opened(item, SlideSettings(spacing_um=0.5, overrule_spacing=overrule))
        assert image.geometry.spacing == pytest.approx((um / 1000,) * 2)
        assert [note.kind for note in image.notes] == ["spacing"]
        assert all(number in image.notes[0].text for number in ("0.25", "0.5"))
