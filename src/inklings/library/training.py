"""Training: from an experiment, by name, file or record, to a run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inklings.changes import change
from inklings.cohorts.cohort import Cohort
from inklings.data.tiling import Rule, tile_cohort
from inklings.errors import SpecError
from inklings.library.cohorts import folder_of
from inklings.reports.card import write_card
from inklings.runs.run import Run
from inklings.spec import Experiment
from inklings.tasks.train import train as train_folder
from inklings.training.trainer import is_first


def train(
    experiment: str | Path | Experiment,
    *,
    out: str | Path,
    cohort: Cohort | str | Path | None = None,
    resume: bool = False,
    start: Run | str | Path | None = None,
    allow_seen: bool = False,
    **changes: Any,
) -> Run:
    """Train what an experiment says, and leave a run folder; an interrupted training goes on.

    Args:
        experiment: Name of a recipe (see `recipes`), path of an experiment file, or a record.
        out: Folder of the run.
        cohort: What to learn from, instead of the experiment's.
        resume: Whether a finished run of the same experiment in ``out`` is fine, too.
        start: Run, or weights file, to begin from; None for random weights.
        allow_seen: Train although ``start`` has seen patients of the test part.
        changes: Values of the experiment, as ``--set`` takes them: ``training={"steps": 100}`` or
            ``**{"training.steps": 100}``. A mapping changes the keys that it names, unless it
            names a component (``model={"name": "unet", "width": 16}``), which it replaces.
            Of slides, ``tiles={"size": 256, "spacing_um": 2.0}`` lists the tiles first
            (`inklings.data.tiling.Rule`).

    Returns:
        The finished run.

    Raises:
        InklingsError: If the experiment cannot be, the cohort is not fit for it, or another run is
            in the way.
    """
    folder = Path(out)
    if cohort is not None:
        changes["cohort"] = folder_of(cohort)
    tiles = changes.pop("tiles", None)
    if isinstance(tiles, Mapping):
        if cohort is None:
            raise SpecError("tiles: expected a cohort to list the tiles of; give cohort=")
        index = folder.with_name(f"{folder.name}-tiles")
        tile_cohort(changes["cohort"], index, _rule(tiles))
        tiles = index
    if tiles is not None:
        changes["tiles"] = tiles
    spec = experiment_of(experiment, changes)
    begin = start.folder if isinstance(start, Run) else start
    train_folder(
        spec,
        folder,
        resume=resume,
        start=None if begin is None else Path(begin),
        allow_seen_test_patients=allow_seen,
    )
    if is_first():
        write_card(folder)
    return Run.load(folder)


def experiment_of(source: str | Path | Experiment, changes: Mapping[str, Any]) -> Experiment:
    """The experiment that a name, a file or a record stands for, with some values replaced.

    Raises:
        SpecError: If a key is unknown or a value impossible.
    """
    texts = _assignments(changes)
    if not isinstance(source, Experiment):
        return Experiment.load(source, texts)
    record = source.model_dump(mode="json")
    for text in texts:
        change(record, text)
    return type(source).check(record, "experiment")


def _assignments(changes: Mapping[str, Any], above: str = "") -> list[str]:
    """``key.key=value`` for each value; the values are JSON, which is YAML."""
    found: list[str] = []
    for key, value in changes.items():
        if isinstance(value, Mapping) and "name" not in value:
            found += _assignments(value, f"{above}{key}.")
        else:
            found.append(f"{above}{key}={json.dumps(value, default=str)}")
    return found


def _rule(given: Mapping[str, Any]) -> Rule:
    known = [field.name for field in dataclasses.fields(Rule)]
    unknown = [key for key in given if key not in known]
    if unknown:
        raise SpecError(f"tiles: no option {unknown[0]!r}; it has {', '.join(known)}")
    return Rule(**given)
