import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from inklings.simulation.chain import Chain, apply, stream
from inklings.simulation.phantoms.nuclei import nuclei_field
from inklings.simulation.phantoms.tissue import tissue_field
from inklings.weak.correction.auto import AutoCorrection

Pair = tuple[NDArray[np.uint8], NDArray[np.int32]]


@pytest.fixture(scope="module")
def nuclei() -> list[Pair]:
    return [nuclei_field(seed, 160, "fluorescence")[:2] for seed in range(8)]


@pytest.fixture(scope="module")
def glands() -> list[Pair]:
    return [tissue_field(seed, 256, 1.0)[:2] for seed in range(16)]


def weak(pairs: list[Pair], kind: str) -> list[NDArray[np.bool_]]:
    if kind == "full":
        return [objects > 0 for _, objects in pairs]
    chain = Chain.parse(kind)
    return [apply(o, chain, stream(0, str(i))) > 0 for i, (_, o) in enumerate(pairs)]


def dice(masks: list[NDArray[np.bool_]], pairs: list[Pair]) -> float:
    truth = [objects > 0 for _, objects in pairs]
    scores = [2 * (m & t).sum() / (m.sum() + t.sum()) for m, t in zip(masks, truth, strict=True)]
    return float(np.mean(scores))


def recovered(pairs: list[Pair], kind: str) -> tuple[float, str]:
    """Share of the lost label Dice that the correction wins back, and what it did."""
    masks = weak(pairs, kind)
    corrected = AutoCorrection().correct([image for image, _ in pairs], masks)
    before, after = dice(masks, pairs), dice(corrected.masks, pairs)
    return (after - before) / (1 - before), corrected.evidence[0].action


@pytest.mark.parametrize(
    ("kind", "action", "least"),
    [
        ("dilate:pixels=4", "shrunk", 0.7),
        ("dilate:pixels=8", "shrunk", 0.8),
        ("box", "shrunk", 0.4),
        ("erode:depth=0.5", "grown", 0.6),
    ],
)
def test_nuclei_get_their_borders_back_whatever_was_done_to_them(
    nuclei: list[Pair], kind: str, action: str, least: float
) -> None:
    gap, done = recovered(nuclei, kind)
    assert done == action
    assert gap > least


@pytest.mark.parametrize("kind", ["full", "drop:keep=0.5"])
@pytest.mark.parametrize("cohort", ["nuclei", "glands"])
def test_right_outlines_come_back_bit_identical(
    cohort: str, kind: str, request: pytest.FixtureRequest
) -> None:
    pairs: list[Pair] = request.getfixturevalue(cohort)
    masks = weak(pairs, kind)
    corrected = AutoCorrection().correct([image for image, _ in pairs], masks)
    assert not corrected.changed
    for before, after in zip(masks, corrected.masks, strict=True):
        assert after is before


@pytest.mark.parametrize("pixels", [8, 12])
def test_glands_drawn_evenly_too_wide_come_back_by_their_border_profile(
    glands: list[Pair], pixels: int
) -> None:
    gap, done = recovered(glands, f"dilate:pixels={pixels}")
    assert done == "moved"
    assert gap > 0.7


@pytest.mark.slow
def test_hulls_around_glands_lose_stroma_by_its_texture(glands: list[Pair]) -> None:
    gap, done = recovered(glands, "hull:gap=30")
    assert done == "thinned"
    assert gap > 0.4


@pytest.mark.slow
def test_boxes_around_glands_lose_stroma_and_no_more_than_that(glands: list[Pair]) -> None:
    gap, done = recovered(glands, "box")
    assert done == "thinned"
    assert gap > 0.25


def finer(pairs: list[Pair], factor: int) -> list[Pair]:
    """The same sections scanned at ``factor`` times the resolution."""
    return [(ndimage.zoom(i, (factor, factor, 1), order=1), zoom(o, factor)) for i, o in pairs]


