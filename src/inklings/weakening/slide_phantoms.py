"""Phantom slides twice: with exact glands, and with the coarse outlines of several annotators."""

from __future__ import annotations

import os
from pathlib import Path

from inklings.datasets.panda import import_panda
from inklings.files import write_yaml
from inklings.phantoms.biopsy import Plan
from inklings.phantoms.slides import COARSE, MASKS, SLOPS_UM, write_panda
from inklings.weakening.weaken import TRUTH_FILE


def slide_cohorts(
    out: Path,
    slides: int = 20,
    plan: Plan | None = None,
    seed: int = 0,
    sheets: int = 0,
    scheme: str = "tumour",
) -> tuple[Path, Path]:
    """Write ``out/panda`` and two cohorts of it: ``out/full`` and ``out/coarse``.

    In ``full`` every tumour gland is outlined. In ``coarse`` the outlines run around groups of
    glands, with stroma and benign glands inside, each annotator with another slop; its truth is
    ``full``. Slides without tumour are marked as such in both.

    Args:
        out: Folder.
        slides: How many.
        plan: Size and content of each.
        seed: Another seed makes other slides.
        sheets: Slides of different numbers share no gland.
        scheme: A key of `inklings.datasets.panda.SCHEMES`.

    Returns:
        The folders of the full and of the coarse cohort.
    """
    plan = plan or Plan()
    root, full, coarse = out / "panda", out / "full", out / "coarse"
    write_panda(root, slides, plan, marks="fine", seed=seed, sheets=sheets, coarse_too=True)
    um = plan.um
    import_panda(root, full, scheme=scheme, spacing_um=um, workers=1, masks=MASKS)
    import_panda(
        root,
        coarse,
        scheme=scheme,
        spacing_um=um,
        workers=1,
        masks=COARSE,
        mask_provider="karolinska",
    )
    way = Path(os.path.relpath(full.resolve(), coarse.resolve())).as_posix()
    chain = "outlines with a slop of " + ", ".join(f"{um:g}" for um in SLOPS_UM) + " um"
    write_yaml(coarse / TRUTH_FILE, {"cohort": way, "chain": chain, "seed": seed})
    return full, coarse
