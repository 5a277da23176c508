"""The small inputs of ``../shared/cases``, through the public commands, with what is right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.bags import spans
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.cohorts.rasterise import annotate
from inklings.errors import InklingsError
from inklings.labels.kinds import MaskLabel
from inklings.readers import open_image
from inklings.readers.bag_files import head, read

CASES = Path(__file__).parents[3] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no ../shared/cases here")


def call(*words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert "unexpected" not in result.output
    assert "Traceback" not in result.output
    return result


def refused(result: Result, *words: str) -> bool:
    """Whether it ended with exit code 2 and one line that holds ``words``."""
    lines = [line for line in result.output.splitlines() if line.startswith("inklings:")]
    said = result.exit_code == 2 and len(lines) == 1
    return said and all(word in lines[0].lower() for word in words)


def counts(case: Case, cohort: Cohort) -> dict[str, int]:
    """Pixels or voxels of each class, of none of them, and of those that nobody labelled."""
    image = next(iter(case.images))
    with open_case(case) as opened:
        drawn = annotate(case, image, opened.geometry, cohort.classes)
    found = {name: int((drawn.category == k).sum()) for k, name in enumerate(cohort.classes, 1)}
    nothing = drawn.known & (drawn.category == 0)
    return found | {"background": int(nothing.sum()), "unlabelled": int((~drawn.known).sum())}


def checked(cohort: Path) -> str:
    """All that ``check --json`` and the record of the import say, in one text."""
    said = call("check", cohort, "--json").output
    json.loads(said[said.index("{") : said.rindex("}") + 1])
    record = cohort / "import_findings.json"
    return said + (record.read_text(encoding="utf-8") if record.exists() else "")


def folder(name: str, out: Path, *words: object) -> Result:
    at = CASES / name
    return call(
        "import", "folder", "--images", at / "images", "--masks", at / "masks", "--out", out, *words
    )


def nifti(name: str, out: Path, *words: object) -> Result:
    at = CASES / name
    return call(
        "import", "nifti", "--images", at / "images", "--masks", at / "masks", "--out", out, *words
    )


def test_a_grey_16_bits_big_endian() -> None:
    with open_image(CASES / "a-grey-16-bits-big-endian" / "field.tif") as image:
        array = image.read(image.geometry.full)
    assert (array.shape, array.dtype) == ((1, 64, 80), np.uint16)
    assert (array.min(), array.max(), array.sum(), array[0, 10, 20]) == (723, 3704, 6932983, 3494)


@pytest.mark.parametrize("name", ["field.tif", "field.png"])
def test_a_colour_16_bits(name: str) -> None:
    with open_image(CASES / "a-colour-16-bits" / name) as image:
        array = image.read(image.geometry.full)
    assert array.dtype == np.uint16
    assert (array[0].min(), array[0].max(), len(np.unique(array[0]))) == (85, 820, 217)
    assert array.sum((1, 2), dtype=np.int64).tolist() == [842728, 420653, 279959]


def test_a_channels_of_imagej() -> None:
    with open_image(CASES / "a-channels-of-imagej" / "stack.tif") as image:
        array = image.read(image.geometry.full)
        assert image.channels == ("BF", "DAPI", "GFP")
    assert (array.shape, array.dtype) == ((3, 48, 60), np.uint16)
    assert array.mean((1, 2)).round(1).tolist() == [247.2, 1138.8, 250.6]


def test_a_mask_of_one_page_an_object(tmp_path: Path) -> None:
    result = folder("a-mask-of-one-page-an-object", tmp_path / "c", "--instances")
    if refused(result, "page"):
        return
    cohort = Cohort.read(tmp_path / "c")
    assert cohort.cases[0].facts["objects"] == "9"
    assert counts(cohort.cases[0], cohort)["object"] == 735


def test_a_masks_where_white_is_zero(tmp_path: Path) -> None:
    assert folder("a-masks-where-white-is-zero", tmp_path / "c", "--yes").exit_code == 0
    cohort = Cohort.read(tmp_path / "c")
    assert [counts(case, cohort)["object"] for case in cohort] == [669, 669]


def test_a_lying_photograph(tmp_path: Path) -> None:
    result = folder("a-lying-photograph", tmp_path / "c", "--yes")
    assert result.exit_code == 0
    assert "every check passed" not in result.output
    cohort = Cohort.read(tmp_path / "c")
    case = cohort.cases[0]
    with open_case(case) as image:
        grey = image.read(image.geometry.full).mean(0)
        inside = annotate(case, "image", image.geometry, cohort.classes).category > 0
    assert grey[inside].mean() - grey[~inside].mean() == pytest.approx(153.3, abs=1.0)
    assert "orientation" in checked(tmp_path / "c")


def test_a_numbers_of_objects(tmp_path: Path) -> None:
    folder("a-numbers-of-objects", tmp_path / "c", "--instances")
    cohort = Cohort.read(tmp_path / "c")
    found = {case.id: (case.facts["objects"], counts(case, cohort)) for case in cohort}
    assert found["large"][0] == "9"
    assert found["large"][1]["object"] == 703
    if "minus" in found:
        assert found["minus"][0] == "9"
        assert (found["minus"][1]["object"], found["minus"][1]["unlabelled"]) == (681, 640)
    else:
        assert "minus" in checked(tmp_path / "c")


def test_a_mask_in_the_alpha(tmp_path: Path) -> None:
    result = folder("a-mask-in-the-alpha", tmp_path / "c", "--values", "0=background,255=nucleus")
    if result.exit_code == 0:
        cohort = Cohort.read(tmp_path / "c")
        assert counts(cohort.cases[0], cohort)["nucleus"] == 670
        assert "alpha" in checked(tmp_path / "c")
    else:
        assert "alpha" in result.output
        assert not (tmp_path / "c" / "labels" / "f.png").exists()


def test_b_scribbles_with_code_4(tmp_path: Path) -> None:
    values = "0=background,1=organ,2=lesion,4=unlabelled"
    assert nifti("b-scribbles-with-code-4", tmp_path / "c", "--values", values).exit_code == 0
    cohort = Cohort.read(tmp_path / "c")
    assert counts(cohort.cases[0], cohort) == {
        "organ": 7, "lesion": 6, "background": 22, "unlabelled": 11485,
    }  # fmt: skip
    masks = [label for label in cohort.cases[0].labels if isinstance(label, MaskLabel)]
    assert [mask.extent for mask in masks] == ["partial"]


def test_b_one_ball_in_three_orientations(tmp_path: Path) -> None:
    name = "b-one-ball-in-three-orientations"
    assert nifti(name, tmp_path / "c", "--values", "0=background,1=ball").exit_code == 0
    cohort = Cohort.read(tmp_path / "c")
    for case in cohort:
        with open_case(case) as image:
            inside = annotate(case, "image", image.geometry, cohort.classes).category > 0
            centre = image.geometry.to_points(np.argwhere(inside)).mean(0)
        assert inside.sum() == 782
        assert centre.tolist() == pytest.approx([17.03, 13.0, 27.0], abs=0.01)
    assert "mixed orientations" in checked(tmp_path / "c").lower()


def test_b_leaning_ct(tmp_path: Path) -> None:
    study = CASES / "b-leaning-ct" / "study"
    assert call("import", "dicom", study, "--out", tmp_path / "c").exit_code == 0
    cohort = Cohort.read(tmp_path / "c")
    assert counts(cohort.cases[0], cohort)[cohort.classes[0]] == 1842


def test_b_two_forms_that_disagree(tmp_path: Path) -> None:
    result = nifti("b-two-forms-that-disagree", tmp_path / "c", "--values", "0=background,1=object")
    said = checked(tmp_path / "c")
    assert "36.06" in said
    assert "qform" in said
    assert "sform" in said
    if result.exit_code == 0:
        cohort = Cohort.read(tmp_path / "c")
        assert counts(cohort.cases[0], cohort)["object"] == 797


def test_b_mask_saved_again(tmp_path: Path) -> None:
    values = "0=background,1=organ,2=lesion"
    assert nifti("b-mask-saved-again", tmp_path / "c", "--values", values).exit_code == 0
    cohort = Cohort.read(tmp_path / "c")
    found = counts(cohort.cases[0], cohort)
    assert (found["organ"], found["lesion"]) == (661, 136)


def test_b_orientation_with_noise() -> None:
    with open_image(CASES / "b-orientation-with-noise" / "mr") as image:
        array = image.read(image.geometry.full)
        assert image.geometry.spacing == pytest.approx((3, 1, 1.25), rel=1e-4)
    assert array.shape == (1, 12, 32, 30)
    assert array.sum() == 3451023


def test_b_three_b_values(tmp_path: Path) -> None:
    where = CASES / "b-three-b-values" / "dwi"
    means = []
    for b in (0, 500, 1000):
        with open_image(where, choice=f"b {b}") as image:
            array = image.read(image.geometry.full)
        assert array.shape == (1, 8, 24, 24)
        means.append(round(float(array.mean()), 1))
    assert means == [343.7, 171.6, 114.3]
    assert refused(call("show", where, "--out", tmp_path / "x.png"), "500", "1000")


def test_b_segments_that_overlap(tmp_path: Path) -> None:
    study = CASES / "b-segments-that-overlap" / "study"
    assert call("import", "dicom", study, "--out", tmp_path / "c").exit_code == 0
    cohort = Cohort.read(tmp_path / "c")
    found = counts(cohort.cases[0], cohort)
    assert (found["tumour"], found["liver"]) == (149, 1731)
    said = checked(tmp_path / "c")
    assert "overlap" in said
    assert "149" in said


def test_b_segmentation_without_its_series(tmp_path: Path) -> None:
    study = CASES / "b-segmentation-without-its-series" / "study"
    result = call("import", "dicom", study, "--out", tmp_path / "c")
    assert result.exit_code in (0, 3)
    cohort = Cohort.read(tmp_path / "c")
    assert len(cohort) == 2
    if result.exit_code == 0:
        found = [counts(case, cohort)["lesion"] if case.labels else 0 for case in cohort]
        assert sorted(found) == [0, 797]


def test_b_outlines_with_a_hole(tmp_path: Path) -> None:
    study = CASES / "b-outlines-with-a-hole" / "study"
    call("import", "dicom", study, "--out", tmp_path / "c")
    cohort = Cohort.read(tmp_path / "c")
    case = cohort.cases[0]
    with open_case(case) as image:
        drawn = annotate(case, "image", image.geometry, cohort.classes).category
    assert cohort.classes == ("wall",)
    assert (drawn > 0).sum((1, 2)).tolist() == [0] * 4 + [360] * 3 + [0] * 5


def test_b_slicer_segmentation_cropped(tmp_path: Path) -> None:
    assert nifti("b-slicer-segmentation-cropped", tmp_path / "c").exit_code == 0
    cohort = Cohort.read(tmp_path / "c")
    found = counts(cohort.cases[0], cohort)
    assert (found["organ"], found["lesion"]) == (1328, 91)


def test_b_zip_without_suffixes() -> None:
    with open_image(CASES / "b-zip-without-suffixes" / "study.zip") as image:
        array = image.read(image.geometry.full)
        assert image.geometry.spacing == pytest.approx((3, 1, 1.25))
    assert array.shape == (1, 12, 32, 30)
    assert array.sum() == 3451485


def slides(out: Path, images: Path, annotations: Path, *words: object) -> Result:
    given = ("--images", images, "--annotations", annotations, "--out", out, *words)
    return call("import", "slides", *given)


def test_c_slides_of_one_name(tmp_path: Path) -> None:
    at = CASES / "c-slides-of-one-name"
    words = ("--patient", r"(P\d)")
    result = slides(tmp_path / "c", at / "P*" / "*.tif", at / "P*" / "*.geojson", *words)
    if refused(result, "p1", "p2"):
        return
    cohort = Cohort.read(tmp_path / "c")
    found = {case.patient: counts(case, cohort) for case in cohort}
    assert (found["P1"]["Tumor"], found["P1"]["Normal"]) == (16384, 0)
    assert (found["P2"]["Tumor"], found["P2"]["Normal"]) == (0, 36864)


def test_c_outlines_within_outlines(tmp_path: Path) -> None:
    at = CASES / "c-outlines-within-outlines"
    assert slides(tmp_path / "c", at / "*.tif", at / "*.geojson").exit_code == 0
    cohort = Cohort.read(tmp_path / "c")
    found = [counts(case, cohort) for case in cohort]
    assert [(one["Tumor"], one["Stroma"]) for one in found] == [(9216, 56320)] * 2


def test_c_outlines_that_are_odd(tmp_path: Path) -> None:
    at = CASES / "c-outlines-that-are-odd"
    result = slides(tmp_path / "c", at / "*.tif", at / "*.geojson")
    assert result.exit_code in (0, 3)
    cohort = Cohort.read(tmp_path / "c")
    assert [counts(case, cohort)["Tumor"] for case in cohort] == [16384] * 3
    assert "geometry" in checked(tmp_path / "c")


def test_c_slide_of_dicom(tmp_path: Path) -> None:
    where = CASES / "c-slide-of-dicom" / "slide"
    assert call("import", "slides", "--images", where, "--out", tmp_path / "c").exit_code == 0
    cohort = Cohort.read(tmp_path / "c")
    assert len(cohort) == 1
    with open_case(cohort.cases[0]) as image:
        array = image.read(image.geometry.full)
        assert image.geometry.spacing == pytest.approx((0.0005, 0.0005))
    assert array.shape == (3, 120, 160)
    assert array.sum((1, 2), dtype=np.int64).tolist() == [2600100, 2700200, 2650000]


def test_d_raw_layout_of_nnunet(tmp_path: Path) -> None:
    root = CASES / "d-raw-layout-of-nnunet" / "Dataset001_Two"
    assert call("import", "nnunet", root, "--out", tmp_path / "c").exit_code == 0
    cohort = Cohort.read(tmp_path / "c")
    assert {tuple(case.images) for case in cohort} == {("T1", "T2")}
    found = {case.id: counts(case, cohort) for case in cohort}
    for name, edema, core in (("case_000", 505, 70), ("case_001", 492, 77)):
        assert (found[name]["edema"], found[name]["core"]) == (edema, core)
        assert found[name]["unlabelled"] == 576


def bags(folder: Path) -> tuple[list[int], set[tuple[int, ...]], float]:
    """Instances of each bag, the shape of one, and the sum of all features."""
    every = [span for case in Cohort.read(folder) for span in spans(case)]
    total = float(sum(read(span).sum(dtype=np.float64) for span in every))
    return [len(span) for span in every], {head(span.path).shape for span in every}, total


def test_e_index_column(tmp_path: Path) -> None:
    table = CASES / "e-index-column" / "bags.csv"
    result = call("import", "mil-table", table, "--out", tmp_path / "c")
    if refused(result, "column"):
        return
    assert bags(tmp_path / "c")[:2] == ([3] * 12, {(3,)})


def test_e_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    table = CASES / "e-semicolons-and-decimal-commas" / "bags.csv"
    assert call("import", "mil-table", table, "--out", tmp_path / "c").exit_code == 0
    sizes, shapes, total = bags(tmp_path / "c")
    assert (sizes, shapes) == ([3] * 12, {(3,)})
    assert total == pytest.approx(10.7323, abs=1e-4)


def test_e_words_of_the_split(tmp_path: Path) -> None:
    at = CASES / "e-words-of-the-split"
    words = ("--split", "split", "--out", tmp_path / "c")
    result = call("import", "features", at / "features", at / "table.csv", *words)
    if refused(result, "train"):
        return
    cohort = Cohort.read(tmp_path / "c")
    assert [len([case for case in cohort if case.split == part]) for part in
            ("train", "val", "test")] == [6, 2, 2]  # fmt: skip


def test_f_feature_that_is_no_number(tmp_path: Path) -> None:
    at = CASES / "f-feature-that-is-no-number"
    result = call("import", "features", at / "features", at / "table.csv", "--out", tmp_path / "c")
    assert result.exit_code in (2, 3)
    assert "s3" in result.output
    if result.exit_code == 3:
        assert len(Cohort.read(tmp_path / "c")) == 9


def test_f_volume_with_a_wrong_checksum(tmp_path: Path) -> None:
    scan = CASES / "f-volume-with-a-wrong-checksum" / "scan.nii.gz"
    assert refused(call("show", scan, "--out", tmp_path / "x.png"), "scan.nii.gz")
    result = call("import", "nifti", "--images", scan, "--out", tmp_path / "c")
    assert result.exit_code in (2, 3)
    with pytest.raises(InklingsError, match=r"scan\.nii\.gz"), open_image(scan) as image:
        image.read(image.geometry.full)
