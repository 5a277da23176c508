"""What was opened: cases by their ids, and what is known and predicted of each.

Everything the page may ask for is listed here when the viewer starts. A request names a case and
a layer, which are looked up; no request names a file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from inklings.bags.places import slides_of
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.learnt_from import learnt_from
from inklings.errors import DataError, InklingsError
from inklings.evaluation.scores import Row, Scores
from inklings.evaluation.truth import truth
from inklings.predictions.folder import OfPredictions, PredictionFolder, holds_predictions
from inklings.predictions.likeness import Judged
from inklings.predictions.likeness_table import read_likeness
from inklings.predictions.suggestions import read_suggestions
from inklings.progress import note
from inklings.reports.material import cohort_of, latest
from inklings.viewer.files import loose_cases

CORRECTIONS = "corrections"
_T = TypeVar("_T")
_METRICS = ("dice", "iou", "auroc", "accuracy", "f1_0.50")


@dataclass(frozen=True)
class Predicted(OfPredictions):
    """One folder of predictions, as the viewer shows it.

    Attributes:
        name: For people.
        there: What the folder holds.
        cases: What is predicted there; no links that lead out of the folder.
        metric: What ``scores`` are; empty where nothing was evaluated.
        higher: Whether a high score is good.
        scores: By case.
        likeness: How unlike the training images each case is, where the run knows these.
        suggested: Case to its place among those to correct next, if `inklings suggest` ran.
    """

    name: str
    there: PredictionFolder
    cases: frozenset[str]
    metric: str = ""
    higher: bool = True
    scores: Mapping[str, float] = field(default_factory=dict)
    likeness: Mapping[str, Judged] = field(default_factory=dict)
    suggested: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Predicted:
        """Read what is in ``folder`` without opening a case.

        Raises:
            DataError: If it holds no predictions.
        """
        there, inside = PredictionFolder.open(folder), folder.resolve()
        cases = (case for case in there.cases if there.where(case).resolve().is_relative_to(inside))
        row, scores = _scores(folder)
        return cls(
            inside.name,
            there,
            frozenset(cases),
            row.title if row else "",
            row.higher if row else True,
            scores,
            _written(read_likeness, folder),
            _written(read_suggestions, folder),
        )

    def unlike(self, case: str) -> bool:
        """Whether a case is known to be unlike the training images."""
        return case in self.likeness and self.likeness[case].unlike


@dataclass(frozen=True)
class Shelf:
    """All that can be looked at.

    Attributes:
        title: Name of what was opened.
        folder: What was opened, or where the files lie.
        cases: By id, in order.
        classes: That can be annotated.
        standard: Cases with the labels they had before they were weakened; empty elsewhere.
        predictions: Folders of predictions, at most two.
        corrections: Where corrections are kept.
        cohort: Folder of the cohort; None for loose files.
        slides: Behind a cohort of bags, by their ids there.
    """

    title: str
    folder: Path
    cases: Mapping[str, Case]
    classes: tuple[str, ...]
    standard: Mapping[str, Case]
    predictions: tuple[Predicted, ...]
    corrections: Path
    cohort: Path | None = None
    slides: Mapping[str, Case] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases.values())


def open_shelf(
    paths: Sequence[Path], predictions: Sequence[Path] = (), cohort: Path | None = None
) -> Shelf:
    """Find out what ``paths`` are and list what is in them.

    Args:
        paths: A cohort or a run, perhaps with predictions; one or two folders of predictions; or
            files and folders of images.
        predictions: Folders of predictions to show on the cases.
        cohort: Where the cases of predictions come from, if they do not say or it was moved.

    Raises:
        DataError: If there is nothing to look at.
    """
    for path in paths:
        if not path.exists():
            raise DataError(
                f"expected a cohort, a run, predictions or images at {path}, got nothing there"
            )
    first, folders = paths[0], [*paths[1:], *predictions]
    if (first / "cohort.yaml").is_file():
        cohort = cohort or first
    elif (first / "experiment.yaml").is_file():
        runs = [path for path in paths if (path / "experiment.yaml").is_file()]
        cohort = cohort or cohort_of(first)
        shown = [folder for run in runs if (folder := latest(run))]
        folders = shown + [path for path in folders if path not in runs]
    elif holds_predictions(first):
        folders = [first, *folders]
    else:
        return _of_files(paths)
    if len(folders) > 2:
        raise DataError(f"expected one or two folders of predictions, got {len(folders)}")
    found = tuple(Predicted.read(folder) for folder in folders)
    return _with_cohort(first, cohort, found)


def _with_cohort(opened: Path, cohort: Path | None, found: tuple[Predicted, ...]) -> Shelf:
    cohort = cohort or next((c for p in found if (c := _origin(p)) is not None), None)
    home = opened / CORRECTIONS
    if cohort is None:
        return _without_cohort(opened, found)
    there = Cohort.read(cohort)
    standard: dict[str, Case] = {}
    try:
        full = truth(cohort)
        if full.cases != there.cases:
            standard = {case.id: case for case in full}
    except InklingsError as error:
        note(f"without the reference standard: {error}")
    cases = {case.id: case for case in there}
    if found and opened == found[0].folder:
        shown = frozenset[str]().union(*(p.cases for p in found))
        cases = {name: case for name, case in cases.items() if name in shown} or cases
    slides = slides_of(there, cohort)
    return Shelf(there.name, opened, cases, there.classes, standard, found, home, cohort, slides)


def _without_cohort(opened: Path, found: tuple[Predicted, ...]) -> Shelf:
    from_head = dict.fromkeys(name for p in found for name in p.head.classes)
    cases: dict[str, Case] = {}
    for predicted in found:
        for name, image in predicted_images(predicted):
            cases.setdefault(name, Case(name, name, {"image": image}))
    if not cases and all(p.there.kind == "findings" for p in found):
        raise DataError(f"{opened} holds findings without images; give their --cohort")
    if not cases:
        raise DataError(f"{opened} holds no predicted case yet; run 'inklings predict' first")
    title = opened.resolve().name
    return Shelf(title, opened, cases, tuple(from_head), {}, found, opened / CORRECTIONS)


def predicted_images(predicted: Predicted) -> Iterator[tuple[str, Path]]:
    """Each predicted case and the image that was read."""
    for name in sorted(predicted.cases):
        try:
            yield name, predicted.there.image(name)
        except InklingsError as error:
            note(f"{name} is left out: {error}")


def _of_files(paths: Sequence[Path]) -> Shelf:
    cases = loose_cases(paths)
    folder = paths[0] if paths[0].is_dir() else paths[0].parent
    title = paths[0].resolve().name
    return Shelf(title, folder, cases, ("object",), {}, (), folder / CORRECTIONS)


def _origin(predicted: Predicted) -> Path | None:
    """The cohort that the run of a folder of predictions learnt from, if it is still there."""
    head = predicted.head
    run = Path(head.provenance.run)
    near = (predicted.folder / run, predicted.folder.parent, predicted.folder.parent / run)
    own, others = (
        [cohort for folder in folders if (cohort := _learnt_from(folder)) is not None]
        for folders in (near, (run,))
    )
    try:
        found = learnt_from(
            own, others, head.provenance.split_hash, head.trained_on or (), str(predicted.folder)
        )
    except DataError as error:
        note(f"without a cohort: {error}")
        return None
    if found is None:
        return None
    return found if {case.id for case in Cohort.read(found)} & predicted.cases else None


def _learnt_from(run: Path) -> Path | None:
    try:
        return cohort_of(run) if (run / "experiment.yaml").is_file() else None
    except DataError:
        return None


def _written(read: Callable[[Path], dict[str, _T]], folder: Path) -> dict[str, _T]:
    """As it was written; nothing, with a note, where it is damaged."""
    try:
        return read(folder)
    except DataError as error:
        note(str(error))
        return {}


def _scores(folder: Path) -> tuple[Row | None, dict[str, float]]:
    """The metric to sort by, and its value for each case; nothing where nothing was evaluated."""
    if not (folder / "evaluation.json").is_file():
        return None, {}
    try:
        table = Scores.read(folder)
    except DataError as error:
        note(str(error))
        return None, {}
    if (chances := _of_bags(table)) and "accuracy" in table:
        return dataclasses.replace(table["accuracy"], title="P(true answer)"), chances
    columns = set().union(*(case.keys() for case in table.cases)) if table.cases else set()
    names = [*_METRICS, *table.names]
    for name in names:
        several = [column for column in columns if column.split(":")[0] == name]
        if name in table and several:
            scores = {}
            for case in table.cases:
                values = [case[c] for c in several if isinstance(case.get(c), int | float)]
                if values:
                    scores[str(case["case"])] = float(sum(values) / len(values))
            return table[name], scores
    return None, {}


def _of_bags(table: Scores) -> dict[str, float]:
    """The probability that each bag's true answer got; of several questions the least sure."""
    scores = {}
    for case in table.cases:
        said = [float(v) for k, v in case.items() if k[0] == "p" and k[1:].isdigit()]
        true = str(case.get("truth", "")).split()
        if said and len(true) == len(said):
            given = [(p, t) for p, t in zip(said, true, strict=True) if t != "?"]
            chances = [p if t == "1" else 1 - p for p, t in given]
        else:
            chances = [said[int(t)] for t in true if t.isdigit() and int(t) < len(said)]
        if chances:
            scores[str(case["case"])] = min(chances)
    return scores
