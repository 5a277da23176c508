"""A volume is the same patient whichever way its file has it: predictions turn with the file."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.detection.scan import in_memory, whole
from inklings.findings.measure import Measured
from inklings.geometry import Geometry, Region
from inklings.inference.predict import predict
from inklings.labels.files import write_mask
from inklings.labels.kinds import MaskLabel
from inklings.orientation import CANONICAL, across, orientation, turn_to
from inklings.predictions.dense import DensePrediction
from inklings.readers import open_image
from inklings.readers.nifti import write_nifti
from inklings.runs.run import RunRecord
from inklings.simulation.phantoms.dicom_files import SeriesText, write_series
from inklings.spec import Component, Experiment, Volumes
from inklings.tasks.train import train
from inklings.testing.runs import untrained_run

SHAPE, SPACING = (6, 10, 13), (3.0, 1.0, 1.25)
CODES = [
    "".join(pair[k] for pair, k in zip(order, signs, strict=True))
    for order in itertools.permutations(("RL", "PA", "IS"))
    for signs in itertools.product((0, 1), repeat=3)
]
"""All 48, as nibabel calls them: where the first, second and third axis run to."""


def patient() -> NDArray[np.int16]:
    return np.random.default_rng(3).integers(-200, 900, SHAPE).astype(np.int16)


def turned_by_45() -> tuple[tuple[float, ...], ...]:
    c = float(np.sqrt(0.5))
    return ((1.0, 0.0, 0.0), (0.0, c, -c), (0.0, c, c))


def oblique() -> tuple[tuple[float, ...], ...]:
    a, b = np.radians(27), np.radians(11)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return tuple(tuple(row) for row in (about_z @ about_x).tolist())


AXES = {"straight": None, "oblique": oblique(), "45 degrees": turned_by_45()}


def reference(axes: str) -> Geometry:
    direction = AXES[axes] or ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    return Geometry(SHAPE, SPACING, (-7.0, 11.0, 23.0), direction)


def stored_by_nibabel(folder: Path, axes: str) -> Iterator[str]:
    """The patient in all 48 orders of axes; names of the files."""
    write_nifti(folder / "first.nii", patient(), reference(axes))
    first = nibabel.load(folder / "first.nii")
    for code in CODES:
        order = nibabel.orientations.ornt_transform(
            nibabel.io_orientation(first.affine), nibabel.orientations.axcodes2ornt(code)
        )
        first.as_reoriented(order).to_filename(folder / f"{code}.nii")
        yield code
    (folder / "first.nii").unlink()


def as_itk(array: NDArray[np.int16], geometry: Geometry) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(array)
    image.SetSpacing(geometry.require_spacing()[::-1])
    image.SetOrigin(geometry.origin)
    image.SetDirection(geometry.axes.ravel().tolist())
    return image


def stored_by_itk(folder: Path, suffix: str) -> Iterator[str]:
    first = as_itk(patient(), reference("straight"))
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((False, True), repeat=3):
            image = SimpleITK.PermuteAxes(first, order)
            image = SimpleITK.Flip(image, signs, flipAboutOrigin=False)
            name = "".join(map(str, order)) + "".join("+-"[s] for s in signs)
            SimpleITK.WriteImage(image, str(folder / f"{name}{suffix}"))
            yield name


def a_run(folder: Path, view: str = "2d", code: str | None = CANONICAL, **more: object) -> Path:
    """Random weights: what they say of a place depends on all that lies around it."""
    model = Component(name="unet", options={"width": 4, "depth": 2})
    if view == "3d":
        model = Component(name="unet3d", options={"width": 4, "depth": 1})
    volumes = Volumes(view=view, **more)
    run = untrained_run(
        folder,
        model=model,
        in_channels=volumes.planes,
        volumes=volumes,
        orientation=code,
        window=(8, 8, 8) if view == "3d" else None,
        inference={"window": 16, "overlap": 0.25},
    )
    weights = load_file(run / "weights.safetensors")
    weights["head.weight"] = 60 * weights["head.weight"]  # places differ by more than a level
    save_file(weights, run / "weights.safetensors")
    RunRecord((0.5,)).write(run)  # with the checksum of these weights
    return run


def predicted(run: Path, inputs: list[Path], out: Path, name: str) -> NDArray[np.uint8]:
    predict(run, inputs, out)
    dense: NDArray[np.uint8] = DensePrediction.read(out, name).dense[0]
    return dense


def back_by_itk(dense: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    """What lies on the grid of a file on that of the patient, by another library's own turns."""
    image = SimpleITK.GetImageFromArray(dense)
    image.CopyInformation(SimpleITK.ReadImage(str(path)))
    like = as_itk(patient(), reference("straight"))
    moved = SimpleITK.Resample(image, like, SimpleITK.Transform(), SimpleITK.sitkNearestNeighbor)
    return SimpleITK.GetArrayFromImage(moved)


