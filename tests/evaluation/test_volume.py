import numpy as np
import pytest

from inklings.evaluation.evaluate import score
from inklings.evaluation.metric import Options
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.evaluation.volume import volume_ml


def pair(predicted: int, spacing: tuple[float, ...] | None, shape=(10, 10, 10)) -> Pair:
    said, true = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    said.flat[:predicted] = true.flat[:400] = True
    name = f"{predicted}"
    return Pair(name, name, Segmentation.of(said), Segmentation.of(true), spacing=spacing)


def test_a_box_of_20_by_10_by_5_mm_is_one_millilitre() -> None:
    box = np.zeros((12, 12, 12), np.bool_)
    box[1:11, 1:6, 1:6] = True
    assert volume_ml(box, (2.0, 2.0, 1.0)) == pytest.approx(1.0)


def test_volumes_are_means_over_cases_with_what_was_predicted_and_what_is_true() -> None:
    spacing = (5.0, 2.0, 2.0)  # 50 samples are 1 ml
    table = score([pair(500, spacing), pair(0, spacing)], options=Options(unit="mm"))
    assert table["volume_ml"].value == pytest.approx(5.0)
    assert table["reference_ml"].value == pytest.approx(8.0)
    assert table["volume_ml"].unit == "ml"
    assert [line["volume_ml"] for line in table.cases] == pytest.approx([10.0, 0.0])


@pytest.mark.parametrize(
    ("spacing", "shape", "unit"),
    [(None, (10, 10, 10), "px"), ((2.0, 2.0), (40, 40), "mm"), ((1.0, 1.0, 1.0), (9, 9, 9), "px")],
)
def test_pictures_and_volumes_without_millimetres_have_no_volume(spacing, shape, unit) -> None:
    table = score([pair(100, spacing, shape)], options=Options(unit=unit))
    assert "volume_ml" not in table
