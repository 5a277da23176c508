"""Slides with annotations, masks and tables: what belongs to what, and what it means."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from slide_files import dicom_slide, leica, picture, tiled

from inklings.cohorts.case import Case
from inklings.cohorts.label_checks import inspect
from inklings.cohorts.opening import open_case
from inklings.cohorts.region import annotate_region
from inklings.datasets.importing import Report, run
from inklings.datasets.slide_masks import Meaning, mask_label
from inklings.datasets.slides import Slides
from inklings.errors import DataError, SpecError
from inklings.exports.geojson import GeoJson
from inklings.predictions.heatmaps.features import Features
from inklings.predictions.heatmaps.outlines import RegionOutline

SIDE = 256
PIXELS = picture(SIDE, SIDE)


def square(name: str | None, corner: tuple[float, float], side: float) -> dict[str, Any]:
    """A feature of QuPath; the corner is ``(x, y)``."""
    (x, y), (a, b) = corner, (corner[0] + side, corner[1] + side)
    ring = [[x, y], [a, y], [a, b], [x, b], [x, y]]
    said = {} if name is None else {"classification": {"name": name}}
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "geometry": geometry, "properties": said}


def draw(path: Path, *features: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"type": "FeatureCollection", "features": list(features)})
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def counts(case: Case, classes: tuple[str, ...]) -> dict[str, int]:
    with open_case(case) as slide:
        grid = slide.geometry
    drawn = annotate_region(case, "slide", grid, grid.full, classes)
    found = {name: int((drawn.category == k).sum()) for k, name in enumerate(classes, 1)}
    return found | {"unlabelled": int((~drawn.known).sum())}


def imported(images: str, out: Path, **options: Any) -> Report:
    return run(Slides(images, **options), out, workers=1)


def shown(report: Report) -> dict[str, dict[str, int]]:
    """Pixels of each class by case."""
    classes = report.cohort.classes
    return {case.id: counts(case, classes) for case in report.cohort if case.labels}


def kinds(report: Report) -> set[str]:
    return {finding.kind for finding in report.findings}


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two slides called HE in two folders, of 256 x 256 pixels."""
    for folder in ("P1", "P2"):
        tiled(tmp_path / "scans" / folder / "HE.tif", PIXELS)
    return tmp_path


@pytest.mark.parametrize(
    "place",
    [
        "scans/{}/HE.geojson", "scans/{}/HE.tif.geojson", "scans/{}/he.geojson.gz",
        "marks/{}/HE.geojson", "marks/{}_HE.geojson", "marks/deep/{}/HE_annotations.json",
    ],
)  # fmt: skip
def test_two_slides_of_one_name_have_their_own_outlines(two: Path, place: str) -> None:
    draw(two / place.format("P1"), square("Tumor", (64, 64), 64))
    draw(two / place.format("P2"), square("Normal", (10, 10), 96))
    report = imported(f"{two}/scans/*/HE.tif", two / "c", annotations=f"{two}/{place.format('*')}"
                      if "_HE" not in place else f"{two}/marks/*.geojson")  # fmt: skip
    found = {case.images["slide"].parent.name: case for case in report.cohort}
    assert len({case.id for case in report.cohort}) == 2
    classes = report.cohort.classes
    assert counts(found["P1"], classes)["Tumor"] == 64 * 64
    assert counts(found["P1"], classes)["Normal"] == 0
    assert counts(found["P2"], classes)["Normal"] == 96 * 96


def test_a_bare_name_that_fits_two_is_refused_with_both(two: Path) -> None:
    draw(two / "marks" / "HE.geojson", square("Tumor", (64, 64), 64))
    with pytest.raises(DataError, match=r"HE.geojson fits P1/HE.tif and P2/HE.tif"):
        imported(f"{two}/scans/**/*.tif", two / "c", annotations=f"{two}/marks/*.geojson")


