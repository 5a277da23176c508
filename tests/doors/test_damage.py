"""Whatever is done to a file of ours: what was written comes back, or one line names the file."""

import errno
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import damage
import fuzz
import numpy as np
import pytest
import torch

from inklings.arrays import read_npz
from inklings.cli import _explain
from inklings.cohorts.case import Case
from inklings.cohorts.checks import FILE as DOCTOR
from inklings.cohorts.checks import examine, examined
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.split_files import FILE as SPLIT
from inklings.cohorts.split_files import exclude, split_cohort
from inklings.cohorts.splits import SplitOptions
from inklings.data.tile_index import TileHead as TileHead
from inklings.data.tile_index import TileIndex, write_case
from inklings.errors import InklingsError
from inklings.evaluation.evaluate import score
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.evaluation.scores import Scores
from inklings.evaluation.truth import truth
from inklings.findings.finding import Finding
from inklings.geometry import Geometry
from inklings.labels.corrections import Correction, Shape, add_correction, read_corrections
from inklings.labels.files import read_mask, write_mask
from inklings.labels.kinds import MaskLabel
from inklings.predictions.bags import BagPrediction
from inklings.predictions.dense import DensePrediction
from inklings.predictions.findings import Findings
from inklings.predictions.head import Head, Provenance
from inklings.readers import open_image
from inklings.runs.run import Run
from inklings.simulation.weaken import TRUTH_FILE
from inklings.spec import Experiment
from inklings.testing.runs import untrained_run
from inklings.training import checkpoint
from inklings.training.run_state import RunState


