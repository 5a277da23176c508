"""What the report of a run on bags holds, in place of the sections about images."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from inklings.bags.task import presence
from inklings.cohorts.bags import is_bag, spans
from inklings.cohorts.case import SPLITS
from inklings.errors import InklingsError
from inklings.evaluation.scores import Scores
from inklings.predictions.bags import BagPrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import VALUES
from inklings.reports.bag_pictures import ShownBag, bag_figure, shown_bags
from inklings.reports.charts import Chart, Numbers, chart
from inklings.reports.figures import PRINTED
from inklings.reports.material import Material
from inklings.reports.plots import SCORE_BINS, scores

HEADLINES = (
    ("auc", "AUC", "of the bags"),
    ("qwk", "Weighted kappa", "quadratic"),
    ("accuracy", "Accuracy", "at the threshold of the run"),
    ("concordance", "Concordance", "0.5 knows nothing"),
    ("mae", "Mean absolute error", "in the unit of the label"),
    ("r2", "R2", "share of variance explained"),
    ("instance_auc", "Instance AUC", "never trained on"),
    ("top1", "Found", "highest instance is positive"),
)
GROUPS = (
    ("Diagnosis", ("accuracy", "balanced_accuracy", "auc", "auprc", "sensitivity", "specificity")),
    ("Agreement", ("f1", "kappa", "qwk", "mae")),
    ("Probability", ("ece", "brier")),
    ("Numbers", ("rmse", "r2", "pearson", "spearman", "mae_of_mean", "rmse_of_mean")),
    ("Survival", ("concordance", "concordance_ipcw")),
)


def is_about_bags(material: Material) -> bool:
    """Whether a run learnt from bags."""
    if material.head is not None:
        return material.head.kind == "bags"
    cohort = material.cohort
    return cohort is not None and len(cohort) > 0 and is_bag(cohort.cases[0])


def headlines(table: Scores | None) -> list[dict[str, Any]]:
    """The few numbers that say most."""
    found = [] if table is None else [h for h in HEADLINES if h[0] in table]
    return [{"row": table[n], "title": t, "note": note} for n, t, note in found if table]


def groups(table: Scores) -> list[tuple[str, list[Any]]]:
    """Rows by what they are about; all of the rest is about instances."""
    known = {name for _, names in GROUPS for name in names}
    found = [(title, [r for r in table if r.metric in names]) for title, names in GROUPS]
    found.append(("Instances (their labels are not used in training)", [
        row for row in table if row.metric not in known
    ]))  # fmt: skip
    return [(title, rows) for title, rows in found if rows]


def cohort(material: Material) -> dict[str, Any] | None:
    """Who is in which part, and how large the bags are."""
    there = material.cohort
    if there is None:
        return None
    sizes = [sum(map(len, spans(case))) for case in there]
    parts = []
    for split in (*SPLITS, None):
        inside = [case for case in there if case.split == split]
        if inside:
            patients = len({case.patient for case in inside})
            parts.append(
                {"split": split or "without a split", "cases": len(inside), "patients": patients}
            )
    low, middle, high = np.quantile(sizes, [0, 0.5, 1])
    facts = {k: v for k, v in there.facts.items() if isinstance(v, str | int | float)}
    return {
        "name": there.name,
        "classes": there.classes,
        "parts": [{**part, "groups": {}} for part in parts],
        "groups": [],
        "cases": len(there),
        "patients": len({case.patient for case in there}),
        "facts": {"instances a bag": f"{low:.0f} to {high:.0f}, median {middle:.0f}", **facts},
        "split_hash": there.split_hash,
        "figure": "",
    }


def histogram(material: Material) -> Chart | None:
    """Scores of labelled and unlabelled bags, where a class is asked for that is there or not."""
    head, there = material.head, material.cohort
    if head is None or material.predictions is None or there is None or VALUES in head.settings:
        return None
    names = ("negative", "positive", "not labelled")
    found: dict[str, list[float]] = {name: [] for name in names}
    done = set(PredictionFolder.open(material.predictions).cases)
    for case in there:
        if len(head.classes) == 1 and case.id in done:
            said = BagPrediction.read(material.predictions, case.id).probability[0]
            truth = presence(case, head.classes)[0]
            found[names[2] if np.isnan(truth) else names[int(truth)]].append(float(said))
    groups = {name: values for name, values in found.items() if values}
    if not groups:
        return None
    counts = {
        name: np.histogram(values, SCORE_BINS, (0, 1))[0].tolist()
        for name, values in groups.items()
    }
    edges = [k / SCORE_BINS for k in range(SCORE_BINS)]
    return chart(scores(groups), "scores", "Scores of bags by label", {"from": edges, **counts})


def pictures(material: Material) -> Chart | None:
    """Bags with their instances sorted, as an embedded picture, and what is said of each."""
    if material.predictions is None or material.cohort is None:
        return None
    try:
        shown = shown_bags(material.predictions, material.cohort_folder)
    except InklingsError:
        return None
    if not shown or material.head is None:
        return None
    settings = material.head.settings
    legend = str(settings.get("warning") or settings.get("evidence") or "")
    data = io.BytesIO()
    bag_figure(shown, legend).savefig(data, dpi=110, facecolor=PRINTED.card, format="png")
    text = base64.b64encode(data.getvalue()).decode("ascii")
    picture = Markup(
        '<img alt="Bags with their instances sorted" src="data:image/png;base64,{}">'
    ).format(text)
    return Chart("bags", picture, _numbers(shown))


def _numbers(shown: Sequence[ShownBag]) -> Numbers:
    """A row for each instance that is shown."""
    rows = [
        (bag.title, k + 1, float(score), None if bag.truth is None else int(bag.truth[k]))
        for bag in shown
        for k, score in enumerate(bag.score)
    ]
    names = ("bag", "rank", "score", "truly_positive")
    return {name: [row[k] for row in rows] for k, name in enumerate(names)}
