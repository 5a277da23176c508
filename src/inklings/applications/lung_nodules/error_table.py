"""Error table of a cascade: where nodules were lost, and what else was called.

The table of Stevens et al. 2020 (Deep Learning with PyTorch): what lay there (no nodule, benign,
malignant) against what became of it (missed by the segmentation, filtered by the classifier,
called benign, called malignant). A candidate matches a nodule if it lies closer to its centre than
0.7 of its *diameter*; LUNA16 asks for the radius, so both rules are offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inklings.findings.finding import Finding
from inklings.labels.kinds import BallLabel

ROWS = ("non-nodule", "benign", "malignant")
COLUMNS = ("missed", "filtered out", "called benign", "called malignant")
UNRATED = "nodule"
REACH = {"reference": 0.7, "luna16": 0.5}
"""How far from the centre a mark may lie, as a share of the diameter."""
Rule = Literal["reference", "luna16"]
Ints = NDArray[np.int_]


@dataclass(frozen=True)
class ErrorTable:
    """What became of the nodules, and what of the candidates that are none.

    Attributes:
        table: ``(4, 4)`` counts: `ROWS` and nodules that nobody rated, against `COLUMNS`.
        rule: How candidates were matched.
        threshold: Of the probability of a nodule.
        threshold_malignancy: Of the probability of malignancy.
        scans: How many were counted together.
    """

    table: Ints
    rule: Rule
    threshold: float
    threshold_malignancy: float
    scans: int = 1

    def __add__(self, other: ErrorTable) -> ErrorTable:
        """Two tables under the same rule and thresholds, counted together."""
        return ErrorTable(
            self.table + other.table, self.rule, self.threshold, self.threshold_malignancy,
            self.scans + other.scans,
        )  # fmt: skip

    @property
    def losses(self) -> dict[str, int]:
        """Stage to the nodules it lost, and those that came through; they add up to all."""
        benign, malignant, unrated = self.table[1:]
        wrong = int(benign[3] + malignant[2])
        found = self.table[1:].sum()
        lost = {
            "missed by segmentation": int(self.table[1:, 0].sum()),
            "filtered by classification": int(self.table[1:, 1].sum()),
            "wrong malignancy": wrong,
        }
        return {
            "nodules": int(found),
            **lost,
            "right to the end": int(found - sum(lost.values())),
            "of them not rated": int(unrated[2:].sum()),
        }

    def text(self) -> str:
        """The table and the losses for people."""
        wide = max(len(name) for name in COLUMNS)
        lines = [f"{'':12}" + "".join(f"{name:>{wide + 2}}" for name in COLUMNS)]
        names = (*ROWS, UNRATED) if self.table[3].any() else ROWS
        for name, counts in zip(names, self.table, strict=False):
            cells = [str(int(n)) for n in counts]
            cells[0] = "-" if name == ROWS[0] else cells[0]  # there is nothing to miss
            lines.append(f"{name:12}" + "".join(f"{cell:>{wide + 2}}" for cell in cells))
        losses = self.losses
        total = max(1, losses["nodules"])
        for name, count in list(losses.items())[1:5]:
            lines.append(f"{name:28}{count:>6} of {losses['nodules']} ({count / total:.1%})")
        reach = "the radius" if self.rule == "luna16" else "0.7 of the diameter"
        lines.append(
            f"a nodule is found within {reach}; called from {self.threshold:g} on, malignant from "
            f"{self.threshold_malignancy:g}; {self.scans} scans"
        )
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """For JSON."""
        rows = dict(zip((*ROWS, UNRATED), self.table.tolist(), strict=True))
        return {
            "rule": self.rule,
            "threshold": self.threshold,
            "threshold_malignancy": self.threshold_malignancy,
            "scans": self.scans,
            "columns": list(COLUMNS),
            "table": rows,
            "losses": self.losses,
        }


def error_table(
    candidates: Sequence[Finding],
    nodules: Sequence[BallLabel],
    threshold: float = 0.5,
    threshold_malignancy: float = 0.5,
    rule: Rule = "reference",
) -> ErrorTable:
    """The error table of one scan.

    A nodule with several candidates counts as the best of them; a candidate that lies within
    several nodules counts for each.

    Args:
        candidates: All that the first stage proposed, also those below ``threshold``.
        nodules: What is there.
        threshold: Candidates below are filtered out.
        threshold_malignancy: From here on a nodule is called malignant; candidates that nobody
            asked for malignancy are called benign.
        rule: Which of the two ways to match.
    """
    fate = np.array([_fate(one, threshold, threshold_malignancy) for one in candidates], int)
    table = np.zeros((4, len(COLUMNS)), int)
    near = _near(candidates, nodules, REACH[rule])
    for nodule, mine in zip(nodules, near, strict=True):
        row = 3 if nodule.malignant is None else 1 + int(nodule.malignant)
        table[row, fate[mine].max(initial=0)] += 1
    table[0] += np.bincount(fate[~near.any(0)], minlength=len(COLUMNS))
    return ErrorTable(table, rule, threshold, threshold_malignancy)


def _fate(finding: Finding, threshold: float, threshold_malignancy: float) -> int:
    if finding.score < threshold:
        return 1
    return 2 if (finding.number("malignancy_probability") or 0.0) < threshold_malignancy else 3


def _near(
    candidates: Sequence[Finding], nodules: Sequence[BallLabel], reach: float
) -> NDArray[np.bool_]:
    """``(nodules, candidates)``: whether each candidate lies within reach."""
    if not candidates or not nodules:
        return np.zeros((len(nodules), len(candidates)), bool)
    there = np.array([nodule.centre_mm for nodule in nodules])
    here = np.array([one.centre_mm for one in candidates])
    size = np.array([nodule.diameter_mm or np.nan for nodule in nodules])
    off = np.linalg.norm(there[:, None] - here[None], axis=-1)
    closer: NDArray[np.bool_] = off < reach * size[:, None]
    return closer
