import json
from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.opening import open_case
from inklings.cohorts.region import annotate_region
from inklings.datasets.importing import run
from inklings.datasets.slides import Slides
from inklings.datasets.tcga import Tcga, barcode
from inklings.errors import DataError, SpecError
from inklings.labels.kinds import BagLabel, MaskLabel, PolygonLabel
from inklings.testing.slides import write_levels

NAMES = (
    "TCGA-CR-7395-01A-01-TS1.aaa",
    "TCGA-CR-7395-11A-01-BS1.bbb",
    "TCGA-2H-A9GF-01Z-00-DX1.ccc",
)
BARCODES = tuple(name.split(".")[0] for name in NAMES)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "slides"
    for name in NAMES:
        (folder / name[-3:]).mkdir(parents=True)
        write_levels(folder / name[-3:] / f"{name}.svs", [np.full((128, 160, 3), 200, np.uint8)])
    return folder


def square(name: str, corner: float = 10, side: float = 40) -> dict[str, object]:
    a, b = corner, corner + side
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[[a, a], [b, a], [b, b], [a, b], [a, a]]]},
        "properties": {"classification": {"name": name}},
    }


@pytest.mark.parametrize(
    ("name", "patient", "tumour"),
    [
        ("TCGA-CR-7395-01A-01-TS1.0d7a.svs", "TCGA-CR-7395", True),
        ("tcga-cr-7395-01a-01-ts1.svs", "TCGA-CR-7395", True),
        ("TCGA-A1-A0SB-11Z-00-DX1.x.svs", "TCGA-A1-A0SB", False),
        ("TCGA-A1-A0SB-20A-01-TSA.x.svs", "TCGA-A1-A0SB", None),
    ],
)
def test_a_barcode_says_patient_and_kind_of_sample(
    name: str, patient: str, tumour: bool | None
) -> None:
    found = barcode(name)
    assert found is not None
    assert (found.patient, found.tumour) == (patient, tumour)


def test_slides_of_one_patient_stay_together_and_are_labelled_by_sample(
    root: Path, tmp_path: Path
) -> None:
    cohort = run(Tcga(str(root)), tmp_path / "c", workers=1).cohort
    assert [case.id for case in cohort] == sorted(BARCODES)
    assert {case.patient for case in cohort} == {"TCGA-CR-7395", "TCGA-2H-A9GF"}
    present = {case.id: case.labels for case in cohort}
    assert present[BARCODES[0]] == (BagLabel("tumour", True),)
    assert present[BARCODES[1]] == (BagLabel("tumour", False),)
    assert cohort.classes == ("tumour",)


