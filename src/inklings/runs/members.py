"""Which runs a folder holds, and what their out-of-fold predictions decided for their mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from inklings.errors import DataError
from inklings.files import write_json
from inklings.records import read_record

CROSSVAL = "crossval.yaml"
"""What was asked of a cross-validation; begun with it."""

SCORES = "scores.json"
"""What came of it; written last."""

DETECTOR = "detector"
"""Name of the run of the first stage in the folder of a cascade."""

CHOSEN = "chosen.json"
"""Which runs of a cross-validation predict, and how their mean is cut."""

RUNS = "runs"
"""Among the reasons of `Chosen`: why these runs, where there were others to choose from."""


def members_of(folder: Path) -> tuple[Path, ...]:
    """The runs that predict together where a folder is given: itself, or all that it holds.

    Args:
        folder: A run or a cascade, which stands for itself; a cross-validation, which stands for
            the runs of its folds; or a folder with several runs in it.

    Raises:
        DataError: If a cross-validation is not finished, or keeps no runs.
    """
    if (folder / CROSSVAL).is_file():
        chosen = Chosen.of(folder)
        homes = [folder / home for home in chosen.homes] if chosen else [folder]
        runs = tuple(run for home in homes for run in sorted((home / "folds").glob("*/run")))
        if not (folder / SCORES).is_file():
            raise DataError(
                f"{folder}: this cross-validation has not finished; resume it with 'inklings "
                "crossval'"
            )
        if not runs:
            raise DataError(
                f"{folder}: expected runs of folds, got answers alone, as bags with classes leave "
                "them; train a run with 'inklings train'"
            )
        return runs
    if (folder / "experiment.yaml").is_file() or (folder / DETECTOR).is_dir():
        return (folder,)
    inside = tuple(sorted(path.parent for path in folder.glob("*/run.json")))
    return inside or (folder,)


@dataclass(frozen=True)
class Chosen:
    """``chosen.json``: how the mean of the runs of a cross-validation is cut.

    Attributes:
        thresholds: Of the mean, one a class, chosen on out-of-fold predictions of all cases.
        largest: Classes of which the largest connected component of a volume is kept.
        reasons: Class to why; `RUNS` to why these.
        homes: The cross-validations whose runs are averaged, seen from the folder.
    """

    thresholds: tuple[float, ...]
    largest: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    homes: tuple[str, ...] = (".",)

    def write(self, folder: Path) -> None:
        """Write it into the folder of a cross-validation."""
        write_json(folder / CHOSEN, asdict(self))

    @classmethod
    def of(cls, folder: Path) -> Chosen | None:
        """What was chosen there; None where nothing was.

        Raises:
            DataError: If the file is damaged.
        """
        path = folder / CHOSEN
        if not path.is_file():
            return None
        return read_record(cls, path, "what a cross-validation chose", "cross-validate again")
