"""A cohort of slides into a tile index, case by case, on as many machines as there are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.data import TISSUE
from inklings.data.grid import BY_MASK, EVERYWHERE, tile_slide
from inklings.data.tile_index import HEAD, TileHead, case_path, write_case
from inklings.errors import SpecError
from inklings.parallel import Summary, over_cases

AUTO = "auto"
MASKS_OUTLINE_TISSUE = "masks_outline_tissue"
"""Fact of a cohort (True): what its masks leave as background is glass."""

_DEFAULT = "stained"


@dataclass(frozen=True)
class Rule:
    """Which tiles are listed; the defaults are those of the PANDA pipelines.

    Attributes:
        size: Samples along a side.
        stride: From one tile to the next; by default ``size``, so that tiles do not overlap.
        spacing_um: Of the grid; None counts in pixels.
        factor: Pixels of level 0 to a sample, where ``spacing_um`` is not given.
        min_tissue: Tiles of which more than this share is tissue are kept.
        method: One of `inklings.data.TISSUE`, ``mask``, ``everywhere``, or ``auto``: by the
            mask where the cohort says that masks outline tissue, else ``stained``.
    """

    size: int = 512
    stride: int | None = None
    spacing_um: float | None = None
    factor: float | None = None
    min_tissue: float = 0.25
    method: str = AUTO

    def head(self, folder: Path, cohort: Cohort) -> TileHead:
        """What the index says of itself.

        Raises:
            SpecError: If two options contradict each other or a number is impossible.
        """
        if self.spacing_um is not None and self.factor is not None:
            raise SpecError("expected --spacing-um or --factor, got both")
        for name, value in (("--spacing-um", self.spacing_um), ("--factor", self.factor)):
            if value is not None and not value > 0:
                raise SpecError(f"{name}: expected a number above 0, got {value}")
        if not 0 <= self.min_tissue < 1:
            raise SpecError(
                f"--min-tissue: expected a share, 0 up to below 1, got {self.min_tissue}"
            )
        by_mask = bool(cohort.facts.get(MASKS_OUTLINE_TISSUE))
        method = self.method
        if method == AUTO:
            method = BY_MASK if by_mask else _DEFAULT
        if method not in (BY_MASK, EVERYWHERE):
            TISSUE.require(method, {})
        settings: dict[str, Any] = {"method": method, "min_tissue": self.min_tissue}
        if method == BY_MASK:
            settings["without_mask"] = _DEFAULT
        return TileHead(
            cohort=folder.resolve(),
            size=self.size,
            stride=self.stride or self.size,
            spacing_mm=None if self.spacing_um is None else self.spacing_um / 1000,
            factor=(self.factor or 1.0) if self.spacing_um is None else None,
            classes=cohort.classes,
            image=_image(cohort),
            settings=settings,
        )


def tile_cohort(
    folder: Path,
    out: Path,
    rule: Rule,
    split: Split | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Summary:
    """Write or complete the tile index of a cohort.

    Args:
        folder: The cohort.
        out: Folder of the index; cases that are in it already are skipped.
        rule: Which tiles are listed.
        split: Only the cases of one split.
        workers: Processes that share the cases, see `inklings.executors.processes`.
        scheduler: Address of a Dask scheduler instead.

    Raises:
        DataError: If there is no cohort.
        SpecError: If the rule is impossible, or ``out`` was begun with another one.
    """
    cohort = Cohort.read(folder)
    head = rule.head(folder, cohort)
    out = out.resolve()
    _begin(head, out)
    names = [case.id for case in cohort if split is None or case.split == split]
    return over_cases(
        Tiler(head, out),
        names,
        out=out,
        what="tiling",
        workers=workers,
        scheduler=scheduler,
        done=lambda name: case_path(out, name).exists(),
    )


@dataclass(frozen=True)
class Tiler:
    """Tiles one case of the cohort of ``head``; what travels to a worker."""

    head: TileHead
    out: Path

    def __call__(self, name: str) -> None:
        """Write ``cases/<name>.parquet``."""
        case = cases_of(self.head.cohort)[name]
        write_case(self.out, name, tile_slide(case, self.head))


@lru_cache(maxsize=2)
def cases_of(cohort: Path) -> dict[str, Case]:
    """The cases of a cohort by id, read once by each process."""
    return {case.id: case for case in Cohort.read(cohort)}


def _image(cohort: Cohort) -> str:
    """``slide``, or the one image that the cases of another cohort have."""
    names = {name for case in cohort for name in case.images}
    if "slide" in names or not names:
        return "slide"
    if len(names) > 1:
        raise SpecError(
            f"expected cases with an image 'slide', got {', '.join(sorted(names))}; "
            "tiles are cut from one image a case"
        )
    return names.pop()


def _begin(head: TileHead, out: Path) -> None:
    if not (out / HEAD).exists():
        head.write(out)
        return
    before, now = TileHead.read(out).as_yaml(out), head.as_yaml(out)
    other = [
        f"{key} {before[key]!r} and now {now[key]!r}" for key in now if now[key] != before[key]
    ]
    if other:
        raise SpecError(
            f"{out} was begun with other settings ({'; '.join(other)}); use another --out"
        )
