import dataclasses
import shutil
from pathlib import Path

import pytest
from PIL import Image

from inklings.errors import DataError
from inklings.labels.kinds import MaskLabel
from inklings.simulation.chain import Chain
from inklings.simulation.weaken import weaken
from inklings.spec import Experiment
from inklings.testing.folders import write_cohort, write_run
from inklings.viewer.shelf import Shelf, open_shelf


def test_a_run_brings_its_cohort_its_predictions_and_their_scores(shelf: Shelf) -> None:
    assert shelf.cohort is not None
    run = write_run(shelf.folder.parent / "run", shelf.cohort, shelf.predictions[0].folder)
    found = open_shelf([run])
    assert len(found.cases) == 6
    assert sorted(found.predictions[0].scores) == ["case3", "case4", "case5"]
    assert found.predictions[0].metric == "Dice, mean of cases"
    assert found.corrections == run / "corrections"


def test_a_cohort_of_the_working_folder_is_not_taken_for_that_of_a_run_or_its_predictions(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shelf.predictions[0].folder
    assert shelf.cohort is not None
    run = write_run(tmp_path / "run", shelf.cohort, folder)
    spec = Experiment.load(run / "experiment.yaml")
    spec.model_copy(update={"cohort": Path("cohort")}).write(run / "experiment.yaml")  # as 0.1 did
    head = shelf.predictions[0].head
    origin = dataclasses.replace(head.provenance, run="run")
    dataclasses.replace(head, provenance=origin).write(folder)
    write_cohort(tmp_path / "other" / "cohort", ("test", "train", "val", "train", "train", "train"))
    other = write_run(tmp_path / "other" / "run", tmp_path / "other" / "cohort")
    monkeypatch.chdir(tmp_path / "other")
    for opened in (run, folder):
        found = open_shelf([opened])
        assert found.cohort is not None
        assert found.cohort.resolve() == shelf.cohort.resolve()
    shutil.move(run, tmp_path / "gone")
    assert open_shelf([folder]).cohort is None
    assert other.is_dir()


def test_two_folders_of_predictions_are_shown_side_by_side(shelf: Shelf) -> None:
    folder = shelf.predictions[0].folder
    found = open_shelf([folder, folder], cohort=shelf.cohort)
    assert len(found.predictions) == 2
    assert sorted(found.cases) == ["case3", "case4", "case5"]


def test_predictions_may_follow_the_cohort_and_none_is_dropped_in_silence(shelf: Shelf) -> None:
    folder = shelf.predictions[0].folder
    assert shelf.cohort is not None
    found = open_shelf([shelf.cohort, folder])
    assert found.predictions == shelf.predictions
    assert sorted(found.cases) == sorted(shelf.cases)
    with pytest.raises(DataError, match="expected one or two folders of predictions, got 3"):
        open_shelf([folder, folder], [folder])


def test_predictions_without_their_cohort_show_the_images_they_were_made_of(shelf: Shelf) -> None:
    found = open_shelf([shelf.predictions[0].folder])
    assert found.cohort is None
    assert found.cases["case4"].images["image"].name == "case4.png"


def test_weak_labels_are_shown_beside_their_truth(shelf: Shelf) -> None:
    assert shelf.cohort is not None
    out = shelf.folder.parent / "weak"
    weaken(shelf.cohort, Chain.parse("drop:keep=0.5"), 0, out)
    found = open_shelf([out])
    assert set(found.standard) == set(found.cases)
    weak, full = found.cases["case3"].labels[0], found.standard["case3"].labels[0]
    assert isinstance(weak, MaskLabel)
    assert isinstance(full, MaskLabel)
    assert weak.path != full.path


def test_files_and_folders_become_cases_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    for name in ("x.png", "a b/x.png", "a b/ü (1).png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    found = open_shelf([tmp_path])

    assert {"x", "x_2"} <= set(found.cases)
    assert len(found.cases) == 3
    single = open_shelf([tmp_path / "x.png"])
    assert list(single.cases) == ["x"]


@pytest.mark.parametrize(("name", "words"), [("gone", "nothing there"), ("empty", "none of them")])
def test_nothing_to_show_is_said_in_words(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=words):
        open_shelf([tmp_path / name])