def test_a_table_labels_whatever_the_names_do_not(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("case,subtype,age\nTCGA-CR-7395,luminal,61\nTCGA-2H-A9GF,basal,44\n")
    source = Tcga(str(root), table=table, label="subtype")
    cohort = run(source, tmp_path / "c", workers=1).cohort
    assert set(cohort.classes) == {"basal", "luminal"}
    case = next(c for c in cohort if c.patient == "TCGA-2H-A9GF")
    assert set(case.labels) == {BagLabel("basal", True), BagLabel("luminal", False)}
    assert case.facts["age"] == "44"


def test_a_column_of_yes_and_no_is_one_label(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    rows = "".join(f"{name}.svs,{k % 2}\n" for k, name in enumerate(NAMES))
    table.write_text(f"file,metastasis\n{rows}")
    source = Slides(f"{root}/**/*.svs", table=table, label="metastasis")
    cohort = run(source, tmp_path / "c", workers=1).cohort
    assert cohort.classes == ("metastasis",)
    assert sum(case.labels[0].present for case in cohort) == 1  # type: ignore[union-attr]


def test_outlines_are_joined_by_name_and_renamed(root: Path, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    features = [square("Tumor"), square("Fold"), square("Cut", 20, 10)]
    (marks / f"{NAMES[0]}.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": features})
    )
    names = {"Tumor": "tumour", "Fold": "background", "Cut": "hole"}
    source = Slides(str(root), f"{marks}/*.geojson", names)
    report = run(source, tmp_path / "c", workers=1)
    case = next(c for c in report.cohort if c.labels)
    assert len(case.labels) == 1
    assert isinstance(case.labels[0], PolygonLabel)
    assert report.cohort.classes == ("tumour",)
    assert sum(f.kind == "no label" for f in report.findings) == 2
    view = open_case(case).shrunk(1.0)
    drawn = annotate_region(case, "slide", view.geometry, view.geometry.full, ("tumour",))
    assert drawn.category.sum() == 40 * 40 - 10 * 10


def test_damaged_outlines_keep_their_slide_out_and_say_why(root: Path, tmp_path: Path) -> None:
    (tmp_path / f"{NAMES[0]}.xml").write_text("<Annotations><Annotation>")
    source = Slides(str(root), f"{tmp_path}/*.xml")
    report = run(source, tmp_path / "c", workers=1)
    assert report.left_out == (NAMES[0],)
    assert any("damaged XML" in f.detail for f in report.findings)


def test_masks_are_joined_by_name_and_checked_against_their_codes(
    root: Path, tmp_path: Path
) -> None:
    mask = np.zeros((32, 40, 3), np.uint8)
    mask[:10, :, 0] = 2
    write_levels(tmp_path / f"{NAMES[0]}_mask.tif", [mask])
    source = Slides(str(root), masks=f"{tmp_path}/*_mask.tif", codes=("background", "tumour"))
    report = run(source, tmp_path / "c", workers=1)
    case = next(c for c in report.cohort if c.labels)
    assert isinstance(case.labels[0], MaskLabel)
    assert report.cohort.classes == ("tumour",)
    source = Slides(str(root), masks=f"{tmp_path}/*_mask.tif", codes=("tumour",))
    assert run(source, tmp_path / "d", workers=1).left_out == (NAMES[0],)


def test_a_mask_of_another_slide_is_found_by_its_proportions(root: Path, tmp_path: Path) -> None:
    write_levels(tmp_path / f"{NAMES[0]}_mask.tif", [np.ones((160, 128, 3), np.uint8)])
    source = Slides(str(root), masks=f"{tmp_path}/*_mask.tif", codes=("tumour",))
    report = run(source, tmp_path / "c", workers=1)
    assert {f.kind for f in report.findings if f.is_fatal} == {"mask shape"}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"masks": "x"}, SpecError, "--codes"),
        ({"label": "x"}, SpecError, "add --table"),
        ({"annotations": "no/*.xml"}, DataError, "expected annotations that match 'no/"),
        ({"patient": "("}, SpecError, "does not parse"),
        ({"patient": "nowhere(x)"}, DataError, "has to fit all"),
    ],
)
def test_options_that_fit_nothing_are_explained(
    root: Path, tmp_path: Path, options: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(Slides(str(root), **options), tmp_path / "c", workers=1)  # type: ignore[arg-type]


def test_names_without_a_barcode_ask_for_the_patient(tmp_path: Path) -> None:
    write_levels(tmp_path / "s" / "p7_a.svs" if (tmp_path / "s").mkdir() is None else tmp_path,
                 [np.zeros((64, 64, 3), np.uint8)])  # fmt: skip
    with pytest.raises(DataError, match="expected a TCGA barcode"):
        run(Tcga(str(tmp_path / "s")), tmp_path / "c")
    source = Tcga(str(tmp_path / "s"), patient=r"(p\d+)_")
    assert run(source, tmp_path / "c").cohort.cases[0].patient == "p7"


@pytest.mark.parametrize(("top", "told"), [(1, True), (2, False)])
def test_masks_of_0_and_1_whose_1_is_called_background_are_told(
    root: Path, tmp_path: Path, top: int, told: bool
) -> None:
    mask = np.zeros((32, 40, 3), np.uint8)
    mask[:10, :, 0], mask[10:20, :, 0] = 1, top
    write_levels(tmp_path / f"{NAMES[0]}_mask.tif", [mask])
    source = Slides(str(root), masks=f"{tmp_path}/*_mask.tif", codes=("background", "tumour"))
    words = run(source, tmp_path / "c", workers=1).words
    found = [line for line in words if "--codes counts from 1" in line]
    assert len(found) == told
    assert all("nothing is tumour" in line for line in found)