@dataclass(frozen=True)
class Door:
    """A file, how it is read, and whether each of its bytes is vouched for by a checksum."""

    path: Path
    read: Callable[[], Any]
    vouched: bool = False


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Door]:
    root = tmp_path_factory.mktemp("doors")
    cohort, tiles, said = root / "cohort", root / "tiles", root / "said"
    _write_cohort(cohort)
    head = Head(("n",), (0.5,), Provenance("r", "", None, "0"))
    head.write(said)
    dense = np.random.default_rng(0).integers(0, 256, (1, 4, 12, 10), np.uint8)
    grid = Geometry((4, 12, 10), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    DensePrediction("c", root / "c.png", dense, None, grid).write(said)
    bag = BagPrediction("b", root / "b.h5", np.array([0.25]), np.array([1.0]), np.ones((3, 1)))
    bag.write(said)
    found = Findings(
        "f", (Finding("nodule", 0.5, (1.0, 2.0, 3.0), 4.0),), "frame", {"candidates": 1}
    )
    findings = found.write(root)
    shape = Shape("stroke", ((1.0, 2.0),), (3.0,))
    one = Correction.now("a", "is", "n", "me", image="image", shape=shape)
    corrections = add_correction(root / "corrections", one)
    TileHead(cohort, 64, 64, spacing_mm=0.001, classes=("n",)).write(tiles)
    column = np.zeros(3)
    columns: dict[str, Any] = {"y": column.astype(int), "x": column.astype(int)}
    columns |= {name: column.astype("f4") for name in ("tissue", "known", "label:n")}
    write_case(tiles, "a", columns)
    pair = Pair("p", "a", Segmentation.of(np.eye(5)), Segmentation.of(np.eye(5)))
    score([pair], metrics=["dice"]).write(root / "scores")
    run = untrained_run(root / "run")
    RunState("abc", ("p1",)).write(run)
    checkpoint.save(root / "last", {"global_step": 3, "weights": torch.arange(40.0)})
    tensors = next((root / "last").glob("*.safetensors"))
    weak = root / "weak"
    _write_cohort(weak)
    (weak / TRUTH_FILE).write_text("cohort: ../cohort\nchain: drop\nseed: 1\n")
    write_mask(root / "mask.npy", np.eye(9, dtype=np.uint16))
    np.save(root / "image.npy", np.random.default_rng(0).random((1, 16, 12), np.float32))
    return {
        "cohort.yaml": Door(cohort / "cohort.yaml", lambda: Cohort.read(cohort)),
        "cases.parquet": Door(cohort / "cases.parquet", lambda: Cohort.read(cohort)),
        "checks.json": Door(cohort / DOCTOR, lambda: examined(Cohort.read(cohort), cohort)),
        "split.json": Door(cohort / SPLIT, lambda: exclude(cohort, [])),
        "truth.yaml": Door(weak / TRUTH_FILE, lambda: truth(weak)),
        "label.png": Door(cohort / "a_mask.png", lambda: read_mask(cohort / "a_mask.png").tolist()),
        "picture.png": Door(cohort / "a.png", lambda: _image(cohort / "a.png")),
        "mask.npy": Door(root / "mask.npy", lambda: read_mask(root / "mask.npy").tolist()),
        "image.npy": Door(root / "image.npy", lambda: _image(root / "image.npy")),
        "predictions.yaml": Door(said / "predictions.yaml", lambda: Head.read(said)),
        "c.npz": Door(
            said / "cases" / "c.npz", lambda: DensePrediction.read(said, "c").dense.tolist(), True
        ),
        "b.npz": Door(
            said / "cases" / "b.npz", lambda: BagPrediction.read(said, "b").logits.tolist(), True
        ),
        "findings.json": Door(findings, lambda: Findings.read(root, "f")),
        "corrections.json": Door(corrections, lambda: read_corrections(root / "corrections", "a")),
        "tiles.yaml": Door(tiles / "tiles.yaml", lambda: len(TileIndex.read(tiles, ["a"]))),
        "tiles.parquet": Door(
            tiles / "cases" / "a.parquet", lambda: TileIndex.read(tiles, ["a"]).y.tolist()
        ),
        "evaluation.json": Door(
            root / "scores" / "evaluation.json", lambda: Scores.read(root / "scores")
        ),
        "experiment.yaml": Door(
            run / "experiment.yaml", lambda: Experiment.load(run / "experiment.yaml")
        ),
        "model.json": Door(run / "model.json", lambda: Run.load(run)),
        "run.json": Door(run / "run.json", lambda: Run.load(run)),
        "weights.safetensors": Door(run / "weights.safetensors", lambda: _weights(run), True),
        "begun.json": Door(run / "begun.json", lambda: RunState.read(run)),
        "state.json": Door(root / "last" / "state.json", lambda: checkpoint.load(root / "last")),
        "tensors.safetensors": Door(
            tensors, lambda: checkpoint.load(root / "last")["weights"].tolist(), True
        ),
    }  # fmt: skip


def _write_cohort(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(1)
    cases = []
    for name in ("a", "b", "c", "d"):
        for suffix, top in (("", 255), ("_mask", 2)):
            samples = rng.integers(0, top, (20, 24)).astype(np.uint8)
            write_mask(folder / f"{name}{suffix}.png", samples)
        label = MaskLabel(folder / f"{name}_mask.png", "image", "classes", ("n",))
        cases.append(Case(name, name, {"image": folder / f"{name}.png"}, (label,)))
    cohort = Cohort("toy", tuple(cases), ("n",), {"licence": "none"})
    cohort.write(folder)
    examine(cohort, folder).write(folder)
    split_cohort(folder, SplitOptions(fractions=(0.5, 0.25, 0.25)))


def _image(path: Path) -> Any:
    with open_image(path) as image:
        return image.read(image.geometry.full).tolist()


def _weights(run: Path) -> Any:
    return {k: v.tolist() for k, v in Run.load(run).model.state_dict().items()}


NAMES = (
    "cohort.yaml", "cases.parquet", "checks.json", "split.json", "truth.yaml", "label.png",
    "picture.png", "mask.npy", "image.npy", "predictions.yaml", "c.npz", "b.npz", "findings.json",
    "corrections.json", "tiles.yaml", "tiles.parquet", "evaluation.json", "experiment.yaml",
    "model.json", "run.json", "weights.safetensors", "begun.json", "state.json",
    "tensors.safetensors",
)  # fmt: skip
LOOKED_AT_AGAIN = ("checks.json",)  # damaged, it is made again
EMPTY_IS_FINE = ("split.json",)


def refusal(door: Door, content: bytes) -> tuple[str | None, Any]:
    """What a damaged file is answered with: one line, or the value that was read."""
    whole = door.path.read_bytes()
    door.path.write_bytes(content)
    try:
        return None, door.read()
    except InklingsError as error:
        return str(error), None
    finally:
        door.path.write_bytes(whole)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_bytes_end_in_one_line_that_names_the_file(
    doors: dict[str, Door], name: str
) -> None:
    door = doors[name]
    sound = door.read()
    for what, content in damage.of_bytes(door.path.read_bytes()):
        said, value = refusal(door, content)
        if said is None:
            assert not door.vouched or value == sound, f"{what}: another value, and no word of it"
            continue
        assert door.path.name in said or door.path.parent.name in said, f"{what}: {said}"
        if not said.startswith(str(door.path) + ":\n"):  # an experiment lists its problems
            assert "\n" not in said, f"{what}: {said}"
    assert name in LOOKED_AT_AGAIN or refusal(door, b"\xff\xfe\x00 no file of ours")[0]


@pytest.mark.parametrize("name", NAMES)
def test_fuzzed_files_of_ours_end_in_one_line(
    doors: dict[str, Door], name: str, tmp_path: Path
) -> None:
    door = doors[name]
    fuzz.hold(door.path, lambda _: fuzz.call(door.read), tmp_path)


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith(".json")])
def test_json_of_another_meaning_ends_in_one_line(doors: dict[str, Door], name: str) -> None:
    door = doors[name]
    record = json.loads(door.path.read_text())
    refused = 0
    for what, text in damage.of_json(record):
        said, _ = refusal(door, text.encode())
        assert said is None or (door.path.name in said or door.path.parent.name in said), what
        assert said is None or "\n" not in said, what
        must = what in ("nested deeply", "nothing", "a number", "text", "UTF-16", "a key twice")
        assert not must or said or name in LOOKED_AT_AGAIN, what
        refused += said is not None
    assert refused > 5 or name in LOOKED_AT_AGAIN


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith(".yaml")])
def test_yaml_of_another_meaning_ends_in_one_line(doors: dict[str, Door], name: str) -> None:
    door = doors[name]
    for what, text in damage.of_yaml(door.path.read_text()):
        said, _ = refusal(door, text.encode())
        assert said, what
        assert str(door.path) in said, f"{what}: {said}"


