"""Masks, probability maps and predictions that are there already, along the edges of their images.

Pictures only (two dimensions). Everything goes through `inklings.inference.crf`; a mask that
cannot be refined is set aside with the reason, and never replaced by another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.datasets import pairing
from inklings.errors import DataError, LabelError, ReaderError, SpecError
from inklings.files import write_json, written
from inklings.inference.crf import CERTAINTY, CRF, along_edges, colours, energies_of_labels, sharpen
from inklings.inference.pictures import find_objects
from inklings.labels.codes import COLOUR, decoded, read_codes
from inklings.parallel import Summary, mapped, over_cases
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder, holds_predictions
from inklings.predictions.guarantee import with_promises
from inklings.readers import open_image
from inklings.records import read_record
from inklings.refinement import REFINEMENTS

RECORD = "refine.json"
_FORMATS = (".png", ".tif", ".tiff")
_MANY = 32
"""More numbers than this are no classes."""


def refine(
    masks: Path,
    out: Path,
    images: str | None = None,
    *,
    certainty: float = CERTAINTY,
    probabilities: bool = False,
    options: Mapping[str, float] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Summary:
    """Refine a folder of masks, of probability maps or of predictions; run again to go on.

    Args:
        masks: Folder of PNG or TIFF files (numbers of classes, or one probability a pixel), or
            one written by `inklings predict`.
        out: New folder of files of the same names, or of predictions.
        images: Folder or pattern of the images, paired with the masks by name; predictions know
            theirs.
        certainty: Probability that a mask is right (``gt_prob`` of the reference).
        probabilities: Whole numbers are probabilities: the largest of their type is certainty.
        options: Of `inklings.inference.crf.CRF`, by name.
        workers: Processes that share the cases.
        scheduler: Address of a Dask scheduler instead.

    Raises:
        SpecError: If an option is impossible, or ``out`` holds what other options made.
        DataError: If masks and images do not pair up, or masks hold a single number.
    """
    if out.resolve() == masks.resolve():
        raise SpecError(f"--out: expected another folder than the masks, got {out}")
    crf = CRF.of(options or {})
    if holds_predictions(masks):
        if probabilities or certainty != CERTAINTY:
            raise SpecError(
                "--probabilities, --certainty: predictions have their own probabilities"
            )
        return _predictions(masks, out, images, crf, workers, scheduler)
    if images is None:
        raise SpecError("expected the images of the masks; add --images FOLDER or a pattern")
    pairs = [one for one in pairing.pairs(images, str(masks)) if one.mask is not None]
    paths = {one.id: (one.image.resolve(), Path(str(one.mask)).resolve()) for one in pairs}
    if other := [mask for _, mask in paths.values() if mask.suffix.lower() not in _FORMATS]:
        raise SpecError(f"{other[0]}: expected masks in PNG or TIFF; save it as one of them")
    values = () if probabilities else _values([mask for _, mask in paths.values()])
    energies_of_labels(np.zeros((1, 1), np.int64), max(len(values), 2), certainty)
    task = MaskTask(paths, out.resolve(), crf, values, certainty)
    _claim(out, {"crf": vars(crf), "values": list(values), "certainty": certainty})
    return over_cases(
        task,
        list(paths),
        out=out,
        what="refine",
        workers=workers,
        scheduler=scheduler,
        done=lambda case: (out / paths[case][1].name).is_file(),
    )


@dataclass(frozen=True)
class MaskTask:
    """Refines one file; what travels to a worker.

    Attributes:
        paths: Case to its image and its mask.
        out: Folder to write.
        crf: The kernels.
        values: Numbers in the masks, in order; none where they are probabilities.
        certainty: That a mask is right.
    """

    paths: Mapping[str, tuple[Path, Path]]
    out: Path
    crf: CRF
    values: tuple[int, ...]
    certainty: float

    def __call__(self, case: str) -> None:
        """Write the refined mask of a case under the name of its mask.

        Raises:
            DataError: If image and mask cannot be read, or do not lie on one grid.
        """
        image, mask = self.paths[case]
        seen = _picture(image)
        kept = _plane(mask)
        if kept.shape != seen.shape[1:]:
            raise DataError(
                f"{mask.name}: expected a mask as large as its image {seen.shape[1:]} (y, x), got "
                f"{kept.shape}"
            )
        made = self._labels(seen, kept) if self.values else self._map(seen, kept, mask)
        with written(self.out / mask.name) as temporary:
            Pillow.fromarray(made).save(temporary)

    def _labels(self, seen: NDArray[Any], kept: NDArray[Any]) -> NDArray[Any]:
        known = np.array(self.values)
        labels = np.searchsorted(known, kept)
        energies = energies_of_labels(labels, len(known), self.certainty)
        best = self.crf.refine(colours(seen), energies).argmax(0)
        kind = np.uint8 if known.max() < 256 else np.uint16
        numbers: NDArray[Any] = known[best].astype(kind)
        return numbers

    def _map(self, seen: NDArray[Any], kept: NDArray[Any], mask: Path) -> NDArray[Any]:
        top = 1.0 if kept.dtype.kind == "f" else float(np.iinfo(kept.dtype).max)
        if not np.isfinite(kept).all() or kept.min() < 0 or kept.max() > top:
            raise DataError(f"{mask.name}: expected probabilities from 0 to {top:g}, got others")
        sharp = sharpen(colours(seen), kept.astype(np.float32) / top, self.crf) * top
        return (sharp if kept.dtype.kind == "f" else np.rint(sharp)).astype(kept.dtype)


@dataclass(frozen=True)
class PredictionTask:
    """Refines the prediction of one case; what travels to a worker.

    Attributes:
        folder: Of the predictions.
        out: Folder to write.
        images: Case to its image, where others than those of the predictions are given.
        crf: The kernels.
    """

    folder: Path
    out: Path
    images: Mapping[str, Path]
    crf: CRF

    def __call__(self, case: str) -> None:
        """Write the refined prediction of a case, and cut it into objects anew.

        Raises:
            DataError: If it is no picture, or its image cannot be read.
        """
        there = PredictionFolder.open(self.folder)
        if case in there.slides:
            raise DataError(f"case {case}: expected a picture, got a slide; cut tiles of it")
        before = DensePrediction.read(self.folder, case)
        if before.dense.ndim != 3:
            raise DataError(f"case {case}: expected a picture (two dimensions), got a volume")
        seen = _picture(self.images.get(case, before.image), before.series)
        head = there.head
        dense = along_edges(seen, before.dense, head.thresholds[: len(head.classes)], self.crf)
        objects = before.instances
        if objects is not None:
            told = dict(head.settings.get("instances") or {"name": "components"})
            how = REFINEMENTS.build(str(told["name"]), told.get("options") or {})
            objects = find_objects(dense, head.thresholds[0], how, head.settings.get("core"))
        replace(before, dense=dense, instances=objects).write(self.out)


def _predictions(
    folder: Path,
    out: Path,
    images: str | None,
    crf: CRF,
    workers: int | None,
    scheduler: str | None,
) -> Summary:
    there = PredictionFolder.open(folder)
    if there.kind != "dense":
        raise SpecError(f"{folder}: expected predictions of pictures, got {there.kind}")
    plain = with_promises(there.head, ())  # which were of what is changed here
    head = replace(plain, settings={**plain.settings, "refine": {"crf": vars(crf)}})
    given = {} if images is None else {one.id: one.image for one in pairing.pairs(images, None)}
    done = PredictionFolder.claim(out, head).cases
    paths = {case: path.resolve() for case, path in given.items()}
    task = PredictionTask(folder.resolve(), out.resolve(), paths, crf)
    return over_cases(
        task,
        there.cases,
        out=out,
        what="refine",
        workers=workers,
        scheduler=scheduler,
        done=lambda case: case in done,
    )


def _claim(out: Path, made: dict[str, Any]) -> None:
    """Say in the folder what made its files; others are not mixed with them."""
    path = out / RECORD
    if path.is_file() and read_record(dict[str, Any], path, "options", "delete it") != made:
        raise SpecError(f"{out} holds masks refined with other options; choose another --out")
    if not path.is_file() and out.is_dir() and any(out.iterdir()):
        raise SpecError(f"--out: expected a new folder, got {out}, which holds other files")
    write_json(path, made)


def _picture(path: Path, series: str | None = None) -> NDArray[Any]:
    """``(C, H, W)`` samples of an image."""
    with open_image(path, choice=series) as image:
        samples = image.read(image.geometry.full)
    if samples.ndim != 3:
        raise DataError(f"{path}: expected a picture (two dimensions), got {samples.shape}")
    return samples


def _values(masks: list[Path]) -> tuple[int, ...]:
    """The numbers in all masks, in order; none where they are probabilities.

    Raises:
        DataError: If they are one number only, or too many for classes.
    """
    found: set[int] = set()
    fractions = False
    for one in mapped(_numbers, masks, what="reading masks"):
        fractions = fractions or one is None
        found |= one or set()
    if fractions:
        return ()
    if len(found) > _MANY:
        raise DataError(
            f"expected masks of a few numbers, got {len(found)} different ones; if they are "
            "probabilities, say --probabilities"
        )
    if len(found) < 2:
        raise DataError(
            f"expected masks of two numbers at least, got {sorted(found)} in {len(masks)} files: "
            "there is nothing to tell apart"
        )
    return tuple(sorted(found))


def _numbers(mask: Path) -> set[int] | None:
    """The numbers in one mask; None where they are fractions, empty where it cannot be read."""
    try:
        plane = _plane(mask)
    except (ReaderError, LabelError):
        return set()
    return None if plane.dtype.kind == "f" else set(np.unique(plane).tolist())


def _plane(mask: Path) -> NDArray[Any]:
    """``(H, W)`` of a mask: float where it holds fractions, else whole numbers as stored.

    Raises:
        ReaderError: If it does not decode.
        LabelError: If it is in colour, has several pages, or was changed by a compression.
    """
    numbers = decoded(mask).numbers
    if numbers.dtype.kind == "f" and len(numbers) == 1 and numbers.shape[-1] == 1:
        plane: NDArray[Any] = numbers[0, ..., 0]
        return plane
    found = read_codes(mask)
    if found.plane.min(initial=0) < 0 or found.plane.max(initial=0) >= min(COLOUR, 2**16):
        raise LabelError(f"{mask.name}: expected numbers from 0 to 65535, got colours or others")
    return found.plane.astype(np.uint8 if found.dtype.itemsize == 1 else np.uint16)
