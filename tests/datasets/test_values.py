from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from inklings.datasets import values
from inklings.datasets.values import Counted, Survey
from inklings.errors import LabelError, SpecError
from inklings.labels.codes import COLOUR


def encoded(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(array).save(stream, "PNG")
    return stream.getvalue()


def surveyed(*masks: list[int]) -> Survey:
    found = Survey()
    for mask in masks:
        numbers, counts = np.unique(mask, return_counts=True)
        found.add(Counted(dict(zip(numbers.tolist(), counts.tolist(), strict=True))))
    return found


def test_grey_in_colour_has_the_code_of_grey() -> None:
    picture = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]], np.uint8)
    assert values.codes(encoded(picture)).tolist() == [[0, 255, COLOUR + 0xFF0000]]


def test_a_map_names_numbers_and_colours() -> None:
    found = values.parse("0=background, 7=gland,#FF0000=tumour,#ffffff=stroma")
    assert found == {0: "background", 7: "gland", COLOUR + 0xFF0000: "tumour", 255: "stroma"}
    assert values.classes_of(found) == ("gland", "tumour", "stroma")


@pytest.mark.parametrize(
    "text", ["255", "x=y", "0=background", "1=a,1=b", "#ff=a", "", "0=unlabelled"]
)
def test_a_map_that_does_not_parse_says_how_to_write_it(text: str) -> None:
    with pytest.raises(SpecError, match="--values"):
        values.parse(text)


def test_only_0_with_1_or_255_has_an_obvious_reading() -> None:
    assert surveyed([0, 255]).proposal("a") == {0: "background", 255: "a"}
    assert surveyed([0, 1], [0]).proposal("a") == {0: "background", 1: "a"}
    for other in ([0, 1, 255], [0, 128], [1, 2], [255], [0]):
        assert surveyed(other).proposal("a") is None


def test_a_survey_counts_masks_and_samples() -> None:
    found = surveyed([0, 0, 0, 255], [0, 0, 0, 0])
    rows = [line.split() for line in found.lines()[1:]]
    assert rows == [["0", "2/2", "7", "87.50%"], ["255", "1/2", "1", "12.50%"]]


def test_a_survey_of_a_jpeg_shows_the_most_frequent_values_only() -> None:
    assert surveyed(list(range(256))).lines()[-1] == "... and 232 more values"


def test_values_without_a_meaning_are_listed_with_the_masks_that_hold_them() -> None:
    with pytest.raises(LabelError, match=r"no meaning to 3 \(in 1 of 2 masks\), 4 \(in 2 of 2"):
        surveyed([0, 4], [3, 4]).check({0: "background"})


def test_mapping_numbers_classes_in_the_order_of_the_map() -> None:
    meaning = values.parse("9=b,0=background,4=a,5=unlabelled")
    assert values.mapped(np.array([[0, 4, 9, 5]]), meaning).tolist() == [[0, 2, 1, 255]]
    with pytest.raises(LabelError, match="value 6 has no meaning"):
        values.mapped(np.array([6]), meaning)


@pytest.mark.parametrize("low", [1, 70_000])
def test_more_classes_than_eight_bits_number_are_refused(low: int) -> None:
    """The 255th would be read as unlabelled, the 257th as the first."""
    meaning = {low + k: f"class{k}" for k in range(255)}
    found = np.array([[low, low + 254]])
    with pytest.raises(LabelError, match="at most 254 classes in one mask, got 255"):
        values.mapped(found, meaning)
    meaning[low + 254] = "unlabelled"
    assert values.mapped(found, meaning).tolist() == [[1, 255]]


@pytest.mark.parametrize("low", [0, -3, 65_530, 1 << 24])
def test_codes_of_any_size_are_mapped_one_by_one(low: int) -> None:
    rng = np.random.default_rng(0)
    codes = np.unique(rng.integers(low, low + 40, 12))
    meaning = {int(code): ["background", "a", "b", "unlabelled"][i % 4] for i, code in
               enumerate(codes)}  # fmt: skip
    numbers = {"background": 0, "unlabelled": 255, "a": 1, "b": 2}
    found = rng.choice(codes, (7, 9))
    expected = [[numbers[meaning[int(code)]] for code in row] for row in found]
    assert values.mapped(found, meaning).tolist() == expected
    found[3, 4] = next(code for code in range(low, low + 41) if code not in meaning)
    with pytest.raises(LabelError, match="has no meaning"):
        values.mapped(found, meaning)


def test_the_example_names_the_values_that_were_found() -> None:
    assert values.example(surveyed([0, 7])) == "--values '0=background,7=class1'"
