"""What is wrong is told in one line, with what was expected and what came."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images_in_memory import field

import inklings as ik

PICTURES = [field(seed)[0] for seed in range(2)]
MASKS = [field(seed)[1] for seed in range(2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": PICTURES, "masks": MASKS[:1]}, "masks: expected one for each of 2 cases"),
        ({"images": PICTURES, "maks": MASKS}, "no option 'maks'; did you mean 'masks'"),
        ({}, "expected images, got nothing"),
        ({"images": []}, "expected images, got nothing"),
        ({"images": PICTURES, "masks": MASKS, "spacing_mm": -1.0}, "spacing above 0 mm"),
        ({"images": [np.array(["a"])]}, "expected an array of numbers"),
        ({"images": [np.zeros((5, 9, 9))]}, "cannot tell the axes"),
        ({"images": [np.zeros((4, 9, 9))], "axes": "zyx"}, "expected the spacing of a volume"),
    ],
)
def test_arrays_that_cannot_be_imported(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ik.InklingsError, match=message) as said:
        ik.import_dataset("arrays", out=tmp_path / "c", **options)
    assert "\n" not in str(said.value)


def test_a_mask_of_numbers_without_a_name_leaves_its_case_out_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = [(MASKS[0] > 0).astype(int), MASKS[1]]
    cohort = ik.import_dataset("arrays", out=tmp_path / "c", images=PICTURES, masks=masks)
    assert [case.id for case in cohort] == ["0000"]
    assert "expected numbers up to 1 (object), got 3" in capsys.readouterr().err


def test_names_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ik.InklingsError, match="no dataset named 'dsb'"):
        ik.import_dataset("dsb", out=tmp_path / "c")
    with pytest.raises(ik.InklingsError, match="no recipe named 'wek'; did you mean 'weak'"):
        ik.train("wek", cohort=tmp_path, out=tmp_path / "r")
    with pytest.raises(ik.InklingsError, match="expected a run folder"):
        ik.predict(tmp_path / "none", PICTURES[0])


def test_an_option_of_a_dataset_is_checked_as_on_its_command_line(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(ik.InklingsError, match="min_isup: expected 0 to 5, got 9"):
        ik.import_dataset("panda", tmp_path / "x", out=tmp_path / "c", min_isup=9)
    with pytest.raises(ik.InklingsError, match="modality: input should be 'mr-t1-inphase'"):
        ik.import_dataset("chaos", tmp_path / "x", out=tmp_path / "c", modality="mr")


def test_a_cohort_that_was_changed_in_memory_is_not_taken_for_that_on_disk(
    fields: ik.Cohort, tmp_path: Path
) -> None:
    part = fields.where(lambda case: case.id > "0003")
    with pytest.raises(ik.InklingsError, match="in memory; write it first"):
        ik.simulate_weak_labels(part, "drop:keep=0.5", out=tmp_path / "w")
    written = part.write(tmp_path / "part")
    assert len(ik.simulate_weak_labels(written, "drop:keep=0.5", out=tmp_path / "w")) == 8


def test_inputs_of_a_run_that_cannot_be(
    field_run: ik.Run, fields: ik.Cohort, tmp_path: Path
) -> None:
    with pytest.raises(ik.InklingsError, match=r"Cohort\.read"):
        ik.predict(field_run, fields.folder or "")
    with pytest.raises(ik.InklingsError, match="expected a cohort, a folder"):
        ik.predict(field_run, tmp_path / "none.png")
    with pytest.raises(ik.InklingsError, match="channels"):
        ik.predict(field_run, field(0, channels=3)[0])
    with pytest.raises(ik.InklingsError, match="expected a cohort, got images"):
        ik.predict(field_run, [field(0)[0]], split="test")
    with pytest.raises(ik.InklingsError, match="does not apply"):
        ik.predict(field_run, field(0)[0], flipz=True)


def test_files_say_their_own_axes(tmp_path: Path) -> None:
    with pytest.raises(ik.InklingsError, match="expected an array for axes"):
        ik.open_image(tmp_path / "x.png", axes="yx")
    with pytest.raises(ik.InklingsError, match="expected a grid of"):
        ik.open_image(np.zeros((3, 4)), geometry=ik.Geometry((4, 3)))
