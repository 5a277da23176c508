"""Splitting a cohort on disk: ``cases.parquet`` with its split column, ``split.json``, and
``excluded.json`` for the cases that were taken out.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inklings.cohorts.case import SPLITS, Case, Split
from inklings.cohorts.checks import examined
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.given_parts import given_parts, require_together
from inklings.cohorts.splits import SplitOptions, assign, strata, units
from inklings.errors import DataError, SpecError
from inklings.files import write_json
from inklings.records import as_record, read_record

FILE = "split.json"
EXCLUDED = "excluded.json"
_AGAIN = "move it away and split again"


@dataclass(frozen=True)
class _Group:
    """Cases that were kept together, as ``split.json`` has them."""

    split: str
    cases: list[str]


@dataclass(frozen=True)
class SplitOutcome:
    """What a split did.

    Attributes:
        cohort: As it now is on disk.
        replaced: Hash of the split that was there before, where another one took its place.
        record: What ``split.json`` says: options, hash, counts by split and stratum, groups.
        spoiled: Ids of cases with findings that would spoil a training.
        kept: Cases whose part came with the data, and stays.
    """

    cohort: Cohort
    replaced: str | None
    record: Mapping[str, Any]
    spoiled: tuple[str, ...]
    kept: int = 0


def split_cohort(
    folder: Path,
    options: SplitOptions,
    ignore_duplicates: bool = False,
    replace: bool = False,
    table: tuple[Path, int | None] | None = None,
) -> SplitOutcome:
    """Split the cohort in ``folder`` and write it.

    Args:
        folder: A cohort.
        options: How.
        ignore_duplicates: Keep only patients together, not duplicates and sister crops.
        replace: Also in place of a split that came with the data.
        table: Parts that others published, and which of its folds is test (`given_parts`); nothing
            is dealt then.

    Raises:
        DataError: If it cannot be split so; nothing is written then.
        SpecError: If the fact to stratify by does not exist, or the split came with the data.
    """
    cohort = Cohort.read(folder)
    given = {} if replace else _official(cohort, folder)
    if given and len(given) == len(cohort):
        raise SpecError(
            f"{folder}: its split came with the data, and another one could train on the official "
            "test cases; give --replace if that is meant"
        )
    seen = examined(cohort, folder)
    groups = () if ignore_duplicates else tuple(group.cases for group in seen.groups)
    together = units(cohort, groups)
    stratum = strata(cohort.cases, seen.present, options.stratify)
    held = {unit: part for unit in together if (part := _part_of(unit, given))}
    free = [unit for unit in together if unit not in held]
    if table is not None:
        chosen = given = given_parts(cohort, *table)
        require_together(together, given)
    else:
        chosen = assign(free, {name: stratum[name] for unit in free for name in unit}, options)
        chosen |= {name: part for unit, part in held.items() for name in unit}
    after = dataclasses.replace(
        cohort,
        cases=tuple(dataclasses.replace(case, split=chosen[case.id]) for case in cohort),
    )
    how = {
        **dataclasses.asdict(options),
        "fractions": None if options.folds or table else list(options.fractions),
        "table": str(table[0]) if table else None,
        "fold": table[1] if table else options.fold if options.folds else None,
        "ignore_duplicates": ignore_duplicates,
        "official": sorted(given),
    }
    record = {**how, **_describe(after, stratum, together)}
    _write(after, folder, record)
    before = cohort.split_hash
    spoiled = {f.case for f in seen.findings if f.severity == "error" and f.kind != "leak"}
    return SplitOutcome(
        after,
        before if before != after.split_hash else None,
        record,
        tuple(sorted(spoiled)),
        0 if table else len(given),
    )


def _official(cohort: Cohort, folder: Path) -> dict[str, Split]:
    """Part by case of those whose part came with the data, also where the others were dealt."""
    parts = {case.id: case.split for case in cohort if case.split}
    if not (folder / FILE).exists():
        return parts
    ids = as_record(list[str], _read(folder / FILE, {}).get("official", []), folder / FILE, _AGAIN)
    return {name: parts[name] for name in ids if name in parts}


def _part_of(unit: Sequence[str], given: Mapping[str, Split]) -> Split | None:
    """The part that came with the data for one of a unit; test goes before the others."""
    parts = {given[name] for name in unit if name in given}
    return next((part for part in reversed(SPLITS) if part in parts), None)


def exclude(folder: Path, ids: Sequence[str]) -> Cohort:
    """Take cases out of the cohort's table; their files stay, and ``excluded.json`` names them.

    The other cases keep their splits.

    Raises:
        DataError: If there is no such case.
    """
    cohort = Cohort.read(folder)
    known = {case.id: case for case in cohort}
    before = _read(folder / EXCLUDED, [])
    gone = {record["id"] for record in before}
    for name in ids:
        if name not in known and name not in gone:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the cohort has {len(known)} others"
            raise DataError(f"expected a case of {folder} to exclude, got {name!r}; {hint}")
    taken = [known[name] for name in dict.fromkeys(ids) if name in known]
    if len(taken) == len(cohort):
        raise DataError(f"cannot exclude all {len(cohort)} cases of {folder}; keep at least one")
    write_json(folder / EXCLUDED, [*before, *map(_excluded, taken)])
    after = cohort.where(lambda case: case.id not in set(ids))
    old = _read(folder / FILE, {})
    if after.is_split and old:
        left = {case.id for case in after}
        before_groups = as_record(list[_Group], old.get("groups", []), folder / FILE, _AGAIN)
        groups = [
            {"split": group.split, "cases": [name for name in group.cases if name in left]}
            for group in before_groups
        ]
        record = {**old, **_counts(after), "groups": [g for g in groups if len(g["cases"]) > 1]}
        _write(after, folder, record)
    else:
        after.write(folder)
    return after


def _describe(
    cohort: Cohort, stratum: Mapping[str, str], together: Sequence[tuple[str, ...]]
) -> dict[str, Any]:
    split = {case.id: str(case.split) for case in cohort}
    table: dict[str, dict[str, int]] = {}
    for name in sorted(set(stratum.values())):
        counts = Counter(split[case] for case in split if stratum[case] == name)
        table[name] = {part: counts[part] for part in SPLITS}
    return {
        **_counts(cohort),
        "strata": table,
        "units": {part: sum(split[unit[0]] == part for unit in together) for part in SPLITS},
        "groups": [
            {"split": split[unit[0]], "cases": list(unit)} for unit in together if len(unit) > 1
        ],
    }


def _counts(cohort: Cohort) -> dict[str, Any]:
    return {"hash": cohort.split_hash, "counts": {s: len(cohort.part(s)) for s in SPLITS}}


def _write(cohort: Cohort, folder: Path, record: Mapping[str, Any]) -> None:
    cohort.write(folder)
    write_json(folder / FILE, dict(record))


def _excluded(case: Case) -> dict[str, Any]:
    images = {name: path.name for name, path in case.images.items()}
    return {"id": case.id, "patient": case.patient, "split": case.split, "images": images}


def _read(path: Path, empty: Any) -> Any:
    if not path.is_file():
        return empty
    return read_record(type(empty), path, "a split", _AGAIN)
