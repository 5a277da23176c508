"""Which nodules of drawn chests a detector misses, and on what its false positives lie.

    inklings nodules cohorts/chest --split val --run runs/nodules --out found-val
    python experiments/luna16/misses.py found-val

Works for phantoms alone (`inklings phantoms luna16`), which are drawn anew from their ids.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from inklings.findings.finding import Finding
from inklings.predictions.findings import read_all
from inklings.progress import note
from inklings.simulation.phantoms.chest import Patient
from inklings.simulation.phantoms.nodules import Nodule

RATES = (1, 8)
SIZES = ((4, 5), (5, 6), (6, 8), (8, 12), (12, 31))
_PLEURA_MM, _VESSEL_MM, _BUMP_MM = 8.0, 2.0, 1.5


def patient_of(case: str) -> Patient:
    """``2.25.4707.<seed>.<number>`` as `inklings.simulation.phantoms.luna` numbers them."""
    seed, number = (int(part) for part in case.split(".")[-2:])
    return Patient(seed * 100_000 + number)


def structure(patient: Patient, point_mm: tuple[float, float, float]) -> str:
    """What of the anatomy lies at a place."""
    anatomy = patient.anatomy
    drawn = patient.drawn(point_mm)
    spread = np.vstack([drawn, drawn + np.random.default_rng(0).normal(0, 3, (40, 3))])
    bump = max(anatomy.bump(spread))
    depth = -float(anatomy.lung_distance(drawn[None])[0])
    if bump > _BUMP_MM and depth < _PLEURA_MM:
        return "bump of the pleura"
    vessel = min(
        float((np.linalg.norm(tree.nodes - drawn, axis=1) - tree.radius).min())
        for tree in anatomy.trees
    )
    if depth < _PLEURA_MM / 2:
        return "wall, heart or mediastinum"
    return "vessel" if vessel < _VESSEL_MM else "lung"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("found", type=Path)
    every = read_all(parser.parse_args().found)
    nodules: list[tuple[Nodule, float]] = []
    false: list[tuple[float, Patient, Finding]] = []
    for one in every:
        patient = patient_of(one.case)
        best = [0.0] * len(patient.nodules)
        for finding in one:
            hit = [
                k for k, n in enumerate(patient.nodules)
                if np.linalg.norm(np.subtract(finding.centre_mm, n.centre_mm)) < n.diameter_mm / 2
            ]  # fmt: skip
            for k in hit:
                best[k] = max(best[k], finding.score)
            if not hit:
                false.append((finding.score, patient, finding))
        nodules += zip(patient.nodules, best, strict=True)
    false.sort(key=lambda row: -row[0])
    cuts = [false[min(rate * len(every), len(false) - 1)][0] for rate in RATES]
    note(f"{len(every)} scans, {len(nodules)} nodules; recall at {RATES} false positives a scan")
    groups = {f"{a} to {b} mm": [n for n in nodules if a <= n[0].diameter_mm < b] for a, b in SIZES}
    for nodule, best_score in nodules:
        for name in (nodule.kind, nodule.place):
            groups.setdefault(name, []).append((nodule, best_score))
    for name, rows in groups.items():
        recall = [np.mean([score > cut for _, score in rows]) for cut in cuts if rows]
        note(f"{name:16}{len(rows):5}  " + "  ".join(f"{value:.2f}" for value in recall))
    note(str(Counter(structure(p, f.centre_mm) for _, p, f in false[: len(every)]).most_common()))


if __name__ == "__main__":
    main()
