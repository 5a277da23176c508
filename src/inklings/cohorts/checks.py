"""The data doctor: what would spoil a training, and which cases belong together.

`examine` reads every file once, compares all images with all others, and returns findings and
groups. ``checks.json`` keeps both in the cohort folder, with a fingerprint of the files, so that
splitting need not look again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from inklings.cohorts.bag_fingerprint import cohort_findings, fingerprint_bag
from inklings.cohorts.bags import is_bag
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.common_causes import EXCLUDE, of_one_cause
from inklings.cohorts.duplicates import exact_duplicates, near_duplicates
from inklings.cohorts.fingerprint import (
    CheckFinding,
    Fingerprint,
    ImageStatistics,
    fingerprint_case,
)
from inklings.cohorts.imported import FILE as IMPORTED
from inklings.cohorts.imported import imported
from inklings.cohorts.label_checks import Repair
from inklings.cohorts.mosaics import mosaics
from inklings.cohorts.orientations import MIXED, counted, mixed
from inklings.errors import DataError
from inklings.files import read_yaml, write_json
from inklings.labels.kinds import MaskLabel
from inklings.progress import track
from inklings.records import as_record

FILE = "checks.json"
_BEFORE = "doctor.json"  # of version 0.1
_VERSION = 1

GroupKind = Literal["duplicates", "near duplicates", "sister crops"]


@dataclass(frozen=True)
class Group:
    """Cases that must share a split although their patients may differ.

    Attributes:
        kind: Why.
        cases: Ids, sorted.
        layout: For sister crops: id to (row, column) in the field they were cut from.
    """

    kind: GroupKind
    cases: tuple[str, ...]
    layout: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Examination:
    """What the doctor found.

    Attributes:
        findings: Worst first, then by case.
        groups: Cases that show the same thing.
        present: Case id to the names of the classes its labels show.
        objects: Case id to the number of annotated objects; None where labels do not say.
        fingerprint: Of the files that were read.
        split_hash: Of the split that was checked; None before splitting.
        orientations: How many volumes are stored in each orientation; empty without volumes.
    """

    findings: tuple[CheckFinding, ...]
    groups: tuple[Group, ...]
    present: Mapping[str, tuple[str, ...]]
    objects: Mapping[str, int | None]
    fingerprint: str
    split_hash: str | None
    orientations: Mapping[str, int] = field(default_factory=dict)

    @property
    def spoils(self) -> bool:
        """Whether anything found would spoil a training."""
        return any(finding.severity == "error" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """As it is written to ``checks.json`` and printed by ``inklings check --json``."""
        return {
            "version": _VERSION,
            "ok": not self.spoils,
            "cases": len(self.present),
            "counts": dict(Counter(finding.kind for finding in self.findings)),
            "grouped": {
                kind: {"groups": len(groups), "cases": len({c for g in groups for c in g.cases})}
                for kind, groups in _by_kind(self.groups).items()
            },
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "groups": [dataclasses.asdict(group) for group in self.groups],
            "present": {case: list(names) for case, names in self.present.items()},
            "objects": dict(self.objects),
            "fingerprint": self.fingerprint,
            "split_hash": self.split_hash,
            "orientations": dict(self.orientations),
        }

    def write(self, folder: Path) -> Path:
        """Write ``checks.json`` into the cohort folder and return its path."""
        write_json(folder / FILE, self.to_json())
        return folder / FILE


def examine(cohort: Cohort, folder: Path) -> Examination:
    """Check every case of ``cohort``, which was read from ``folder``, on all cores."""
    repairs = _repairs(folder)

    task = str(cohort.facts.get("task", ""))

    def look_at(case: Case) -> Fingerprint:
        if is_bag(case):
            return fingerprint_bag(case, cohort.classes, repairs, task)
        return fingerprint_case(case, cohort.classes, repairs)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        fingerprints = list(track(pool.map(look_at, cohort), "checking", len(cohort)))
    groups = find_groups([look for seen in fingerprints for look in seen.looks])
    groups += same_bags(fingerprints)
    findings = [
        *(finding for seen in fingerprints for finding in seen.findings),
        *cohort_findings(cohort, fingerprints, repairs["exclude"]),
        *_doubles(groups, repairs),
        *_leaks(cohort, groups, repairs),
        *_orientations(fingerprints),
    ]
    findings = of_one_cause(findings, len(cohort))
    findings += imported(folder, {(finding.case, finding.kind) for finding in findings})
    order = ("error", "warning", "note")
    return Examination(
        findings=tuple(sorted(findings, key=lambda f: (order.index(f.severity), f.kind, f.case))),
        groups=tuple(groups),
        present={seen.case: seen.present for seen in fingerprints},
        objects={seen.case: seen.objects for seen in fingerprints},
        fingerprint=fingerprint(cohort, folder),
        split_hash=cohort.split_hash,
        orientations=counted(code for seen in fingerprints for code in seen.orientations),
    )


def examined(cohort: Cohort, folder: Path) -> Examination:
    """The examination in ``folder``, made again (and written) where it is missing or stale."""
    path = next((folder / n for n in (FILE, _BEFORE) if (folder / n).is_file()), folder / FILE)
    try:
        record = read_yaml(path, "what 'inklings check' found")
        said = (record["version"], record["fingerprint"])
        if said == (_VERSION, fingerprint(cohort, folder)):
            return as_record(Examination, record, path, "check again")
    except (DataError, LookupError, TypeError):
        pass  # missing, or written by another version: looking again is always right
    fresh = examine(cohort, folder)
    fresh.write(folder)
    return fresh


def fingerprint(cohort: Cohort, folder: Path) -> str:
    """Changes when a case, a patient, or a file (path, size, time of change) does."""
    lines = [_state(folder.resolve() / IMPORTED, folder)]
    for case in sorted(cohort, key=lambda c: c.id):
        masks = [label.path for label in case.labels if isinstance(label, MaskLabel)]
        lines.append(f"{case.id}\t{case.patient}\t{len(case.labels)}")
        lines += [_state(path, folder) for path in (*case.images.values(), *masks)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def find_groups(looks: Sequence[ImageStatistics]) -> list[Group]:
    """Duplicates, near duplicates and sister crops among images of different cases.

    Tiles are laid out among one representative of each picture only: a copy would tie with the
    original for the place beside a neighbour.
    """
    exact = exact_duplicates(looks)
    copies = {index for group in exact for index in group[1:]}
    near = near_duplicates(looks)
    copies |= {j for i, j, _ in near if looks[i].shape == looks[j].shape}
    unique = [index for index in range(len(looks)) if index not in copies]
    fields = mosaics([looks[index] for index in unique])
    found = [Group("duplicates", _cases(looks, group)) for group in exact]
    found += [Group("near duplicates", _cases(looks, group)) for group in _joined(near)]
    for tiles in fields:
        layout = {looks[unique[i]].case: place for i, place in tiles.places.items()}
        found.append(Group("sister crops", tuple(sorted(layout)), layout))
    return [group for group in found if len(group.cases) > 1]


def same_bags(fingerprints: Sequence[Fingerprint]) -> list[Group]:
    """Bags that share a file of the same instances, number for number."""
    by_digest: dict[str, list[str]] = defaultdict(list)
    for seen in fingerprints:
        for digest in seen.digests:
            by_digest[digest].append(seen.case)
    cases = dict.fromkeys(tuple(sorted(set(names))) for names in by_digest.values())
    return [Group("duplicates", names) for names in cases if len(names) > 1]


def _cases(looks: Sequence[ImageStatistics], indices: Iterable[int]) -> tuple[str, ...]:
    return tuple(sorted({looks[index].case for index in indices}))


def _joined(pairs: Iterable[tuple[int, int, float]]) -> list[set[int]]:
    groups: dict[int, set[int]] = {}
    for i, j, _ in pairs:
        union = groups.get(i, {i}) | groups.get(j, {j})
        groups.update(dict.fromkeys(union, union))
    return list({id(group): group for group in groups.values()}.values())


def _doubles(groups: Sequence[Group], repairs: Mapping[Repair, str]) -> Iterable[CheckFinding]:
    for group in groups:
        first, *others = group.cases
        names = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        if group.kind == "duplicates":
            repair = repairs["exclude"].replace("{case}", first)
            yield CheckFinding(
                first, "duplicate", "warning", f"the same samples as {names}", repair
            )
        elif group.kind == "near duplicates":
            yield CheckFinding(first, "near duplicate", "note", f"shows the same as {names}")
        else:
            reason = f"cut from one field with {names}; 'inklings split' keeps them together"
            yield CheckFinding(first, "sister crops", "note", reason)


def _orientations(fingerprints: Sequence[Fingerprint]) -> Iterable[CheckFinding]:
    """One finding where volumes of a cohort lie in several orientations."""
    said = mixed({seen.case: seen.orientations[0] for seen in fingerprints if seen.orientations})
    if said is not None:
        yield CheckFinding(said[0], MIXED, "note", said[1])


def _leaks(
    cohort: Cohort, groups: Sequence[Group], repairs: Mapping[Repair, str]
) -> Iterable[CheckFinding]:
    """Patients and groups that lie in more than one split."""
    split = {case.id: case.split for case in cohort if case.split is not None}
    patients: dict[str, list[str]] = defaultdict(list)
    for case in cohort:
        patients[case.patient].append(case.id)
    together = [(f"patient {name}", cases) for name, cases in patients.items()]
    together += [(group.kind, list(group.cases)) for group in groups]
    for what, cases in together:
        parts = {split[case]: case for case in sorted(cases, reverse=True) if case in split}
        if len(parts) > 1:
            where = ", ".join(f"{case} in {part}" for part, case in sorted(parts.items()))
            reason = f"{what} across splits: {where}"
            yield CheckFinding(min(parts.values()), "leak", "error", reason, repairs["split"])


def _repairs(folder: Path) -> dict[Repair, str]:
    """Commands by kind; ``{case}`` and ``{file}`` stand for what a finding is about."""
    where = shlex.quote(str(folder))
    exclude = f"inklings split {where} {EXCLUDE}{{case}}"
    again = _import_command(folder)
    return {
        "exclude": exclude,
        "import": again or exclude,
        "restore": f"rm {{file}} && {again}" if again else exclude,
        "split": f"inklings split {where}",
    }


def _import_command(folder: Path) -> str:
    """The command that made the cohort, where its journal says so and it had no options."""
    try:
        with (folder / "import.jsonl").open(encoding="utf-8") as file:
            head = json.loads(file.readline())
        if any(head["options"].values()):
            return ""
        source, out = shlex.quote(head["source"]), shlex.quote(str(folder))
        return f"inklings import {head['dataset']} {source} --out {out}"
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return ""


def _state(path: Path, folder: Path) -> str:
    name = Path(os.path.relpath(path, folder.resolve())).as_posix()
    try:
        stat = path.stat()
    except OSError:
        return f"{name}\tmissing"
    return f"{name}\t{stat.st_size}\t{stat.st_mtime_ns}"


def _by_kind(groups: Iterable[Group]) -> dict[str, list[Group]]:
    kinds: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        kinds[group.kind].append(group)
    return kinds
