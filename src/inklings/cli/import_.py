"""``inklings import``: what lies on disk becomes a cohort."""

from __future__ import annotations

import typer

from inklings.cli import (
    guarded,
    import_corrections,
    import_datasets,
    import_predictions,
)

app = typer.Typer(
    cls=import_datasets.Datasets,
    no_args_is_help=True,
    help="Make a cohort from a dataset or a folder on disk.",
)

app.command("corrections")(guarded(import_corrections.corrections))
app.command("predictions")(guarded(import_predictions.predictions))
