import numpy as np
import pytest
import shapely
from scipy import ndimage

from inklings.labels.kinds import PolygonLabel
from inklings.labels.marks import draw_marks
from inklings.labels.trace import objects_of, polygons_of


@pytest.mark.parametrize("seed", range(60))
def test_polygons_of_any_mask_are_valid_and_hold_its_samples(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 14, 2)) < rng.uniform(0.1, 0.95)
    if seed % 3 == 0:
        mask = np.kron(mask, np.ones((3, 2), bool))
    found = polygons_of(mask)
    assert len(found) == ndimage.label(mask)[1]
    rows, columns = np.indices(mask.shape)
    shapes = [shapely.Polygon([(x, y) for y, x in r[0]], [[(x, y) for y, x in h] for h in r[1:]])
              for r in found]  # fmt: skip
    assert all(shape.is_valid for shape in shapes)
    assert sum(shape.area for shape in shapes) == mask.sum()
    union = shapely.union_all(shapes)
    assert (shapely.contains_xy(union, columns, rows) == mask).all()


@pytest.mark.parametrize("seed", range(20))
def test_an_object_of_many_parts_is_drawn_as_one_again(seed: int) -> None:
    mask = ndimage.zoom(np.random.default_rng(seed).random((7, 9)), 5, order=1) > 0.55
    (outer, *holes), *parts = polygons_of(mask)
    label = PolygonLabel("image", "cell", outer, tuple(holes), tuple(parts))
    drawn = draw_marks([label], mask.shape, ["cell"], "filled")
    assert ((drawn.objects == 1) == mask).all()
    assert drawn.objects.max() == 1


def test_a_square_from_2_to_5_is_nine_samples_and_four_corners() -> None:
    numbers = np.zeros((8, 8), np.uint8)
    numbers[2:5, 2:5] = 3
    ((number, polygons),) = objects_of(numbers)
    assert number == 3
    assert polygons == ((((1.5, 1.5), (1.5, 4.5), (4.5, 4.5), (4.5, 1.5)),),)
