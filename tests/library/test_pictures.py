"""Pictures in memory become a cohort, a run, masks on their own grid, and scores."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from images_in_memory import Array, field
from PIL import Image as Pillow

import inklings as ik


def test_arrays_become_a_cohort_of_plain_files(fields: ik.Cohort) -> None:
    assert fields.folder is not None
    assert fields.classes == ("nucleus",)
    assert {case.split for case in fields} == {"train", "val", "test"}
    case = fields.cases[3]
    assert np.array_equal(np.asarray(Pillow.open(case.images["image"])), field(3)[0])
    assert case.facts["spacing_um"] == "0.5"
    assert ik.Cohort.read(str(fields.folder)) == fields


def test_the_same_arrays_again_are_found_complete_and_others_take_their_place(
    tmp_path: Path,
) -> None:
    def cohort(*seeds: int) -> ik.Cohort:
        pictures = [field(seed) for seed in seeds]
        return ik.import_dataset(
            "arrays", out=tmp_path / "c", images=[p for p, _ in pictures],
            masks=[m > 0 for _, m in pictures],
        )  # fmt: skip

    first = cohort(1, 2)
    written = {p: p.stat().st_mtime_ns for p in (tmp_path / "c" / "images").iterdir()}
    assert cohort(1, 2) == first
    assert {p: p.stat().st_mtime_ns for p in written} == written
    second = cohort(1, 3)
    assert np.array_equal(np.asarray(Pillow.open(second.cases[1].images["image"])), field(3)[0])


@pytest.mark.parametrize(
    "shown",
    [
        lambda grey: grey,
        lambda grey: grey.astype(np.float64),
        lambda grey: np.repeat(grey[..., None], 3, axis=2),
        lambda grey: grey[None],
        lambda grey: ik.open_image(grey),
    ],
    ids=["HxW", "float", "HxWx3", "1xHxW", "Image"],
)
def test_a_mask_has_the_size_of_the_picture_whatever_form_it_comes_in(
    field_run: ik.Run, shown: Callable[[Array], Array]
) -> None:
    grey, objects = field(20)
    found = ik.predict(field_run, shown(grey))
    assert found.probability.dtype == np.float32
    assert found.probability.shape == (1, 48, 48)
    assert found.mask.dtype == np.uint8
    assert found.mask.shape == (48, 48)
    assert set(np.unique(found.mask)) == {0, 1}
    assert (found.mask == (objects > 0)).mean() > 0.95


def test_a_file_and_its_array_are_predicted_alike(field_run: ik.Run, tmp_path: Path) -> None:
    Pillow.fromarray(field(21)[0]).save(tmp_path / "new.png")
    from_file = ik.predict(field_run, tmp_path / "new.png")
    assert from_file.case == "new"
    assert np.array_equal(from_file.mask, ik.predict(field_run, field(21)[0]).mask)
    assert np.array_equal(from_file.mask, ik.predict(field_run, str(tmp_path / "new.png")).mask)


def test_colour_pictures_are_learnt_and_predicted(
    train: Callable[..., ik.Run], tmp_path: Path
) -> None:
    pictures = [field(seed, channels=3) for seed in range(6)]
    cohort = ik.import_dataset(
        "arrays",
        out=tmp_path / "cohort",
        images=[image for image, _ in pictures],
        masks=[(objects > 0).astype(np.uint8) for _, objects in pictures],
        classes=["nucleus"],
        fractions=(0.5, 0.25, 0.25),
    )
    run = train(cohort, tmp_path / "run")
    found = ik.predict(run, pictures[0][0])
    assert run.model_config.in_channels == 3
    assert found.mask.shape == (48, 48)
    turned = ik.predict(run, np.moveaxis(pictures[0][0], -1, 0))
    assert np.array_equal(turned.mask, found.mask)


def test_many_are_read_one_at_a_time_and_scored(fields: ik.Cohort, field_run: ik.Run) -> None:
    found = ik.predict(field_run, fields, split="test")
    test = [case.id for case in fields.part("test")]
    assert [prediction.case for prediction in found] == test == list(found.cases)
    assert found[test[1]].mask.shape == found[1].mask.shape == (48, 48)
    grid = found[0].geometry
    assert grid is not None
    assert (grid.shape, grid.spacing) == ((48, 48), (0.0005, 0.0005))
    scores = ik.evaluate(found, fields, metrics=["dice"])
    assert isinstance(scores, ik.Scores)
    assert scores["dice"].value > 0.8
    assert scores["dice"].n == len(test)


def test_patients_that_were_trained_on_are_not_scored(fields: ik.Cohort, field_run: ik.Run) -> None:
    found = ik.predict(field_run, fields, split="train")
    with pytest.raises(ik.InklingsError, match="patients"):
        ik.evaluate(found, fields, split="train")


def test_more_runs_are_given_as_the_first_is(field_run: ik.Run, tmp_path: Path) -> None:
    assert field_run.folder is not None
    copytree(field_run.folder, tmp_path / "other")
    picture = field(4)[0]
    alone = ik.predict(field_run, picture)
    others = ([tmp_path / "other"], str(tmp_path / "other"), ik.Run.load(tmp_path / "other"))
    for k, also in enumerate(others):
        both = ik.predict(field_run, picture, also=also, out=tmp_path / f"out{k}")
        assert np.array_equal(both.mask, alone.mask)
        assert (tmp_path / f"out{k}" / "uncertainty.csv").is_file()


def test_a_list_keeps_its_order(field_run: ik.Run) -> None:
    images = [field(seed)[0] for seed in (5, 3, 4)]
    found = ik.predict(field_run, images, spacing_mm=0.25)
    for image, prediction in zip(images, found, strict=True):
        assert np.array_equal(prediction.mask, ik.predict(field_run, image).mask)
        assert prediction.geometry is not None
        assert prediction.geometry.spacing == (0.25, 0.25)


def test_a_temporary_folder_goes_with_its_predictions(field_run: ik.Run, tmp_path: Path) -> None:
    found = ik.predict(field_run, field(1)[0])
    folder = found.folder
    assert (folder / "predictions.yaml").is_file()
    del found
    assert not folder.exists()
    kept = ik.predict(field_run, field(1)[0], out=tmp_path / "kept")
    del kept
    assert (tmp_path / "kept" / "predictions.yaml").is_file()


def test_predictions_are_saved_and_exported(field_run: ik.Run, tmp_path: Path) -> None:
    found = ik.predict(field_run, field(1)[0])
    found.save(tmp_path / "mask.png")
    assert np.array_equal(np.asarray(Pillow.open(tmp_path / "mask.png")), found.mask)
    out = ik.export(found, "png", out=tmp_path / "png")
    assert any(out.rglob("*.png"))


def test_weak_labels_are_simulated_and_the_truth_scores(
    fields: ik.Cohort, field_run: ik.Run, tmp_path: Path
) -> None:
    weak = ik.simulate_weak_labels(fields, "dilate:pixels=3", out=tmp_path / "weak")
    assert weak.facts["weakness"]
    found = ik.predict(field_run, weak, split="test")
    full = ik.evaluate(ik.predict(field_run, fields, split="test"), fields, metrics=["dice"])
    assert ik.evaluate(found, weak, metrics=["dice"])["dice"].value == full["dice"].value
