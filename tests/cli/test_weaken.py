"""``inklings weaken``, from the shell."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.labels.files import read_mask, write_mask
from inklings.labels.kinds import MaskLabel

INKLINGS = "from inklings.cli import run; run()"


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """Forty cases of four squares each."""
    folder = tmp_path / "full"
    objects = np.zeros((64, 64), np.uint16)
    for number, (y, x) in enumerate([(4, 4), (4, 40), (40, 4), (40, 40)], 1):
        objects[y : y + 16, x : x + 16] = number
    cases = []
    for i in range(40):
        write_mask(folder / "masks" / f"c{i:02}.png", objects)
        Pillow.fromarray((objects > 0).astype(np.uint8) * 200).save(folder / f"c{i:02}.png")
        label = MaskLabel(folder / "masks" / f"c{i:02}.png", "image", "instances", ("nucleus",))
        cases.append(Case(f"c{i:02}", f"p{i}", {"image": folder / f"c{i:02}.png"}, (label,)))
    Cohort("squares", tuple(cases), ("nucleus",)).write(folder)
    return folder


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["weaken", *map(str, args), "--workers", "1"])
    return result.exit_code, result.stdout, result.stderr


def test_it_prints_the_quality_of_the_labels_and_writes_it(full: Path, tmp_path: Path) -> None:
    weak = tmp_path / "weak"
    code, out, _ = run(full, "--kind", "drop", "--keep", 0.25, "--seed", 0, "--out", weak)
    assert code == 0
    assert "precision      1.000   1.000" in out
    assert out.endswith(f"40 cases weakened by drop:keep=0.25, seed 0 -> {weak}\n")
    share = np.mean([len(np.unique(read_mask(p))) - 1 for p in (weak / "masks").iterdir()]) / 4
    assert share == pytest.approx(0.25, abs=0.08)
    assert len((weak / "label_quality.csv").read_text().splitlines()) == 41


def test_kinds_are_joined_by_plus_or_by_repeating(full: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    options = ("--keep", 0.5, "--pixels", 4)
    assert run(full, "--kind", "drop+dilate", *options, "--out", one)[0] == 0
    assert run(full, "--kind", "drop", "--kind", "dilate", *options, "--out", two)[0] == 0
    for path in (one / "masks").iterdir():
        assert path.read_bytes() == (two / "masks" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--kind", "drop", "--keep", 0.5, "--keep", 0.2), "--keep is given 2 times"),
        (("--kind", "dilate", "--pixels", 2, "--gap", 2), "no kind of dilate takes --gap"),
        (("--kind", "drip", "--keep", 0.5), "did you mean 'drop'"),
        (("--kind", "drop"), "'keep'"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_two(
    full: Path, tmp_path: Path, options: tuple[object, ...], message: str
) -> None:
    code, _, err = run(full, *options, "--out", tmp_path / "weak")
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "weak").exists()


def finished(weak: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in (weak / "masks").glob("[!.]*")}


@pytest.mark.slow
def test_killed_twenty_times_nothing_is_lost_or_done_twice(full: Path, tmp_path: Path) -> None:
    weak, straight = tmp_path / "weak", tmp_path / "straight"
    options = ["--kind", "hull+jitter", "--gap", "30", "--pixels", "2", "--workers", "1"]
    command = [sys.executable, "-c", INKLINGS, "weaken", str(full), *options, "--out"]
    subprocess.run([*command, str(straight)], check=True, capture_output=True)
    stamps: dict[str, int] = {}
    rng = np.random.default_rng(0)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for _ in range(20):
        process = subprocess.Popen([*command, str(weak)], **quiet)
        while process.poll() is None and len(finished(weak)) <= len(stamps):
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.01))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for name, stamp in finished(weak).items():
            assert stamps.setdefault(name, stamp) == stamp
            read_mask(weak / "masks" / name)
    assert 20 <= len(stamps) <= 40
    subprocess.run([*command, str(weak)], check=True, capture_output=True)
    assert Cohort.read(weak).cases[0].labels
    for path in (straight / "masks").iterdir():
        assert path.read_bytes() == (weak / "masks" / path.name).read_bytes()
