"""A stranger with pictures and boxes of Labelme, and nothing but the wheel, comes to a report."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stranger import stranger

pytestmark = pytest.mark.slow
SIDE = 96


def pictures(folder: Path, count: int = 20) -> None:
    """Bright cells on a dark ground, each picture with its boxes beside it."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for number in range(count):
        grey = rng.normal(40, 8, (SIDE, SIDE))
        shapes = []
        for centre in rng.permutation([(24, 24), (24, 70), (70, 24), (70, 70)])[:3]:
            y, x = centre + rng.integers(-6, 7, 2)
            b, a = rng.integers(8, 14, 2)
            grey[((rows - y) / b) ** 2 + ((columns - x) / a) ** 2 <= 1] += 120
            corners = [[float(x - a), float(y - b)], [float(x + a + 1), float(y + b + 1)]]
            shapes.append({"label": "cell", "points": corners, "shape_type": "rectangle",
                           "group_id": None, "flags": {}})  # fmt: skip
        name = f"patient{number:02}_field.png"
        Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(folder / name)
        said = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": name,
                "imageData": None, "imageHeight": SIDE, "imageWidth": SIDE}  # fmt: skip
        (folder / name).with_suffix(".json").write_text(json.dumps(said))


def test_boxes_of_labelme_become_a_report(tmp_path: Path) -> None:
    her = stranger(tmp_path)
    pictures(her.home / "fields")
    assert "inklings 0." in her.runs("--version")
    her.runs(
        "import", "folder", "--images", "fields/*.png", "--annotations", "fields/*.json",
        "--patient", r"(patient\d+)_", "--out", "cells",
    )  # fmt: skip
    her.runs("check", "cells")
    her.runs("split", "cells", "--fractions", "0.6", "0.2", "0.2", "--seed", "0")
    her.runs("train", "cells", "--minutes", "0.5", "--out", "run")
    her.runs("predict", "run", "cells", "--split", "test", "--out", "found")
    her.runs("evaluate", "found", "--cohort", "cells")
    her.runs("report", "run")
    page = (her.home / "run" / "report.html").read_text(encoding="utf-8")
    assert "Is it good enough?" in page
    assert "boxes" in page
    with (her.home / "found" / "cases.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 4
    her.runs("export", "found", "--to", "labelme")
    assert len(list((her.home / "found" / "exports" / "labelme").rglob("patient*.json"))) == 4
