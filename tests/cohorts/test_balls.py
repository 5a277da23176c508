"""Round objects in millimetres."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from inklings.cohorts.balls import balls_of, class_of
from inklings.cohorts.case import Case
from inklings.errors import DataError
from inklings.labels.kinds import BallLabel, PointLabel


def test_points_lie_where_their_image_places_them(tmp_path: Path) -> None:
    """Voxels of 2 x 2 x 1 mm: the cubic one of 4 mm3 has a side of 1.587 mm."""
    affine = np.diag([-2.0, -2.0, 1.0, 1.0])  # of NIfTI, to the right and the front
    affine[:3, 3] = 10.0, 20.0, 30.0
    nibabel.save(nibabel.Nifti1Image(np.zeros((8, 6, 4), np.int16), affine), tmp_path / "a.nii")
    labels = (
        PointLabel("mr", "lesion", (1.0, 2.0, 3.0), 5.0),
        BallLabel("mr", "lesion", (1.0, 2.0, 3.0), 9.0),
        PointLabel("mr", "cyst", (0.0, 0.0, 0.0)),
    )
    case = Case("a", "p", {"mr": tmp_path / "a.nii"}, labels)
    point, ball = balls_of(case, ("lesion",))
    # x = -(10 - 3 * 2), y = -(20 - 2 * 2), z = 30 + 1.
    assert point.centre_mm == pytest.approx((-4.0, -16.0, 31.0))
    assert point.diameter_mm == pytest.approx(5 * 4 ** (1 / 3))
    assert ball is labels[1]
    assert balls_of(case, ("cyst",))[0].diameter_mm is None


def test_points_of_a_picture_are_refused_and_so_is_a_cohort_without_places(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    case = Case("a", "p", {"image": tmp_path / "a.png"}, (PointLabel("image", "cell", (1.0, 2.0)),))
    with pytest.raises(DataError, match="expected points of a volume"):
        balls_of(case, ("cell",))
    assert class_of([case], tmp_path) == "cell"
    with pytest.raises(DataError, match="expected balls or points"):
        class_of([], tmp_path)
