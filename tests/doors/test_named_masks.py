"""Segmentations that say their names: 3D Slicer's files by pynrrd, TotalSegmentator's folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from segmentation_files import codes_of, imported, series
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.datasets.importing import run
from inklings.datasets.totalsegmentator import TotalSegmentator
from inklings.datasets.volumes import VolumeFolder
from inklings.errors import DataError, ReaderError
from inklings.geometry import Geometry
from inklings.labels.files import read_mask
from inklings.readers import open_image
from inklings.readers.slicer_seg import read_slicer

nrrd = pytest.importorskip("nrrd", reason="pynrrd writes the files of 3D Slicer")
CASES = Path(__file__).parents[2] / ".." / "shared" / "cases"
SHAPE = (9, 14, 12)
SPACING = np.array([1.2, 0.9, 3.0])
ORIGIN = np.array([-15.0, 25.0, 19.0])


def scan(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).integers(0, 900, SHAPE).astype(np.int16)
    image = SimpleITK.GetImageFromArray(values)
    image.SetSpacing(SPACING.tolist())
    image.SetOrigin(ORIGIN.tolist())
    SimpleITK.WriteImage(image, str(path))
    return path


def box(*ends: tuple[int, int]) -> np.ndarray:
    found = np.zeros(SHAPE, bool)
    found[tuple(slice(a, b) for a, b in ends)] = True
    return found


ORGAN, LESION = box((1, 8), (2, 12), (3, 11)), box((3, 5), (5, 9), (4, 7))


def slicer(
    path: Path,
    layers: list[np.ndarray],
    segments: list[dict[str, object]],
    start: tuple[int, int, int] = (0, 0, 0),
    stop: tuple[int, int, int] = SHAPE,
    space: str = "left-posterior-superior",
    encoding: str = "gzip",
) -> Path:
    """A file as 3D Slicer writes it; layers are ``(Z, Y, X)`` and cropped to a box."""
    cut = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    stored = [layer[cut].T for layer in layers]
    data = stored[0] if len(stored) == 1 else np.stack(stored)
    signs = np.array([-1, -1, 1]) if space.startswith("right") else np.ones(3)
    ways = np.diag(SPACING * signs)
    origin = (ORIGIN + np.array(start[::-1]) * SPACING) * signs
    header: dict[str, object] = {
        "space": space,
        "space origin": origin,
        "space directions": ways if len(stored) == 1 else np.vstack([[np.nan] * 3, ways]),
        "kinds": ["domain"] * 3 if len(stored) == 1 else ["list", *["domain"] * 3],
        "encoding": encoding,
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
    }
    for number, said in enumerate(segments):
        header |= {f"Segment{number}_{key}": str(value) for key, value in said.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    nrrd.write(str(path), data.astype(np.uint8), header)
    return path


def segment(name: str, value: int, layer: int = 0) -> dict[str, object]:
    return {"ID": f"Segment_{value}", "Name": name, "LabelValue": value, "Layer": layer,
            "Color": "0.5 0.5 0.5", "Extent": "0 1 0 1 0 1"}  # fmt: skip


def one_layer() -> np.ndarray:
    return np.where(LESION, 1, np.where(ORGAN, 2, 0))


def shown(cohort: Cohort, case: str) -> dict[str, np.ndarray]:
    (one,) = [c for c in cohort if c.id == case]
    (label,) = one.labels
    codes = read_mask(label.path)
    return {name: codes == k for k, name in enumerate(label.classes, 1)}


def nifti(folder: Path, *words: str) -> object:
    return CliRunner().invoke(
        app,
        ["import", "nifti", "--images", str(folder / "*.nrrd"), "--masks",
         str(folder / "*.seg.nrrd"), "--out", str(folder.parent / "c"), *words],
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("space", ["left-posterior-superior", "right-anterior-superior"])
@pytest.mark.parametrize(
    ("start", "stop"), [((0, 0, 0), SHAPE), ((1, 2, 3), (8, 12, 11)), ((1, 0, 0), (9, 13, 12))]
)
def test_cropped_files_return_to_their_place_with_names_and_values(
    encoding: str, space: str, start: tuple, stop: tuple, tmp_path: Path
) -> None:
    scan(tmp_path / "d" / "a.nrrd")
    segments = [segment("organ", 2), segment("lesion", 1)]
    slicer(tmp_path / "d" / "a.seg.nrrd", [one_layer()], segments, start, stop, space, encoding)
    ran = nifti(tmp_path / "d")
    assert ran.exit_code == 0, ran.output
    found = shown(Cohort.read(tmp_path / "c"), "a")
    np.testing.assert_array_equal(found["lesion"], LESION)
    np.testing.assert_array_equal(found["organ"], ORGAN & ~LESION)


@pytest.mark.parametrize("name", ["a.seg.nrrd", "a-segmentation.seg.nrrd", "a_seg.seg.nrrd",
                                  "a Segmentation.seg.nrrd"])  # fmt: skip
def test_a_segmentation_belongs_to_the_scan_of_its_name(name: str, tmp_path: Path) -> None:
    scan(tmp_path / "d" / "a.nrrd")
    scan(tmp_path / "d" / "b.nrrd")
    slicer(tmp_path / "d" / name, [one_layer()], [segment("organ", 2), segment("lesion", 1)])
    report = run(VolumeFolder(str(tmp_path / "d" / "*.nrrd"), str(tmp_path / "d" / "*.seg.nrrd")),
                 tmp_path / "c", 1)  # fmt: skip
    assert {case.id: bool(case.labels) for case in report.cohort} == {"a": True, "b": False}


def test_segments_in_layers_overlap_and_the_smaller_lies_on_top(tmp_path: Path) -> None:
    scan(tmp_path / "d" / "a.nrrd")
    segments = [segment("organ", 1, 0), segment("lesion", 1, 1)]
    path = slicer(tmp_path / "d" / "a.seg.nrrd", [ORGAN * 1, LESION * 1], segments)
    np.testing.assert_array_equal(read_slicer(path).masks[1], ORGAN)
    ran = nifti(tmp_path / "d")
    assert ran.exit_code == 0, ran.output
    found = shown(Cohort.read(tmp_path / "c"), "a")
    assert {name: int(mask.sum()) for name, mask in found.items()} == {
        "lesion": LESION.sum(), "organ": ORGAN.sum() - LESION.sum(),
    }  # fmt: skip
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("overlap")]
    assert line.split()[1:3] == ["1", str(LESION.sum())]


def test_old_files_without_layers_and_values_have_a_layer_a_segment(tmp_path: Path) -> None:
    segments = [{"ID": "s1", "Name": "organ"}, {"ID": "s2", "Name": "lesion"}]
    path = slicer(tmp_path / "old.seg.nrrd", [ORGAN * 1, LESION * 1], segments)
    found = read_slicer(path)
    assert found.names == {1: "organ", 2: "lesion"}
    np.testing.assert_array_equal(found.masks[2], LESION)


def test_values_may_overrule_the_names_and_name_what_was_not_annotated(tmp_path: Path) -> None:
    scan(tmp_path / "d" / "a.nrrd")
    slicer(tmp_path / "d" / "a.seg.nrrd", [one_layer()], [segment("x", 2), segment("y", 1)])
    ran = nifti(tmp_path / "d", "--values", "2=organ,1=unlabelled")
    assert ran.exit_code == 0, ran.output
    cohort = Cohort.read(tmp_path / "c")
    (label,) = next(iter(cohort)).labels
    codes = read_mask(label.path)
    assert (label.classes, label.extent) == (("organ",), "partial")
    np.testing.assert_array_equal(codes == 255, LESION)
    np.testing.assert_array_equal(codes == 1, ORGAN & ~LESION)


def test_names_in_other_letters_and_two_segments_of_one_name(tmp_path: Path) -> None:
    scan(tmp_path / "d" / "a.nrrd")
    segments = [segment("LIVER", 2), segment("LIVER", 1)]
    path = slicer(tmp_path / "d" / "a.seg.nrrd", [one_layer()], segments)
    # pynrrd writes ASCII, 3D Slicer UTF-8.
    path.write_bytes(path.read_bytes().replace(b"LIVER", "肝臓".encode()))
    ran = nifti(tmp_path / "d")
    assert ran.exit_code == 0, ran.output
    np.testing.assert_array_equal(shown(Cohort.read(tmp_path / "c"), "a")["肝臓"], ORGAN)


def test_a_segmentation_of_another_grid_sets_its_case_aside(tmp_path: Path) -> None:
    scan(tmp_path / "d" / "a.nrrd")
    scan(tmp_path / "d" / "b.nrrd")
    for name in "ab":
        slicer(tmp_path / "d" / f"{name}.seg.nrrd", [one_layer()], [segment("organ", 2),
               segment("lesion", 1)])  # fmt: skip
    image = SimpleITK.ReadImage(str(tmp_path / "d" / "b.nrrd"))
    image.SetOrigin((ORIGIN + np.array([0.5, 0, 0])).tolist())
    SimpleITK.WriteImage(image, str(tmp_path / "d" / "b.nrrd"))
    ran = nifti(tmp_path / "d")
    assert ran.exit_code == 3
    assert [case.id for case in Cohort.read(tmp_path / "c")] == ["a"]


def test_headers_that_say_nothing_useful_are_refused_in_words(tmp_path: Path) -> None:
    path = slicer(tmp_path / "a.seg.nrrd", [one_layer()], [{"Name": "x", "LabelValue": "two"}])
    with pytest.raises(ReaderError, match="expected a whole number in its header, got 'two'"):
        read_slicer(path)
    path = slicer(tmp_path / "b.seg.nrrd", [one_layer()], [segment("x", 1, 3)])
    with pytest.raises(ReaderError, match="got value 1 in layer 3"):
        read_slicer(path)


def test_a_segmentation_opens_as_an_image_of_its_values(tmp_path: Path) -> None:
    segments = [segment("organ", 2), segment("lesion", 1)]
    path = slicer(tmp_path / "a.seg.nrrd", [one_layer()], segments)
    with open_image(path) as image:
        np.testing.assert_array_equal(image.read(image.geometry.full)[0], one_layer())
        assert [str(n) for n in image.notes] == ["segments: 2 organ, 1 lesion"]


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
def test_the_shared_case_of_3d_slicer_is_right(tmp_path: Path) -> None:
    folder = CASES / "b-slicer-segmentation-cropped"
    ran = CliRunner().invoke(
        app, ["import", "nifti", "--images", str(folder / "images"), "--masks",
              str(folder / "masks"), "--out", str(tmp_path / "c")],
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    found = shown(Cohort.read(tmp_path / "c"), "a")
    assert {name: int(mask.sum()) for name, mask in found.items()} == {"lesion": 91, "organ": 1328}


@pytest.mark.parametrize("beside", [False, True])
def test_a_segmentation_beside_dicom_belongs_to_the_series_whose_grid_it_lies_on(
    beside: bool, tmp_path: Path
) -> None:
    grid = Geometry(SHAPE, tuple(SPACING[::-1].tolist()), tuple(ORIGIN.tolist()))
    series(tmp_path / "s" / "mr", grid)
    other = replace(grid, spacing=grid.spacing if beside else (3.0, 0.5, 0.5))
    series(tmp_path / "s" / "other", other, number=2)
    segments = [segment("organ", 2), segment("lesion", 1)]
    slicer(tmp_path / "s" / "x.seg.nrrd", [one_layer()], segments, (1, 2, 3), (8, 12, 11))
    report = imported(tmp_path / "s", tmp_path / "c")
    kinds = {f.kind for f in report.findings}
    if beside:
        assert "unplaced segmentation" in kinds
        return
    codes = codes_of(report.cohort)
    np.testing.assert_array_equal(codes == 1, LESION)
    np.testing.assert_array_equal(codes == 2, ORGAN & ~LESION)
    assert "matched by place" in kinds


def total(root: Path, name: str, masks: dict[str, np.ndarray], image: str = "ct") -> None:
    folder = root / name
    (folder / "segmentations").mkdir(parents=True)
    affine = np.diag([1.5, 1.5, 3.0, 1.0])
    values = np.random.default_rng(1).integers(0, 99, SHAPE).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, affine), folder / f"{image}.nii.gz")
    for organ, mask in masks.items():
        made = nibabel.Nifti1Image(mask.astype(np.uint8), affine)
        nibabel.save(made, folder / "segmentations" / f"{organ}.nii.gz")


def test_one_file_a_class_becomes_one_mask_a_case(tmp_path: Path) -> None:
    root = tmp_path / "ts"
    total(root, "s0001", {"liver": ORGAN, "liver_tumor": LESION, "spleen": ORGAN & False})
    total(root, "s0002", {"liver": ORGAN}, image="mri")
    (root / "meta.csv").write_text(
        "image_id;age;gender;split\ns0001;63;m;train\ns0002;;f;test\n", encoding="utf-8"
    )
    report = run(TotalSegmentator(root), tmp_path / "c", 1)
    first, second = report.cohort
    assert report.cohort.classes == ("liver", "liver_tumor", "spleen")
    found = shown(report.cohort, "s0001")
    assert {name: int(mask.sum()) for name, mask in found.items()} == {
        "liver": ORGAN.sum() - LESION.sum(), "liver_tumor": LESION.sum(), "spleen": 0,
    }  # fmt: skip
    assert (first.split, second.split) == ("train", "test")
    assert (first.facts["age"], first.facts["gender"]) == ("63", "m")
    kinds = {(f.case, f.kind): f.count for f in report.findings}
    assert kinds == {("s0001", "overlap"): LESION.sum(), ("s0002", "class not drawn"): 2}


def test_classes_of_totalsegmentator_are_chosen_and_ordered(tmp_path: Path) -> None:
    total(tmp_path / "ts", "s1", {"liver": ORGAN, "lesion": LESION, "aorta": ORGAN})
    kept = run(TotalSegmentator(tmp_path / "ts", ("lesion", "liver")), tmp_path / "c", 1)
    found = shown(kept.cohort, "s1")
    assert (found["liver"].sum(), found["lesion"].sum()) == (ORGAN.sum(), 0)
    assert {f.kind for f in kept.findings} == {"overlap", "hidden mask"}
    with pytest.raises(DataError, match="expected brain among the masks, they show aorta"):
        run(TotalSegmentator(tmp_path / "ts", ("brain",)), tmp_path / "d", 1)


@pytest.mark.parametrize("fault", ["two values", "no image", "another grid", "damaged"])
def test_one_odd_folder_of_totalsegmentator_stops_no_other(fault: str, tmp_path: Path) -> None:
    root = tmp_path / "ts"
    total(root, "good", {"liver": ORGAN})
    total(root, "odd", {"liver": one_layer() if fault == "two values" else ORGAN})
    path = root / "odd" / "segmentations" / "liver.nii.gz"
    if fault == "no image":
        (root / "odd" / "ct.nii.gz").unlink()
    if fault == "another grid":
        nibabel.save(nibabel.Nifti1Image(ORGAN.astype(np.uint8), np.eye(4)), path)
    if fault == "damaged":
        path.write_bytes(path.read_bytes()[:60])
    ran = CliRunner().invoke(
        app, ["import", "totalsegmentator", str(root), "--out", str(tmp_path / "c")]
    )
    assert ran.exit_code == 3, ran.output
    assert [case.id for case in Cohort.read(tmp_path / "c")] == ["good"]


def test_a_folder_without_masks_is_refused(tmp_path: Path) -> None:
    scan(tmp_path / "d" / "a.nrrd")
    with pytest.raises(DataError, match="a folder 'segmentations' with a mask file for each class"):
        run(TotalSegmentator(tmp_path / "d"), tmp_path / "c", 1)
