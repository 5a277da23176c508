"""Bags of labelled pictures, above all digits: positive where one is of the class looked for.

Digits are first dealt to train, val and test; a bag is made of digits of its own part. Both
loaders that Ilse et al. published beside their paper (2018) are here, draw for draw (the same
numbers from NumPy's legacy generator); they differ in the share of positive bags, and the second
marks every digit that is not smaller as positive, which changes nothing for a nine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from inklings.bags.writer import MadeBag
from inklings.cohorts.case import SPLITS, Split
from inklings.cohorts.cohort import Cohort
from inklings.datasets.bag_cohort import BagCohort, MadeBags
from inklings.datasets.dataset import Argument, Option, stamp_of
from inklings.datasets.importing import run
from inklings.datasets.labelled_pictures import OFFLINE, LabelledPictures, pictures
from inklings.errors import DataError, SpecError

Draw = Literal["once", "again", "loader", "balanced_loader"]
Share = Literal["natural", "balanced"]
_Rows = NDArray[np.int64]


@dataclass(frozen=True)
class BagPlan:
    """Which bags.

    Attributes:
        target: The digit, or the class, that makes a bag positive.
        size: ``3-7``: evenly from 3 to 7. ``10~2``: rounded normal of mean 10 and spread 2.
        bags: Of train, val and test; -1 for as many as the digits give (``draw: once``).
        positives: ``natural`` as they come, or ``balanced`` to one half.
        draw: ``once``: no digit in two bags. ``again``: with replacement. ``loader``,
            ``balanced_loader``: the public loaders.
        parts: Shares of the digits for train, val and test, where the source has no test part of
            its own; whole numbers above one count digits.
        seed: Of everything.
        test_seed: Of the test bags, so that trainings of several seeds share them.
        positives_a_bag: Exactly so many positive digits in a positive bag; None as they come.
    """

    target: int | str = 1
    size: str = "3-7"
    bags: tuple[int, int, int] = (-1, -1, -1)
    positives: Share = "natural"
    draw: Draw = "once"
    parts: tuple[float, float, float] = (0.7, 0.1, 0.2)
    seed: int = 0
    test_seed: int | None = None
    positives_a_bag: int | None = None


@dataclass(frozen=True)
class MnistBags(BagCohort):
    """Bags of labelled pictures: is there a certain digit among them? None is in two parts."""

    digits: Annotated[
        str,
        Argument(
            "Folder with MNIST's idx files, or with a folder of pictures for each class; 'digits' "
            "needs no file."
        ),
    ]
    target: Annotated[str, Option("The digit, or the class, that makes a bag positive.")] = "1"
    size: Annotated[str, Option("3-7: evenly from 3 to 7; 10~2: normal, mean 10, spread 2.")] = (
        "3-7"
    )
    bags: Annotated[
        tuple[int, int, int],
        Option("Of train, val and test; -1 for as many as there are digits for."),
    ] = (-1, -1, -1)
    positives: Annotated[Share, Option("Share of positive bags.")] = "natural"
    positives_a_bag: Annotated[
        int | None, Option("Exactly so many digits in a positive bag.", least=1)
    ] = None
    draw: Annotated[
        Draw,
        Option(
            "Each digit in one bag, or drawn with replacement; or as the public loaders of Ilse "
            "2018 do."
        ),
    ] = "once"
    parts: Annotated[
        tuple[float, float, float],
        Option("Digits for train, val and test: shares, or numbers above one."),
    ] = (0.7, 0.1, 0.2)
    seed: Annotated[int, Option("Random seed.", least=0)] = 0
    test_seed: Annotated[
        int | None, Option("Of the test bags, to share them between seeds.", least=0)
    ] = None
    classes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """After the digits."""
        return f"bags of {Path(self.digits).name}"

    @property
    def source(self) -> Path | None:
        """Where the digits lie; None for those that need no file."""
        return None if self.digits == OFFLINE else Path(self.digits)

    @property
    def facts(self) -> dict[str, Any]:
        """Nothing; `made` notes how they were drawn."""
        return {}

    def options(self) -> dict[str, Any]:
        """The digits too, which may be no file."""
        return {"digits": self.digits, **super().options()}

    def made(self) -> MadeBags:
        """All bags; their one class is the digit that is looked for."""
        return _all_bags(self.digits, self.plan, stamp_of(self.source))

    @property
    def plan(self) -> BagPlan:
        """Which bags."""
        return BagPlan(
            self.target, self.size, self.bags, self.positives, self.draw, self.parts, self.seed,
            self.test_seed, self.positives_a_bag,
        )  # fmt: skip


def mnist_bags(source: str, out: Path, plan: BagPlan | None = None) -> Cohort:
    """Write the cohort of bags; its classes are the one digit that is looked for.

    Raises:
        DataError: If the digits are missing or too few.
        SpecError: If the plan cannot be.
    """
    plan = plan or BagPlan()
    return run(MnistBags(source, **{**vars(plan), "target": str(plan.target)}), out, 1).cohort


@lru_cache(maxsize=1)
def _all_bags(source: str, plan: BagPlan, stamp: str) -> MadeBags:  # noqa: ARG001
    digits = pictures(source)
    name = str(plan.target)
    plan = replace(plan, target=digits.label(name))
    bags: list[MadeBag] = []
    for split, rows, count in zip(SPLITS, _parts(digits, plan), plan.bags, strict=True):
        if count:
            seed = plan.test_seed if split == "test" and plan.test_seed is not None else plan.seed
            drawn = _drawn(digits.labels[rows], plan, count, seed, split)
            bags += _made(digits, plan, split, (rows[bag] for bag in drawn))
    facts = {
        "source": "scikit-learn digits (UCI, CC BY 4.0)" if source == OFFLINE else "pictures",
        "target": name,
        "size": plan.size,
        "positives": plan.positives,
        "draw": plan.draw,
        "seed": plan.seed,
        "task": "binary",
    }
    return MadeBags(bags, (name,), facts)


def _parts(digits: LabelledPictures, plan: BagPlan) -> tuple[_Rows, _Rows, _Rows]:
    """Digits of train, val and test; where the source keeps a test part, test is that."""
    official = digits.official_test
    rest, test = np.flatnonzero(~official), np.flatnonzero(official)
    train, val, last = plan.parts
    if max(plan.parts) > 1:
        counts = [int(share) for share in plan.parts]
    else:
        whole = train + val if len(test) else train + val + last
        counts = [round(len(rest) * share / whole) for share in (train, val)]
        counts.append(len(rest) - sum(counts))
    if sum(counts[: 2 if len(test) else 3]) > len(rest):
        raise SpecError(f"expected parts of at most {len(rest)} digits, got {counts}")
    # As they lie in the file, so that a published split into first and last digits can be had.
    cuts = np.cumsum(counts)
    if not len(test):
        test = rest[cuts[1] : cuts[2]]
    return rest[: cuts[0]], rest[cuts[0] : cuts[1]], test


def _sizes(text: str) -> Callable[[np.random.Generator], int]:
    if found := re.fullmatch(r"(\d+)-(\d+)", text):
        low, high = int(found[1]), int(found[2])
        if 1 <= low <= high:
            return lambda rng: int(rng.integers(low, high + 1))
    if found := re.fullmatch(r"(\d+(?:\.\d+)?)~(\d+(?:\.\d+)?)", text):
        mean, spread = float(found[1]), float(found[2])
        return lambda rng: max(1, round(rng.normal(mean, spread)))
    raise SpecError(f"size: expected 3-7 (from, to) or 10~2 (mean ~ spread), got {text!r}")


def _drawn(labels: _Rows, plan: BagPlan, count: int, seed: int, split: Split) -> list[_Rows]:
    """Rows of each bag, counted within the digits of its part."""
    if plan.draw in ("loader", "balanced_loader"):
        if count < 0:
            raise SpecError("expected a number of bags with a public loader, got none")
        loader = _loader if plan.draw == "loader" else _balanced_loader
        return loader(labels, plan, count, seed)
    rng = np.random.default_rng([seed, SPLITS.index(split)])
    size = _sizes(plan.size)
    if plan.draw == "once":
        return _once(labels, plan, count, rng, size)
    if count < 0:
        raise SpecError("expected a number of bags where digits are drawn again, got none")
    return _again(labels, plan, count, rng, size)


def _once(
    labels: _Rows, plan: BagPlan, count: int, rng: np.random.Generator, size: Callable[..., int]
) -> list[_Rows]:
    """Every digit in one bag at most: shuffled, then cut; balanced by leaving bags out."""
    if plan.positives_a_bag is not None:
        raise SpecError("positives a bag: expected draw 'again' with it, got 'once'")
    order = rng.permutation(len(labels))
    bags, start = [], 0
    while start < len(order):
        stop = start + size(rng)
        if stop > len(order):
            break
        bags.append(order[start:stop])
        start = stop
    positive = np.array([(labels[bag] == plan.target).any() for bag in bags])
    if plan.positives == "balanced":
        fewer = min(positive.sum(), (~positive).sum())
        kept = np.concatenate([np.flatnonzero(side)[:fewer] for side in (positive, ~positive)])
        bags = [bags[i] for i in np.sort(kept)]
    if count > len(bags):
        raise DataError(
            f"expected digits for {count} bags, got enough for {len(bags)}; ask for fewer, or let "
            "digits be drawn again (--draw again)"
        )
    return bags if count < 0 else bags[:count]


def _again(
    labels: _Rows, plan: BagPlan, count: int, rng: np.random.Generator, size: Callable[..., int]
) -> list[_Rows]:
    """Digits with replacement; balanced or with a fixed number of positives on request."""
    yes, no = np.flatnonzero(labels == plan.target), np.flatnonzero(labels != plan.target)
    bags = []
    for number in range(count):
        most = size(rng)
        if plan.positives == "natural" and plan.positives_a_bag is None:
            bags.append(rng.integers(0, len(labels), most))
            continue
        if number % 2:
            bags.append(rng.choice(no, most))
            continue
        natural = max(1, int((rng.random(most) < len(yes) / len(labels)).sum()))
        many = min(most, natural if plan.positives_a_bag is None else plan.positives_a_bag)
        bag = np.concatenate([rng.choice(yes, many), rng.choice(no, most - many)])
        bags.append(rng.permutation(bag))
    return bags


def _normal(plan: BagPlan) -> tuple[float, float]:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)~(\d+(?:\.\d+)?)", plan.size)
    if not found:
        raise SpecError(f"the public loaders take a size like 10~2, got {plan.size!r}")
    return float(found[1]), float(found[2])


def _loader(labels: _Rows, plan: BagPlan, count: int, seed: int) -> list[_Rows]:
    """``dataloader.py``: sizes cut off to whole numbers, digits with replacement, as they come."""
    mean, spread = _normal(plan)
    rng = np.random.RandomState(seed)
    bags = []
    for _ in range(count):
        size = max(1, int(rng.normal(mean, spread, 1)[0]))
        bags.append(rng.randint(0, len(labels), size))
    return bags


def _balanced_loader(labels: _Rows, plan: BagPlan, count: int, seed: int) -> list[_Rows]:
    """``mnist_bags_loader.py``: positive and negative bags by turns."""
    mean, spread = _normal(plan)
    rng = np.random.RandomState(seed)
    bags: list[_Rows] = []
    last_positive = False
    while len(bags) < count:
        size = max(1, int(rng.normal(mean, spread, 1)[0]))
        bag = rng.randint(0, len(labels), size)
        if last_positive:
            found: list[int] = []
            while len(found) < size:
                one = int(rng.randint(0, len(labels), 1)[0])
                if labels[one] != plan.target:
                    found.append(one)
            bags.append(np.array(found))
            last_positive = False
        elif (labels[bag] == plan.target).any():
            bags.append(bag)
            last_positive = True
    return bags


def _made(
    digits: LabelledPictures, plan: BagPlan, split: Split, bags: Iterator[_Rows]
) -> Iterator[MadeBag]:
    for number, rows in enumerate(bags):
        truth = (digits.labels[rows] == plan.target).astype(np.uint8)
        yield MadeBag(
            id=f"{split}-{number:05d}",
            instances=digits.images[rows],
            present=(bool(truth.any()),),
            split=split,
            truth=truth,
        )
