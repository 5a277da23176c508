"""What is planned for cohorts of every kind, worked out by hand."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.planning.conftest import AXES, CASES, Drawn, Writer, ball

from inklings.bags.task import FACT
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, InklingsError, SpecError
from inklings.files import parse_yaml
from inklings.geometry import Geometry
from inklings.labels.kinds import BagLabel, BallLabel, BoxLabel, PointLabel
from inklings.planning.budget import Budget
from inklings.planning.plan import Plan
from inklings.planning.planned import plan_cohort
from inklings.readers.bag_files import write as write_bag
from inklings.readers.nifti import write_nifti
from inklings.spec import BagExperiment, Experiment, SegmentationExperiment
from inklings.spec.detection import DetectionExperiment
from inklings.tasks import task_of


def planned(cohort: Path, budget: Budget, **how: Any) -> tuple[Plan, dict[str, Any]]:
    """The plan, which says why of every line and comes back from its text, and its values."""
    plan = plan_cohort(cohort, budget, **how)
    assert all(choice.reason for choice in plan.choices[1:])
    assert Experiment.check(parse_yaml(plan.text()), "text") == plan.experiment
    assert plan_cohort(cohort, budget, **how).text() == plan.text()
    task_of(plan.experiment).check(plan.experiment)
    return plan, plan.record


def augmented(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Options of each augmentation, by name."""
    found = {}
    for one in record["sampling"]["augment"]:
        found[one if isinstance(one, str) else one["name"]] = {} if isinstance(one, str) else one
    return found


def organs(rng: np.random.Generator) -> Drawn:
    """CT of thick planes with a liver on one side: 60 HU in a body of 0 HU in air."""
    shape = (6, 64, 64)
    image = np.full(shape, -1000, np.int16)
    image[:, 8:56, 4:60] = 0
    y, x = 30 + rng.uniform(-3, 3), 20 + rng.uniform(-3, 3)
    mask = ball(shape, (3, y, x), (4, 10, 10))
    image[mask] = rng.normal(60, 15, mask.sum()).astype(np.int16)
    return image, mask.astype(np.uint8)


def test_ct_is_scaled_by_its_objects_and_a_liver_is_never_mirrored(
    writer: Writer, core: Budget
) -> None:
    plan, record = planned(writer.volumes(organs, ("liver",), (7.0, 1.5, 1.5)), core)
    # 15 HU of spread: half a percent lies below 60 - 2.6 * 15 = 21 and above 99, 78 HU apart.
    window = record["intensity"]
    assert window["name"] == "window"
    assert window["low"] == pytest.approx(21 - 78, abs=20)
    assert window["high"] == pytest.approx(99 + 78, abs=20)
    assert record["volumes"] == {"view": "2.5d", "context": 2, "foreground": None}
    assert set(augmented(record)) == {"affine", "brightness_contrast"}
    assert "liver lies on one side of the image along x" in plan.text()
    assert record["inference"]["components"] == "auto"
    assert record["model"]["name"] == "unet"


def lobes(rng: np.random.Generator) -> Drawn:
    """MR of cubes: front and back of a thing that lies anywhere to the left or right."""
    shape = (32, 32, 32)
    x = 16 + rng.choice([-5, 5])
    image = rng.integers(100, 160, shape).astype(np.int16)
    front, back = ball(shape, (16, 10, x), 4.5), ball(shape, (16, 22, x), 4.5)
    mask = front.astype(np.uint8) + 2 * back.astype(np.uint8)
    return image + 200 * (mask > 0).astype(np.int16), mask


def test_mr_of_cubes_is_learnt_in_patches_and_mirrored_where_classes_have_no_side(
    writer: Writer, core: Budget
) -> None:
    _, record = planned(writer.volumes(lobes, ("front", "back"), (1.0, 1.0, 1.0)), core)
    assert record["intensity"] == "percentiles"
    assert record["volumes"] == {"view": "3d", "patch": [32, 32, 32]}
    assert record["model"]["name"] == "unet3d"
    assert augmented(record)["flips"]["axes"] == "x"
    assert augmented(record)["affine3d"]["tilt"] == 15
    assert record["inference"]["mirroring"] == "x"


