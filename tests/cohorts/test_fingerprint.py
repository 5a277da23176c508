from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from inklings.cohorts.case import Case
from inklings.cohorts.fingerprint import Fingerprint, fingerprint_case
from inklings.labels.kinds import BagLabel, BoxLabel, MaskLabel, PointLabel

REPAIRS = {"exclude": "exclude {case}", "restore": "restore {file}", "import": "again"}


def examine(case: Case) -> Fingerprint:
    return fingerprint_case(case, ("nucleus", "stroma"), REPAIRS)


def kinds(seen: Fingerprint) -> list[tuple[str, str]]:
    return [(finding.kind, finding.severity) for finding in seen.findings]


def picture(folder: Path, seed: int = 0, size: tuple[int, int] = (40, 48)) -> Path:
    path = folder / f"{seed}.png"
    array = np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8)
    Pillow.fromarray(array).save(path)
    return path


def masked(folder: Path, mask: np.ndarray, kind: str = "instances", **more: str) -> Case:
    path = folder / "mask.png"
    Pillow.fromarray(mask).save(path)
    label = MaskLabel(path, "image", kind, ("nucleus", "stroma"), **more)
    return Case("a", "a", {"image": picture(folder)}, (label,))


def test_a_sound_case_shows_its_classes_and_counts_its_objects(tmp_path: Path) -> None:
    mask = np.zeros((40, 48), np.uint16)
    mask[2:5, 2:5], mask[9:12, 9:12] = 1, 7
    seen = examine(masked(tmp_path, mask))
    assert seen.findings == ()
    assert (seen.present, seen.objects) == (("nucleus",), 2)


def test_a_class_map_does_not_count_objects(tmp_path: Path) -> None:
    mask = np.zeros((40, 48), np.uint8)
    mask[2:5, 2:5] = 2
    seen = examine(masked(tmp_path, mask, "classes"))
    assert (seen.present, seen.objects) == (("stroma",), None)


def test_a_truncated_image_is_an_error_that_says_how_to_restore_it(tmp_path: Path) -> None:
    path = picture(tmp_path)
    path.write_bytes(path.read_bytes()[:900])
    finding = examine(Case("a", "a", {"image": path})).findings[0]
    assert (finding.kind, finding.severity) == ("unreadable image", "error")
    assert finding.repair == f"restore {path}"


def test_a_missing_image_and_a_missing_mask_are_errors(tmp_path: Path) -> None:
    label = MaskLabel(tmp_path / "none.png", "image", "instances", ("nucleus",))
    seen = examine(Case("a", "a", {"image": tmp_path / "no.png"}, (label,)))
    assert kinds(seen) == [("missing image", "error"), ("missing label", "error")]


def test_a_mask_of_another_size_is_told_with_both_sizes(tmp_path: Path) -> None:
    finding = examine(masked(tmp_path, np.ones((40, 47), np.uint16))).findings[0]
    assert finding.kind == "mismatch"
    assert "shape 40 x 47 instead of 40 x 48" in finding.reason


def test_a_value_without_a_class_is_told_with_its_share(tmp_path: Path) -> None:
    mask = np.zeros((40, 48), np.uint8)
    mask[:10] = 255
    finding = examine(masked(tmp_path, mask, "classes")).findings[0]
    assert (finding.kind, finding.repair) == ("unexpected values", "again")
    assert "expected values 0..2 (nucleus, stroma), got 255 (25.0% of samples)" in finding.reason


def test_the_largest_value_is_unlabelled_in_a_partial_mask(tmp_path: Path) -> None:
    mask = np.full((40, 48), 255, np.uint8)
    mask[:5] = 1
    (told,) = examine(masked(tmp_path, mask, "classes", extent="partial")).findings
    assert (told.kind, told.severity) == ("partial label", "note")
    assert told.reason == "mask.png: 12.50% of the samples are annotated"


def test_an_empty_mask_is_a_warning(tmp_path: Path) -> None:
    seen = examine(masked(tmp_path, np.zeros((40, 48), np.uint16)))
    assert kinds(seen) == [("empty mask", "warning")]
    assert seen.present == ()


def test_a_colour_mask_is_an_error(tmp_path: Path) -> None:
    seen = examine(masked(tmp_path, np.zeros((40, 48, 3), np.uint8)))
    assert kinds(seen) == [("unexpected values", "error")]


def test_a_blank_image_is_a_warning(tmp_path: Path) -> None:
    Pillow.fromarray(np.full((40, 48), 3, np.uint8)).save(tmp_path / "blank.png")
    assert kinds(examine(Case("a", "a", {"image": tmp_path / "blank.png"}))) == [
        ("blank image", "warning")
    ]


def test_samples_that_are_not_finite_are_named(tmp_path: Path) -> None:
    array = np.arange(40 * 48, dtype=np.float32).reshape(40, 48)
    array[3, 3] = np.nan
    np.save(tmp_path / "a.npy", array)
    assert kinds(examine(Case("a", "a", {"image": tmp_path / "a.npy"}))) == [
        ("not finite", "warning")
    ]


def test_marks_outside_the_image_and_unknown_classes_are_errors(tmp_path: Path) -> None:
    labels = (
        BoxLabel("image", "nucleus", (5, 5), (9, 9)),
        BoxLabel("image", "nucleus", (50, 5), (60, 9)),
        PointLabel("image", "nucleus", (3, -1)),
        PointLabel("image", "tumour", (3, 3)),
        PointLabel("other", "nucleus", (3, 3)),
        BagLabel("stroma", True),
    )
    seen = examine(Case("a", "a", {"image": picture(tmp_path)}, labels))
    assert [finding.kind for finding in seen.findings] == [
        "mismatch", "mismatch", "unknown class", "mismatch",
    ]  # fmt: skip
    assert (seen.present, seen.objects) == (("nucleus", "stroma"), 1)
