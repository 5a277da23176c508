"""The table of this folder's README: ``python experiments/panda/study.py --out study``.

Run it again to go on where it stopped; ``--learners strong naive`` runs some of the rows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

LEARNERS = ("strong", "naive", "weak", "slides")


def main() -> None:
    """Run what is missing and print the table."""
    # Not at the top: processes that look at slides would load torch for nothing.
    from inklings.pipelines.slide_study import Plan, study, summary
    from inklings.spec import Experiment

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("panda-study"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--learners", nargs="+", default=LEARNERS, choices=LEARNERS)
    parser.add_argument("--set", nargs="*", default=[], help="Changes for all recipes, key=value.")
    asked = parser.parse_args()
    here = Path(__file__).parent
    recipes = {name: Experiment.load(here / f"{name}.yaml", asked.set) for name in asked.learners}
    rows = study(asked.out, recipes, asked.seeds, Plan())
    print("\n".join(summary(rows)))  # noqa: T201


if __name__ == "__main__":
    main()
