"""The table of this folder's README: ``python experiments/panda/study.py --out study``.

Run it again to go on where it stopped; ``--learners strong naive`` runs some of the rows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

RECIPES = {"strong": "strong", "naive": "naive", "weak": "slides_weak", "slides": "slides"}


def main() -> None:
    """Run what is missing and print the table."""
    # Not at the top: processes that look at slides would load torch for nothing.
    from inklings.benchmark.slide_study import SlideStudyPlan, study, summary
    from inklings.spec import Experiment

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("panda-study"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--learners", nargs="+", default=list(RECIPES), choices=RECIPES)
    parser.add_argument("--set", nargs="*", default=[], help="Changes for all recipes, key=value.")
    asked = parser.parse_args()
    changes = ["cohort=.", "tiles=.", *asked.set]
    recipes = {name: Experiment.load(RECIPES[name], changes) for name in asked.learners}
    rows = study(asked.out, recipes, asked.seeds, SlideStudyPlan())
    print("\n".join(summary(rows)))  # noqa: T201


if __name__ == "__main__":
    main()
