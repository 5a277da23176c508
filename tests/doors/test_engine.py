"""One engine for all imports: any images, any labels, killed and gone on with, broken and kept."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import h5py
import numpy as np
import pytest
import tifffile
from click.testing import Result
from PIL import Image as Pillow
from typer.testing import CliRunner
from volume_sets import SHAPE, codes_of, grey_of, write

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.datasets import DATASETS
from inklings.datasets.dataset import Argument, Converted, Mask, Option, Plain, Stored, stamp_of
from inklings.datasets.decathlon import Decathlon
from inklings.datasets.folder import Folder
from inklings.datasets.importing import Report, run
from inklings.datasets.journal import NAME
from inklings.datasets.volumes import VolumeFolder
from inklings.errors import DataError, ReaderError, SpecError
from inklings.labels.files import read_mask
from inklings.labels.kinds import (
    BagLabel,
    BallLabel,
    BoxLabel,
    Label,
    MaskLabel,
    PointLabel,
    PolygonLabel,
)
from inklings.readers.picture import decode
from inklings.simulation.phantoms.biopsy import SlidePlan
from inklings.simulation.phantoms.chaos import write_studies
from inklings.simulation.phantoms.luna import write_luna
from inklings.simulation.phantoms.slides import write_panda
from inklings.testing.datasets import DatasetContract, contents, write_png

COMMAND = "from inklings.cli import run; run()"
CASES = Path(__file__).parents[2] / ".." / "shared" / "cases"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["import", *map(str, arguments)])


def said(result: Result) -> str:
    """What a refusal says: one line, exit code 2, and why."""
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, result.stderr
    assert "unexpected" not in lines[0]
    return lines[0]


def volumes(root: Path, count: int = 3, values: Sequence[int] = (0, 1, 2)) -> dict[str, Any]:
    """``images/pN.nii.gz`` with ``masks/pN_seg.nii.gz``; the codes by case."""
    truth = {}
    for k in range(count):
        write(root / "images" / f"p{k:02}.nii.gz", grey_of(k))
        truth[f"p{k:02}"] = codes_of(k, values)
        write(root / "masks" / f"p{k:02}_seg.nii.gz", truth[f"p{k:02}"])
    return truth


def pair(root: Path, meaning: Mapping[int, str] | None = None, **options: Any) -> VolumeFolder:
    named = {1: "organ", 2: "lesion"} if meaning is None else meaning
    return VolumeFolder(str(root / "images"), str(root / "masks"), named, **options)


# ---- a dataset of another package, with labels of every kind ------------------------------------

EVERY: tuple[Label, ...] = (
    BoxLabel("a", "cell", (1.0, 2.0), (5.0, 6.0)),
    PointLabel("a", "cell", (3.0, 3.0), 2.0),
    PolygonLabel("a", "gland", ((0.0, 0.0), (0.0, 6.0), (5.0, 3.0)), (((1, 2), (2, 2), (2, 3)),)),
    BagLabel("tumour", True),
)  # fmt: skip


@dataclass(frozen=True)
class Toy:
    """One case of `Every`."""

    id: str
    path: Path

    @property
    def stamp(self) -> str:
        return stamp_of(self.path)


@dataclass(frozen=True)
class Every(Plain):
    """Pictures with masks, boxes, points, outlines and a word about the whole."""

    source: Annotated[Path, Argument("Folder of PNG files.")]
    fails: Annotated[str, Option("How the second case fails.")] = ""
    name: str = "every"
    classes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def items(self, scratch: Path) -> list[Toy]:  # noqa: ARG002
        return [Toy(path.stem, path) for path in sorted(self.source.glob("*.png"))]

    def convert(self, item: Toy) -> Converted:
        if item.id == "c1" and self.fails:
            raise {
                "data": ReaderError(f"{item.path.name}: cut short"),
                "file": FileNotFoundError(2, "No such file or directory", str(item.path)),
                "memory": MemoryError(),
                "library": KeyError("Rows"),
            }[self.fails]
        codes = (np.asarray(Pillow.open(item.path)) > 100).astype(np.uint8)
        images = {"a": Stored(item.path.read_bytes()), "b": Stored(item.path)}
        masks = (
            Mask(codes, "classes", ("bright",)),
            Mask(codes.astype(np.uint16) * 7, "instances", ("bright",), image="b"),
            Mask(codes.astype(np.uint32) * 70_000, "instances", ("bright",), image="b"),
        )
        return Converted(images, (*masks, *EVERY), patient=item.id[0], split="train")


@dataclass(frozen=True)
class Balls(Plain):
    """Volumes with a mask, a ball and a word about the whole."""

    source: Path
    name: str = "balls"
    classes: tuple[str, ...] = ("organ",)
    facts: Mapping[str, Any] = field(default_factory=dict)
    noun: str = "volumes"

    def items(self, scratch: Path) -> list[Toy]:  # noqa: ARG002
        return [Toy(p.name.split(".")[0], p) for p in sorted(self.source.glob("*.nii.gz"))]

    def convert(self, item: Toy) -> Converted:
        codes = codes_of(0, (0, 1, 255))
        ball = BallLabel("mr", "organ", (1.5, 2.0, 3.0), 4.0, True, (4, 5))
        labels = (Mask(codes, "classes", ("organ",), "partial"), ball, BagLabel("organ", True))
        return Converted({"mr": Stored(item.path)}, labels)


def pictures(root: Path, count: int = 3) -> None:
    rng = np.random.default_rng(0)
    for k in range(count):
        write_png(root / f"c{k}.png", rng.integers(0, 255, (8, 9), np.uint8))


class TestEvery(DatasetContract):
    def dataset(self, root: Path) -> Every:
        pictures(root)
        return Every(root)


class TestBalls(DatasetContract):
    def dataset(self, root: Path) -> Balls:
        for k in range(3):
            write(root / f"v{k}.nii.gz", grey_of(k))
        return Balls(root)


class TestVolumes(DatasetContract):
    def dataset(self, root: Path) -> VolumeFolder:
        volumes(root)
        return pair(root)


class TestSeveralVolumes(DatasetContract):
    def dataset(self, root: Path) -> VolumeFolder:
        for k in range(3):
            for name in ("t1", "flair"):
                write(root / f"p{k}" / f"{name}.nii.gz", grey_of(k + len(name)))
            write(root / f"p{k}" / "seg.mha", codes_of(k))
        names = {name: f"{root}/*/{name}.nii.gz" for name in ("t1", "flair")}
        return VolumeFolder(names, {"flair": f"{root}/*/seg.mha"}, {1: "a", 2: "b"})


class TestDecathlon(DatasetContract):
    def dataset(self, root: Path) -> Decathlon:
        for k in range(3):
            write(root / "imagesTr" / f"p{k}.nii.gz", grey_of(k))
            write(root / "labelsTr" / f"p{k}.nii.gz", codes_of(k))
        return Decathlon(root)


class TestLuna(DatasetContract):
    def dataset(self, root: Path) -> Any:
        write_luna(root, 3, shape=(16, 32, 32), nodules=1)
        return DATASETS.build("luna16", {"source": root})


class TestChaos(DatasetContract):
    def dataset(self, root: Path) -> Any:
        write_studies(root, 3, shape=(4, 24, 24))
        return DATASETS.build("chaos", {"source": root, "modality": "mr-t1-inphase"})


class TestSlides(DatasetContract):
    def dataset(self, root: Path) -> Any:
        for k in range(3):
            slide = np.random.default_rng(k).integers(0, 255, (64, 64, 3), np.uint8)
            (root / f"f{k}").mkdir(parents=True)
            tifffile.imwrite(root / f"f{k}" / f"s{k}.tif", slide, tile=(32, 32), photometric="rgb")
        return DATASETS.build("slides", {"images": str(root)})


class TestPanda(DatasetContract):
    def dataset(self, root: Path) -> Any:
        write_panda(root, 3, SlidePlan(size=(256, 256), um=4.0, tumour=0.5, pen=0))
        return DATASETS.build("panda", {"source": root})


class BagsContract(DatasetContract):
    def test_every_label_lies_on_the_grid_of_its_image(self, tmp_path: Path) -> None:
        cohort = run(self.dataset(tmp_path / "in"), tmp_path / "out", workers=1).cohort
        assert len(cohort) == 3
        assert all(isinstance(label, BagLabel) for case in cohort for label in case.labels)


class TestFeatures(BagsContract):
    def dataset(self, root: Path) -> Any:
        root.mkdir(parents=True)
        for k in range(3):
            with h5py.File(root / f"s{k}.h5", "w") as file:
                file["features"] = np.random.default_rng(k).normal(size=(4, 3)).astype("f4")
        table = root / "table.csv"
        table.write_text("slide,label\ns0,0\ns1,1\ns2,0\n")
        return DATASETS.build("features", {"source": root, "table": table})


class TestMilTable(BagsContract):
    def dataset(self, root: Path) -> Any:
        root.mkdir(parents=True)
        rows = [f"b{k},{k % 2},{k}.5,{j}" for k in range(3) for j in range(2)]
        (root / "t.csv").write_text("bag,label,f,g\n" + "\n".join(rows) + "\n")
        return DATASETS.build("mil-table", {"source": root / "t.csv"})


def test_labels_of_every_kind_reach_the_disk_and_come_back(tmp_path: Path) -> None:
    pictures(tmp_path / "in")
    cohort = run(Every(tmp_path / "in"), tmp_path / "out", workers=1).cohort
    assert cohort.classes == ("bright", "cell", "gland", "tumour")
    for case in Cohort.read(tmp_path / "out"):
        assert case.labels[3:] == EVERY
        assert (case.patient, case.split, list(case.images)) == ("c", "train", ["a", "b"])
        assert case.images["b"] == tmp_path / "in" / f"{case.id}.png"
        bright = decode(case.images["a"]) > 100
        for label, number in zip(case.labels[:3], (1, 7, 70_000), strict=True):
            assert isinstance(label, MaskLabel)
            np.testing.assert_array_equal(read_mask(label.path), bright * number)
        assert [getattr(label, "image", None) for label in case.labels[:3]] == ["a", "b", "b"]


def test_a_volume_of_a_plug_in_gets_its_mask_on_its_own_grid(tmp_path: Path) -> None:
    write(tmp_path / "in" / "v.nii.gz", grey_of(0), origin=(5.0, -3.0, 2.0))
    (case,) = run(Balls(tmp_path / "in"), tmp_path / "out", workers=1).cohort
    mask, ball, bag = case.labels
    assert isinstance(mask, MaskLabel)
    np.testing.assert_array_equal(read_mask(mask.path), codes_of(0, (0, 1, 255)))
    with open_case(case) as image, open_case(replace(case, images={"m": mask.path})) as there:
        assert np.allclose(image.geometry.axes, there.geometry.axes, atol=1e-5)
        assert np.allclose(image.geometry.origin or (), there.geometry.origin or (), atol=1e-4)
    assert (ball, bag) == (
        BallLabel("mr", "organ", (1.5, 2.0, 3.0), 4.0, True, (4, 5)),
        BagLabel("organ", True),
    )


@pytest.mark.parametrize(
    ("fails", "detail"),
    [
        ("data", "c1.png: cut short"),
        ("file", "c1.png: No such file"),
        ("memory", "c1.png: more than fits"),
        ("library", "c1.png: KeyError: 'Rows'"),
    ],
)
def test_a_case_that_cannot_be_made_is_set_aside_and_named(
    tmp_path: Path, fails: str, detail: str
) -> None:
    pictures(tmp_path / "in")
    report = run(Every(tmp_path / "in", fails), tmp_path / "out", workers=1)
    assert report.left_out == ("c1",)
    assert detail in report.findings[0].detail
    assert [case.id for case in report.cohort] == ["c0", "c2"]


def test_two_cases_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(tmp_path / "in")
    twice = [Toy("c0", tmp_path / "in" / f"c{k}.png") for k in (0, 1)]
    monkeypatch.setattr(Every, "items", lambda *_: twice)
    with pytest.raises(DataError, match="got 'c0' for 2"):
        run(Every(tmp_path / "in"), tmp_path / "out", workers=1)


# ---- commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_dataset_has_a_command_with_its_options(name: str) -> None:
    env = {"COLUMNS": "160", "TERM": "dumb"}
    result = CliRunner().invoke(app, ["import", name, "--help"], env=env)
    assert result.exit_code == 0, result.output
    for option in ("--out", "--workers", "--quiet", "--debug"):
        assert option in result.stdout


@pytest.mark.parametrize(
    "where", ["no_such_module:Thing", "pathlib:Path", "inklings.datasets.dataset:Item"]
)
def test_a_plug_in_that_is_no_dataset_is_told_and_harms_no_other(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setitem(DATASETS._table, "odd", where)
    line = said(call("odd", "somewhere", "--out", "out"))
    assert "the dataset 'odd' of another package cannot be used" in line
    assert call("--help").exit_code == 0


def test_the_datasets_of_the_house_are_all_in_the_table() -> None:
    wanted = (
        "chaos decathlon dicom dsb2018 features folder lidc luna16 mil-table mnist-bags nifti "
        "nnunet panda slides tcga tiles"
    )
    assert set(wanted.split()) <= set(DATASETS)


# ---- killed, and gone on with --------------------------------------------------------------------


def journalled(out: Path) -> list[str]:
    path = out / NAME
    lines = path.read_bytes().split(b"\n")[1:-1] if path.exists() else []
    return [record["id"] for record in map(json.loads, lines) if "id" in record]


def test_a_killed_import_of_volumes_keeps_what_it_had(tmp_path: Path) -> None:
    volumes(tmp_path / "in", 40)
    arguments = [
        "import", "nifti", "--images", f"{tmp_path}/in/images", "--masks", f"{tmp_path}/in/masks",
        "--values", "1=organ,2=lesion", "--workers", "1", "--quiet",
    ]  # fmt: skip
    out = tmp_path / "out"
    command = [sys.executable, "-c", COMMAND, *arguments, "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(journalled(out)) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = journalled(out)
    assert 3 <= len(done) < 40, "killed too late to tell"
    before = {name: (out / "labels" / f"{name}.nii.gz").stat().st_mtime_ns for name in done}
    assert call(*arguments[1:], "--out", out).exit_code == 0
    assert set(Counter(journalled(out)).values()) == {1}, "a finished case was done twice"
    assert {n: (out / "labels" / f"{n}.nii.gz").stat().st_mtime_ns for n in done} == before
    run(replace(pair(tmp_path / "in"), name="out"), tmp_path / "whole", workers=1)
    assert contents(out) == contents(tmp_path / "whole")


def test_splits_and_patients_of_volumes_survive_a_later_import(tmp_path: Path) -> None:
    volumes(tmp_path / "in")
    cohort = run(pair(tmp_path / "in"), tmp_path / "out", workers=1).cohort
    cases = tuple(replace(case, split="val", patient="q") for case in cohort)
    replace(cohort, cases=cases).write(tmp_path / "out")
    volumes(tmp_path / "in", 4)
    later = {case.id: case for case in run(pair(tmp_path / "in"), tmp_path / "out", 1).cohort}
    assert later.pop("p03").split is None
    assert {(case.split, case.patient) for case in later.values()} == {("val", "q")}


def test_volumes_that_are_gone_leave_the_cohort(tmp_path: Path) -> None:
    volumes(tmp_path / "in")
    run(pair(tmp_path / "in"), tmp_path / "out", workers=1)
    for path in (tmp_path / "in").rglob("p01*"):
        path.unlink()
    cohort = run(pair(tmp_path / "in"), tmp_path / "out", workers=1).cohort
    assert [case.id for case in cohort] == ["p00", "p02"]


def test_a_cohort_of_an_older_version_is_refused_in_one_line(tmp_path: Path) -> None:
    volumes(tmp_path / "in")
    cohort = run(pair(tmp_path / "in"), tmp_path / "out", workers=1).cohort
    path = tmp_path / "out" / NAME
    path.write_text(path.read_text().replace('"format":3', '"format":2'))
    with pytest.raises(DataError, match="begun by another version"):
        run(pair(tmp_path / "in"), tmp_path / "out", workers=1)
    path.unlink()
    assert len(cohort) == 3
    with pytest.raises(DataError, match="was not made by 'inklings import'"):
        run(pair(tmp_path / "in"), tmp_path / "out", workers=1)


# ---- broken files --------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["images", "masks"])
@pytest.mark.parametrize("damage", ["cut", "zeros", "empty", "text"])
def test_a_broken_volume_is_named_and_the_others_come_in(
    tmp_path: Path, what: str, damage: str
) -> None:
    volumes(tmp_path / "in")
    (path,) = (tmp_path / "in" / what).glob("p01*")
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "zeros": whole[:100] + bytes(len(whole) - 100),
            "empty": b"",
            "text": b"not a volume\n" * 40,
        }[damage]
    )
    arguments = ["--images", f"{tmp_path}/in/images", "--masks", f"{tmp_path}/in/masks"]
    result = call("nifti", *arguments, "--values", "1=a,2=b", "--out", tmp_path / "out")
    if (what, damage) == ("images", "cut"):  # the header is whole; `check` reads the samples
        assert result.exit_code in (0, 3)
        return
    assert result.exit_code == 3, result.output
    assert "left out because broken: 1 case (p01)" in result.stdout
    assert path.name in (tmp_path / "out" / "import_findings.csv").read_text()
    assert [case.id for case in Cohort.read(tmp_path / "out")] == ["p00", "p02"]


# ---- several images ------------------------------------------------------------------------------


def test_files_of_a_case_meet_by_what_their_wildcards_match(tmp_path: Path) -> None:
    for k in range(2):
        write(tmp_path / "mr" / f"P{k}_T1.nii.gz", grey_of(k))
        write(tmp_path / "mr" / f"P{k}-flair.nii.gz", grey_of(10 + k))
        write(tmp_path / "ct" / f"P{k}" / "ct.nrrd", grey_of(20 + k))
        write(tmp_path / "seg" / f"P{k}_mask.nii.gz", codes_of(k))
    result = call(
        "nifti", "--images", f"t1={tmp_path}/mr/*_T1.nii.gz", "--images",
        f"flair={tmp_path}/mr/*-flair.nii.gz", "--images", f"ct={tmp_path}/ct/*/ct.nrrd",
        "--masks", f"ct={tmp_path}/seg", "--values", "1=a,2=b", "--out", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    for k, case in enumerate(Cohort.read(tmp_path / "out")):
        assert (case.id, list(case.images)) == (f"P{k}", ["t1", "flair", "ct"])
        (label,) = case.labels
        assert isinstance(label, MaskLabel)
        assert label.image == "ct"
        for j, name in enumerate(case.images):
            with open_case(case, name) as image:
                np.testing.assert_array_equal(
                    image.read(image.geometry.full)[0], grey_of(10 * j + k)
                )


def test_pictures_of_a_case_may_lie_in_files_of_their_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for k in range(2):
        for channel in ("00", "01"):
            picture = rng.integers(0, 255, (8, 9), np.uint8)
            write_png(tmp_path / "in" / f"f{k}_ch{channel}.png", picture)
        write_png(tmp_path / "masks" / f"f{k}.png", codes_of(k, (0, 255), (8, 9)))
    write_png(tmp_path / "in" / "f1_ch01.png", np.zeros((8, 10), np.uint8))
    result = call(
        "folder", "--images", f"dapi={tmp_path}/in/*_ch00.png", "--images",
        f"gfp={tmp_path}/in/*_ch01.png", "--masks", f"{tmp_path}/masks", "--yes",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 3, result.output
    (case,) = Cohort.read(tmp_path / "out")
    assert {name: path.name for name, path in case.images.items()} == {
        "dapi": "f0~dapi.png",
        "gfp": "f0~gfp.png",
    }
    report = (tmp_path / "out" / "import_findings.csv").read_text()
    assert "no common grid" in report
    assert "gfp lies on another grid than dapi: shape 8 x 10 instead of 8 x 9" in report


def test_slides_of_a_case_are_named_and_the_first_bears_the_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for k in range(3):
        for stain in ("HE", "IHC")[: 2 - (k == 2)]:
            slide = rng.integers(0, 255, (64, 96, 3), np.uint8)
            path = tmp_path / stain / f"S{k}_{stain}.tif"
            path.parent.mkdir(exist_ok=True)
            tifffile.imwrite(path, slide, tile=(32, 32), photometric="rgb")
        mask = tmp_path / "masks" / f"S{k}.png"
        write_png(mask, codes_of(k, (0, 1), (16, 24)))
    result = call(
        "slides", "--images", f"he={tmp_path}/HE/*_HE.tif", "--images",
        f"ihc={tmp_path}/IHC/*_IHC.tif", "--masks", f"{tmp_path}/masks/*.png", "--codes", "tumour",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 3, result.output
    cases = Cohort.read(tmp_path / "out").cases
    assert [(case.id, list(case.images)) for case in cases] == [
        ("S0", ["he", "ihc"]),
        ("S1", ["he", "ihc"]),
    ]
    assert [getattr(case.labels[0], "image", "") for case in cases] == ["he", "he"]
    assert 'S2,missing image,left out,1,"has he, but no ihc"' in (
        (tmp_path / "out" / "import_findings.csv").read_text()
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [("_0000", "_0001"), ("_t1", "_flair"), ("_T1w", "_T2w"), ("_ch00", "_ch01"), (".dwi", ".adc")],
)
def test_several_images_without_names_are_refused_with_the_words_to_write(
    tmp_path: Path, first: str, second: str
) -> None:
    for k in range(2):
        for ending in (first, second):
            write(tmp_path / "in" / f"P{k}{ending}.nii.gz", grey_of(k))
        write(tmp_path / "masks" / f"P{k}.nii.gz", codes_of(k))
    options = ["--masks", tmp_path / "masks", "--values", "1=a,2=b", "--out", tmp_path / "out"]
    line = said(call("nifti", "--images", tmp_path / "in", *options))
    shown = re.findall(r"--images (\S+?)='([^']+)'", line)
    assert len(shown) == 2
    named = [word for name, pattern in shown for word in ("--images", f"{name}={pattern}")]
    assert call("nifti", *named, *options).exit_code == 0
    assert {len(case.images) for case in Cohort.read(tmp_path / "out")} == {2}
    unnamed = ["--images", f"{tmp_path}/in/*{first}*", "--images", f"{tmp_path}/in/*{second}*"]
    assert "--images t1='*_t1.nii.gz'" in said(call("nifti", *unnamed, *options))


def test_numbered_frames_without_a_mask_of_their_stem_stay_cases(tmp_path: Path) -> None:
    for k in range(3):
        write_png(tmp_path / "in" / f"film_{k:04}.png", np.zeros((8, 9), np.uint8))
        write_png(tmp_path / "masks" / f"film_{k:04}.png", codes_of(k, (0, 1), (8, 9)))
    folder = Folder(str(tmp_path / "in"), str(tmp_path / "masks"), {0: "background", 1: "a"})
    assert len(run(folder, tmp_path / "out", workers=1).cohort) == 3


def test_a_mask_of_no_name_lies_on_the_image_whose_grid_it_has(tmp_path: Path) -> None:
    for k in range(2):
        write(tmp_path / f"P{k}_t1.nii.gz", grey_of(k))
        write(tmp_path / f"P{k}_t2.nii.gz", grey_of(k, (5, 4, 9)), (3.0, 2.0, 1.5))
        write(tmp_path / f"P{k}_seg.nii.gz", codes_of(k, shape=(5, 4, 9)), (3.0, 2.0, 1.5))
    names = {name: f"{tmp_path}/*_{name}.nii.gz" for name in ("t1", "t2")}
    dataset = VolumeFolder(names, f"{tmp_path}/*_seg.nii.gz", {1: "a", 2: "b"})
    report = run(dataset, tmp_path / "out", workers=1)
    assert [getattr(case.labels[0], "image", "") for case in report.cohort] == ["t2", "t2"]
    assert {finding.kind for finding in report.findings} == {"grids differ"}
    named = replace(dataset, masks={"t1": f"{tmp_path}/*_seg.nii.gz"})
    assert run(named, tmp_path / "named", workers=1).left_out == ("P0", "P1")


def test_a_case_without_one_of_its_images_is_set_aside(tmp_path: Path) -> None:
    for k in range(3):
        write(tmp_path / f"P{k}_t1.nii.gz", grey_of(k))
        if k != 1:
            write(tmp_path / f"P{k}_t2.nii.gz", grey_of(k))
    names = {name: f"{tmp_path}/*_{name}.nii.gz" for name in ("t1", "t2")}
    report = run(VolumeFolder(names), tmp_path / "out", workers=1)
    assert report.left_out == ("P1",)
    assert report.findings[0].detail == "has t1, but no t2"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--images", "t1=no/*_t1.nii", "--images", "t2=no/*_t2.nii"], "no such file or folder"),
        (["--images", "t1=IN/*_t3.nii", "--images", "t2=IN/*_t2.nii"], "images of t1 that match"),
        (["--images", "t1=IN/*_t1.nii.gz", "--images", "t1=IN/*_t2.nii.gz"], "a name of its own"),
        (
            ["--images", "IN", "--masks", "t9=IN", "--values", "1=a"],
            "expected one of the images image",
        ),
        (["--images", "IN", "--masks", "IN", "--values", "1=a"], "make the patterns disjoint"),
        (["--images", "IN", "--patient", "(X)"], "is found nowhere"),
        (["--images", "IN", "--patient", "("], "does not parse"),
    ],
)
def test_options_that_do_not_go_together_are_refused_in_one_line(
    tmp_path: Path, options: list[str], words: str
) -> None:
    write(tmp_path / "in" / "P0_t1.nii.gz", grey_of(0))
    given = [option.replace("IN", str(tmp_path / "in")) for option in options]
    assert words in said(call("nifti", *given, "--out", tmp_path / "out"))


# ---- what was not annotated ----------------------------------------------------------------------


def codes_in(report: Report, k: int = 0) -> tuple[MaskLabel, Any]:
    (label,) = report.cohort.cases[k].labels
    assert isinstance(label, MaskLabel)
    return label, read_mask(label.path)


@pytest.mark.parametrize("word", ["unlabelled", "unlabeled", "ignore", "Ignore"])
def test_what_was_not_annotated_stays_so_in_volumes(tmp_path: Path, word: str) -> None:
    truth = volumes(tmp_path / "in", values=(0, 1, 2, 4))
    result = call(
        "nifti", "--images", tmp_path / "in" / "images", "--masks", tmp_path / "in" / "masks",
        "--values", f"0=background,1=organ,2=lesion,4={word}", "--out", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    for case in Cohort.read(tmp_path / "out"):
        (label,) = case.labels
        assert isinstance(label, MaskLabel)
        assert (label.classes, label.extent) == (("organ", "lesion"), "partial")
        mine, codes = read_mask(label.path), truth[case.id]
        np.testing.assert_array_equal(mine, np.where(codes == 4, 255, codes))


def test_zero_itself_may_be_what_was_not_annotated(tmp_path: Path) -> None:
    truth = volumes(tmp_path / "in", 1)
    meaning = {0: "unlabelled", 1: "background", 2: "lesion"}
    label, mine = codes_in(run(pair(tmp_path / "in", meaning), tmp_path / "out", workers=1))
    assert label.extent == "partial"
    np.testing.assert_array_equal(mine, np.array([255, 0, 1], np.uint8)[truth["p00"]])


def test_objects_of_a_volume_may_have_a_void(tmp_path: Path) -> None:
    truth = volumes(tmp_path / "in", 1, values=(0, 1, 7, 255))
    dataset = pair(tmp_path / "in", {255: "unlabelled"}, instances=True, class_name="cell")
    label, mine = codes_in(run(dataset, tmp_path / "out", workers=1))
    assert (label.kind, label.classes, label.extent) == ("instances", ("cell",), "partial")
    np.testing.assert_array_equal(
        mine, np.where(truth["p00"] == 255, 65535, truth["p00"].astype(int))
    )


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not beside the repository")
def test_the_shared_scribbles_leave_most_of_the_volume_unlabelled(tmp_path: Path) -> None:
    home = CASES / "b-scribbles-with-code-4"
    meaning = {0: "background", 1: "organ", 2: "lesion", 4: "unlabelled"}
    dataset = VolumeFolder(str(home / "images"), str(home / "masks"), meaning)
    label, mine = codes_in(run(dataset, tmp_path / "out", workers=1))
    assert label.extent == "partial"
    assert [int((mine == code).sum()) for code in (1, 2, 0, 255)] == [7, 6, 22, 11485]


def test_a_command_says_what_a_dataset_of_volumes_is_made_of(tmp_path: Path) -> None:
    volumes(tmp_path / "in")
    result = call(
        "nifti", "--images", tmp_path / "in" / "images", "--masks", tmp_path / "in" / "masks",
        "--values", "1=a,2=b", "--patient", r"p(\d)", "--out", tmp_path / "out",
    )  # fmt: skip
    assert "3 volumes of 1 patients (3 labelled, 0 unlabelled)" in result.stdout
    assert " x ".join(map(str, SHAPE)) == Cohort.read(tmp_path / "out").cases[0].facts["shape"]
    with pytest.raises(SpecError, match="say what the masks mean"):
        pair(tmp_path / "in", {}).settled(print, lambda _: False)