def back_by_nibabel(dense: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    affine = nibabel.load(path).affine
    image = nibabel.Nifti1Image(dense.transpose(2, 1, 0), affine)
    order = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt(path.stem), nibabel.orientations.axcodes2ornt("LPS")
    )
    return np.asarray(image.as_reoriented(order).dataobj).transpose(2, 1, 0)


@pytest.mark.parametrize("axes", sorted(AXES))
def test_nifti_in_48_orientations_gives_one_prediction(tmp_path: Path, axes: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    names = list(stored_by_nibabel(folder, axes))
    run = a_run(tmp_path / "run", spacing_mm=(2.0, 1.3, 1.0))
    predict(run, [folder], tmp_path / "out")
    back = {
        name: back_by_nibabel(
            DensePrediction.read(tmp_path / "out", name).dense[0], folder / f"{name}.nii"
        )
        for name in names
    }
    assert len(back) == 48
    assert np.ptp(back["LPS"]) > 50
    assert all(np.array_equal(dense, back["LPS"]) for dense in back.values())


@pytest.mark.parametrize("suffix", [".mha", ".nrrd", ".nii.gz", ".mhd"])
def test_what_itk_writes_in_48_orientations_gives_one_prediction(
    tmp_path: Path, suffix: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    names = list(stored_by_itk(folder, suffix))
    predict(a_run(tmp_path / "run"), [folder], tmp_path / "out")
    back = {
        name: back_by_itk(
            DensePrediction.read(tmp_path / "out", name).dense[0], folder / f"{name}{suffix}"
        )
        for name in names
    }
    assert len(back) == 48
    assert all(np.array_equal(dense, back["012+++"]) for dense in back.values())


@pytest.mark.parametrize("view", ["2.5d", "3d"])
def test_neighbours_and_patches_are_anatomical_too(tmp_path: Path, view: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    list(stored_by_nibabel(folder, "straight"))
    predict(a_run(tmp_path / "run", view), [folder], tmp_path / "out")
    back = [
        back_by_nibabel(
            DensePrediction.read(tmp_path / "out", name).dense[0], folder / f"{name}.nii"
        )
        for name in CODES
    ]
    assert all(np.array_equal(dense, back[0]) for dense in back)


def test_a_series_of_dicom_in_24_orientations_gives_the_prediction_of_the_nifti(
    tmp_path: Path,
) -> None:
    write_nifti(tmp_path / "first.nii", patient(), reference("straight"))
    run = a_run(tmp_path / "run")
    wanted = predicted(run, [tmp_path / "first.nii"], tmp_path / "first", "first")
    checked = 0
    for number, code in enumerate(CODES):
        turn = turn_to(reference("straight"), code)
        grid = turn.grid(reference("straight"))
        if np.linalg.det(grid.axes) < 0:
            continue
        text = SeriesText(f"s{number}", "p", bits=16, intercept=0, slope=1)
        write_series(tmp_path / code, turn(patient()), grid, text)
        with open_image(tmp_path / code) as image:
            stored = turn_to(image.geometry, CANONICAL)
        dense = predicted(run, [tmp_path / code], tmp_path / f"out{number}", code)
        assert np.array_equal(stored(dense), wanted)
        checked += 1
    assert checked == 24


@pytest.mark.parametrize("axes", sorted(AXES))
def test_a_turn_moves_no_sample_in_the_patient_and_can_be_undone(axes: str) -> None:
    grid, array = reference(axes), patient()
    for code in CODES:
        turn = turn_to(grid, code)
        there = turn.grid(grid)
        moved = turn(array)
        assert np.array_equal(turn.back(moved), array)
        if axes == "straight":
            assert orientation(there) == code
        assert turn_to(there, CANONICAL)(moved).tolist() == turn_to(grid, CANONICAL)(array).tolist()
        index = np.array([1, 2, 3])
        place = there.to_indices(grid.to_points(index))
        assert place == pytest.approx(np.rint(place), abs=1e-9)
        assert moved[tuple(np.rint(place).astype(int))] == array[tuple(index)]
        box = Region((0, 1, 2), (2, 3, 1))
        there_box = turn.back_region(box)
        assert np.array_equal(turn.back(moved[box.slices]), array[there_box.slices])


def test_a_chest_is_searched_in_one_orientation_and_outlines_return_to_its_file() -> None:
    grid, array = reference("oblique"), patient()
    straight, there = whole(in_memory(array, grid))
    box = Region((1, 2, 3), (3, 4, 5))
    outline = Measured(straight[box.slices] > 300, box, 1.0, 1.0, True)
    for code in CODES:
        turn = turn_to(grid, code)
        image = in_memory(turn(array), turn.grid(grid))
        values, own = whole(image)
        assert np.array_equal(values, straight)
        assert np.allclose(own.to_points((1, 2, 3)), there.to_points((1, 2, 3)))
        region, mask = outline.on(turn_to(image.geometry))
        assert (turn(array)[region.slices][mask] > 300).all()
        assert mask.sum() == outline.mask.sum() > 0


def test_runs_of_before_keep_their_rule_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    list(stored_by_nibabel(folder, "straight"))
    old = a_run(tmp_path / "old", code=None)
    predict(old, [folder / "LPS.nii", folder / "RAS.nii"], tmp_path / "out")
    both = [DensePrediction.read(tmp_path / "out", name).dense[0] for name in ("LPS", "RAS")]
    assert not np.array_equal(both[0], both[1][:, ::-1, ::-1])
    assert "as their files store them" in capsys.readouterr().err
    new = a_run(tmp_path / "new")
    dense = predicted(new, [folder / "LPS.nii"], tmp_path / "again", "LPS")
    assert np.array_equal(dense, both[0])  # axial volumes of DICOM are seen as ever


def cohort_of(folder: Path, codes: list[str], spacing: tuple[float, ...]) -> Path:
    """Patients of balls, each stored as its code says; two to train, one for each other part."""
    grid = replace(reference("straight"), shape=(12, 12, 12), spacing=spacing)
    cases = []
    for number, code in enumerate(codes):
        rng = np.random.default_rng(number)
        turn = turn_to(grid, code)
        mask = np.linalg.norm(np.indices(grid.shape).T - rng.uniform(3, 8, 3), axis=-1) < 3
        image = (100 * mask + rng.normal(0, 20, grid.shape)).astype(np.int16)
        path, label = folder / f"{number}.nii.gz", folder / f"{number}-mask.nii.gz"
        folder.mkdir(parents=True, exist_ok=True)
        write_nifti(path, turn(image), turn.grid(grid))
        write_mask(label, turn(mask.astype(np.uint8)), turn.grid(grid))
        labels = (MaskLabel(label, "image", "classes", ("ball",)),)
        split = ("train", "train", "val", "test")[number % 4]
        cases.append(Case(f"c{number}", f"p{number}", {"image": path}, labels, split))
    Cohort("balls", tuple(cases), ("ball",)).write(folder)
    return folder


def trained(cohort: Path, out: Path, view: str = "2d") -> bytes:
    """The weights after two steps."""
    model = "unet" if view != "3d" else "unet3d"
    experiment = Experiment.check(
        {
            "cohort": str(cohort),
            "model": {"name": model, "width": 4, "depth": 1},
            "loss": "bce",
            "volumes": {"view": view, **({"patch": [8, 8, 8]} if view == "3d" else {})},
            "sampling": {"size": 8, "augment": [{"name": "flips"}]},
            "training": {"steps": 2, "batch_size": 2, "deterministic": True},
        },
        "test",
    )
    return (train(experiment, out) / "weights.safetensors").read_bytes()


@pytest.mark.parametrize("view", ["2d", "3d"])
def test_a_cohort_in_any_orientation_teaches_the_same_weights(tmp_path: Path, view: str) -> None:
    mm = (3.0, 1.0, 1.0)
    straight = trained(cohort_of(tmp_path / "a", ["LPS"] * 4, mm), tmp_path / "run-a", view)
    mixed = ["RAS", "PIR", "LSA", "SLP"]
    other = trained(cohort_of(tmp_path / "b", mixed, mm), tmp_path / "run-b", view)
    assert straight == other
    assert json.loads((tmp_path / "run-b" / "model.json").read_text())["orientation"] == "LPS"


def test_thick_sagittal_planes_are_learnt_one_by_one(tmp_path: Path) -> None:
    cohort = cohort_of(tmp_path / "a", ["PSL", "PSL", "RAS", "PSL"], (1.0, 1.0, 4.0))
    trained(cohort, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "model.json").read_text())["orientation"] == "PSL"
    predict(tmp_path / "run", [cohort], tmp_path / "out")
    grid = replace(reference("straight"), spacing=(1.0, 1.1, 1.9))
    assert across([grid]) == CANONICAL  # not twice as coarse
    assert across([replace(grid, spacing=(1.0, 3.0, 1.0))]) == "LSP"
    assert across([replace(grid, spacing=(1.0, 1.0, 4.0))] * 2 + [grid]) == "PSL"


def test_check_and_show_name_orientations(tmp_path: Path) -> None:
    cohort = cohort_of(tmp_path / "a", ["LPS", "LPS", "RAS", "PIR"], (3.0, 1.0, 1.0))
    said = CliRunner().invoke(app, ["check", str(cohort), "--json"])
    record = json.loads(said.stdout)
    assert record["orientations"] == {"LPS": 2, "RAS": 1, "PIR": 1}
    found = [f for f in record["findings"] if f["kind"] == "mixed orientations"]
    assert len(found) == 1
    assert "LPS in 2, RAS in 1 (c2), PIR in 1 (c3)" in found[0]["reason"]
    shown = CliRunner().invoke(
        app, ["show", str(cohort / "2.nii.gz"), "--out", str(tmp_path / "x.png")]
    )
    assert "orientation: RAS" in shown.stdout
    assert "axial planes" in shown.stdout
    same = cohort_of(tmp_path / "b", ["RAS"] * 4, (3.0, 1.0, 1.0))
    record = json.loads(CliRunner().invoke(app, ["check", str(same), "--json"]).stdout)
    assert "mixed orientations" not in record["counts"]
    assert record["orientations"] == {"RAS": 4}
