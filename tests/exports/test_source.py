from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, GeometryError, SpecError
from inklings.exports import EXPORTS
from inklings.exports.source import ExportSource, require_fits
from inklings.predictions.dense import DensePrediction
from inklings.predictions.findings import Findings
from inklings.predictions.head import Head, Provenance


def test_a_cohort_chooses_cases_and_says_where_images_are(
    predictions: Path, tmp_path: Path
) -> None:
    (tmp_path / "full.png").rename(tmp_path / "moved.png")
    case = Case("full", "p", {"image": tmp_path / "moved.png"})
    Cohort("demo", (case,), ("nucleus",)).write(tmp_path / "cohort")
    source = ExportSource.open(predictions, tmp_path / "cohort")
    (prediction,) = source
    assert prediction.case == "full"
    assert source.picture(prediction) is not None


def test_a_cohort_of_other_cases_is_refused(predictions: Path, tmp_path: Path) -> None:
    Cohort("demo", (Case("x", "p", {"image": tmp_path}),), ("nucleus",)).write(tmp_path / "cohort")
    with pytest.raises(DataError, match="is it the right one"):
        ExportSource.open(predictions, tmp_path / "cohort")


def test_a_folder_without_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected predictions written by 'inklings predict'"):
        ExportSource.open(tmp_path)
    Head(("n",), (0.5,), Provenance("r", "", None, "0")).write(tmp_path)
    with pytest.raises(DataError, match="holds no predicted case yet"):
        ExportSource.open(tmp_path)


def test_objects_are_components_where_none_were_predicted(tmp_path: Path) -> None:
    Head(("n",), (0.5,), Provenance("r", "", None, "0")).write(tmp_path)
    dense = np.zeros((1, 20, 20), np.uint8)
    dense[0, 2:8, 2:8] = dense[0, 12:18, 12:18] = 255
    DensePrediction("c", tmp_path, dense).write(tmp_path)
    source = ExportSource.open(tmp_path)
    assert source.objects(next(iter(source))).max() == 2


OF_VOLUMES = {
    "dicom-labelmap", "dicom-seg", "mha", "montage", "nifti", "npz", "nrrd", "ome-zarr", "rtstruct",
}  # fmt: skip
OF_BAGS = {"csv", "json", "parquet", "tile-maps"}
OF_FINDINGS = {"dicom-sr"}
OF_COHORTS = {"nnunet"}


@pytest.mark.parametrize(
    "name", sorted(set(EXPORTS) - OF_VOLUMES - OF_BAGS - OF_FINDINGS - OF_COHORTS)
)
def test_volumes_are_refused_by_formats_of_pictures(name: str, tmp_path: Path) -> None:
    Head(("n",), (0.5,), Provenance("r", "", None, "0")).write(tmp_path)
    DensePrediction("c", tmp_path, np.zeros((1, 4, 5, 6), np.uint8)).write(tmp_path)
    with pytest.raises(GeometryError, match=r"expected a picture \(y, x\)"):
        EXPORTS.build(name, {})(ExportSource.open(tmp_path), tmp_path / "out")


@pytest.mark.parametrize("name", sorted(set(EXPORTS) - OF_FINDINGS))
def test_findings_say_where_they_go(name: str, tmp_path: Path) -> None:
    Head(("n",), (0.5,), Provenance("r", "", None, "0"), kind="findings").write(tmp_path)
    Findings("a", ()).write(tmp_path)
    with pytest.raises(SpecError, match="holds findings, which go to dicom-sr"):
        require_fits(name, EXPORTS.build(name, {}), ExportSource.open(tmp_path))
