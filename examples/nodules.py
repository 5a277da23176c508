"""Lung nodules: a detector, and findings in millimetres of the patient.

    inklings phantoms luna16 --count 16 --out chests
    python examples/nodules.py chests out

imports drawn chests (or LUNA16 itself), trains a detector of centres, searches chests it has not
seen, prints what it finds and what the rules of LUNA16 say of it. So short a training finds the
plain ones only.
"""

import sys
from pathlib import Path

import inklings as ik


def main(source: Path, out: Path, steps: int = 250) -> float:
    """CPM: the mean sensitivity at 1/8 to 8 false alarms a scan, on scans never seen."""
    cohort = ik.import_dataset("luna16", source, out=out / "cohort", fractions=(0.6, 0.15, 0.25))
    run = ik.train(
        "detector",
        cohort=cohort,
        out=out / "detector",
        resume=True,
        model={"name": "centre_point", "width": 12},
        detection={"side": 40},
        training={"steps": steps, "ema": None},
    )
    found = ik.predict(run, cohort, split="test", out=out / "found")
    for scan in found:
        for finding in scan.findings[:2]:
            x, y, z = finding.centre_mm
            place = f"({x:.0f}, {y:.0f}, {z:.0f}) mm"
            print(f"{scan.case}: {finding.score:.2f} {finding.diameter_mm:.1f} mm at {place}")
    scores = ik.evaluate(found, cohort)
    scores.write(found.folder)
    print(f"CPM {scores['cpm'].value:.3f}; all findings: {found.folder / 'findings.csv'}")
    return scores["cpm"].value


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
