"""The report of a run: one file that says what was done, how good it is, and what it rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inklings.evaluation.head_lines import annotated_lines, judged_lines
from inklings.reports import bag_sections, label_sections, sections
from inklings.reports.calibration import calibration
from inklings.reports.card import keep_card, sections_of
from inklings.reports.glance import glance
from inklings.reports.html import write_page
from inklings.reports.material import Material, gather


def run_report(run: Path, predictions: Path | None = None, out: Path | None = None) -> Path:
    """Write the report of a run, and the numbers of its figures and its model card.

    Args:
        run: Folder made by ``inklings train``.
        predictions: Which predictions to show; by default the latest that the run remembers.
            They are evaluated now where that has not been done.
        out: The file; by default ``report.html`` in the run folder.

    Returns:
        The file.

    Raises:
        DataError: If ``run`` is no run folder.
    """
    path = out or run / "report.html"
    material = gather(run, predictions)
    shown = bag_contents if bag_sections.is_about_bags(material) else contents
    card = sections_of(material)
    keep_card(run, card)
    return write_page(path, "run.html", card=card, **shown(material))


def contents(material: Material) -> dict[str, Any]:
    """All that the template shows."""
    return {
        **_common(material),
        "headlines": sections.headlines(material.table),
        "results": sections.results(material.table) if material.table else None,
        "cases": sections.cases(material),
        "cohort": sections.cohort(material),
        "labels": label_sections.labels(material),
        "training": sections.training(material),
        "origin": sections.origin(material),
        "bags": None,
        "kind": "Segmentation report",
    }


def bag_contents(material: Material) -> dict[str, Any]:
    """The same for a run on bags."""
    table = material.table
    results = sections.results(table) if table else None
    if results and (drawn := bag_sections.histogram(material)) is not None:
        results = {**results, "figures": [*results["figures"], drawn]}
    return {
        **_common(material),
        "headlines": bag_sections.headlines(table),
        "results": {**results, "groups": bag_sections.groups(table)} if table and results else None,
        "cases": None,
        "cohort": bag_sections.cohort(material),
        "labels": None,
        "bags": bag_sections.pictures(material),
        "training": sections.training(material),
        "origin": sections.origin(material),
        "kind": "Report of a diagnosis from bags",
    }


def _common(material: Material) -> dict[str, Any]:
    """What every report begins with."""
    model = material.experiment.get("model", {})
    loss = material.experiment.get("loss", {})
    threshold = (material.experiment.get("inference") or {}).get("threshold")
    fixed = isinstance(threshold, int | float)
    digest = str(material.record.get("weights_sha256") or "")
    return {
        "calibration": calibration(material.run, digest) if digest else None,
        "glance": glance(material),
        "cut": "as the experiment says" if fixed else "chosen without these cases",
        "likeness": sections.likeness(material),
        "title": material.run.resolve().name,
        "cohort_name": material.cohort.name if material.cohort else str(material.cohort_folder),
        "model": _name(model),
        "loss": _name(loss),
        "gaps": material.gaps,
        "warnings": [
            *(material.record.get("warnings") or ()),
            *(material.table.head.get("warnings", ()) if material.table else ()),
            *(annotated_lines(material.table.head) if material.table else ()),
            *(judged_lines(material.table.head) if material.table else ()),
        ],
    }


def _name(component: Any) -> str:
    return str(component.get("name", "")) if isinstance(component, dict) else str(component)
