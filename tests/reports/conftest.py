"""A label study as the reports read it."""

from pathlib import Path

import pytest

ROWS = """weakness,learner,seed,budget,dice_mean,dice_pooled,label_dice
full,oracle,0,1,0.90,0.92,1
full,oracle,1,1,0.92,0.92,1
drop:keep=0.1,naive,0,1,0.20,0.3,0.18
drop:keep=0.1,inklings,0,1,0.80,0.8,0.18
drop:keep=0.1,inklings,1,1,0.84,0.8,0.18
drop:keep=0.1,vpu,0,1,0.50,0.5,0.18
drop:keep=0.1,vpu,0,3,0.60,0.6,0.18
box,naive,0,1,0.81,0.8,0.85
box,inklings,0,1,0.90,0.9,0.85
drop:keep=0.5,naive,0,1,0.90,0.9,0.66
drop:keep=0.5,inklings,0,1,0.91,0.9,0.66
"""


@pytest.fixture
def study_folder(tmp_path: Path) -> Path:
    (tmp_path / "study.csv").write_text(ROWS)
    return tmp_path
