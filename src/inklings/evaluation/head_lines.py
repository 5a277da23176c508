"""What stands above a table of scores: of whom, which masks are empty, how much is judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def head_lines(head: Mapping[str, Any]) -> list[str]:
    """What was scored, and what a reader has to know first; nothing of nothing."""
    if not head:
        return []
    lines = [
        f"{head.get('cohort', 'pairs')}, {head.get('split', 'all')}: {head['cases']} cases of "
        f"{of_patients(head['patients'])}"
        + (f", split {head['split_hash']}" if head.get("split_hash") else "")
    ]
    if head["patients"] == 1:
        lines.append("no intervals: one patient does not say how much others differ")
    for label, empty in _empty_of_whole(head).items():
        policy = "count 1" if head["empty"]["policy"] == "one" else "are skipped"
        lines.append(
            f"empty masks of {label}: {empty['both']} on both sides ({policy}), "
            f"{empty['reference']} in the reference only, {empty['predicted']} in the prediction "
            "only (count 0)"
        )
        lines += _distance_lines(label, empty) if "grid" not in head else []
    said = [
        *head.get("summary", ()),
        *annotated_lines(head),
        *absent_lines(head),
        *judged_lines(head),
    ]
    return [*lines, *said, *head.get("promises", ()), *seen_lines(head)]


def of_patients(count: int) -> str:
    """So many patients, or the one."""
    return f"{count} patient{'' if count == 1 else 's'}"


def _empty_of_whole(head: Mapping[str, Any]) -> Mapping[str, Mapping[str, int]]:
    """Empty masks by class; nothing where every reference is sparse."""
    sparse = head.get("judged", {}).get("sparse_cases", 0)
    counts: Mapping[str, Mapping[str, int]] = head.get("empty", {}).get("counts", {})
    return {} if sparse == head.get("cases") and "dense" not in head else counts


def _distance_lines(label: str, empty: Mapping[str, int]) -> list[str]:
    """Which cases distances leave out, and what a miss counts; nothing where nothing is empty."""
    out, missed = empty["both"] + empty["reference"], empty["predicted"]
    said = [f"{missed} missed count the diagonal of their image"] if missed else []
    said += [f"{out} left out, since their reference is empty"] if out else []
    return [f"distances of {label}: {'; '.join(said)}"] if said else []


def absent_lines(head: Mapping[str, Any]) -> list[str]:
    """Which classes no reference holds, so that no overlap of them is judged."""
    return [
        f"{label}: not judged, no reference of these cases holds it"
        + (f"; predicted in {n} of them" if n else "")
        for label, n in head.get("absent", {}).items()
    ]


def annotated_lines(head: Mapping[str, Any]) -> list[str]:
    """Which classes are judged in some cases only; nothing where all are in all."""
    total, counts = head.get("cases"), head.get("annotated", {})
    return [
        f"{label}: "
        + (f"judged in {n} of {total} cases, the others" if n else "not judged, the cases")
        + " do not annotate it"
        for label, n in counts.items()
        if n != total
    ]


def judged_lines(head: Mapping[str, Any]) -> list[str]:
    """What is said of references that speak of some samples only; nothing where all are whole."""
    judged = head.get("judged")
    if not judged:
        return []
    partial = judged["partial_cases"]
    sparse, positives = judged.get("sparse_cases", 0), judged.get("positives_only", 0)
    lines = [
        f"partial reference in {partial} of {head['cases']} cases: {judged['share']:.2%} of their "
        "samples are judged; volumes, distances and borders of them are not given, because a part "
        "has none"
    ]
    if sparse:
        lines.append(
            f"sparse reference in {sparse} of {head['cases']} cases: the rows of annotated samples "
            "are of these, and of what was drawn in them alone, which is no sample drawn at random"
        )
    if positives:
        lines.append(
            f"positives alone in {positives} of {head['cases']} cases: nothing can be called wrong "
            "there, so no precision and no Dice"
        )
    if dense := head.get("dense"):
        lines.append(
            f"dense reference {dense['cohort']}: {dense['cases']} of these cases; all other names "
            "are of it"
        )
    return lines


def seen_lines(head: Mapping[str, Any]) -> list[str]:
    """What is said where patients were scored that the run was trained on; nothing otherwise."""
    if not head.get("seen"):
        return []
    return [
        f"TRAINED ON {head['seen']} of the {head['patients']} patients (--allow-seen): scores "
        "are too optimistic"
    ]
