"""Rows of a table as instances: the classic benchmarks (npz), or any table with a bag column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from inklings.bags.answers import Answers, Ranks, answers
from inklings.bags.outcome_columns import OutcomeColumns, Outcomes, outcomes
from inklings.bags.writer import MadeBag
from inklings.datasets.bag_cohort import BagCohort, MadeBags
from inklings.datasets.dataset import Argument, Option, stamp_of
from inklings.datasets.feature_bags import EVENT, ORDER, ORDERED, TIME, VALUE
from inklings.datasets.mil_rows import Columns, InstanceRows, from_npz, from_table
from inklings.datasets.slide_names import case_ids, tcga_patient


@dataclass(frozen=True)
class MilTable(BagCohort):
    """Rows of a table as instances of bags: MUSK, Elephant, or your own."""

    source: Annotated[Path, Argument("npz with X, y and bag, or a table (CSV, TSV, parquet).")]
    bag: Annotated[str, Option("Table: column of the bag.")] = "bag"
    label: Annotated[str, Option("Table: column of its label.")] = "label"
    instance: Annotated[
        str | None, Option("Table: labels of instances, kept apart for evaluation.")
    ] = None
    patient: Annotated[str | None, Option("Table: column of the patient.")] = None
    split: Annotated[str | None, Option("Table: column with train, val, test.")] = None
    ignore: Annotated[
        tuple[str, ...], Option("Table: a column that is no feature; repeat.", repeat=True)
    ] = ()
    class_: Annotated[
        str, Option("Name of the class where labels are 0 and 1.", flag="--class")
    ] = "positive"
    value: Annotated[str | None, VALUE] = None
    time: Annotated[str | None, TIME] = None
    event: Annotated[str | None, EVENT] = None
    ordered: Annotated[bool, ORDERED] = False
    order: Annotated[tuple[str, ...], ORDER] = ()
    name: str = ""
    classes: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """Nothing; `made` notes the task."""
        return {}

    @property
    def told_of(self) -> str:
        """The table."""
        return self.source.name

    def made(self) -> MadeBags:
        """Bags, in the order of their names.

        Raises:
            DataError: If the table is not what it should be; the message names row and column.
            LabelError: If the rows of a bag disagree.
        """
        return _made(self, stamp_of(self.source))


@lru_cache(maxsize=1)
def _made(dataset: MilTable, stamp: str) -> MadeBags:  # noqa: ARG001
    outcome = OutcomeColumns(dataset.value, dataset.time, dataset.event)
    columns = Columns(
        bag=dataset.bag,
        label=outcome.names or (dataset.label,),
        instance=dataset.instance,
        patient=dataset.patient,
        split=dataset.split,
        ignore=dataset.ignore,
    )
    outcome.instead_of((dataset.label,))
    path = dataset.source
    rows = (
        from_npz(path, columns.label)
        if path.suffix.lower() == ".npz"
        else from_table(path, columns)
    )
    found: Answers | Outcomes
    if outcome.names:
        found = outcomes(rows.label, lambda i, column: rows.at[column][i], outcome)
    else:
        ranks = Ranks(dataset.ordered, dataset.order)
        found = answers(
            rows.label, lambda i, column: rows.at[column][i], ranks, name=dataset.class_
        )
    patients, words = _patients(rows)
    bags = [
        MadeBag(
            id=name,
            instances=rows.features[of],
            present=found.present[k] if isinstance(found, Answers) else (),
            outcome=found.rows[k] if isinstance(found, Outcomes) else None,
            patient=patients[k],
            split=None if rows.split is None else rows.split[k],
            truth=_truth(rows, of),
        )
        for k, name in enumerate(case_ids(rows.names))
        for of in [np.flatnonzero(rows.index == k)]
    ]
    words += _against(bags) if found.task == "binary" else []
    facts = {"task": found.task, "features": int(rows.features.shape[1])}
    told = tuple(f"{path.name}: {word}" for word in (*rows.notes, *found.notes))
    return MadeBags(bags, found.classes, facts, (*told, *words))


def _patients(rows: InstanceRows) -> tuple[list[str], list[str]]:
    if rows.patient is not None:
        return [str(one) for one in rows.patient], []
    found = [tcga_patient(name) for name in rows.names]
    if not any(found):
        return [""] * len(rows.names), []
    count = len({one or name for one, name in zip(found, rows.names, strict=True)})
    words = [f"patients are those of the TCGA barcodes: {count} of {len(found)} bags"]
    return [one or "" for one in found], words


def _truth(rows: InstanceRows, of: Any) -> Any:
    """Labels of the instances of one bag; None where one of them has none."""
    if rows.truth is None or (rows.truth[of] == 255).any():
        return None
    return rows.truth[of]


def _against(bags: Sequence[MadeBag]) -> list[str]:
    """Bags whose label is another than their instances say by the rule of one positive."""
    odd = [
        bag.id
        for bag in bags
        if bag.truth is not None and bag.present[0] not in (None, bool(bag.truth.any()))
    ]
    if not odd:
        return []
    some = ", ".join(odd[:3]) + (f" and {len(odd) - 3} more" if len(odd) > 3 else "")
    return [f"instances say otherwise than the label of their bag: {some}; kept"]
