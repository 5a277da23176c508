import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from inklings.reports.cohort_text import cohort_text, file_text
from inklings.simulation.phantoms.cohort import nuclei_cohort


def test_a_cohort_in_words(tmp_path: Path) -> None:
    cohort = nuclei_cohort(tmp_path, patients=3, size=64, microscope="stained")
    small = cohort.cases[0].images["image"]
    Pillow.fromarray(np.zeros((32, 40, 3), np.uint8)).save(small)
    cohort.cases[1].images["image"].unlink()
    unlabelled = dataclasses.replace(cohort.cases[2], labels=())
    lines = cohort_text(dataclasses.replace(cohort, cases=(*cohort.cases[:2], unlabelled)))
    assert lines.splitlines()[:2] == [f"{cohort.name}: 3 cases of 3 patients", "split: none yet"]
    assert "sizes: 32 x 40 (1), 64 x 64 (1)" in lines
    assert "labels: instances mask, complete (2), unlabelled (1)" in lines
    assert "pixel spacing unknown" in lines
    assert "1 images cannot be opened" in lines


def test_a_grey_picture_stored_as_colour_is_recognised(tmp_path: Path) -> None:
    grey = np.arange(600, dtype=np.uint16).reshape(20, 30) // 4
    Pillow.fromarray(grey.astype(np.uint8)).convert("RGB").save(tmp_path / "a.png")
    text = file_text(tmp_path / "a.png")
    assert "values: uint8, 0 to 149, mean 74.5" in text
    assert "all three channels are equal" in text
