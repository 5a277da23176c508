"""What a run predicts: files, arrays, single cases, cohorts; each once, and none twice."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from images_in_memory import field, scan
from PIL import Image as Pillow

import inklings as ik
from inklings.runs.run import Run


def test_a_case_is_predicted_as_its_image(fields: ik.Cohort, field_run: ik.Run) -> None:
    case = fields.part("test")[0]
    alone = ik.predict(field_run, case)
    of_file = ik.predict(field_run, case.images["image"])
    assert alone.case == case.id
    assert np.array_equal(alone.probability, of_file.probability)
    assert alone.geometry is not None
    assert alone.geometry.spacing == (0.0005, 0.0005)  # which the case says


def test_cases_and_a_cohort_in_memory_keep_their_order_and_names(
    fields: ik.Cohort, field_run: ik.Run
) -> None:
    cases = fields.part("test")[::-1]
    assert ik.predict(field_run, list(cases)).cases == tuple(case.id for case in cases)
    part = fields.where(lambda case: case.split == "test")
    assert part.folder is None
    assert ik.predict(field_run, part).cases == tuple(case.id for case in part)


def test_a_case_of_several_images_or_of_dicom_keeps_what_it_says(
    scans: ik.Cohort, scan_run: ik.Run
) -> None:
    case = scans.cases[0]
    grid = ik.predict(scan_run, case).geometry
    assert grid is not None
    assert grid.shape == scan(0)[0].shape
    assert grid.spacing == pytest.approx((4.0, 1.0, 1.0))


def test_a_spacing_of_files_copies_no_image(field_run: ik.Run, tmp_path: Path) -> None:
    Pillow.fromarray(field(3)[0]).save(tmp_path / "new.png")
    found = ik.predict(field_run, tmp_path / "new.png", spacing_mm=0.25, out=tmp_path / "found")
    assert found.case == "new"
    assert found.geometry is not None
    assert found.geometry.spacing == (0.25, 0.25)
    assert not [*(tmp_path / "found" / "inputs").rglob("*.png")]


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (lambda cohort: cohort, {"spacing_mm": 1.0}, "expected images, got a cohort"),
        (lambda cohort: cohort.cases[0], {"axes": "yx"}, "expected images, got cases"),
        (lambda cohort: [cohort.cases[0], field(0)[0]], {}, "or cases of a cohort, got both"),
        (lambda cohort: cohort.cases[0].images["image"], {"spacing_mm": -1}, "above 0 mm, got -1"),
        (lambda _: [], {}, "expected"),
        (lambda _: "none.png", {}, "expected a cohort, a folder"),
        (lambda _: np.zeros((0, 4), np.uint8), {}, "expected"),
    ],
)
def test_what_would_be_overruled_or_is_nothing_is_refused_in_one_line(
    fields: ik.Cohort, field_run: ik.Run, given: Callable[[ik.Cohort], object],
    options: dict[str, object], message: str,
) -> None:  # fmt: skip
    with pytest.raises(ik.InklingsError, match=message) as said:
        ik.predict(field_run, given(fields), **options)
    assert "\n" not in str(said.value)


def test_a_call_reads_the_weights_once(field_run: ik.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read, load = [], Run.load

    def counted(folder: str | Path) -> Run:
        read.append(folder)
        return load(folder)

    monkeypatch.setattr(Run, "load", counted)
    assert field_run.folder is not None
    for given in (field_run, field_run.folder, str(field_run.folder)):
        ik.predict(given, [field(seed)[0] for seed in range(2)])
    assert len(read) == 3


def test_records_are_shown_in_one_line(fields: ik.Cohort, field_run: ik.Run) -> None:
    found = ik.predict(field_run, fields, split="test")
    trained = {case.patient for part in ("train", "val") for case in fields.part(part)}
    assert (field_run.task, field_run.classes) == ("segmentation", ("nucleus",))
    assert field_run.trained_on == tuple(sorted(trained))
    assert repr(field_run) == (
        "<Run: segmentation of nucleus >= 0.50; unet, 30 steps, trained on 9 patients; "
        f"{field_run.folder}>"
    )
    assert repr(fields) == (
        f"<Cohort 'arrays': 12 cases (6 train, 3 val, 3 test) of nucleus; {fields.folder}>"
    )
    assert repr(found) == f"<Predictions of 3 cases; {found.folder}>"
    assert repr(found[0]).startswith(f"<Prediction of {found.cases[0]}: nucleus up to ")
    assert repr(found[0]).endswith(f", mask (48, 48); {found.folder}>")
