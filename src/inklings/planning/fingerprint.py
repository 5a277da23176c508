"""What the training cases of a cohort have in common, from a sample of them.

This one is of pictures and volumes with labels that are drawn; bags and objects that are marked by
places have theirs beside their rules (`inklings.planning.bags`, `inklings.planning.detection`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import labelled_image, open_case
from inklings.datasets.modality import modality as of_picture
from inklings.errors import DataError
from inklings.labels.kinds import BoxLabel, CaseLabel, MaskLabel, PointLabel
from inklings.orientation import across
from inklings.planning.layout import fixed_axes
from inklings.planning.look import CaseLook, is_hounsfield, look
from inklings.readers.pyramid import Pyramid

Kind = Literal["exact", "weak", "strokes", "slices", "regions", "positives", "boxes", "points"]
"""What labels are: complete masks; complete ones that are said to be weak; few samples of each
plane; some planes throughout; parts of planes; nothing but positives; boxes; points."""

SAMPLE = 24
"""Cases that are looked at."""

MICROSCOPY = ("stained", "fluorescence", "bright-field", "mixed")
"""Modalities whose pictures have no top."""

_VOLUME = 64_000_000  # samples beyond which fewer cases are looked at
_STROKES, _THROUGHOUT, _BOXED = 0.2, 0.98, 0.5


@dataclass(frozen=True)
class CohortFingerprint:
    """What is to be learnt from.

    Attributes:
        name: Of the cohort.
        classes: Of the cohort.
        cases: With drawn labels in the training part.
        patients: Theirs.
        held_out: Labelled cases of the validation part.
        looks: Those that were looked at.
        modality: ``ct``, ``mr``, ``stained``, ``fluorescence``, ``bright-field``, ``mixed``, or
            what the cohort calls it.
        said: Whence the modality is known.
        kind: Of the labels.
        weakness: How labels were weakened, as the cohort says it.
        orientation: In which volumes are learnt; empty for pictures.
        fixed: Axes along which a mirror image shows something else, with why.
        instead: What is tried in place of what a rule says, with why, by the name of the rule.
    """

    name: str
    classes: tuple[str, ...]
    cases: int
    patients: int
    held_out: int
    looks: tuple[CaseLook, ...]
    modality: str
    said: str
    kind: Kind
    weakness: str
    orientation: str
    fixed: dict[str, str]
    instead: Mapping[str, tuple[Any, str]] = field(default_factory=dict)

    @property
    def volumes(self) -> bool:
        """Whether these are volumes."""
        return len(self.looks[0].shape) == 3

    @property
    def channels(self) -> int:
        """Of all images of a case together."""
        return max(one.channels for one in self.looks)

    @property
    def shape(self) -> tuple[int, ...]:
        """Median samples along each axis."""
        return tuple(int(n) for n in np.median([one.shape for one in self.looks], axis=0))

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Median millimetres along each axis; None where some case does not say."""
        known = [one.spacing for one in self.looks if one.spacing is not None]
        if len(known) < len(self.looks):
            return None
        return tuple(float(mm) for mm in np.median(known, axis=0))

    @property
    def spread(self) -> float:
        """Largest ratio of spacings along one axis, of the middle nine tenths of the cases."""
        if self.spacing is None:
            return 1.0
        mm = np.array([one.spacing for one in self.looks], float)
        low, high = np.quantile(mm, (0.05, 0.95), axis=0)
        return float((high / low).max())

    @property
    def anisotropy(self) -> float:
        """How many times farther apart planes are than samples within them."""
        if not self.volumes or self.spacing is None:
            return 1.0
        return self.spacing[0] / min(self.spacing[1:])

    def sizes(self, k: int) -> NDArray[np.float64]:
        """``(n,)`` diameters of objects of class ``k``, in samples of the plane.

        Strokes and points are smaller than what they mark: of them it is four times the spread of
        what was marked in a case.
        """
        if self.kind in ("strokes", "points"):
            spread = np.array([one.extents[k, -2:].mean() for one in self.looks])
            known: NDArray[np.float64] = 4 * spread[~np.isnan(spread)]
            return known
        return np.concatenate([one.diameters[k] for one in self.looks])

    @property
    def diameters(self) -> NDArray[np.float64]:
        """``(n,)`` of the objects of all classes."""
        return np.concatenate([self.sizes(k) for k in range(len(self.classes))])

    def diameter(self, k: int) -> float:
        """Median of the objects of class ``k``; NaN where none was seen."""
        found = self.sizes(k)
        return float(np.median(found)) if len(found) else float("nan")

    @property
    def shares(self) -> NDArray[np.float64]:
        """``(K,)`` mean share of the known samples that is of each class."""
        mean: NDArray[np.float64] = np.mean([one.shares for one in self.looks], axis=0)
        return mean

    @property
    def drawn(self) -> float:
        """Share of the planes that show an object, of those that labels speak of."""
        return float(np.mean([one.drawn for one in self.looks]))

    @property
    def known(self) -> float:
        """Share of the samples that labels speak of, in planes that they speak of at all."""
        return float(np.mean([one.known for one in self.looks]))

    @property
    def touching(self) -> float:
        """Share of the objects that touch another; 0 where labels do not part them."""
        return float(np.mean([one.touching for one in self.looks]))

    @property
    def size_spread(self) -> float:
        """Standard deviation over cases of the logarithm of their median diameter.

        0 where labels do not say how large objects are.
        """
        if self.kind in ("strokes", "points"):
            return 0.0
        found = [np.concatenate(one.diameters) for one in self.looks]
        medians = [np.median(one) for one in found if len(one)]
        return float(np.std(np.log(medians))) if len(medians) > 1 else 0.0

    @property
    def inside(self) -> NDArray[np.float64]:
        """``(n,)`` intensities of objects."""
        return np.concatenate([one.inside for one in self.looks])

    @property
    def outside(self) -> NDArray[np.float64]:
        """``(n,)`` intensities of what is known to be none."""
        return np.concatenate([one.outside for one in self.looks])


