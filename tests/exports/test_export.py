"""A folder of exports holds what was made of one run, and nothing half written."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from inklings.cohorts.cohort import Cohort
from inklings.errors import InklingsError, SpecError
from inklings.exports import EXPORTS
from inklings.exports.export import ALIKE, claimed, export
from inklings.files import owner, write_text
from inklings.predictions.guarantee import Guarantee, with_promises
from inklings.predictions.head import BY_PRIOR, Head
from inklings.testing.folders import write_cohort
from inklings.viewer.files import loose_cases

FORMATS = ("png", "geojson", "npz", "rle", "coco", "masks", "heatmap")


def seen(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("[!.]*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def of_others(folder: Path, out: Path, **changes: Any) -> Path:
    """Predictions of another run of the same and of other cases."""
    shutil.copytree(folder, out)
    head = Head.read(out)
    run = changes.pop("run", None)
    if run is not None:
        changes["provenance"] = dataclasses.replace(head.provenance, weights_sha256=run)
    dataclasses.replace(head, **changes).write(out)
    return out


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize(
    ("changes", "said"),
    [({"run": "1" * 64}, "run 0000"), ({"thresholds": (0.7,)}, r"thresholds \[0.5\]")],
)
def test_what_was_exported_of_another_run_is_left_alone(
    predictions: Path, tmp_path: Path, to: str, changes: dict[str, Any], said: str
) -> None:
    out = tmp_path / "out"
    export(predictions, to, out)
    before = seen(out)
    assert before
    export(predictions, to, out)  # again is the same
    assert seen(out) == before
    other = of_others(predictions, tmp_path / "other", **changes)
    with pytest.raises(SpecError, match=said) as caught:
        export(other, to, out)
    assert "choose another --out" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert seen(out) == before
    export(other, to)  # its own folder is free


@pytest.mark.parametrize("settings", [{}, {BY_PRIOR: [0.1]}])
def test_guaranteed_masks_and_the_best_share_no_folder(
    predictions: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Also where thresholds follow from what is predicted, so that they say nothing."""
    head = Head.read(predictions)
    promises = [
        Guarantee(
            "fnr", "dense", "nucleus", 0.1, 0.9, threshold, ("p",), None, 0.0, 0.2, 0.1, (0.5,),
            "c", "val", None, "0", "s", "0",
        )
        for threshold in (0.2, 0.3)
    ]  # fmt: skip
    one, two = (
        with_promises(dataclasses.replace(head, settings=settings), [promise])
        for promise in promises
    )
    one.write(predictions)
    export(predictions, "masks", tmp_path / "out")
    with pytest.raises(SpecError, match="choose another --out"):
        export(predictions, "masks", tmp_path / "out", guaranteed=True)
    export(predictions, "masks", tmp_path / "sure", guaranteed=True)
    export(predictions, "masks", tmp_path / "sure", guaranteed=True)
    two.write(predictions)  # calibrated anew
    with pytest.raises(SpecError, match="choose another --out"):
        export(predictions, "masks", tmp_path / "sure", guaranteed=True)


def test_formats_of_one_run_share_a_folder_and_labels_are_no_predictions(
    predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for to in FORMATS:
        export(predictions, to, out)
    assert "was not empty" not in capsys.readouterr().err
    one, two = (write_cohort(tmp_path / name) for name in ("one", "two"))
    with pytest.raises(SpecError, match="holds what was exported of others"):
        export(one, "coco", out)
    export(one, "coco", tmp_path / "labels")
    export(one, "yolo", tmp_path / "labels")
    with pytest.raises(SpecError, match="holds what was exported of others"):
        export(two, "coco", tmp_path / "labels")


PAIRS = [pair for names in ALIKE for pair in itertools.permutations(sorted(names), 2)]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_formats_whose_files_have_one_name_share_no_folder(
    first: str, second: str, tmp_path: Path
) -> None:
    for _ in range(2):
        with claimed(tmp_path, first, {"run": "a"}):
            write_text(tmp_path / "case", first)
    with (
        pytest.raises(SpecError, match=f"holds what was exported to {first}, whose files {second}"),
        claimed(tmp_path, second, {"run": "a"}),
    ):
        write_text(tmp_path / "case", second)
    assert (tmp_path / "case").read_text() == first


def test_formats_that_may_share_a_folder_write_no_file_twice(
    predictions: Path, tmp_path: Path
) -> None:
    """Of all formats that take pictures: what two of them write is not the same file, or equal."""
    written: dict[str, dict[str, bytes]] = {}
    for to in EXPORTS:
        with contextlib.suppress(InklingsError):
            export(predictions, to, tmp_path / to)
            written[to] = seen(tmp_path / to)
    assert {"asap", "dsa", "labelme", "voc", "masks", "montage", "png"} <= set(written)
    for one, other in itertools.combinations(written, 2):
        both = {n for n in {*written[one]} & {*written[other]} if not Path(n).name.startswith(".")}
        alike = any({one, other} <= names for names in ALIKE)
        differ = {name for name in both if written[one][name] != written[other][name]}
        assert bool(differ) == alike, (one, other, differ)


def test_a_folder_that_somebody_used_before_is_said_to_be_mixed(
    predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_text(tmp_path / "out" / "thesis.txt", "mine")
    export(predictions, "png", tmp_path / "out")
    assert "out was not empty: existing files stay" in capsys.readouterr().err
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("to", ["geojson", "png", "npz"])
def test_what_a_killed_export_left_is_gone_after_the_next(
    predictions: Path, tmp_path: Path, to: str
) -> None:
    out = tmp_path / "out"
    export(predictions, to, out)
    whole = seen(out)
    for name in whole:
        path = out / name
        mine = owner().rpartition("-")[0]
        path.with_name(f".{path.stem}.{mine}-999999999.x1.part{path.suffix}").write_text("half")
    old = out / ".full.k3x.part.geojson"  # as versions before called them
    write_text(old, "half")
    os.utime(old, (1, 1))
    export(predictions, to, out)
    assert seen(out) == whole
    assert not [path for path in out.rglob("*") if ".part" in path.name]


def test_what_is_half_written_counts_for_nothing(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort")
    images = tmp_path / "cohort" / "images"
    shutil.copy(images / "case0.png", images / ".case9.host-1.x.part.png")
    assert len(loose_cases([images])) == len(Cohort.read(cohort).cases)
