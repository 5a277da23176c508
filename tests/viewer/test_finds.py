"""What is said of a judged finding is said of its own samples, and of no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.findings.finding import Finding
from inklings.findings.measure import ball
from inklings.geometry import Geometry
from inklings.labels.corrections import CORE, Correction
from inklings.labels.files import read_mask, write_mask
from inklings.labels.kinds import MaskLabel
from inklings.predictions.dense import DensePrediction
from inklings.predictions.findings import Findings
from inklings.predictions.head import Head, Provenance
from inklings.readers.nifti import write_nifti
from inklings.testing.runs import write_pyramid
from inklings.viewer.amended import amend
from inklings.viewer.shelf import Shelf, open_shelf

KINDS = ("picture", "objects", "large", "slide", "volume")
CLASSES = ("tumour", "stroma")


def shapes(rng: np.random.Generator, shape: tuple[int, ...], wide: float) -> np.ndarray:
    """Codes 0, 1, 2 of crooked objects with holes, some of which touch the border."""
    fields = np.stack([ndimage.gaussian_filter(rng.normal(size=shape), wide) for _ in range(2)])
    codes = np.where(fields.max(0) > np.quantile(fields, 0.8), fields.argmax(0) + 1, 0)
    codes[(0,) * len(shape)] = 1  # an object of one sample in the corner
    return codes.astype(np.uint8)


def opened(kind: str, seed: int, folder: Path) -> tuple[Shelf, np.ndarray, np.ndarray]:
    """A case with a prediction and, with other objects, labels; the codes of both."""
    rng = np.random.default_rng(seed)
    sizes = {"volume": (7, 40, 36), "large": (2200, 130), "slide": (260, 2304)}
    shape = sizes.get(kind, (90, 110))
    codes, old = (shapes(rng, shape, 18 if kind in ("large", "slide") else 4) for _ in range(2))
    steps = (2.5, 0.8, 0.7) if kind == "volume" else None
    geometry = Geometry(shape, steps, (0.0,) * 3) if steps else Geometry(shape)
    image = folder / {"volume": "i.nii.gz", "slide": "i.tif"}.get(kind, "i.png")
    grey = rng.integers(0, 255, shape).astype(np.uint8)
    if kind == "volume":
        write_nifti(image, grey.astype(np.int16), geometry)
    elif kind == "slide":
        write_pyramid(image, np.repeat(grey[..., None], 3, 2), um=1.0)
    else:
        Image.fromarray(grey).save(image)
    stored = codes if kind == "slide" else old  # a slide has no dense prediction: judge its labels
    mask = folder / "labels.npy"
    write_mask(mask, stored)
    case = Case("a", "p", {"image": image}, (MaskLabel(mask, "image", "classes", CLASSES),))
    Cohort("c", (case,), CLASSES).write(folder / "cohort")
    if kind == "slide":
        return open_shelf([folder / "cohort"]), codes, stored
    dense = np.stack([np.where(codes == k, 220, 10) for k in (1, 2)]).astype(np.uint8)
    objects = ndimage.label(codes == 1)[0].astype(np.uint16) if kind == "objects" else None
    out = folder / "predictions"
    placed = geometry if kind == "volume" else None
    DensePrediction("a", image, dense, objects, placed).write(out)
    Head(CLASSES, (0.5, 0.5), Provenance("", "", None, "")).write(out)
    return open_shelf([folder / "cohort"], [out]), codes, stored


def judged(running: Any, source: str, codes: np.ndarray, truth: np.ndarray) -> int:
    """A perfect annotator, who looks at the samples around the middle of every finding."""
    found = running.ask(f"/api/cases/a/findings/{source}").json["findings"]
    for number, find in enumerate(found):
        code = CLASSES.index(find["title"]) + 1
        box = tuple(
            slice(max(0, round(c - r + 0.5)), round(c + r + 0.5))
            for c, r in zip(find["centre"], find["radii"], strict=True)
        )
        right = (truth[box] == code)[codes[box] == code].mean() > 0.5
        action = "accept" if right else "reject"
        record = {"action": action, "name": find["title"], "finding": find["id"]}
        answer = running.ask("/api/cases/a/corrections", "POST", record)
        assert answer.status == 200, (number, answer.json)
        assert answer.json["shape"]["kind"] == "mask"
    return len(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_judged_findings_state_exactly_their_own_samples(
    start: Any, tmp_path: Path, kind: str, seed: int
) -> None:
    shelf, codes, below = opened(kind, seed, tmp_path)
    running = start(shelf)
    running.enter()
    source = "labels" if kind == "slide" else "prediction0"
    # Half of the prediction is right, the truth of the rest is the other class or none.
    truth = np.where(np.arange(codes.shape[-1]) < codes.shape[-1] // 2, codes, (codes + 1) % 3)
    count = judged(running, source, codes, truth)
    assert count > 4
    amend(shelf.corrections, tmp_path / "cohort", tmp_path / "new")
    (case,) = Cohort.read(tmp_path / "new")
    said = read_mask(case.labels[-1].path)  # type: ignore[union-attr]
    stated = said < 255
    # All that was predicted is stated of (a speck between the samples of a large picture may not
    # be shown), and nothing else; what is not one class stays what it was labelled as of another.
    assert not stated[codes == 0].any()
    other = (below > 0) & (below != codes)
    share = stated[(codes > 0) & ~other].mean()
    assert share == 1 if max(codes.shape) < 2048 else share > 0.995
    assert not (stated & (said == 0) & other).any()
    # "is" is said with the class that is predicted there, so it is wrong where the outline is.
    positive = stated & (said > 0)
    np.testing.assert_array_equal(said[positive], codes[positive])
    own_error = (codes != truth)[codes > 0].mean()
    assert (said != truth)[positive].mean() <= own_error
    assert positive.any()
    assert (stated & (said == 0)).any()


def test_an_ellipse_of_the_page_is_not_believed(start: Any, tmp_path: Path) -> None:
    shelf, *_ = opened("picture", 3, tmp_path)
    running = start(shelf)
    running.enter()
    (first, *_) = running.ask("/api/cases/a/findings/prediction0").json["findings"]
    shape = {"kind": "ball", "points": [first["centre"]], "radii": first["radii"]}
    record = {"action": "accept", "name": "tumour", "image": "image", "finding": first["id"]}
    answer = running.ask("/api/cases/a/corrections", "POST", {**record, "shape": shape})
    assert answer.status == 400
    record = {"action": "accept", "name": "tumour", "finding": "prediction0.1.99999"}
    unknown = running.ask("/api/cases/a/corrections", "POST", record)
    assert unknown.status == 400
    assert "finding" in unknown.json["error"]


@pytest.mark.parametrize("action", ["accept", "reject"])
@pytest.mark.parametrize("index", [(3.0, 8.5, 11.5), (0.0, 1.0, 0.0), (5.0, 19.0, 23.0)])
def test_of_a_place_and_a_size_only_the_core_within_the_image_is_stated(
    start: Any, scans: Shelf, tmp_path: Path, action: str, index: tuple[float, ...]
) -> None:
    """Compared with the samples within half of the radius, in mm."""
    assert scans.cohort is not None
    (case,) = scans.cases.values()
    with open_case(case, "ct") as image:
        geometry = image.geometry
    centre = tuple(geometry.to_points(index).tolist())
    folder = tmp_path / "found"
    Findings("a", (Finding("nodule", 0.9, centre, 9.0),)).write(folder)
    shelf = open_shelf([folder], cohort=scans.cohort)
    running = start(shelf)
    running.enter()
    (found,) = running.ask("/api/cases/a/findings/prediction0").json["findings"]
    assert found["outlined"] is False
    record = {"action": action, "name": "lesion", "finding": found["id"]}
    answer = running.ask("/api/cases/a/corrections", "POST", record).json
    assert answer["shape"]["radii"] == pytest.approx([r * CORE for r in found["radii"]])
    done = amend(shelf.corrections, scans.cohort, tmp_path / "new")
    assert done.balls == 1
    (new,) = done.cohort
    said = read_mask(new.labels[-1].path)  # type: ignore[union-attr]
    core = ball(geometry, centre, 9.0 * CORE)
    wanted = np.full(geometry.shape, 255, np.uint8)
    wanted[core.region.slices][core.mask] = action == "accept"
    np.testing.assert_array_equal(said, wanted)
    assert new.labels[0] == case.labels[0]


def test_ellipses_that_were_stored_before_state_their_core() -> None:
    record = {
        "id": "x", "case": "a", "action": "reject", "name": "tumour", "author": "", "time": "",
        "image": "image", "finding": "prediction0.1.1",
        "shape": {"kind": "ball", "points": [[10, 10]], "radii": [4, 8], "plane": None, "axis": 0},
    }  # fmt: skip
    old = Correction.parsed(record)
    assert old.region is not None
    assert old.region.radii == (2.0, 4.0)
    drawn = Correction.parsed({**record, "action": "is_not"})
    assert drawn.region == drawn.shape