def fingerprint(cohort: Cohort) -> CohortFingerprint:
    """Look at up to `SAMPLE` training cases that carry drawn labels.

    Raises:
        DataError: If there are none, images are slides, or some are pictures and some volumes.
    """
    train = [case for case in cohort.part("train") if is_drawn(case)]
    if not train:
        raise DataError(
            f"{cohort.name}: expected drawn labels (masks, outlines, boxes, strokes) in the "
            f"training part, got none in {len(cohort.part('train'))} cases; import them too"
        )
    chosen = _spread(train)
    grids = []
    for case in chosen:
        with open_case(case, labelled_image(case)) as image:
            if isinstance(image, Pyramid):
                raise DataError(
                    f"{cohort.name}: expected pictures, volumes or bags, got whole slides; cut "
                    "them with 'inklings tile' and train the recipe strong, slides_weak or slides"
                )
            grids.append(image.geometry)
    if len({len(grid.shape) for grid in grids}) > 1:
        raise DataError(
            f"{cohort.name}: expected pictures alone or volumes alone, got both in the training "
            "part; import them as a cohort each"
        )
    size = int(np.median([np.prod(grid.shape) for grid in grids]))
    chosen = chosen[:: max(1, -(-size * len(chosen) // (_VOLUME * 4)))]
    volumes = len(grids[0].shape) == 3
    code = across(grids) if volumes else ""
    looks = tuple(look(case, cohort.classes, code) for case in chosen)
    weakness = cohort.facts.get("weakness")
    chain = str(weakness.get("chain", "")) if isinstance(weakness, dict) else ""
    modality, said = _modality(train, chosen, looks)
    return CohortFingerprint(
        name=cohort.name,
        classes=tuple(cohort.classes),
        cases=len(train),
        patients=len({case.patient for case in train}),
        held_out=sum(is_drawn(case) for case in cohort.part("val")),
        looks=looks,
        modality=modality,
        said=said,
        kind=_kind(chosen, looks, chain),
        weakness=chain,
        orientation=code,
        fixed=fixed_axes(looks, cohort.classes),
    )


def is_drawn(case: Case) -> bool:
    """Whether a case carries labels of places or samples."""
    return any(not isinstance(label, CaseLabel) for label in case.labels)


def _spread(cases: Sequence[Case]) -> list[Case]:
    """A sample, evenly spread over the cases in order of their ids."""
    count = min(SAMPLE, len(cases))
    return [cases[i * len(cases) // count] for i in range(count)]


def _kind(cases: Sequence[Case], looks: Sequence[CaseLook], weakness: str) -> Kind:
    """What labels are: by their kind, and by how much of a plane they speak of."""
    labels = [k for case in cases for k in case.labels if not isinstance(k, CaseLabel)]
    masks = [k for k in labels if isinstance(k, MaskLabel)]
    if labels and all(isinstance(k, BoxLabel) for k in labels):
        return "boxes"
    if labels and all(isinstance(k, PointLabel) for k in labels):
        return "points"
    if masks and all(k.extent == "positives" for k in masks):
        return "positives"
    known = float(np.median([one.known for one in looks]))
    if known >= _THROUGHOUT:
        if np.mean([one.boxed for one in looks]) >= _BOXED:
            return "boxes"
        if weakness:
            return "weak"
        planes = float(np.mean([one.planes for one in looks]))
        return "exact" if planes >= _THROUGHOUT else "slices"
    return "strokes" if known < _STROKES else "regions"


def _modality(
    cases: Sequence[Case], looked: Sequence[Case], looks: Sequence[CaseLook]
) -> tuple[str, str]:
    """What made the images, and whence that is known."""
    names = Counter(case.facts["modality"].lower() for case in cases if "modality" in case.facts)
    if names:
        first, count = names.most_common(1)[0]
        if count < sum(names.values()) * _THROUGHOUT and set(names) <= set(MICROSCOPY):
            parts = ", ".join(f"{n} {name}" for name, n in names.most_common())
            return "mixed", f"the cohort says {parts}"
        if first != "ct":
            return first, "as stated in the cohort"
        known, said = is_hounsfield(min(one.low for one in looks), stated=True)
        return ("ct" if known else "CT without Hounsfield units"), said
    if len(looks[0].shape) == 3:
        known, said = is_hounsfield(min(one.low for one in looks), stated=False)
        return ("ct" if known else "mr"), said
    kinds = Counter(_picture(case) for case in looked)
    first, count = kinds.most_common(1)[0]
    if count < len(looked) * _THROUGHOUT:
        return "mixed", ", ".join(f"{n} {name}" for name, n in kinds.most_common()) + " by colours"
    return first, "its colours and its ground say so"


def _picture(case: Case) -> str:
    with open_case(case, labelled_image(case)) as image:
        array = image.read(image.geometry.full)
    return of_picture(np.moveaxis(array, 0, -1) if len(array) == 3 else array[0])
