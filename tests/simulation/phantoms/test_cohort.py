from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.labels.files import read_mask
from inklings.labels.kinds import MaskLabel
from inklings.readers import open_image
from inklings.readers.picture import decode
from inklings.simulation.phantoms.cohort import nuclei_cohort, tissue_cohort, write_dsb
from inklings.simulation.phantoms.tissue import tissue_field
from inklings.simulation.phantoms.world import Look


def test_a_tissue_cohort_reads_back_as_it_was_drawn(tmp_path: Path) -> None:
    tissue_cohort(tmp_path, patients=2, images=2, size=96, seed=3)
    cohort = Cohort.read(tmp_path)
    assert [case.id for case in cohort] == ["p00-0", "p00-1", "p01-0", "p01-1"]
    assert {case.patient for case in cohort} == {"p00", "p01"}
    rgb, objects, tumour = tissue_field(300_101, 96, look=Look.of_patient(300_100))
    case = cohort.cases[3]
    with open_image(case.images["image"]) as image:
        np.testing.assert_array_equal(image.read(image.geometry.full), np.moveaxis(rgb, -1, 0))
    (label,) = case.labels
    assert isinstance(label, MaskLabel)
    assert (label.kind, label.classes, label.extent) == ("instances", ("tumour",), "complete")
    np.testing.assert_array_equal(read_mask(label.path), np.where(tumour, objects, 0))


def test_the_gland_task_labels_benign_glands_too(tmp_path: Path) -> None:
    areas = []
    for task in ("tumour", "glands"):
        cohort = tissue_cohort(tmp_path / task, 1, 1, 128, task=task)
        (label,) = cohort.cases[0].labels
        assert isinstance(label, MaskLabel)
        areas.append(int((read_mask(label.path) > 0).sum()))
    assert areas[1] > areas[0] > 0


def test_an_unknown_task_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expected a task of 'tumour' or 'glands', got 'nuclei'"):
        tissue_cohort(tmp_path, task="nuclei")  # type: ignore[arg-type]


def test_a_nuclei_cohort_has_one_patient_a_field(tmp_path: Path) -> None:
    nuclei_cohort(tmp_path, patients=3, size=64, microscope="stained")
    cohort = Cohort.read(tmp_path)
    assert len({case.patient for case in cohort}) == 3
    assert {case.facts["modality"] for case in cohort} == {"stained"}


def test_a_miniature_of_the_bowl_has_one_mask_a_nucleus(tmp_path: Path) -> None:
    truth = write_dsb(tmp_path, images=2, size=96)
    for name, nuclei in truth.items():
        folder = tmp_path / "stage1_train" / name
        picture = np.asarray(Image.open(folder / "images" / f"{name}.png"))
        assert picture.shape == (96, 96, 4)
        assert (picture[..., 3] == 255).all()
        masks = [decode(path) for path in sorted((folder / "masks").iterdir())]
        assert len(masks) == nuclei.max()
        np.testing.assert_array_equal(sum(m > 0 for m in masks), nuclei > 0)
