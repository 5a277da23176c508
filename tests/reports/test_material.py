"""A report finds the cohort of its run, wherever both lie and whatever lies beside them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml

from inklings.errors import DataError
from inklings.reports.material import cohort_of, gather
from inklings.spec import Experiment
from inklings.testing.folders import SPLITS, write_cohort, write_predictions, write_run

OTHER = ("test", "test", "train", "train", "val", "train", "train")
"""Another split of cases, the first of which have the names of the cohort's own."""


def project(folder: Path, run: str, said: str) -> Path:
    """A project as its user makes it, who works in it; the run of ``said`` is kept in ``run``."""
    folder.mkdir(parents=True)
    write_cohort(folder / "cohort")
    before = Path.cwd()
    os.chdir(folder)
    try:
        made = write_run(Path(run), Path("cohort"), write_predictions(Path("pred"), Path("cohort")))
        record = Experiment.load(made / "experiment.yaml", ["cohort=cohort"])
        path = {"absolute": folder / "cohort"}.get(said, Path("cohort"))
        record = record.model_copy(update={"cohort": path})
        (record if said == "of 0.1" else record.kept_in(made)).write(made / "experiment.yaml")
    finally:
        os.chdir(before)
    return folder / run


@pytest.mark.parametrize("run", ["run", "runs/deep/a"])
@pytest.mark.parametrize("said", ["relative", "absolute", "of 0.1"])
@pytest.mark.parametrize("where", ["own", "other", "moved", "run moved"])
def test_the_cohort_of_a_run_is_its_own_and_not_one_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: str, said: str, where: str
) -> None:
    made = project(tmp_path / "mine", run, said)
    write_cohort(tmp_path / "yours" / "cohort", OTHER)
    if where == "moved":
        shutil.move(tmp_path / "mine", tmp_path / "elsewhere")
        made = tmp_path / "elsewhere" / run
    home = made.parents[len(Path(run).parts) - 1]
    if where == "run moved":  # and the cohort stays, in the folder one works in
        shutil.move(made, tmp_path / "kept")
        made = tmp_path / "kept"
    monkeypatch.chdir(home if where in ("own", "run moved") else tmp_path / "yours")
    lost = run != "run" and said in ("absolute", "of 0.1") and where == "moved"
    lost = lost or (run != "run" and said == "of 0.1" and where == "other")
    if lost:  # what is said leads nowhere but to the cohort of others
        with pytest.raises(DataError, match="got another one of that name"):
            cohort_of(made)
        return
    found = gather(made)
    assert found.cohort is not None
    assert found.cohort_folder.resolve() == (home / "cohort").resolve()
    assert found.cohort.split_hash == found.record["split_hash"]
    assert [case.split for case in found.cohort] == list(SPLITS)


def test_another_cohort_of_the_name_is_no_cohort_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = project(tmp_path / "mine", "run", "relative")
    shutil.rmtree(tmp_path / "mine" / "cohort")
    write_cohort(tmp_path / "mine" / "cohort", ("train", "val"))
    monkeypatch.chdir(tmp_path / "mine")
    found = gather(made)
    assert found.cohort is None
    assert any("got another one of that name" in gap for gap in found.gaps)


def test_a_cohort_that_was_split_anew_is_still_the_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = project(tmp_path / "mine", "run", "relative")
    write_cohort(tmp_path / "mine" / "cohort", OTHER)
    assert cohort_of(made).resolve() == (tmp_path / "mine" / "cohort").resolve()
    assert "the split has changed" in capsys.readouterr().err


def test_paths_of_a_run_are_said_from_its_folder(tmp_path: Path) -> None:
    made = project(tmp_path / "mine", "runs/deep/a", "relative")
    record = yaml.safe_load((made / "experiment.yaml").read_text())
    assert record["cohort"] == str(Path("..", "..", "..", "cohort"))


@pytest.mark.parametrize("named", ["gone", "cohort", "run"])
def test_named_predictions_that_are_none_are_refused(tmp_path: Path, named: str) -> None:
    write_run(tmp_path / "run", write_cohort(tmp_path / "cohort"))
    with pytest.raises(DataError, match=rf"expected predictions made by .*{named}"):
        gather(tmp_path / "run", tmp_path / named)
