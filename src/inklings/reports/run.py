"""The report of a run: one file that says what was done, how good it is, and what it rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inklings.files import write_text
from inklings.reports import sections
from inklings.reports.html import render
from inklings.reports.material import Material, gather


def run_report(run: Path, predictions: Path | None = None, out: Path | None = None) -> Path:
    """Write the report of a run.

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
    write_text(path, render("run.html", **contents(gather(run, predictions))))
    return path


def contents(material: Material) -> dict[str, Any]:
    """All that the template shows."""
    model = material.experiment.get("model", {})
    loss = material.experiment.get("loss", {})
    return {
        "title": material.run.resolve().name,
        "cohort_name": material.cohort.name if material.cohort else str(material.cohort_folder),
        "model": _name(model),
        "loss": _name(loss),
        "gaps": material.gaps,
        "warnings": [
            *(material.record.get("warnings") or ()),
            *(material.table.head.get("warnings", ()) if material.table else ()),
        ],
        "headlines": sections.headlines(material.table),
        "results": sections.results(material.table) if material.table else None,
        "cases": sections.cases(material),
        "cohort": sections.cohort(material),
        "labels": sections.labels(material),
        "training": sections.training(material),
        "origin": sections.origin(material),
    }


def _name(component: Any) -> str:
    return str(component.get("name", "")) if isinstance(component, dict) else str(component)
