"""Rules of detectors: objects that are marked by places in volumes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from inklings.cohorts.balls import balls_of, class_of
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import labelled_image, open_case
from inklings.errors import DataError
from inklings.labels.kinds import BallLabel, CaseLabel, PointLabel
from inklings.planning.budget import Budget
from inklings.planning.look import is_hounsfield
from inklings.planning.plan import Choice

_ACROSS = 5.0  # samples of an object
_USUAL_MM = 8.0


@dataclass(frozen=True)
class DetectionFingerprint:
    """What is to be found.

    Attributes:
        name: Of the cohort.
        class_name: Of the objects.
        scans: In the training part.
        patients: Theirs.
        objects: Theirs.
        diameters: ``(n,)`` in mm, of those that somebody measured.
        ct: Whether samples are Hounsfield units.
        said: Whence that is known.
    """

    name: str
    class_name: str
    scans: int
    patients: int
    objects: int
    diameters: tuple[float, ...]
    ct: bool
    said: str

    @property
    def lungs(self) -> bool:
        """Whether these are nodules of the lung, which are looked for there alone."""
        return self.ct and "nodul" in self.class_name.lower()


def is_detection(cohort: Cohort) -> bool:
    """Whether places in volumes are all that is marked."""
    labels = [
        (case, label)
        for case in cohort.part("train")
        for label in case.labels
        if not isinstance(label, CaseLabel)
    ]
    if not labels or not all(isinstance(label, BallLabel | PointLabel) for _, label in labels):
        return False
    case, label = labels[0]
    if isinstance(label, BallLabel):
        return True
    with open_case(case, label.image) as image:
        return len(image.geometry.shape) == 3


def fingerprint_detection(cohort: Cohort, asked: str | None = None) -> DetectionFingerprint:
    """Look at the marks of the training part and at one of its scans.

    Args:
        cohort: With a split.
        asked: Class of the objects; the only one, unless it is said.

    Raises:
        DataError: If a file cannot be read, or nothing of the class is marked.
        SpecError: If objects of several classes are marked, and nobody says which.
    """
    train = cohort.part("train")
    name = asked or class_of(train, cohort.folder or train[0].images[labelled_image(train[0])])
    balls = [ball for case in train for ball in balls_of(case, (name,))]
    if not balls:
        raise DataError(
            f"{cohort.name}: expected places of {name!r} in the training part, got none; "
            "detection.class_name says what is looked for"
        )
    ct, said = _is_ct(cohort)
    return DetectionFingerprint(
        name=cohort.name,
        class_name=name,
        scans=len(train),
        patients=len({case.patient for case in train}),
        objects=len(balls),
        diameters=tuple(ball.diameter_mm for ball in balls if ball.diameter_mm),
        ct=ct,
        said=said,
    )


def _is_ct(cohort: Cohort) -> tuple[bool, str]:
    case = next(case for case in cohort.part("train") if case.labels)
    stated = case.facts.get("modality", "").lower()
    if stated not in ("", "ct"):
        return False, "as stated in the cohort"
    with open_case(case, labelled_image(case)) as image:
        low = float(image.read(image.geometry.full).min())
    return is_hounsfield(low, stated == "ct")


def detection(seen: DetectionFingerprint, budget: Budget) -> Iterator[Choice]:
    """The experiment of a detector, line by line."""
    yield Choice("detection.class_name", seen.class_name, f"{seen.objects} are marked")
    middle = float(np.median(seen.diameters)) if seen.diameters else _USUAL_MM
    if len(seen.diameters) < seen.objects:
        why = f"{seen.objects - len(seen.diameters)} objects were not measured"
        yield Choice("detection.default_mm", round(middle, 1), why)
    if seen.lungs:
        yield Choice("detection.region", "lungs", "nodules on CT lie in the lungs")
        window = {"name": "window", "low": -1000, "high": 400}
        yield Choice("detection.intensity", window, "CT: from air to soft tissue")
    elif seen.ct:
        window = {"name": "window", "low": -200, "high": 400}
        yield Choice("detection.intensity", window, f"CT ({seen.said}): soft tissue")
    else:
        yield Choice("detection.intensity", "percentiles", f"{seen.said}: grey values of one scan")
    spacing = float(np.clip(round(middle / _ACROSS * 2) / 2, 0.5, 4.0))
    told = f"objects are {middle:.1f} mm wide: about {middle / spacing:.0f} samples"
    yield Choice("detection.spacing_mm", spacing, told)
    yield Choice(
        "detection.side", 48, f"{48 * spacing:.0f} mm around: {48 * spacing / middle:.0f} objects"
    )
    yield Choice("detection.foreground", 0.6, "objects are rare: most crops show one")
    yield Choice("model.name", "centre_point", "centres, offsets and sizes in one pass")
    yield Choice("model.width", 24 if budget.gpu else 16, "what the minutes allow")
    yield Choice("loss", "centre_point", "that of the network")
    yield Choice("training.minutes", budget.minutes, "the learning rate follows the clock")
    yield Choice("training.batch_size", 8, "crops of this size")
    yield Choice("training.learning_rate", 3.0e-3, "with one cycle")
    yield Choice("training.optimiser", {"name": "adamw", "weight_decay": 0.01}, "few scans")
    yield Choice("training.schedule", {"name": "one_cycle", "warm": 0.15}, "short trainings")
    yield Choice("training.ema", 0.995, "the mean of the last steps is steadier than any")


def head_of(seen: DetectionFingerprint) -> Sequence[str]:
    """What was seen, in lines."""
    sizes = "nobody measured them"
    if seen.diameters:
        low, middle, high = np.quantile(seen.diameters, (0.05, 0.5, 0.95))
        sizes = f"{middle:.1f} mm wide ({low:.1f} to {high:.1f})"
    return (
        f"{seen.name}: {seen.scans} scans of {seen.patients} patients for training",
        f"{seen.objects} {seen.class_name}, {sizes}; {'CT' if seen.ct else 'no CT'}: {seen.said}",
    )
