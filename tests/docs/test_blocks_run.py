"""Every block of the site runs, in the order of its page, on what `site_worlds` draws for it.

Commands run in this process, as a user types them but for what makes a training long: two steps of
two samples, one process, a few folds. Blocks that cannot run here say why in the page.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import site_worlds as worlds
from site_blocks import PAGES, Block, blocks, commands
from site_commands import run
from site_worlds import World, several

FOLDERS = partial(worlds.pictures, images="slides", masks="masks")
QUICK: dict[str, World] = {
    "docs/concepts/coordinates.md": several(),
    "docs/datasets/dsb2018.md": several(worlds.dsb),
    "docs/datasets/features.md": several(worlds.features),
    "docs/datasets/folder.md": several(
        partial(worlds.pictures, images="pictures", masks="masks", numbered="numbered"),
        worlds.cellpose,
        partial(worlds.pictures, images="temp", masks="temp"),
        worlds.channels,
    ),
    "docs/datasets/nnunet.md": several(worlds.nnunet),
    "docs/datasets/totalsegmentator.md": several(worlds.total),
    "docs/datasets/lidc.md": several(worlds.lidc),
    "docs/datasets/mnist-bags.md": several(worlds.mnist),
    "docs/datasets/tables.md": several(worlds.musk, worlds.cells),
    "docs/datasets/tcga.md": several(worlds.gdc),
    "docs/experiments.md": several(partial(worlds.careful, name="cohort")),
    "docs/how-to/dicom-gaps.md": several(
        lambda here: worlds.series(here / "study", gap=True, said="t1_vibe"), worlds.studies
    ),
    "docs/how-to/several-images.md": several(worlds.brains),
    "docs/how-to/send-masks.md": several(
        worlds.colour_run, worlds.tiff_slide, partial(worlds.grey_run, name="liver"),
        lambda here: worlds.series(here / "scan"), worlds.drawn_in_slicer,
    ),
    "docs/start.md": several(FOLDERS),
}  # fmt: skip
SLOW: dict[str, World] = {
    "README.md": several(FOLDERS),
    "docs/bags.md": several(worlds.musk, worlds.patients),
    "docs/cohorts.md": several(worlds.dsb, partial(worlds.pictures, images="a", masks="b")),
    "docs/datasets/chaos.md": several(),
    "docs/datasets/decathlon.md": several(
        worlds.decathlon, worlds.pairs, worlds.contrasts, worlds.studies
    ),
    "docs/datasets/luna16.md": several(),
    "docs/datasets/panda.md": several(worlds.panda),
    "docs/exports.md": several(worlds.chaos_predictions, worlds.segmented),
    "docs/how-to/coarse-masks.md": several(
        partial(worlds.pictures, images="pictures", masks="coarse"),
        partial(worlds.pictures, images="pictures", masks="maps"),
        worlds.careful,
    ),
    "docs/how-to/different-organs.md": several(worlds.organs),
    "docs/how-to/luna16-submission.md": several(worlds.marks, worlds.detector),
    "docs/how-to/patches.md": several(
        worlds.patches, partial(worlds.pictures, images="pictures", masks="masks")
    ),
    "docs/how-to/scribbles.md": several(worlds.strokes),
    "docs/how-to/slide-labels.md": several(worlds.scans),
    "docs/python.md": several(
        partial(worlds.pictures, images="pictures", masks="masks"), worlds.chaos,
        partial(worlds.panda, size=(1600, 1280)), partial(worlds.luna, name="LUNA16"),
    ),
    "docs/nodules.md": several(worlds.chest, worlds.finds),
    "docs/slides.md": several(worlds.many_slides),
    "docs/volumes.md": several(
        worlds.chaos, worlds.segmented, worlds.hippocampus_zip, worlds.pairs, worlds.liver_file
    ),
}  # fmt: skip
ONLY_PARSED = {
    "docs/viewer.md": "the tests of the viewer open each of these, in a browser",
    "docs/how-to/calibration.md": "tasks/test_calibrate.py types its commands",
    "docs/how-to/cross-validation.md": "ten trainings; the tests of crossval and ensembles do them",
    "docs/install.md": "installs things",
    "docs/how-to/own-parts.md": "test_own_parts runs it with the package that it describes",
    "docs/how-to/send-models.md": "library/test_bundling.py types its commands",
    "docs/how-to/slurm.md": "needs a cluster",
    **{
        page: "hours of training on real data: what was measured, not what to try"
        for page in PAGES
        if page.startswith("experiments/")
    },
}


def execute(block: Block, names: dict[str, Any]) -> None:
    """Run a block of Python, and compare what it prints with the comments beside the prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        text = re.sub(r"(\"(?:training\.)?steps\": )\d+", r"\g<1>2", block.text)
        exec(compile(text, str(block), "exec"), names)
    shown = re.findall(r"^print\(.*\)\s+# (.+)$", block.text, re.M)
    if shown:
        assert said.getvalue().splitlines() == shown


def run_page(page: str, here: Path, monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    monkeypatch.chdir(here)
    monkeypatch.setattr("inklings.viewer.serve.serve", lambda shelf, *_: shelf)
    monkeypatch.setattr("inklings.viewer.assets.Assets.load", lambda *_: None)  # needs npm
    world(here)
    names = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", names)  # dataclasses look their module up
    for block in blocks(page):
        if block.skip:
            continue
        if block.language == "python":
            execute(block, vars(names))
        for command in commands(block):
            run(command)


def test_every_page_with_something_to_run_is_run() -> None:
    needed = {
        page
        for page in PAGES
        for block in blocks(page)
        if not block.skip and (block.language == "python" or list(commands(block)))
    }
    assert needed - {"docs/examples.md"} == {*QUICK, *SLOW} | (needed & set(ONLY_PARSED))


@pytest.mark.parametrize("page", QUICK)
def test_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_page(page, tmp_path, monkeypatch, QUICK[page])


@pytest.mark.slow
@pytest.mark.parametrize("page", SLOW)
def test_a_long_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_page(page, tmp_path, monkeypatch, SLOW[page])