def zoom(objects: NDArray[np.int32], factor: int) -> NDArray[np.int32]:
    return np.repeat(np.repeat(objects, factor, 0), factor, 1)


@pytest.mark.parametrize("factor", [2, 3])
def test_the_resolution_of_the_scan_decides_nothing(glands: list[Pair], factor: int) -> None:
    scanned = finer(glands[:8], factor)
    exact = weak(scanned, "full")
    corrected = AutoCorrection().correct([image for image, _ in scanned], exact)
    assert all(after is before for before, after in zip(exact, corrected.masks, strict=True))
    gap, done = recovered(scanned, f"dilate:pixels={8 * factor}")
    assert done == "moved"
    assert gap > 0.7


@pytest.mark.parametrize("slop", [0.25, 0.5])
def test_every_annotator_s_own_offset_is_found(glands: list[Pair], slop: float) -> None:
    gap, done = recovered(glands, f"dilate:pixels=8,boundary_error={slop}")
    assert done == "moved"
    assert gap > 0.6


def chambers(seed: int) -> Pair:
    """A bright chamber whose muscle, inside of the exact outline, is as dark as the wall."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:128, :128]
    radius = 18 + 6 * rng.random()
    chamber = np.hypot(y - 64, x - 60) <= radius
    muscle = chamber & (np.hypot(y - 64, x - 60 - radius * 0.5) <= radius * 0.4)
    grey = np.where(chamber & ~muscle, 200.0, 60.0) + rng.normal(0, 6, chamber.shape)
    image = np.clip(ndimage.gaussian_filter(grey, 1), 0, 255).astype(np.uint8)
    return image, chamber.astype(np.int32)


def test_dark_parts_within_exact_outlines_are_not_taken_for_too_wide_ones() -> None:
    pairs = [chambers(seed) for seed in range(12)]
    masks = weak(pairs, "full")
    corrected = AutoCorrection().correct([image for image, _ in pairs], masks)
    assert corrected.evidence[0].measures["area_ratio"] < 0.9
    assert all(after is before for before, after in zip(masks, corrected.masks, strict=True))
    assert recovered(pairs, "dilate:pixels=8")[1] in ("shrunk", "moved")


@pytest.mark.parametrize("drawn", [False, True])
def test_masks_of_nothing_or_everything_stay_and_say_why(nuclei: list[Pair], drawn: bool) -> None:
    masks = [np.full(objects.shape, drawn) for _, objects in nuclei]
    corrected = AutoCorrection().correct([image for image, _ in nuclei], masks)
    assert all(after is before for before, after in zip(masks, corrected.masks, strict=True))
    assert [record.reason for record in corrected.evidence] == [
        "too little is drawn to be judged; nothing was changed"
    ]


def test_exact_outlines_stay_and_set_the_level(nuclei: list[Pair]) -> None:
    masks = weak(nuclei, "dilate:pixels=4")
    truth = weak(nuclei, "full")
    masks[0], masks[1] = truth[0], truth[1]
    corrected = AutoCorrection().correct([image for image, _ in nuclei], masks, exact=[0, 1])
    assert corrected.masks[0] is truth[0]
    assert corrected.masks[1] is truth[1]
    assert "level" in corrected.evidence[0].measures
    plain = AutoCorrection().correct([image for image, _ in nuclei], masks)
    assert dice(corrected.masks[2:], nuclei[2:]) >= dice(plain.masks[2:], nuclei[2:]) - 0.01


def test_grey_and_coloured_images_are_judged_apart(nuclei: list[Pair], glands: list[Pair]) -> None:
    mixed = [*nuclei, *glands[:6]]
    masks = [*weak(nuclei, "dilate:pixels=8"), *weak(glands[:6], "full")]
    corrected = AutoCorrection().correct([image for image, _ in mixed], masks)
    actions = {record.group: record.action for record in corrected.evidence}
    assert actions == {"grey": "shrunk", "colour": "kept"}
