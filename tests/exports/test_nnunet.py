"""Raw data of nnU-Net: read back by our import, and verified by nnU-Net where it is installed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.datasets.importing import run
from inklings.datasets.nnunet import NnUNet as Import
from inklings.errors import DataError, SpecError
from inklings.exports.export import export
from inklings.geometry import Geometry
from inklings.labels.files import read_mask, write_mask
from inklings.labels.kinds import BoxLabel, MaskLabel
from inklings.readers.nifti import write_nifti

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def volumes(root: Path) -> Cohort:
    """Three volumes of two channels with two classes; the first is annotated in part."""
    rng = np.random.default_rng(0)
    cases = []
    for k, split in enumerate(SPLITS):
        grid = Geometry((4, 9, 11), (3.0, 0.8, 0.7), (1.0, 2.0, 3.0))
        images = {}
        for name in ("t1", "flair"):
            images[name] = root / f"{k}_{name}.nii.gz"
            write_nifti(images[name], rng.integers(0, 999, grid.shape).astype(np.int16), grid)
        mask = rng.integers(0, 3, grid.shape).astype(np.uint8)
        if k == 0:
            mask[:2] = 255
        write_mask(root / f"{k}.nii.gz", mask, grid)
        extent = "partial" if k == 0 else "complete"
        label = MaskLabel(root / f"{k}.nii.gz", "t1", "classes", ("liver", "spleen"), extent)
        cases.append(Case(f"c{k}", f"c{k}", images, (label,), split))
    return Cohort("our data", tuple(cases), ("liver", "spleen")).write(root / "cohort")


def test_a_cohort_comes_back_with_channels_ignore_and_its_split(tmp_path: Path) -> None:
    cohort = volumes(tmp_path)
    home = export(tmp_path / "cohort", "nnunet", tmp_path / "raw").path
    assert home.name == "Dataset001_our_data"
    said = json.loads((home / "dataset.json").read_text())
    assert said["labels"] == {"background": 0, "liver": 1, "spleen": 2, "ignore": 3}
    assert said["channel_names"] == {"0": "t1", "1": "flair"}
    assert said["numTraining"] == 2
    assert json.loads((home / "splits_final.json").read_text()) == [
        {"train": ["c0"], "val": ["c1"]}
    ]
    again = run(Import(home), tmp_path / "again", workers=1).cohort
    assert again.classes == cohort.classes
    assert [case.split for case in again] == list(SPLITS)
    for before, after in zip(cohort, again, strict=True):
        old, new = before.labels[0], after.labels[0]
        assert isinstance(old, MaskLabel)
        assert isinstance(new, MaskLabel)
        np.testing.assert_array_equal(read_mask(old.path), read_mask(new.path))


def test_nnunet_accepts_what_is_written(tmp_path: Path) -> None:
    verify = pytest.importorskip(
        "nnunetv2.experiment_planning.verify_dataset_integrity", reason="nnU-Net is not installed"
    )
    volumes(tmp_path)
    home = export(tmp_path / "cohort", "nnunet", tmp_path / "raw").path
    verify.verify_dataset_integrity(str(home), num_processes=1)


def test_pictures_become_png_and_boxes_label_maps(tmp_path: Path) -> None:
    cases = []
    for k in range(2):
        path = tmp_path / f"{k}.png"
        Pillow.fromarray(np.full((20, 30, 3), 10 * k, np.uint8)).save(path)
        labels = (BoxLabel("image", "cell", (2, 3), (5, 9)),) if k == 0 else ()
        cases.append(Case(f"p{k}", f"p{k}", {"image": path}, labels))
    Cohort("cells", tuple(cases), ("cell",)).write(tmp_path / "cohort")
    home = export(tmp_path / "cohort", "nnunet", tmp_path / "Dataset007_cells").path
    assert home == tmp_path / "Dataset007_cells"
    codes = np.asarray(Pillow.open(home / "labelsTr" / "p0.png"))
    assert np.argwhere(codes).min(0).tolist() == [2, 3]
    assert codes.sum() == 18
    assert Pillow.open(home / "imagesTr" / "p0_0000.png").mode == "RGB"
    assert (home / "imagesTs" / "p1_0000.png").is_file()


def test_predictions_and_cases_of_other_channels_are_refused(
    tmp_path: Path, predictions: Path
) -> None:
    with pytest.raises(SpecError, match="expected a cohort"):
        export(predictions, "nnunet", tmp_path / "raw")
    there = volumes(tmp_path)
    first, *others = there.cases
    less = Case("c0", "c0", {"t1": first.images["t1"]}, first.labels, "train")
    Cohort("odd", (less, *others), there.classes).write(tmp_path / "odd")
    with pytest.raises(DataError, match="case c1: expected channels t1"):
        export(tmp_path / "odd", "nnunet", tmp_path / "raw2")