def test_shapes_that_a_file_cannot_hold_are_refused_before_memory_is_asked_for(
    tmp_path: Path,
) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999, 999999), }"
    header += b" " * (118 - len(header)) + b"\n"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)
    (tmp_path / "a.npy").write_bytes(data)
    for read in (lambda path: open_image(path), read_mask):
        with pytest.raises(InklingsError, match=r"a\.npy.*do(es)? not fit"):
            read(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("dense.npy", data)
    with pytest.raises(ValueError, match="do not fit"):
        read_npz(tmp_path / "a.npz")


def test_a_picture_of_a_kilobyte_holds_no_billions_of_pixels(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + crc

    for side in (12_000, 60_000):
        head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(900)))
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b""))
        with pytest.raises(InklingsError, match=r"a\.png: .*(too small|too large|limit)"):
            open_image(tmp_path / "a.png")


@pytest.mark.parametrize(
    "code", ["EROFS", "ENOTDIR", "EEXIST", "ENOSPC", "EIO", "EISDIR", "ENOENT"]
)
def test_what_the_system_refuses_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], code: str
) -> None:
    assert _explain(OSError(getattr(errno, code), "text of the system", "/some/file")) == 2
    said = capsys.readouterr().err
    assert said.startswith("inklings: /some/file: ")
    assert said.count("\n") == 1


def test_full_memory_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert _explain(MemoryError()) == 2
    assert "memory" in capsys.readouterr().err