def test_outlines_of_another_folder_are_not_taken(two: Path) -> None:
    (two / "scans" / "P2" / "HE.tif").unlink()
    tiled(two / "scans" / "P1" / "x.tif", PIXELS)
    draw(two / "scans" / "P2" / "HE.geojson", square("Normal", (10, 10), 96))
    draw(two / "scans" / "P1" / "x.geojson", square("Tumor", (10, 10), 96))
    report = imported(f"{two}/scans/*/*.tif", two / "c", annotations=f"{two}/scans/*/*.geojson")
    assert [case.id for case in report.cohort if case.labels] == ["x"]
    (finding,) = report.findings
    assert (finding.case, finding.kind) == ("HE", "no label")
    assert "lies with another slide" in finding.detail


def test_a_second_slide_of_a_name_that_comes_later_changes_nothing_of_the_first(two: Path) -> None:
    later = two / "scans" / "P1" / "HE.tif"
    data = later.read_bytes()
    later.unlink()
    draw(two / "scans" / "P2" / "HE.geojson", square("Normal", (10, 10), 96))
    how = {"annotations": f"{two}/scans/*/*.geojson"}
    first = imported(f"{two}/scans/*/*.tif", two / "c", **how)
    assert shown(first) == {"HE": {"Normal": 96 * 96, "unlabelled": 0}}
    later.write_bytes(data)
    draw(later.with_suffix(".geojson"), square("Tumor", (64, 64), 64))
    second = imported(f"{two}/scans/*/*.tif", two / "c", **how)
    assert {case.id: case.images["slide"].parent.name for case in second.cohort} == {
        "HE": "P2", "P1_HE": "P1",
    }  # fmt: skip
    assert shown(second)["HE"]["Normal"] == 96 * 96
    assert shown(second)["P1_HE"]["Tumor"] == 64 * 64


def test_masks_are_found_by_path_too(two: Path) -> None:
    for folder, width in (("P1", 10), ("P2", 20)):
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[:, :width] = 1
        (two / "masks" / folder).mkdir(parents=True)
        Pillow.fromarray(mask).save(two / "masks" / folder / "HE_mask.png")
    report = imported(f"{two}/scans/*/*.tif", two / "c", masks=f"{two}/masks", codes=("tumour",))
    found = {c.images["slide"].parent.name: counts(c, ("tumour",)) for c in report.cohort}
    assert (found["P1"]["tumour"], found["P2"]["tumour"]) == (10 * SIDE, 20 * SIDE)


def test_a_table_names_slides_by_path_and_a_bare_name_that_fits_two_is_refused(two: Path) -> None:
    table = two / "t.csv"
    table.write_text("slide;kind\nP1/HE.tif;a\nP2/HE.tif;b\n")
    report = imported(f"{two}/scans/*/*.tif", two / "c", table=table, label="kind")
    said = {c.images["slide"].parent.name: {k.name for k in c.labels if k.present}  # type: ignore[union-attr]
            for c in report.cohort}  # fmt: skip
    assert said == {"P1": {"a"}, "P2": {"b"}}
    table.write_text("slide;kind\nHE;a\n")
    with pytest.raises(DataError, match=r"row 2.*P1/HE.tif and P2/HE.tif"):
        imported(f"{two}/scans/*/*.tif", two / "d", table=table)


def test_a_table_says_splits_and_spacings_with_decimal_commas(two: Path) -> None:
    table = two / "t.csv"
    table.write_text("id;part;mpp\nP1_HE;Training;0,25\nP2_HE;valid;0,5\n")
    report = imported(f"{two}/scans/*/*.tif", two / "c", table=table, split="part")
    assert [case.split for case in report.cohort] == ["train", "val"]
    assert open_case(report.cohort.cases[0]).geometry.spacing == (0.00025, 0.00025)
    (finding,) = report.findings
    assert (finding.kind, finding.case) == ("spacing overruled", "P1_HE")
    assert "0.5" in finding.detail
    assert "0.25" in finding.detail


