"""Patches for learning from positive and unlabelled ones: some labels are known, most are not.

Each patch is a case, a bag of one picture. The patches of a folder each are positive, negative or
unlabelled; or all classes are known (MNIST), and labels beyond the number asked for are hidden.
Some labelled ones are held back from training, for the score histogram, and some for testing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from inklings.bags.writer import MadeBag
from inklings.cohorts.case import Split
from inklings.datasets.bag_cohort import BagCohort, MadeBags
from inklings.datasets.dataset import Argument, Option, names, stamp_of
from inklings.datasets.labelled_pictures import OFFLINE, LabelledPictures, pictures
from inklings.datasets.patients import patient_of
from inklings.errors import DataError, SpecError

_ABSENT, _PRESENT, _UNSAID, _PASSED_OVER = 0, 1, 2, 3
_Kinds = NDArray[np.int64]


@dataclass(frozen=True)
class PuPatches(BagCohort):
    """Patches of which some are labelled positive or negative, and most are not labelled.

    A folder with a folder of pictures for each kind, P, N (may be missing) and U. Of pictures whose
    classes are all known, MNIST's files say, name those that count as positive and as negative.
    """

    patches: Annotated[
        str,
        Argument(
            "Folder with a folder of pictures for each kind, or with MNIST's idx files; 'digits' "
            "needs no file."
        ),
    ]
    positive: Annotated[
        tuple[str, ...], Option("Folders, or classes, of positive patches.", parse=names)
    ] = ("P",)
    negative: Annotated[
        tuple[str, ...], Option("Folders, or classes, of negative patches.", parse=names)
    ] = ("N",)
    unlabelled: Annotated[
        tuple[str, ...], Option("Folders of patches that may be either.", parse=names)
    ] = ("U",)
    class_name: Annotated[str, Option("Name of the positive class.", flag="--class")] = "positive"
    labelled_positives: Annotated[
        int | None,
        Option("Positives to train on as such; the label of the others is hidden.", least=1),
    ] = None
    labelled_negatives: Annotated[
        int | None,
        Option("Negatives to train on as such; the label of the others is hidden.", least=0),
    ] = None
    held_back: Annotated[
        tuple[int, int],
        Option("Positives and negatives for the val part: scores of patches never trained on."),
    ] = (0, 0)
    test: Annotated[
        int, Option("Patches of known class for the test part, where the source has none.", least=0)
    ] = 0
    most_unlabelled: Annotated[
        int | None, Option("Leave out unlabelled patches beyond this number.", least=1)
    ] = None
    patient: Annotated[
        str | None,
        Option("Where the patient, or the picture, is in FOLDER/FILE: '/(pic[0-9]+)_'. One part."),
    ] = None
    seed: Annotated[int, Option("Of which are labelled and held back.", least=0)] = 0
    noun: str = "patches"
    tells_unlabelled: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """After the folder."""
        return f"patches of {Path(self.patches).name}"

    @property
    def source(self) -> Path | None:
        """Where the patches lie; None for digits, which need no file."""
        return None if self.patches == OFFLINE else Path(self.patches)

    @property
    def classes(self) -> tuple[str, ...]:
        """The one that patches are, or are not, of."""
        return (self.class_name,)

    @property
    def facts(self) -> dict[str, Any]:
        """Nothing; `made` notes what was hidden."""
        return {}

    def options(self) -> dict[str, Any]:
        """The source too, which may be no file."""
        return {"patches": self.patches, **super().options()}

    def made(self) -> MadeBags:
        """All patches."""
        return _made(self, stamp_of(self.source))


@lru_cache(maxsize=1)
def _made(asked: PuPatches, stamp: str) -> MadeBags:  # noqa: ARG001
    found = pictures(asked.patches)
    kinds, words = _kinds(asked, found)
    places = found.places
    patients = [patient_of(asked.patient, place) or place for place in places]
    order = np.random.default_rng(asked.seed).permutation(len(found))
    parts = _parts(asked, kinds, patients, found.official_test, order)
    hidden = _hidden(asked, kinds, parts, order)
    facts: dict[str, Any] = {"task": "binary", "seed": asked.seed}
    unsaid = (parts == "train") & (hidden | (kinds == _UNSAID))
    if not unsaid.any():
        raise DataError(
            f"{asked.patches}: expected unlabelled patches, got none; give their folder with "
            "--unlabelled, or hide labels with --labelled-positives and --labelled-negatives"
        )
    if not (kinds == _UNSAID).any():
        facts["prior"] = round(float((kinds[unsaid] == _PRESENT).mean()), 4)
        words.append(
            f"share of positives among the unlabelled, known here and to nobody who trains: "
            f"{facts['prior']}"
        )
    left = order[unsaid[order]][asked.most_unlabelled :] if asked.most_unlabelled else order[:0]
    if len(left):
        words.append(f"{len(left)} unlabelled patches are left out (--most-unlabelled)")
    kept = np.setdiff1d(np.flatnonzero(kinds != _PASSED_OVER), left)
    bags = [
        MadeBag(
            id=_id(places[i]),
            instances=found.images[i : i + 1],
            present=(None if hidden[i] or kinds[i] == _UNSAID else bool(kinds[i] == _PRESENT),),
            patient=_id(patients[i]),
            split=parts[i],
        )
        for i in kept
    ]
    return MadeBags(sorted(bags, key=lambda bag: bag.id), asked.classes, facts, tuple(words))


def _kinds(asked: PuPatches, found: LabelledPictures) -> tuple[_Kinds, list[str]]:
    """What is known of each patch, ``(N,)``, and words about those that nobody asked for.

    Raises:
        SpecError: If a folder is not there, or is said to be of two kinds.
    """
    known = found.known
    kinds = np.full(len(found), _PASSED_OVER)
    every = {
        "positive": (asked.positive, _PRESENT),
        "negative": (asked.negative, _ABSENT),
        "unlabelled": (asked.unlabelled, _UNSAID),
    }
    for option, (wanted, kind) in every.items():
        usual = option != "positive" and wanted == PuPatches.__dataclass_fields__[option].default
        for name in wanted:
            if name not in known:
                if usual:
                    continue
                raise SpecError(f"--{option}: expected some of {', '.join(known)}, got {name!r}")
            mine = found.labels == known[name]
            if (kinds[mine] != _PASSED_OVER).any():
                raise SpecError(f"--{option}: {name!r} was named as another kind, too")
            kinds[mine] = kind
    others = {name: int((found.labels == label).sum()) for name, label in known.items()}
    over = [name for name, label in known.items() if (kinds[found.labels == label] == 3).all()]
    return kinds, [f"{others[name]} patches of {name!r} are of no kind: left out" for name in over]


def _parts(
    asked: PuPatches,
    kinds: _Kinds,
    patients: Sequence[str],
    official: NDArray[np.bool_],
    order: NDArray[np.int64],
) -> NDArray[np.object_]:
    """The part of each patch ``(N,)``: all of a patient are in one.

    Raises:
        DataError: If there are too few patches of known class.
    """
    of: dict[str, list[int]] = {}
    for i in order:
        of.setdefault(patients[i], []).append(int(i))
    parts = np.full(len(kinds), "train", object)
    parts[official] = "test"
    left = {
        "test": asked.test - int(official.sum()),
        **dict(zip("pn", asked.held_back, strict=True)),
    }
    for mine in of.values():
        if official[mine].any():
            continue
        counts = [int(np.count_nonzero(kinds[mine] == kind)) for kind in (_PRESENT, _ABSENT)]
        part: Split = "train"
        if left["test"] > 0 and any(counts):
            part = "test"
            left["test"] -= sum(counts)
        elif any(count and left[k] > 0 for count, k in zip(counts, "pn", strict=True)):
            part = "val"
            for count, k in zip(counts, "pn", strict=True):
                left[k] -= count
        parts[mine] = part
    for option, key in (("--test", "test"), ("--held-back", "p"), ("--held-back", "n")):
        if left[key] > 0:
            raise DataError(
                f"{asked.patches}: expected {left[key]} more labelled patches for {option}, got "
                "none; ask for fewer"
            )
    return parts


def _hidden(
    asked: PuPatches, kinds: _Kinds, parts: NDArray[np.object_], order: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whose label nobody may see, ``(N,)``.

    Raises:
        DataError: If fewer are labelled than asked for.
    """
    hidden = np.zeros(len(kinds), np.bool_)
    for kind, count, option in (
        (_PRESENT, asked.labelled_positives, "--labelled-positives"),
        (_ABSENT, asked.labelled_negatives, "--labelled-negatives"),
    ):
        mine = order[(kinds[order] == kind) & (parts[order] == "train")]
        if len(mine) < (1 if count is None and kind == _PRESENT else count or 0):
            raise DataError(
                f"{asked.patches}: expected {count or 'some'} patches for {option}, got "
                f"{len(mine)} in the training part"
            )
        if count is not None:
            hidden[mine[count:]] = True
    return hidden


def _id(place: str) -> str:
    """Of a case: what files may be called."""
    cleaned = re.sub(r"[^\w.+-]+", "-", place)
    return cleaned if re.match(r"\w", cleaned) else f"_{cleaned}"
