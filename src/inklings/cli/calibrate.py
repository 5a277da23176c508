"""``inklings calibrate``: what the probabilities of a run mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def calibrate(
    run: Annotated[Path, typer.Argument(help="Folder made by `inklings train`.")],
    cohort: Annotated[
        Path, typer.Argument(help="Its cohort, or one of other patients: the validation part.")
    ],
) -> None:
    """Map the probabilities of a run to what held-out patients show, and keep the map with it.

    A training does so by itself at its end. Patients of the test part are never looked at, masks
    stay as they are, and where there are too few patients, or labels do not represent their images,
    nothing is changed and the reason is said. `inklings predict --no-calibration` leaves it out.
    """
    from inklings.calibration.record import FILE
    from inklings.tasks.calibrate import calibrate as fitted
    from inklings.tasks.calibrate import lines

    found = fitted(run, cohort)
    for line in lines(found):
        typer.echo(line)
    typer.echo(f"wrote {run / FILE}, from {len(found.patients)} held-out patients")
