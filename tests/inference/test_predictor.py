import errno
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.errors import SpecError
from inklings.files import write_yaml
from inklings.inference.predict import predict
from inklings.predictions import outputs
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.spec import Volumes
from inklings.testing.runs import pictures, untrained_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return untrained_run(tmp_path / "run")


def test_another_run_into_the_same_folder_is_refused(run: Path, tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 1)
    predict(run, [images], tmp_path / "out")
    other = untrained_run(tmp_path / "other", seed=1)
    with pytest.raises(SpecError, match=r"which has other weights.*choose another --out"):
        predict(other, [images], tmp_path / "out")


def test_other_settings_into_the_same_folder_are_refused(run: Path, tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 1)
    predict(run, [images], tmp_path / "out")
    with pytest.raises(SpecError, match="mirroring False instead of True"):
        predict(run, [images], tmp_path / "out", mirroring=True)


def test_another_picture_of_the_same_name_is_not_mistaken(run: Path, tmp_path: Path) -> None:
    first, second = (pictures(tmp_path / name, 1, seed=i) for i, name in enumerate("ab"))
    (second / "p000.png").rename(second / "p000.bmp")
    predict(run, [first], tmp_path / "out")
    with pytest.raises(SpecError, match=r"not of .*p000.bmp"):
        predict(run, [second], tmp_path / "out")


def test_a_damaged_prediction_is_made_again(run: Path, tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 2)
    out = tmp_path / "out"
    predict(run, [images], out)
    (out / "cases" / "p001.npz").write_bytes(b"PK half a file")
    summary = predict(run, [images], out)
    assert (summary.finished, summary.skipped) == (1, 1)
    assert DensePrediction.read(out, "p001").dense.ndim == 3


def test_a_run_that_cannot_be_written_predicts(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = pictures(tmp_path / "images", 1)
    for number in (errno.EACCES, errno.EROFS):

        def refuse(path: Path, _: object, number: int = number) -> None:
            raise OSError(number, "not here", str(path))

        monkeypatch.setattr(outputs, "write_json", refuse)
        before = sorted(path.name for path in run.iterdir())
        assert predict(run, [images], tmp_path / f"out{number}").finished == 1
        assert sorted(path.name for path in run.iterdir()) == before


def test_failures_of_cases_that_nobody_asked_for_now_are_kept(run: Path, tmp_path: Path) -> None:
    images, out = pictures(tmp_path / "images", 3), tmp_path / "out"
    for name in ("p000", "p001"):
        (images / f"{name}.png").write_bytes(b"")
    predict(run, [images], out)
    assert set(PredictionFolder.open(out).failed) == {"p000", "p001"}
    predict(run, [images / "p001.png", images / "p002.png"], out)
    assert set(PredictionFolder.open(out).failed) == {"p000", "p001"}


OF_IMAGES = {
    "mirroring": ["--mirroring"],
    "instances": ["--instances", "nonsense"],
    "components": ["--components", "largest"],
    "factor": ["--factor", "4"],
    "tissue": ["--tissue", "everywhere"],
    "overrule-spacing": ["--overrule-spacing"],
    "smallest-region": ["--smallest-region", "4"],
}


@pytest.mark.parametrize("option", [*OF_IMAGES, "series", "images"])
@pytest.mark.parametrize("task", ["bags", "detection"])
def test_an_option_that_means_nothing_is_refused_before_anything_is_opened(
    task: str, option: str, tmp_path: Path
) -> None:
    if (task, option) == ("detection", "series"):
        pytest.skip("a detector takes it")
    model = {"bags": "bags", "detection": "centre_point"}[task]
    record = {"cohort": "c", "model": model, "loss": "bce", "training": {"steps": 1}, "task": task}
    write_yaml(tmp_path / "run" / "experiment.yaml", record)
    more = {"series": ["--series", "x"], "images": ["--images", "t1=*.png"]}
    words = ["predict", str(tmp_path / "run"), str(tmp_path / "nowhere"), "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*words, *(OF_IMAGES | more)[option]])
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert f"--{option}: does not apply to a" in result.stderr
    assert "which takes --split" in result.stderr


def test_components_are_of_volumes_and_tissue_is_not(run: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"--components: does not apply to a run .*or slides"):
        predict(run, [tmp_path / "nowhere"], tmp_path / "out", components="largest")
    solid = untrained_run(tmp_path / "solid", in_channels=1, volumes=Volumes())
    with pytest.raises(SpecError, match=r"--tissue: does not apply to a run .* volumes"):
        predict(solid, [tmp_path / "nowhere"], tmp_path / "out", tissue="everywhere")


def test_an_unknown_way_to_separate_objects_is_refused_at_once(run: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="did you mean 'watershed'"):
        predict(run, [tmp_path / "nowhere"], tmp_path / "out", instances="watersched")
