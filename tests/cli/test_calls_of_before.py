"""Every call of the README of version 0.1 is still one that the program takes."""

import shlex
from typing import Any

import click
import pytest
import typer

from inklings import recipes
from inklings.cli import app

CALLS = """
inklings import folder --images 'slides/*.png' --masks 'masks/*.png' --out cohort
inklings check cohort
inklings split cohort --fractions 0.7 0.1 0.2 --seed 0
inklings train experiments/dsb2018/weak.yaml --set cohort=cohort --out run
inklings predict run cohort --out predictions
inklings evaluate predictions --cohort cohort
inklings report run
inklings export predictions --to png
inklings weaken cohort --kind drop --keep 0.25 --seed 0 --out weak
inklings prior weak
inklings study cohort --out study
inklings demo --slides
inklings import panda PANDA --spacing-um 0.5 --out cohort
inklings tile cohort --spacing-um 2 --size 256 --out tiles
inklings train experiments/panda/strong.yaml --set cohort=cohort --set tiles=tiles --out run
inklings predict run cohort --out predictions --workers 4
inklings demo --bags
inklings import mnist-bags mnist --out bags
inklings train experiments/bags/digits.yaml --set cohort=bags --out run
inklings demo --volumes
inklings import chaos CHAOS --modality mr-t1-inphase --organ liver --out cohort
inklings train experiments/chaos/liver.yaml --set cohort=cohort --out run
inklings predict run SCAN --out predictions
inklings export predictions --to dicom-seg
inklings demo --nodules
inklings import luna16 LUNA16 --out cohort
inklings train experiments/luna16/detector.yaml --set cohort=cohort --out runs/nodules/detector
inklings nodules CT --run runs/nodules --out found
inklings evaluate found --froc --cohort cohort
inklings view predictions
inklings import corrections predictions/corrections --cohort cohort --out better
inklings train experiments/dsb2018/weak.yaml --out run --exact case-a --exact case-b
inklings predict run cohort --out p --flips --pieces largest
inklings weaken cohort --kind dilate --pixels 4 --slop 0.3 --exact a --out weak
inklings nodules CT --run runs/nodules --out found --choose
"""


@pytest.mark.parametrize("call", CALLS.strip().splitlines())
def test_a_call_of_before_is_understood(call: str) -> None:
    group: Any = typer.main.get_command(app)
    _, *words = shlex.split(call)
    context = click.Context(group, info_name="inklings")
    while hasattr(group, "resolve_command"):
        _, group, words = group.resolve_command(context, words)
    assert group.make_context(group.name, words).params
    for word in words:
        if word.startswith("experiments/"):
            given = ["cohort=c", *(one for one in words if one.startswith("tiles="))]
            assert recipes.load(word, given)[1].startswith("recipe ")
