"""A cohort as raw data of nnU-Net, version 2: a file a channel, label maps, and the split."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.label_checks import difference
from inklings.cohorts.opening import labelled_image, open_case
from inklings.cohorts.rasterise import annotate
from inklings.errors import DataError, GeometryError, SpecError
from inklings.exports.source import Exporter, ExportSource
from inklings.files import write_json, written
from inklings.geometry import Geometry
from inklings.labels.kinds import CaseLabel
from inklings.progress import note, track
from inklings.readers.nifti import write_nifti
from inklings.readers.pyramid import Pyramid

_CALLED = re.compile(r"Dataset\d{3}_[\w-]+")
_COLOURS = ("R", "G", "B")


class NnUNet(Exporter):
    """``Dataset001_<name>``: ``imagesTr``, ``labelsTr``, ``imagesTs``, ``dataset.json``, the split.

    Volumes become NIfTI, pictures PNG. What nobody annotated has the label ``ignore``. Cases of the
    split ``test``, and those without a label, go to ``imagesTs``; ``splits_final.json`` (to be
    copied into ``nnUNet_preprocessed``) has train and val as one fold.
    """

    def __call__(self, source: ExportSource, out: Path) -> Path:  # noqa: ARG002
        """Refuse: predictions are no data set.

        Raises:
            SpecError: Always.
        """
        raise SpecError(f"--to nnunet: expected a cohort, got predictions ({source.folder})")

    def labels(self, cohort: Cohort, out: Path) -> Path:
        """Write the images and labels of a cohort.

        Raises:
            DataError: If images of a case lie on grids of their own, cases differ in their images,
                or one is a slide.
        """
        clean = re.sub(r"[^\w-]+", "_", cohort.name) or "cohort"
        home = out if _CALLED.fullmatch(out.name) else out / f"Dataset001_{clean}"
        drawn = [any(not isinstance(k, CaseLabel) for k in case.labels) for case in cohort]
        channels: tuple[str, ...] = ()
        ending, unknown = "", False
        for case, some in track(list(zip(cohort, drawn, strict=True)), "export", len(cohort)):
            planes, names, grid = _channels(case)
            channels, ending = channels or names, ending or _ending(grid)
            if (names, _ending(grid)) != (channels, ending):
                raise DataError(
                    f"case {case.id}: expected channels {', '.join(channels)} ({ending}) as the "
                    f"cases before, got {', '.join(names)} ({_ending(grid)})"
                )
            part = "Ts" if case.split == "test" or not some else "Tr"
            _write_images(home / f"images{part}", case.id, planes, grid)
            if some:
                found = annotate(case, labelled_image(case), grid, cohort.classes)
                codes = np.where(found.known, found.category, len(cohort.classes) + 1)
                unknown |= not found.known.all()
                path = home / f"labels{part}" / f"{case.id}{ending}"
                _write(path, codes.astype(np.uint8), grid)
        training = [c for c, some in zip(cohort, drawn, strict=True) if some and c.split != "test"]
        labels = {"background": 0, **{name: k for k, name in enumerate(cohort.classes, 1)}}
        if unknown:
            labels["ignore"] = len(labels)
        said = {
            "name": cohort.name,
            "channel_names": {str(k): name for k, name in enumerate(channels)},
            "labels": labels,
            "numTraining": len(training),
            "file_ending": ending,
        }
        write_json(home / "dataset.json", said)
        if cohort.is_split:
            fold = {p: [c.id for c in training if c.split == p] for p in ("train", "val")}
            write_json(home / "splits_final.json", [fold])
        if not all(drawn):
            note(f"{drawn.count(False)} cases without a label are in imagesTs")
        return home


def _channels(case: Case) -> tuple[list[NDArray[Any]], tuple[str, ...], Geometry]:
    """Samples ``(*S)`` of every channel of every image, their names, and their grid."""
    on = labelled_image(case)
    grid: Geometry | None = None
    planes: list[NDArray[Any]] = []
    names: list[str] = []
    for name in (on, *(other for other in case.images if other != on)):
        with open_case(case, name) as image:
            if isinstance(image, Pyramid) and len(image.levels.shapes) > 1:
                raise DataError(f"case {case.id}: nnU-Net takes pictures and volumes, not slides")
            grid = grid or image.geometry
            if off := difference(image.geometry, grid):
                raise GeometryError(
                    f"case {case.id}: {name} lies on another grid than {on} ({off})"
                )
            samples = image.read(image.geometry.full)
        colours = _COLOURS if len(samples) == 3 else tuple(map(str, range(len(samples))))
        own = "CT" if case.facts.get("modality") == "CT" else name
        planes += list(samples)
        names += [own] if len(samples) == 1 else [f"{name}_{colour}" for colour in colours]
    assert grid is not None
    return planes, tuple(names), grid


def _ending(grid: Geometry) -> str:
    return ".nii.gz" if len(grid.shape) == 3 else ".png"


def _write_images(folder: Path, case: str, planes: list[NDArray[Any]], grid: Geometry) -> None:
    """A file a channel; colours of a picture are one file, as nnU-Net reads PNG."""
    if len(grid.shape) == 2 and len(planes) == 3 and all(p.dtype == np.uint8 for p in planes):
        _write(folder / f"{case}_0000.png", np.stack(planes, -1), grid)
        return
    for k, plane in enumerate(planes):
        _write(folder / f"{case}_{k:04d}{_ending(grid)}", plane, grid)


def _write(path: Path, samples: NDArray[Any], grid: Geometry) -> None:
    if len(grid.shape) == 3:
        write_nifti(path, samples, grid)
        return
    if samples.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{path.name}: expected pictures of 8 or 16 bits, got {samples.dtype}")
    with written(path) as temporary:
        Pillow.fromarray(samples).save(temporary, format="PNG")