def test_barcodes_of_tcga_make_patients_in_any_import_of_slides(tmp_path: Path) -> None:
    for name in ("TCGA-CR-7395-01A-01-TS1.x", "tcga-cr-7395-11A-01-BS1", "other"):
        tiled(tmp_path / f"{name}.tif", PIXELS[:64, :64])
    report = imported(f"{tmp_path}/*.tif", tmp_path / "c")
    assert sorted(case.patient for case in report.cohort) == [
        "TCGA-CR-7395", "TCGA-CR-7395", "other",
    ]  # fmt: skip


def test_dicom_slides_are_one_case_a_series_and_share_their_patient(tmp_path: Path) -> None:
    for number, patient in enumerate(("p", "p", "q")):
        uid = f"1.2.826.0.1.3680043.8.498.{number + 1}"
        dicom_slide(tmp_path / "s" / f"slide{number}", PIXELS, uid, patient)
    report = imported(str(tmp_path / "s"), tmp_path / "c")
    assert [case.id for case in report.cohort] == ["slide0", "slide1", "slide2"]
    patients = [case.patient for case in report.cohort]
    assert patients[0] == patients[1] != patients[2]
    assert all(patient.startswith("P-") for patient in patients)
    assert any("6 pictures of labels or of the whole glass" in word for word in report.words)
    draw(tmp_path / "s" / "slide1" / "slide1.geojson", square("Tumor", (10, 10), 20))
    drawn = imported(str(tmp_path / "s"), tmp_path / "d", annotations=f"{tmp_path}/s/**/*.geojson")
    assert shown(drawn) == {"slide1": {"Tumor": 400, "unlabelled": 0}}


