"""From a cohort of volumes to a run, to predictions on the grids of the files, to scores."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import balls
import numpy as np
import pytest

from inklings.cohorts.cohort import Cohort
from inklings.data.examples import gather
from inklings.errors import SpecError
from inklings.evaluation.evaluate import evaluate
from inklings.inference.predict import predict
from inklings.predictions.dense import DensePrediction
from inklings.runs.run import Run
from inklings.simulation.chain import Chain
from inklings.simulation.weaken import weaken
from inklings.supervision import SUPERVISIONS
from inklings.tasks.train import train

VIEWS: list[tuple[Any, dict[str, Any]]] = [
    ("2d", {"name": "unet", "width": 4, "depth": 2}),
    ({"view": "2.5d", "spacing_mm": [3, 1.5, 1.5]}, {"name": "unet", "width": 4, "depth": 2}),
    ({"view": "3d", "patch": [8, 16, 16]}, {"name": "unet3d", "width": 4, "depth": 2}),
]
LEARN = {"steps": 60, "learning_rate": 1e-2, "log_every": 20, "checkpoint_every": 100}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return balls.ball_cohort(tmp_path_factory.mktemp("balls") / "cohort")


@pytest.mark.parametrize(("volumes", "model"), VIEWS, ids=["2d", "2.5d", "3d"])
def test_one_word_says_how_volumes_are_seen(volumes, model, cohort, tmp_path, spec) -> None:
    sampling = {"size": 16, "foreground": 0.5, "augment": ["flips"]}
    experiment = spec(cohort, volumes=volumes, model=model, sampling=sampling, **LEARN)
    run = train(experiment, tmp_path / "run")
    predict(run, [cohort], tmp_path / "out", split="test")
    prediction = DensePrediction.read(tmp_path / "out", "c5")
    assert prediction.dense.shape == (1, *balls.GRID.shape)
    assert prediction.geometry is not None
    assert prediction.geometry.spacing == pytest.approx(balls.GRID.spacing)
    assert prediction.geometry.to_points((7, 23, 27)) == pytest.approx(
        balls.GRID.to_points((7, 23, 27)), abs=1e-4
    )
    table = evaluate(tmp_path / "out", cohort)
    assert table["dice"].value > 0.8
    assert table["assd"].unit == "mm"
    again = Run.load(run).model_config
    assert again.volumes == experiment.volumes


def test_a_network_of_other_dimensions_than_the_view_is_refused(cohort, tmp_path, spec) -> None:
    with pytest.raises(SpecError, match="expected a network of 3 dimensions, got one of 2"):
        train(spec(cohort, volumes="3d", steps=1), tmp_path / "run")


def test_labels_are_brought_to_the_spacing_asked_for_and_keep_their_volume(cohort) -> None:
    cases = Cohort.read(cohort).part("train")
    supervision = SUPERVISIONS.build("auto", {"classes": ("ball",)})
    fine = gather(cases, supervision)
    coarse = gather(cases, supervision, spacing_mm=(3.0, 2.0, 2.0))
    assert coarse.images[0].shape == (1, 8, 12, 14)
    assert coarse.geometry(0).spacing == (3.0, 2.0, 2.0)
    for one, other in zip(fine.targets, coarse.targets, strict=True):
        volumes = one.value.sum(dtype=float) * 3, other.value.sum(dtype=float) * 12
        assert volumes[0] == pytest.approx(volumes[1], rel=0.01)


def test_volumes_beyond_the_memory_budget_are_mapped_from_disk(
    cohort, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("INKLINGS_MEMORY_GB", "0.00002")
    cases = Cohort.read(cohort).part("train")
    supervision = SUPERVISIONS.build("auto", {"classes": ("ball",)})
    mapped = gather(cases, supervision, tmp_path / "scratch")
    assert any(isinstance(image, np.memmap) for image in mapped.images)
    monkeypatch.setenv("INKLINGS_MEMORY_GB", "1")
    held = gather(cases, supervision)
    for one, other in zip(mapped.images, held.images, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("slices", {"keep": 0.3}), ("drop", {"keep": 0.5}), ("box", {}), ("points", {}),
     ("scribble", {})],
)  # fmt: skip
def test_every_kind_of_weak_label_can_be_made_of_volumes_and_learnt_from(
    kind, options, cohort, tmp_path, spec
) -> None:
    weak = weaken(cohort, Chain.parse(kind, **options), 0, tmp_path / "weak")
    supervision = SUPERVISIONS.build("auto", {"classes": ("ball",)})
    examples = gather(weak.part("train"), supervision)
    full = gather(Cohort.read(cohort).part("train"), supervision)
    for target, true in zip(examples.targets, full.targets, strict=True):
        if kind in ("slices", "scribble"):
            assert 0 < target.known.mean() < 0.5
            np.testing.assert_array_equal(target.value[target.known], true.value[target.known])
    if kind == "slices":
        assert examples.targets[0].known[0].all((1, 2)).sum() == 2
        assert not weak.cases[0].labels[0].path.name.endswith(".npy")
    run = train(spec(tmp_path / "weak", volumes="2.5d", steps=2), tmp_path / "run")
    record = json.loads((run / "run.json").read_text())
    assert record["facts"]["steps"] == 2


def test_networks_of_monai_learn_from_patches(cohort, tmp_path, spec) -> None:
    pytest.importorskip("monai", reason="needs the extra inklings[monai]")
    model = {"name": "monai", "network": "SegResNet", "dimensions": 3, "init_filters": 8}
    volumes = {"view": "3d", "patch": [8, 16, 16]}
    run = train(spec(cohort, volumes=volumes, model=model, steps=2), tmp_path / "run")
    assert Run.load(run).model_config.window == (8, 16, 16)


def test_cases_with_all_kinds_of_labels_and_with_none_are_learnt_from_together(
    cohort, tmp_path, spec
) -> None:
    """Supervision is mixed case by case: whole masks, a few slices, points."""
    full = Cohort.read(cohort)
    sparse = weaken(cohort, Chain.parse("slices", keep=0.3), 0, tmp_path / "slices")
    points = weaken(cohort, Chain.parse("points"), 0, tmp_path / "points")
    cases = (full.cases[0], sparse.cases[1], points.cases[2], *full.cases[3:])
    replace(full, cases=cases).write(tmp_path / "mixed")
    examples = gather(cases[:3], SUPERVISIONS.build("auto", {"classes": ("ball",)}))
    shares = [float(target.known.mean()) for target in examples.targets]
    assert shares[0] == 1
    assert shares[1] == pytest.approx(2 / 8)
    assert 0 < shares[2] < 0.1
    train(spec(tmp_path / "mixed", volumes="2d", steps=2), tmp_path / "run")
