"""A program that uses every name is clean for mypy --strict, with the types that it expects."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from pathlib import Path
from typing import assert_type
import numpy as np
from numpy.typing import NDArray
import inklings as ik

def program(array: NDArray[np.uint8]) -> None:
    with ik.open_image("a.png") as image:
        assert_type(image, ik.Image)
        pixels = image.read(ik.Region((0, 0), (8, 8)))
        grid: ik.Geometry = image.geometry
    cohort = ik.import_dataset("arrays", out="c", images=[array, pixels], masks=[array, None])
    assert_type(cohort, ik.Cohort)
    cases: tuple[ik.Case, ...] = cohort.part("test")
    weak = ik.simulate_weak_labels(cohort, "drop:keep=0.5", out=Path("w"))
    text: str = ik.recipes.text("weak")
    run = ik.train("weak", cohort=weak, out="r", training={"steps": 10})
    assert_type(run, ik.Run)
    again = ik.train(ik.Experiment.load(Path("e.yaml")), out="r2", start=run)
    one = ik.predict(run, array, spacing_mm=0.5)
    assert_type(one, ik.Prediction)
    assert_type(one.probability, NDArray[np.float32])
    assert_type(one.mask, NDArray[np.uint8])
    many = ik.predict(again, cohort, split="test")
    assert_type(many[0], ik.Prediction)
    listed = ik.predict(run, [array, "b.png"])
    for prediction in listed:
        assert_type(prediction, ik.Prediction)
    scores = ik.evaluate(many, cohort)
    assert_type(scores, ik.Scores)
    value: float = scores["dice"].value
    written: Path = ik.export(many, "png", out="png")
    try:
        ik.view(cohort, many)
    except ik.InklingsError:
        print(grid, cases, text, value, written)
"""


@pytest.mark.slow
def test_a_program_is_clean_for_mypy_strict(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", root / "pyproject.toml", "--strict",
         tmp_path / "program.py"],
        cwd=root, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