def test_hidden_and_temporary_files_are_no_slides(tmp_path: Path) -> None:
    tiled(tmp_path / "a.tif", PIXELS)
    for name in ("._a.tif", ".hidden/b.tif", "c.tif.part"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no slide")
    assert [case.id for case in imported(str(tmp_path), tmp_path / "out").cohort] == ["a"]


@pytest.mark.parametrize(
    ("given", "overrule", "spacing", "kind"),
    [
        (0.5, False, 0.5, None),
        (0.25, False, 0.5, "spacing disagrees"),
        (0.25, True, 0.25, "spacing overruled"),
    ],
)
def test_a_given_spacing_fills_gaps_and_overrules_only_when_asked(
    tmp_path: Path, given: float, overrule: bool, spacing: float, kind: str | None
) -> None:
    tiled(tmp_path / "says.tif", PIXELS, um=0.5)
    tiled(tmp_path / "silent.tif", PIXELS, um=None)
    how = {"spacing_um": given, "overrule_spacing": overrule}
    report = imported(f"{tmp_path}/*.tif", tmp_path / "c", **how)
    says, silent = (open_case(case).geometry.spacing for case in report.cohort)
    assert says == pytest.approx((spacing / 1000,) * 2)
    assert silent == pytest.approx((given / 1000,) * 2)
    assert kinds(report) == ({kind} if kind else set())
    if kind:
        assert all(f"{um:g}" in report.findings[0].detail for um in (0.5, given))


def test_a_slide_without_a_spacing_is_noted(tmp_path: Path) -> None:
    tiled(tmp_path / "silent.tif", PIXELS, um=None)
    report = imported(f"{tmp_path}/*.tif", tmp_path / "c")
    assert kinds(report) == {"no spacing"}


def write_mask(path: Path, codes: np.ndarray, how: str) -> Path:
    if how == "png1":
        Pillow.fromarray(codes > 0).save(path.with_suffix(".png"))
    elif how == "png":
        Pillow.fromarray(codes.astype(np.uint8)).save(path.with_suffix(".png"))
    elif how == "bool":
        tifffile.imwrite(path, codes > 0)
    elif how == "strips":
        tifffile.imwrite(path, codes.astype(np.uint8))
    else:
        with tifffile.TiffWriter(path) as file:
            for k in range(3):
                level = codes[:: 2**k, :: 2**k].astype(np.uint8)
                file.write(level, tile=(64, 64), subfiletype=int(k > 0), compression="deflate")
    return path


@pytest.mark.parametrize("how", ["png", "png1", "bool", "strips", "tiles"])
@pytest.mark.parametrize("high", [1, 255])
def test_masks_of_0_and_1_or_255_or_one_bit_mean_the_same(
    tmp_path: Path, how: str, high: int
) -> None:
    tiled(tmp_path / "a.tif", PIXELS)
    (tmp_path / "m").mkdir()
    codes = np.zeros((SIDE, SIDE), np.int64)
    codes[:64, :128] = high
    write_mask(tmp_path / "m" / "a.tif", codes, how)
    report = imported(f"{tmp_path}/*.tif", tmp_path / "c", masks=f"{tmp_path}/m/*", codes=("t",))
    assert shown(report) == {"a": {"t": 64 * 128, "unlabelled": 0}}


@pytest.mark.parametrize("word", ["unlabelled", "unlabeled", "ignore"])
def test_values_give_masks_of_slides_any_codes_and_unknown_parts(tmp_path: Path, word: str) -> None:
    tiled(tmp_path / "a.tif", PIXELS)
    (tmp_path / "m").mkdir()
    codes = np.zeros((SIDE, SIDE), np.int64)
    codes[:64], codes[64:96], codes[200:] = 255, 128, 7
    write_mask(tmp_path / "m" / "a.tif", codes, "tiles")
    values = {0: "background", 255: "tumour", 128: word, 7: "stroma"}
    report = imported(f"{tmp_path}/*.tif", tmp_path / "c", masks=f"{tmp_path}/m/*", meaning=values)
    assert set(report.cohort.classes) == {"stroma", "tumour"}
    found = shown(report)["a"]
    assert found == {"tumour": 64 * SIDE, "stroma": 56 * SIDE, "unlabelled": 32 * SIDE}
    del values[7]
    wrong = imported(f"{tmp_path}/*.tif", tmp_path / "d", masks=f"{tmp_path}/m/*", meaning=values)
    assert wrong.left_out == ("a",)
    assert "holds code 7" in wrong.findings[0].detail


def test_zero_may_be_unlabelled_and_is_never_a_class(tmp_path: Path) -> None:
    tiled(tmp_path / "a.tif", PIXELS)
    (tmp_path / "m").mkdir()
    codes = np.zeros((SIDE, SIDE), np.int64)
    codes[:64], codes[64:96] = 1, 2
    write_mask(tmp_path / "m" / "a.tif", codes, "tiles")
    values = {0: "unlabelled", 1: "tumour", 2: "background"}
    report = imported(f"{tmp_path}/*.tif", tmp_path / "c", masks=f"{tmp_path}/m/*", meaning=values)
    assert shown(report) == {"a": {"tumour": 64 * SIDE, "unlabelled": 160 * SIDE}}
    with pytest.raises(SpecError, match="0=tumour"):
        imported(f"{tmp_path}/*.tif", tmp_path / "d", masks="m", meaning={0: "tumour", 1: "b"})


def test_a_tumour_that_coarse_levels_lose_is_there(tmp_path: Path) -> None:
    tiled(tmp_path / "a.tif", PIXELS)
    (tmp_path / "m").mkdir()
    codes = np.zeros((SIDE, SIDE), np.int64)
    codes[101, 103] = 2
    path = write_mask(tmp_path / "m" / "a.tif", codes, "tiles")
    meaning = Meaning.counted(("background", "tumour"))
    label, found = mask_label("a", path, meaning, (SIDE, SIDE), "tumour")
    assert label is not None
    assert found == []
    case = Case("a", "a", {"slide": tmp_path / "a.tif"}, (label,))
    with open_case(case) as slide:
        seen = inspect(label, case, {"slide": slide.geometry}, ("tumour",))
    assert seen.names == ("tumour",)


@pytest.mark.parametrize("origin", [None, "bounds", "slide"])
def test_outlines_of_qupath_count_from_the_bounds(tmp_path: Path, origin: Any) -> None:
    leica(tmp_path / "a.scn", PIXELS, corner=(300, 500), glass=(1024, 2048))
    draw(tmp_path / "a.geojson", square("Tumor", (10, 20), 30))
    report = imported(f"{tmp_path}/*.scn", tmp_path / "c", annotations=f"{tmp_path}/*.geojson",
                      origin=origin)  # fmt: skip
    (label,) = report.cohort.cases[0].labels
    corner = (0, 0) if origin == "slide" else (300, 500)
    assert label.vertices[0] == (corner[0] + 19.5, corner[1] + 9.5)  # type: ignore[union-attr]


def test_outlines_of_other_programs_count_from_the_slide(tmp_path: Path) -> None:
    leica(tmp_path / "a.scn", PIXELS, corner=(300, 500), glass=(1024, 2048))
    places = "".join(f'<V X="{x}" Y="{y}"/>' for x, y in ((510, 320), (540, 320), (540, 350)))
    region = f'<Region Type="Polygon" NegativeROA="0"><Vertices>{places}</Vertices></Region>'
    (tmp_path / "a.annotations").write_text(
        f'<Annotations><Annotation Name="T"><Regions>{region}</Regions></Annotation></Annotations>'
    )
    report = imported(f"{tmp_path}/*.scn", tmp_path / "c", annotations=f"{tmp_path}/*.annotations")
    (label,) = report.cohort.cases[0].labels
    assert label.vertices[0] == (319.5, 509.5)  # type: ignore[union-attr]


def test_outlines_beyond_the_slide_are_findings(tmp_path: Path) -> None:
    tiled(tmp_path / "a.tif", PIXELS[:128])
    draw(tmp_path / "a.geojson", square("T", (10, 200), 20), square("T", (240, 10), 40),
         square("T", (5, 5), 20))  # fmt: skip
    report = imported(f"{tmp_path}/*.tif", tmp_path / "c", annotations=f"{tmp_path}/*.geojson")
    found = {finding.kind: finding for finding in report.findings}
    assert set(found) == {"outlines outside", "outlines cut"}
    assert found["outlines outside"].count == 1
    assert "with x and y exchanged they would lie inside" in found["outlines outside"].detail
    assert shown(report)["a"]["T"] == 400 + 16 * 40


@pytest.mark.parametrize("origin", ["bounds", "slide"])
def test_outlines_go_out_as_they_come_in_and_say_where_they_count_from(
    tmp_path: Path, origin: str
) -> None:
    corner = (300, 500)
    drawn, out = tmp_path / "outlines.geojson", tmp_path / "a.geojson"
    ring = np.array([[310, 510], [310, 540], [330, 540], [330, 510], [310, 510]], float)
    with drawn.open("w", encoding="utf-8") as file:
        features = Features(file, ["T"], (1.0, 1.0), (1024, 2048), None, corner)
        features.add(RegionOutline(1, 600, [ring]))
        features.close()
    GeoJson(origin).copy(drawn, out)
    written = json.loads(out.read_text())
    assert written["inklings:origin"] == origin
    first = written["features"][0]["geometry"]["coordinates"][0][0]
    assert first == ([10, 10] if origin == "bounds" else [510, 310])
    leica(tmp_path / "a.scn", PIXELS, corner=corner, glass=(1024, 2048))
    report = imported(f"{tmp_path}/*.scn", tmp_path / "c", annotations=str(out))
    (label,) = report.cohort.cases[0].labels
    assert label.vertices[0] == (309.5, 509.5)  # type: ignore[union-attr]