@pytest.mark.parametrize("names", [("kidney_left", "kidney_right"), ("L lung", "R lung")])
def test_classes_that_are_named_by_sides_are_never_mirrored(
    names: tuple[str, str], writer: Writer, core: Budget
) -> None:
    plan, record = planned(writer.volumes(lobes, names, (1.0, 1.0, 1.0)), core)
    assert "flips" not in augmented(record)
    assert "mirroring" not in record["inference"]
    assert "are told apart by their side" in plan.text()


def hearts(rng: np.random.Generator) -> Drawn:
    """Thick planes in which one chamber always lies left of the other."""
    shape = (4, 48, 48)
    y = 24 + rng.uniform(-6, 6)
    image = rng.integers(20, 60, shape).astype(np.uint8)
    mask = np.zeros(shape, np.uint8)
    for code, x in ((1, 16), (2, 32)):
        mask[ball(shape, (2, y, x), (9, 7, 7))] = code
    return image + 100 * (mask > 0).astype(np.uint8), mask


def strokes(rng: np.random.Generator) -> Drawn:
    """The same of which a few samples are marked; 255 is not labelled."""
    image, mask = hearts(rng)
    drawn = np.full_like(mask, 255)
    for z in range(len(mask)):
        for code in (0, 1, 2):
            places = np.argwhere(mask[z] == code)
            for y, x in places[:: max(1, len(places) // 12)]:
                drawn[z, y, x] = code
    return image, drawn


def test_strokes_get_what_the_recipe_of_scribbles_has(writer: Writer, core: Budget) -> None:
    cohort = writer.volumes(strokes, ("rv", "lv"), (10.0, 1.5, 1.5), "partial")
    _, record = planned(cohort, core)
    assert record["supervision"] == "scribbles"
    assert record["loss"] == "cross_entropy"
    assert record["volumes"] == {"view": "2.5d", "context": 1, "foreground": None}
    assert record["inference"] == {"components": "largest"}
    assert "flips" not in augmented(record)


def some_planes(rng: np.random.Generator) -> Drawn:
    """The same with one plane in two outlined."""
    image, mask = hearts(rng)
    mask[::2] = 255
    return image, mask


def test_planes_that_are_outlined_throughout_are_learnt_as_masks(
    writer: Writer, core: Budget
) -> None:
    cohort = writer.volumes(some_planes, ("rv", "lv"), (10.0, 1.5, 1.5), "partial")
    _, record = planned(cohort, core)
    assert record["supervision"] == "auto"
    assert record["loss"] == "bce_dice"


def tissue(rng: np.random.Generator) -> Drawn:
    """Stained tissue: six violet discs 40 wide on pink."""
    image = np.empty((256, 256, 3), np.uint8)
    image[:] = (230, 170, 200)
    mask = np.zeros((256, 256), np.uint8)
    for y, x in rng.integers(24, 232, (6, 2)):
        mask |= ball(mask.shape, (y, x), 20).astype(np.uint8)
    image[mask > 0] = (150, 70, 160)
    return image - rng.integers(0, 20, image.shape).astype(np.uint8), mask


def test_stained_tissue_is_scaled_by_channel_and_turned_in_every_way(
    writer: Writer, core: Budget
) -> None:
    _, record = planned(writer.pictures(tissue), core)
    assert record["intensity"] == {"name": "zscore", "per_channel": True}
    assert {"flips", "quarter_turns"} < set(augmented(record))
    assert augmented(record)["affine"]["rotate"] == 45
    assert augmented(record)["brightness_contrast"]["per_channel"] is True
    assert augmented(record)["stain_jitter"]["amount"] > 0
    assert record["inference"]["mirroring"] is True
    assert record["model"]["stride"] == 2
    assert record["sampling"]["size"] == 128
    assert "correction" not in record


def cells(rng: np.random.Generator) -> Drawn:
    """Fluorescence: pairs of bright discs that touch, numbered, few on a large dark ground."""
    image = rng.integers(2, 12, (256, 256)).astype(np.uint8)
    mask = np.zeros((256, 256), np.uint8)
    y, x = rng.integers(30, 220, 2)
    mask[ball(mask.shape, (y, x), 6)] = 1
    mask[ball(mask.shape, (y, x + 12), 6) & (mask == 0)] = 2
    image[mask > 0] = 180
    return image, mask


def test_fluorescent_cells_that_touch_are_parted_and_looked_for(
    writer: Writer, core: Budget
) -> None:
    plan, record = planned(writer.pictures(cells, kind="instances"), core)
    assert record["intensity"]["name"] == "percentiles"
    assert record["supervision"] == {"name": "full", "cores": True}
    assert record["inference"]["instances"]["name"] == "watershed"
    assert record["sampling"]["size"] == 128
    # Per case a pair of 24 x 12 in 256 x 256: of 129 places along an axis at most 128 + 23 show it.
    said = "of the crops show an object" in plan.text()
    assert said == ("foreground" in record["sampling"])


def test_masks_that_are_said_to_be_weak_get_what_the_recipe_weak_has(
    writer: Writer, core: Budget
) -> None:
    weakness = {"weakness": {"chain": "drop:keep=0.5"}}
    _, record = planned(writer.pictures(tissue, facts=weakness), core)
    assert record["correction"] == "auto"
    assert record["loss"] == "bce"
    assert record["inference"]["threshold"] == "prior"
    assert record["training"]["steps"] == 500


@pytest.mark.parametrize(
    ("kind", "supervision", "loss", "threshold"),
    [
        ("boxes", {"name": "boxes", "middle": 0.75}, "bce", 0.5),
        ("points", "positive_unlabelled", "vpu", "prior"),
    ],
)
def test_marks_are_not_taken_for_masks(
    kind: str, supervision: Any, loss: str, threshold: Any, writer: Writer, core: Budget
) -> None:
    def draw(rng: np.random.Generator) -> tuple[Any, tuple[Any, ...]]:
        image, _ = tissue(rng)
        y, x = rng.integers(40, 200, 2).tolist()
        box = BoxLabel("image", "object", (y - 20, x - 20), (y + 20, x + 20))
        return image, (box if kind == "boxes" else PointLabel("image", "object", (y, x)),)

    _, record = planned(writer.marked(draw), core)
    assert (record["supervision"], record["loss"]) == (supervision, loss)
    assert record["inference"]["threshold"] == threshold


@pytest.mark.parametrize(
    ("shape", "supervision"),
    [
        ("ball", "auto"),
        ("boxes", {"name": "boxes", "middle": 0.75}),
        ("block", {"name": "boxes", "middle": 0.75}),
    ],
)
def test_masks_that_are_boxes_of_slices_or_of_the_volume_are_not_taken_for_exact(
    shape: str, supervision: Any, writer: Writer, core: Budget
) -> None:
    def draw(rng: np.random.Generator) -> tuple[Any, Any]:
        z, y, x = np.ogrid[:24, :48, :48]
        middle = rng.integers(20, 28, 2)
        ball = (z - 12) ** 2 + (y - middle[0]) ** 2 + (x - middle[1]) ** 2 <= 81
        image = rng.normal(100, 5, ball.shape) + 60 * ball
        mask = ball.copy()
        for plane in mask if shape == "boxes" else ():
            if plane.any():
                plane[tuple(slice(k.min(), k.max() + 1) for k in np.nonzero(plane))] = True
        if shape == "block":
            mask[tuple(slice(k.min(), k.max() + 1) for k in np.nonzero(mask))] = True
        return image.astype(np.float32), mask.astype(np.uint8)

    cohort = writer.volumes(draw, ("organ",), (1.0, 1.0, 1.0), Modality="MR")
    assert planned(cohort, core)[1]["supervision"] == supervision


@pytest.mark.parametrize("boxed", [0, 1, 4, 5])
def test_pictures_whose_masks_are_mostly_boxes_are_not_taken_for_exact(
    boxed: int, writer: Writer, core: Budget
) -> None:
    """Of five objects apart; those that are no boxes are discs of the same sides."""

    def draw(rng: np.random.Generator) -> tuple[Any, Any]:
        image, _ = tissue(rng)
        mask = np.zeros(image.shape[:2], np.uint8)
        for k in range(5):
            y, x = np.mgrid[-20:21, -20:21]
            one = (y**2 + x**2 <= 400) | (k < boxed)
            mask[10:51, 4 + 50 * k : 45 + 50 * k][one] = 1
        return image, mask

    _, record = planned(writer.pictures(draw), core)
    asked = {"name": "boxes", "middle": 0.75} if boxed >= 3 else "auto"
    assert record["supervision"] == asked


def test_more_minutes_give_wider_networks_and_other_machines_other_ones(
    writer: Writer,
) -> None:
    cohort = writer.pictures(tissue)
    budgets = [Budget(m, 2, 8 << 30, bf16=True) for m in (1, 10, 100)]
    budgets.append(Budget(10, 1, 8 << 30, bf16=True, gpu="a GPU"))
    widths = [planned(cohort, one)[1]["model"]["width"] for one in budgets]
    assert widths == sorted(widths)
    assert widths[0] == 16
    assert widths[-1] == 64
    small = planned(cohort, Budget(10, 1, 20 << 20, bf16=True))[1]
    assert small["training"]["batch_size"] < 8


@pytest.mark.parametrize(
    ("low", "modality", "ct"),
    [(-1000, "CT", True), (-50, "CT", True), (0, "CT", False), (-1000, "", True), (-50, "", False),
     (-1000, "MR", False)],
)  # fmt: skip
def test_places_in_volumes_are_for_a_detector_and_a_window_for_hounsfield_units(
    low: int, modality: str, ct: bool, tmp_path: Path, core: Budget
) -> None:
    cases = []
    grid = Geometry((4, 8, 8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), AXES)
    for i in range(3):
        labels = (
            BallLabel("ct", "nodule", (5.0, 5.0, 5.0), 8.0),
            BallLabel("ct", "nodule", (1, 1, 1)),
        )
        part: Any = ("train", "val", "test")[i]
        image = {"ct": tmp_path / f"{i}.nii.gz"}
        write_nifti(image["ct"], np.full(grid.shape, low, np.int16), grid)
        facts = {"modality": modality} if modality else {}
        cases.append(Case(f"c{i}", f"p{i}", image, labels, part, facts))
    Cohort("chests", tuple(cases), ("nodule",)).write(tmp_path / "cohort")
    plan, record = planned(tmp_path / "cohort", core)
    assert isinstance(plan.experiment, DetectionExperiment)
    assert record["detection"].get("region") == ("lungs" if ct else None)
    intensity = record["detection"]["intensity"]
    assert intensity == ({"name": "window", "low": -1000, "high": 400} if ct else "percentiles")
    assert record["detection"]["spacing_mm"] == 1.5
    assert record["detection"]["default_mm"] == 8.0


@pytest.mark.parametrize(
    ("shape", "encoder", "pooling", "batch", "steps"),
    [
        ((1, 28, 28), "small_cnn", "noisy_or", 4, 1750),
        ((32,), "mlp", "gated_attention", 16, 300),
    ],
)
def test_bags_get_an_encoder_of_their_instances(
    shape: tuple[int, ...], encoder: str, pooling: str, batch: int, steps: int,
    tmp_path: Path, core: Budget,
) -> None:  # fmt: skip
    cases = []
    for i in range(CASES):
        values = np.random.default_rng(i).random((5, *shape)).astype(np.float32)
        write_bag(tmp_path / f"{i}.h5", values)
        part: Any = "train" if i < 8 else "val" if i < 10 else "test"
        label = BagLabel("bad", bool(i % 2))
        cases.append(Case(f"c{i}", f"p{i}", {"bag": tmp_path / f"{i}.h5"}, (label,), part))
    Cohort("bags", tuple(cases), ("bad",), {FACT: "binary"}).write(tmp_path / "cohort")
    plan, record = planned(tmp_path / "cohort", core)
    assert isinstance(plan.experiment, BagExperiment)
    model = plan.experiment.model.options
    assert encoder in str(model["encoder"])
    assert record["training"]["batch_size"] == batch
    assert record["training"]["steps"] == steps
    assert pooling in str(model["pooling"])


def test_a_recipe_goes_before_the_plan_and_a_user_before_both(writer: Writer, core: Budget) -> None:
    cohort = writer.pictures(tissue)
    changes = ["training.batch_size=3", "training.seed=7"]
    plan, record = planned(cohort, core, recipe="nuclei", changes=changes)
    assert isinstance(plan.experiment, SegmentationExperiment)
    own = Experiment.load("nuclei", [f"cohort={cohort}"])
    assert plan.experiment.model == own.model
    assert plan.experiment.sampling.augment == own.sampling.augment  # type: ignore[attr-defined]
    assert record["intensity"] == {"name": "zscore", "per_channel": True}
    assert record["training"]["batch_size"] == 3
    assert record["training"]["seed"] == 7
    said = {choice.key: choice.reason for choice in plan.choices}
    assert said["model"] == "recipe nuclei"
    assert said["training.seed"] == "as asked"


def test_labels_of_the_test_part_are_not_read(writer: Writer, core: Budget) -> None:
    cohort = writer.pictures(tissue)
    text = plan_cohort(cohort, core).text()
    for case in Cohort.read(cohort).part("test"):
        for label in case.labels:
            label.path.write_bytes(b"")  # type: ignore[union-attr]
    assert plan_cohort(cohort, core).text() == text


def test_what_cannot_be_planned_for_is_said_in_one_line(writer: Writer, core: Budget) -> None:
    cohort = writer.pictures(tissue)
    bare = Cohort.read(cohort)
    cases = tuple(Case(c.id, c.patient, c.images, (), c.split) for c in bare)
    Cohort("bare", cases, bare.classes).write(cohort)
    with pytest.raises(DataError, match=r"expected drawn labels .* got none in 9 cases"):
        plan_cohort(cohort, core)


def test_of_several_classes_of_places_the_one_that_is_said_is_planned_for(
    tmp_path: Path, core: Budget
) -> None:
    cases, grid = [], Geometry((4, 8, 8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), AXES)
    for i in range(3):
        image: Any = {"ct": tmp_path / f"{i}.nii.gz"}
        write_nifti(image["ct"], np.full(grid.shape, -1000, np.int16), grid)
        balls = [BallLabel("ct", n, (1.0, 1.0, 1.0), d) for n, d in (("cyst", 20), ("node", 8))]
        part: Any = ("train", "val", "test")[i]
        cases.append(Case(f"c{i}", f"p{i}", image, tuple(balls), part))
    folder = tmp_path / "cohort"
    Cohort("places", tuple(cases), ("cyst", "node")).write(folder)
    with pytest.raises(SpecError, match="expected one class of objects, got cyst, node; say which"):
        plan_cohort(folder, core)
    with pytest.raises(DataError, match=r"expected places of 'bone' .* got none"):
        plan_cohort(folder, core, changes=["detection.class_name=bone"])
    _, record = planned(folder, core, changes=["detection.class_name=cyst"])
    assert record["detection"]["class_name"] == "cyst"
    assert record["detection"]["spacing_mm"] == 4.0  # 20 mm in five samples


def test_what_is_misspelt_is_refused_before_a_cohort_is_split(writer: Writer, core: Budget) -> None:
    folder = writer.pictures(tissue)
    kept = Cohort.read(folder)
    cases = tuple(dataclasses.replace(case, split=None) for case in kept)
    Cohort(kept.name, cases, kept.classes).write(folder)
    with pytest.raises(InklingsError, match="did you mean 'nuclei'"):
        plan_cohort(folder, core, recipe="nucleus")
    assert not Cohort.read(folder).is_split


def test_pictures_beside_volumes_are_refused_in_one_line(writer: Writer, core: Budget) -> None:
    flat = Cohort.read(writer.pictures(tissue))
    (writer.folder / "deep").mkdir()
    deep = Cohort.read(Writer(writer.folder / "deep").volumes(hearts, ("a", "b"), (9.0, 1.0, 1.0)))
    cases = (*flat, *(dataclasses.replace(case, id=f"{case.id}-deep") for case in deep))
    Cohort("both", cases, ("object", "a", "b")).write(writer.folder / "both")
    with pytest.raises(DataError, match="expected pictures alone or volumes alone, got both"):
        plan_cohort(writer.folder / "both", core)


@pytest.mark.parametrize(
    ("offset", "kind", "modality", "name"),
    [
        (0, np.int16, "CT", "window"),
        (1024, np.uint16, "CT", "percentiles"),
        (0, np.int16, "MR", "percentiles"),
    ],
)
def test_a_window_is_of_samples_that_can_be_hounsfield_units(
    offset: int, kind: Any, modality: str, name: str, writer: Writer, core: Budget
) -> None:
    def draw(rng: np.random.Generator) -> Drawn:
        image, mask = organs(rng)
        return (image + offset).astype(kind), mask

    cohort = writer.volumes(draw, ("liver",), (7.0, 1.5, 1.5), modality=modality)
    plan, record = planned(cohort, core)
    intensity = record["intensity"]
    assert (intensity if isinstance(intensity, str) else intensity["name"]) == name
    assert ("the cohort says CT, but no sample is below" in plan.text()) == bool(offset)


@pytest.mark.parametrize("value", [-1000, 60, 3000])
def test_objects_of_one_value_have_a_window_around_it(
    value: int, writer: Writer, core: Budget
) -> None:
    def draw(rng: np.random.Generator) -> Drawn:
        image, mask = organs(rng)
        image[mask > 0] = value
        return image, mask

    _, record = planned(writer.volumes(draw, ("liver",), (7.0, 1.5, 1.5)), core)
    assert -1024 <= record["intensity"]["low"] < record["intensity"]["high"] <= 2000


@pytest.mark.parametrize("side", [64, 600])
def test_of_what_no_case_shows_nothing_is_claimed(side: int, writer: Writer, core: Budget) -> None:
    def nothing(rng: np.random.Generator) -> Drawn:
        shape = (2, side, side)
        return rng.integers(-1000, 100, shape).astype(np.int16), np.zeros(shape, np.uint8)

    plan, record = planned(writer.volumes(nothing, ("liver",), (7.0, 1.5, 1.5)), core)
    assert record["intensity"] == "percentiles"
    assert "spacing_mm" not in record["volumes"]
    assert "components" not in record["inference"]
    assert "liver: none was seen" in plan.head
    assert "nan" not in plan.text()


def test_without_validation_cases_no_threshold_is_said_to_be_chosen(
    writer: Writer, core: Budget
) -> None:
    cohort = writer.pictures(tissue)
    kept = Cohort.read(cohort)
    cases = tuple(case for case in kept if case.split != "val")
    Cohort(kept.name, cases, kept.classes).write(cohort)
    assert planned(cohort, core)[1]["inference"]["threshold"] == 0.5


@pytest.mark.parametrize(
    ("changes", "key", "value"),
    [
        (["model.width=16"], "model", {"name": "unet", "width": 16, "depth": 3, "stride": 2}),
        (["loss.dice_weight=0.3"], "loss", {"name": "bce_dice", "dice_weight": 0.3}),
        (["loss=bce"], "loss", "bce"),
        (
            ["supervision=full", "supervision.cores=true"],
            "supervision",
            {"name": "full", "cores": True},
        ),
    ],
)
def test_one_option_of_a_component_is_set_beside_its_others(
    changes: list[str], key: str, value: Any, writer: Writer, core: Budget
) -> None:
    _, record = planned(writer.pictures(tissue), core, recipe="nuclei", changes=changes)
    assert record[key] == value


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("sampling.augment.flips=1", "sampling.augment holds a list, which has no keys"),
        ("cohort=elsewhere", "cohort: expected .*cohort, which is planned for, got elsewhere"),
    ],
)
def test_changes_that_no_plan_can_take_are_refused_in_one_line(
    change: str, told: str, writer: Writer, core: Budget
) -> None:
    with pytest.raises(SpecError, match=told):
        plan_cohort(writer.pictures(tissue), core, changes=[change])
