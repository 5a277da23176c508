from pathlib import Path

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier
from typer.testing import CliRunner

from inklings.bags.merge import merge
from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.labels.kinds import BagLabel
from inklings.predictions.bags import BagPrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head, Provenance
from inklings.readers import bag_files

COUNT = 240


def logit(p: np.ndarray) -> np.ndarray:
    return np.log(p / (1 - p))


def world(root: Path, only: str = "") -> tuple[Path, list[Path], np.ndarray, np.ndarray]:
    """A cohort of bags, three models of it, what they say and what is true.

    One model finds half of the positive bags, one calls half of the negative ones too, and one is
    right in five of six: where the first two disagree, the third has to say.
    """
    rng = np.random.default_rng(0)
    truth = rng.random(COUNT) < 0.5
    high = np.where(truth & (rng.random(COUNT) < 0.5), 0.9, 0.2) + rng.normal(0, 0.01, COUNT)
    wide = np.where(truth | (rng.random(COUNT) < 0.5), 0.8, 0.1) + rng.normal(0, 0.01, COUNT)
    both = np.where(truth, 0.6, 0.4) + rng.normal(0, 0.1, COUNT)
    said = np.clip(np.stack([high, wide, both], 1), 0.01, 0.99)
    cases = []
    for k in range(COUNT):
        path = root / "bags" / f"b{k:03d}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        bag_files.write(path, np.zeros((3, 4), np.float32))
        part = "train" if k % 3 == 0 else "val" if k % 3 == 1 else "test"
        present = bool(truth[k]) if part != "val" or not only else only == "yes"
        labels = (BagLabel("tumour", present),)
        cases.append(Case(f"b{k:03d}", f"p{k:03d}", {"features": path}, labels, part))
    Cohort("bags", tuple(cases), ("tumour",)).write(root / "cohort")
    folders = []
    for r, name in enumerate(("specific", "sensitive", "balanced")):
        folder = root / name
        made = Provenance(f"runs/{name}", str(r) * 64, "split", "0")
        trained = tuple(case.patient for case in cases if case.split == "train")
        settings = {"task": "binary", "channels": ["tumour"]}
        Head(("tumour",), (0.5,), made, trained, settings, "bags").write(folder)
        for k, case in enumerate(cases):
            p = np.array([said[k, r], said[k - 1, r], said[k - 2, r]])
            image = case.images["features"]
            one = BagPrediction(
                case.id, image, p[:1], logit(p[:1]), logit(p)[:, None].astype(np.float32)
            )
            one.write(folder)
        folders.append(folder)
    return root / "cohort", folders, said, truth


def test_the_tree_of_the_validation_part_answers_for_bags_and_for_instances(tmp_path: Path) -> None:
    cohort, folders, said, truth = world(tmp_path)
    done = merge(folders, cohort, tmp_path / "out")
    assert done.fitted == {"tumour": 80}
    val = np.arange(COUNT) % 3 == 1
    tree = DecisionTreeClassifier(max_depth=3, min_samples_leaf=4, random_state=0)
    wanted = tree.fit(said[val], truth[val]).predict_proba(said)[:, 1].clip(0.001, 0.999)
    for k, case in enumerate(done.cases):
        made = BagPrediction.read(tmp_path / "out", case)
        assert made.probability[0] == pytest.approx(wanted[k])
        numbers = 1 / (1 + np.exp(-made.instances[:, 0].astype(float)))
        np.testing.assert_allclose(numbers, wanted[[k, k - 1, k - 2]], rtol=1e-4)
    told = (tmp_path / "out" / "tree.txt").read_text()
    assert told.startswith("tumour\n|---")
    assert "specific" in told


def test_what_it_says_is_scored_as_any_and_beats_each_model_here(tmp_path: Path) -> None:
    cohort, folders, _, _ = world(tmp_path)
    words = ["merge", *map(str, folders), "--cohort", str(cohort), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "240 bags merged by a tree (tumour: 80 bags of val)" in result.output
    settings = Settings(split="test", metrics=("accuracy",))

    def accuracy(folder: Path) -> float:
        return next(float(row["value"]) for row in evaluate(folder, cohort, settings).records())

    alone = [accuracy(folder) for folder in folders]
    assert accuracy(tmp_path / "out") > max(alone)
    head = PredictionFolder.open(tmp_path / "out").head
    assert head.trained_on is not None
    assert len(head.trained_on) == 160
    assert head.provenance.run == "runs/specific, runs/sensitive, runs/balanced"


def test_bags_that_taught_the_tree_are_no_test(tmp_path: Path) -> None:
    cohort, folders, _, _ = world(tmp_path)
    merge(folders, cohort, tmp_path / "out")
    with pytest.raises(SpecError, match="was trained on 80 of the patients"):
        evaluate(tmp_path / "out", cohort, Settings(split="val"))


def test_what_cannot_be_merged_is_refused_in_words(tmp_path: Path) -> None:
    cohort, folders, _, _ = world(tmp_path)
    out = tmp_path / "out"
    with pytest.raises(SpecError, match="two models or more"):
        merge(folders[:1], cohort, out)
    with pytest.raises(SpecError, match="one folder twice"):
        merge([folders[0], folders[0]], cohort, out)
    (folders[1] / "cases" / "b001.npz").unlink()
    with pytest.raises(DataError, match=r"all bags of the validation part in .*sensitive"):
        merge(folders, cohort, out)
    other, three, _, _ = world(tmp_path / "one", only="yes")
    with pytest.raises(DataError, match="tumour: expected bags with and without it"):
        merge(three, other, out)
    assert not out.exists()
