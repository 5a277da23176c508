"""``inklings tile``: where the tissue tiles of every slide lie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from inklings.cli import choosing


def tile(
    cohort: Annotated[Path, typer.Argument(help="Folder made by `inklings import`.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Index to write; an interrupted one is resumed.")
    ],
    spacing_um: Annotated[
        float | None, typer.Option(help="Pixel size of the tiles in µm; slides must state theirs.")
    ] = None,
    factor: Annotated[
        float | None, typer.Option(help="Or a multiple of the pixels of level 0; default: 1.")
    ] = None,
    size: Annotated[int, typer.Option(min=8, help="Side of a tile, in pixels.")] = 512,
    stride: Annotated[
        int | None,
        typer.Option(min=1, help="Distance between tiles, in pixels; default: the size."),
    ] = None,
    min_tissue: Annotated[
        float, typer.Option(help="Keep tiles with more than this share of tissue.")
    ] = 0.25,
    method: Annotated[
        str,
        typer.Option(
            help="Tissue detection: stained, saturation, density, white, mask, everywhere; auto "
            "takes the mask where it outlines all tissue (PANDA), else stained."
        ),
    ] = "auto",
    split: Annotated[
        Literal["train", "val", "test"] | None, typer.Option(help="Only this part of a cohort.")
    ] = None,
    workers: choosing.WORKERS = None,
    scheduler: choosing.SCHEDULER = None,
    write_tiles: Annotated[
        Path | None,
        typer.Option(help="Also write PNG files, img_dir and ann_dir with 0/127/255, here."),
    ] = None,
    by_slide: Annotated[
        bool,
        typer.Option(
            "--by-slide",
            help="These in a folder a slide, with summary.txt, label.txt and case_id.txt.",
        ),
    ] = False,
) -> None:
    """Index the tissue tiles of every slide: positions, no pixels; run again to resume.

    Exit code 3 if some slide could not be read; the others are done.
    """
    from inklings.cli.finish import finish
    from inklings.data.tile_index import TileIndex
    from inklings.data.tiling import Rule, tile_cohort
    from inklings.errors import SpecError

    if by_slide and write_tiles is None:
        raise SpecError("--by-slide: expected a folder for the files; add --write-tiles FOLDER")
    rule = Rule(size, stride, spacing_um, factor, min_tissue, method)
    summary = tile_cohort(cohort, out, rule, split, workers, scheduler)
    index = TileIndex.read(out)
    grid = f"{index.head.size} x {index.head.size} at {index.head.grid}"
    typer.echo(f"{len(index)} tiles of {grid} from {len(index.cases)} slides")
    bare = [name for i, name in enumerate(index.cases) if not (index.case == i).any()]
    if bare:
        more = f" and {len(bare) - 1} more" if len(bare) > 1 else ""
        typer.echo(
            f"no tile of {bare[0]}{more}: 'stained' takes blue for ink, so other stains than H&E "
            "(trichrome) want --method density, and another --out"
        )
    if write_tiles is not None:
        from inklings.exports.tiles import write_pngs

        pictures = write_pngs(out, write_tiles, workers, scheduler, by_slide)
        typer.echo(pictures.line("slides written as PNG", write_tiles))
    finish(summary, "slides tiled", out)
