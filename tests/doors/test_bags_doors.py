"""Bags as other tools write them: they come in as they are meant, or a sentence says why not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fuzz
import h5py
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from inklings.bags.grades import lowest_first
from inklings.bags.task import presence
from inklings.cli import app
from inklings.cohorts.bags import spans
from inklings.cohorts.case import SPLITS
from inklings.cohorts.cohort import Cohort
from inklings.datasets.feature_bags import FeatureBags
from inklings.datasets.importing import Report, run
from inklings.datasets.mil_table import MilTable
from inklings.errors import DataError, LabelError, ReaderError, SpecError
from inklings.evaluation.instance_truth import instance_truth
from inklings.inference.predict import predict
from inklings.predictions.bags import BagPrediction
from inklings.predictions.head import Head
from inklings.readers.bag_files import Span, head, read, read_coords
from inklings.simulation.phantoms.bags import vector_bags
from inklings.tasks.train import train
from inklings.testing.bags import bag_experiment

CASES = Path(__file__).parents[2] / ".." / "shared" / "cases"
shared = pytest.mark.skipif(not CASES.is_dir(), reason=f"no cases at {CASES}")
VALUES = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def said(*arguments: object, code: int) -> str:
    """What a command prints; it has to end with ``code``, in words."""
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == code, done.output
    assert "unexpected" not in done.output
    assert "Traceback" not in done.output
    return done.output


def h5(path: Path, values: Any = VALUES, name: str = "features", **more: Any) -> Path:
    """A file of features as h5py writes it; ``more`` are other datasets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file[name] = values
        for key, value in more.items():
            file[key] = value
    return path


def slides(folder: Path, count: int = 4) -> Path:
    """``s0.h5``, ``s1.h5``, ... of 2, 3, ... instances."""
    rng = np.random.default_rng(1)
    for i in range(count):
        h5(folder / "h5" / f"s{i}.h5", rng.normal(size=(2 + i, 4)).astype(np.float32))
    return folder / "h5"


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def features(tmp_path: Path, *lines: str, **options: Any) -> Report:
    """Import of four slides and a table."""
    source = tmp_path / "h5" if (tmp_path / "h5").is_dir() else slides(tmp_path)
    dataset = FeatureBags(source, table(tmp_path / "t.csv", *lines), **options)
    return run(dataset, tmp_path / "c", workers=1)


def labels(cohort: Cohort) -> dict[str, list[float | None]]:
    """Of each case: 1 present, 0 absent, None not said."""
    return {
        case.id: [None if np.isnan(v) else float(v) for v in presence(case, cohort.classes)]
        for case in cohort
    }


# ---- the shared cases ----------------------------------------------------------------------


@shared
@pytest.mark.parametrize("name", ["e-index-column", "e-semicolons-and-decimal-commas"])
def test_the_shared_tables_of_twelve_bags(name: str, tmp_path: Path) -> None:
    said("import", "mil-table", CASES / name / "bags.csv", "--out", tmp_path / "c", code=0)
    cohort = Cohort.read(tmp_path / "c")
    values = [read(span) for case in cohort for span in spans(case)]
    assert [v.shape for v in values] == [(3, 3)] * 12
    assert sum(float(v.sum(dtype=np.float64)) for v in values) == pytest.approx(10.7323, abs=1e-5)


@shared
def test_the_shared_words_of_a_split(tmp_path: Path) -> None:
    case = CASES / "e-words-of-the-split"
    said(
        "import", "features", case / "features", case / "table.csv", "--split", "split",
        "--out", tmp_path / "c", code=0,
    )  # fmt: skip
    cohort = Cohort.read(tmp_path / "c")
    assert [len(cohort.part(part)) for part in SPLITS] == [6, 2, 2]


@shared
def test_the_shared_slide_with_a_number_that_is_none_is_set_aside_by_name(tmp_path: Path) -> None:
    case = CASES / "f-feature-that-is-no-number"
    command = ("import", "features", case / "features", case / "table.csv", "--out", tmp_path / "c")
    assert "s3" in said(*command, code=3)
    assert [c.id for c in Cohort.read(tmp_path / "c")] == [
        f"s{i}" for i in (0, 1, 2, 4, 5, 6, 7, 8, 9)
    ]
    found = pd.read_csv(tmp_path / "c" / "import_findings.csv")
    assert found["detail"].tolist() == ["s3.h5: NaN or infinity in row 2"]
    assert "s3.h5: NaN or infinity in row 2" in said("check", tmp_path / "c", code=0)
    assert "row 2" in said("show", case / "features" / "s3.h5", "--out", tmp_path / "s.png", code=0)


# ---- files of features ---------------------------------------------------------------------

FORMS: dict[str, tuple[Callable[[Path], Path], Any]] = {
    "CLAM": (lambda p: h5(p, coords=np.arange(10).reshape(5, 2)), VALUES),
    "TRIDENT, with a leading axis": (lambda p: h5(p, VALUES[None]), VALUES),
    "TRIDENT, a vector a slide": (lambda p: h5(p, VALUES[0]), VALUES[:1]),
    "STAMP": (
        lambda p: h5(p, VALUES.astype("f2"), "feats", coords=np.ones((5, 2))),
        VALUES.astype("f2"),
    ),
    "an axis of one in the middle": (lambda p: h5(p, VALUES[:, None]), VALUES),
    "maps of one pixel": (lambda p: h5(p, VALUES[:, :, None, None]), VALUES),
    "one instance": (lambda p: h5(p, VALUES[:1]), VALUES[:1]),
    "double precision": (lambda p: h5(p, VALUES.astype("f8")), VALUES.astype("f8")),
    "half precision": (lambda p: h5(p, VALUES.astype("f2")), VALUES.astype("f2")),
    "big end first": (lambda p: h5(p, VALUES.astype(">f4")), VALUES),
    "whole numbers": (lambda p: h5(p, np.arange(20).reshape(5, 4)), np.arange(20).reshape(5, 4)),
}


def packed(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "features", data=VALUES, chunks=(2, 4), compression="gzip", shuffle=True
        )
    return path


FORMS["packed in chunks"] = (packed, VALUES)


@pytest.mark.parametrize("name", FORMS)
def test_features_come_in_number_for_number(name: str, tmp_path: Path) -> None:
    write, expected = FORMS[name]
    path = write(tmp_path / "a.h5")
    there = head(path)
    assert (there.count, there.shape) == (len(expected), expected.shape[1:])
    found = read(Span(path, 0, there.count))
    assert found.dtype.isnative
    assert np.array_equal(found, expected)
    last = np.array([there.count - 1])
    assert np.array_equal(read(Span(path, 0, there.count), last), expected[-1:])


def test_places_of_other_tools_are_x_and_y(tmp_path: Path) -> None:
    path = h5(tmp_path / "a.h5", coords=np.arange(10).reshape(5, 2))
    coords = read_coords(Span(path, 0, 5))
    assert coords is not None
    assert coords[0].tolist() == [1, 0]
    assert read_coords(Span(h5(tmp_path / "b.h5", coords=np.ones((5, 4))), 0, 5)) is None


def unwritten(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("features", (100, 64), "f4")


def half_written(path: Path) -> None:
    with h5py.File(path, "w") as file:
        data = file.create_dataset("features", (100, 64), "f4", chunks=(10, 64))
        data[:10] = 1


def flipped(path: Path) -> None:
    with h5py.File(path, "w") as file:
        noise = np.random.default_rng(0).normal(size=(500, 4)).astype("f4")
        file.create_dataset("features", data=noise, compression="gzip", fletcher32=True)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def cut(path: Path) -> None:
    h5(path, np.ones((500, 4), np.float32))
    path.write_bytes(path.read_bytes()[:3000])


def with_nan(value: float) -> Callable[[Path], Any]:
    values = VALUES.copy()
    values[3, 1] = value
    return lambda path: h5(path, values)


BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no bytes": (lambda p: p.write_bytes(b""), "0 bytes"),
    "text": (lambda p: p.write_text("features"), "HDF5"),
    "a cut file": (cut, "HDF5"),
    "a flipped byte": (flipped, "HDF5"),
    "no instance": (lambda p: h5(p, np.zeros((0, 4), np.float32)), "0 instances"),
    "never written": (unwritten, "stopped"),
    "half written": (half_written, "stopped"),
    "no dataset": (lambda p: h5(p, name="embeddings"), "embeddings"),
    "words": (lambda p: h5(p, np.array([b"a", b"b"])), "expected numbers"),
    "truths": (lambda p: h5(p, VALUES > 0), "expected numbers"),
    "complex numbers": (lambda p: h5(p, VALUES.astype("c8")), "expected numbers"),
    "a group": (lambda p: h5py.File(p, "w").create_group("features"), "features (a group)"),
    "no features": (lambda p: h5(p, np.zeros((3, 0), np.float32)), "(3, 0)"),
    "an empty dataspace": (lambda p: h5(p, h5py.Empty("f4")), "nothing at all"),
    "three slides in one": (lambda p: h5(p, np.stack([VALUES] * 3)), r"(3, 5, 4)"),
    "fewer places": (lambda p: h5(p, coords=np.ones((4, 2))), "place for each of 5"),
    "NaN": (with_nan(np.nan), "row 4"),
    "infinity": (with_nan(np.inf), "row 4"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_slide_that_cannot_be_used_is_set_aside_by_name(name: str, tmp_path: Path) -> None:
    write, word = BROKEN[name]
    source = slides(tmp_path)
    (source / "s3.h5").unlink()
    write(source / "s3.h5")
    report = features(tmp_path, "slide,label", "s0,0", "s1,1", "s2,0", "s3,1")
    assert report.left_out == ("s3",)
    assert [case.id for case in report.cohort] == ["s0", "s1", "s2"]
    told = " ".join(f.detail for f in report.findings if f.case == "s3")
    assert "s3.h5" in told
    assert word in told


def test_too_large_for_single_precision_is_no_number(tmp_path: Path) -> None:
    h5(slides(tmp_path) / "s3.h5", np.array([[1.0, 2, 3, 1e300]]))
    assert features(tmp_path, "slide,label", "s0,0", "s3,1").left_out == ("s3",)


def test_a_mended_file_comes_in_when_the_import_is_run_again(tmp_path: Path) -> None:
    rows = ("slide,label", "s0,0", "s1,1", "s2,0", "s3,1")
    with_nan(np.nan)(slides(tmp_path) / "s3.h5")
    assert features(tmp_path, *rows).now == 4
    h5(tmp_path / "h5" / "s3.h5")
    report = features(tmp_path, *rows)
    assert (report.now, report.left_out, len(report.cohort)) == (1, (), 4)
    assert features(tmp_path, *rows).now == 0


def test_a_killed_import_goes_on_with_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ("slide,label", "s0,0", "s1,1", "s2,0", "s3,1")
    whole = FeatureBags.convert

    def killed(dataset: FeatureBags, item: Any) -> Any:
        if item.id == "s2":
            raise KeyboardInterrupt
        return whole(dataset, item)

    monkeypatch.setattr(FeatureBags, "convert", killed)
    with pytest.raises(KeyboardInterrupt):
        features(tmp_path, *rows)
    monkeypatch.undo()
    report = features(tmp_path, *rows)
    assert (report.now, len(report.cohort)) == (2, 4)


def test_features_of_two_encoders_are_refused_by_file(tmp_path: Path) -> None:
    h5(slides(tmp_path) / "s2.h5", np.zeros((3, 9), np.float32))
    with pytest.raises(DataError, match=r"\(4,\) in s0.h5, s1.h5, s3.h5, \(9,\) in s2.h5"):
        features(tmp_path, "slide,label", "s0,0", "s1,1", "s2,1", "s3,0")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a.pt", "b.pt"], "2 .pt files.*h5_files"),
        (["a.npy"], "1 .npy files; save each as HDF5"),
        (["readme.txt"], "got none"),
    ],
)
def test_folders_without_hdf5_are_refused_with_what_they_hold(
    names: list[str], words: str, tmp_path: Path
) -> None:
    (tmp_path / "h5").mkdir()
    for name in names:
        (tmp_path / "h5" / name).write_bytes(b"x")
    with pytest.raises(DataError, match=words):
        features(tmp_path, "slide,label", "a,1")


# ---- which file a row means ----------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "{}.svs",
        "{}.h5",
        "/data/of/x/{}.ndpi",
        "C:\\slides\\{}.mrxs",
        " {} ",
        "{}.ome.tiff",
        "{}.SVS",
    ],
)
def test_a_slide_is_found_by_name_with_folders_and_endings(form: str, tmp_path: Path) -> None:
    rows = [f'"{form.format(f"s{i}")}",{i % 2}' for i in range(4)]
    cohort = features(tmp_path, "slide,label", *rows).cohort
    assert [case.id for case in cohort] == ["s0", "s1", "s2", "s3"]
    assert [case.images["slide"].name for case in cohort] == [f"s{i}.h5" for i in range(4)]


def test_leading_zeros_and_dots_are_part_of_a_name(tmp_path: Path) -> None:
    for name, value in (("007", 7), ("7", 1), ("a.b-c", 3)):
        h5(tmp_path / "h5" / f"{name}.h5", np.full((2, 4), value, np.float32))
    cohort = features(tmp_path, "slide,label", "007,1", "7,0", "a.b-c,1").cohort
    first = {case.id: float(read(spans(case)[0])[0, 0]) for case in cohort}
    assert first == {"007": 7, "7": 1, "a.b-c": 3}


def test_slides_of_one_name_are_told_by_their_folders_or_refused(tmp_path: Path) -> None:
    for k, folder in enumerate(("P1", "P2")):
        h5(tmp_path / "h5" / folder / "HE.h5", np.full((2, 4), k, np.float32))
    report = features(tmp_path, "slide,label", "P1/HE.svs,0", "P2/HE.svs,1")
    assert {c.id: float(read(spans(c)[0])[0, 0]) for c in report.cohort} == {"P1_HE": 0, "P2_HE": 1}
    with pytest.raises(DataError, match=r"P1/HE.h5 and P2/HE.h5"):
        features(tmp_path, "slide,label", "HE,0")


def test_two_slides_of_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows 2 and 3.*'P1/s0.svs' and 'P2/s0.svs'"):
        features(tmp_path, "slide,label", "P1/s0.svs,0", "P2/s0.svs,0")


def test_rows_and_files_without_the_other_are_told(tmp_path: Path) -> None:
    report = features(tmp_path, "slide,label", "s0,0", "s1,1", "gone,1")
    assert report.left_out == ()
    told = " ".join(report.words)
    assert "without a file of features: gone of 3 slides" in told
    assert "files that no row names: s2.h5, s3.h5" in told
    assert "gone" in said("check", tmp_path / "c", code=0)


def test_barcodes_of_tcga_are_patients(tmp_path: Path) -> None:
    names = ["TCGA-AA-0001-01Z-00-DX1.f00d", "TCGA-AA-0001-01Z-00-DX2.beef", "TCGA-BB-0002-01A"]
    for name in names:
        h5(tmp_path / "h5" / f"{name}.h5")
    rows = [f"{name}.svs,{i % 2},train" for i, name in enumerate(names)]
    report = features(tmp_path, "slide,label,split", *rows, split="split")
    assert [case.patient for case in report.cohort] == [
        "TCGA-AA-0001",
        "TCGA-AA-0001",
        "TCGA-BB-0002",
    ]
    assert any("TCGA barcodes" in word for word in report.words)
    rows[1] = rows[1].replace("train", "test")
    with pytest.raises(DataError, match="patient TCGA-AA-0001: expected all bags in one part"):
        features(tmp_path, "slide,label,split", *rows, split="split")


# ---- labels --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell", ["", "NA", "NaN", "None", "-", "null", "unknown", "'--", "Not Reported"]
)
def test_a_missing_label_is_none_and_never_a_class(cell: str, tmp_path: Path) -> None:
    report = features(tmp_path, "slide,label", "s0,a", "s1,b", f"s2,{cell}", "s3,a")
    assert report.cohort.classes == ("a", "b")
    assert labels(report.cohort)["s2"] == [None, None]
    assert ("s2", "no label") in {(f.case, f.kind) for f in report.findings}
    report = run(
        MilTable(table(tmp_path / "m.csv", "bag,label,f", "x,1,1", f"y,{cell},2", "z,0,3")),
        tmp_path / "m", workers=1,
    )  # fmt: skip
    assert labels(report.cohort) == {"x": [1], "y": [None], "z": [0]}


@pytest.mark.parametrize(
    ("yes", "no"),
    [("1", "0"), ("1.0", "0.0"), ("yes", "no"), ("TRUE", "FALSE"), ("positive", "negative"),
     ("Y", "N"), ("1", "-1"), ("WAHR", "FALSCH"), ("Ja", "Nein"), ("True", "False"),
     ("present", "absent")],
)  # fmt: skip
def test_yes_and_no_are_one_question(yes: str, no: str, tmp_path: Path) -> None:
    report = features(tmp_path, "slide,label", f"s0,{yes}", f"s1,{no}", f"s2,{no}", "s3,")
    assert report.cohort.classes == ("label",)
    assert report.cohort.facts["task"] == "binary"
    assert labels(report.cohort) == {"s0": [1], "s1": [0], "s2": [0], "s3": [None]}
    noted = any(f"{yes} as present" in word for word in report.words)
    assert noted == (yes not in ("1", "1.0") or no == "-1")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (("0", "1", "0.37", "1"), r"row 4, column 'label': expected classes, got 0.37"),
        (("0.1", "0.9", "0.5", "0.2"), r"row 2, column 'label': expected classes, got 0.1"),
        (("0,25", "1", "0", "1"), r"expected classes, got 0,25"),
        (("1e-3", "1", "0", "1"), r"expected classes, got 1e-3"),
        (("-1", "0", "1", "1"), r"row 2.*got -1 beside 0, 1"),
        (("Tumor", "tumor", "benign", "benign"), r"row 3.*one spelling.*'tumor' and.*'Tumor'"),
        (("NA", "", "nan", "-"), r"expected labels in 'label', got none"),
    ],
)  # fmt: skip
def test_what_is_no_class_is_refused_with_row_and_column(
    cells: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    rows = [f'"s{i}","{cell}"' for i, cell in enumerate(cells)]
    with pytest.raises(LabelError, match=words) as caught:
        features(tmp_path, "slide,label", *rows)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "cells",
    [range(30, 50), (50, 57, 64), range(8), [f"id{i}" for i in range(6)], ("2021-01-05", "x", "x")],
)
def test_measurements_names_and_dates_are_no_classes(cells: Any, tmp_path: Path) -> None:
    rows = [f"b{i},{cell},{i * i}" for i, cell in enumerate(cells)]
    with pytest.raises(LabelError, match=r"row 2, column 'label': expected (a few )?classes, got"):
        run(MilTable(table(tmp_path / "t.csv", "bag,label,f", *rows)), tmp_path / "c", workers=1)


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (("high", "low", "intermediate"), "low intermediate high"),
        (("G3", "G1", "G2"), "G1 G2 G3"),
        (("grade 10", "grade 2", "grade 9"), "grade 2|grade 9|grade 10"),
        (("Stage IV", "Stage I", "Stage II"), "Stage I|Stage II|Stage IV"),
        (("severe", "none", "mild"), "none mild severe"),
        (("2", "0", "1"), "0 1 2"),
        (("2+", "0", "1+"), "0 1+ 2+"),
        (("IIIb", "IIIa", "I"), "I IIIa IIIb"),
        (("5.0", "0.0", "1.0"), "0 1 5"),
    ],
)
def test_grades_are_ordered_as_their_names_tell_and_say_so(
    cells: tuple[str, ...], order: str, tmp_path: Path
) -> None:
    rows = [f"s{i},{cell}" for i, cell in enumerate(cells)]
    report = features(tmp_path, "slide,label", *rows, ordered=True)
    expected = tuple(order.split("|" if "|" in order else " "))
    assert report.cohort.classes == expected
    assert report.cohort.facts["task"] == "ordinal"
    assert any(" < ".join(expected) in word for word in report.words)


@pytest.mark.parametrize(
    "cells", [("good", "bad", "fair"), ("3+4", "4+3", "3+3"), ("GX", "G1", "G2")]
)
def test_grades_of_no_known_order_are_refused_unless_it_is_given(
    cells: tuple[str, ...], tmp_path: Path
) -> None:
    rows = [f"s{i},{cell}" for i, cell in enumerate(cells)]
    with pytest.raises(SpecError, match="--order"):
        features(tmp_path, "slide,label", *rows, ordered=True)
    order = lowest_first(" < ".join(cells))
    assert features(tmp_path, "slide,label", *rows, order=order).cohort.classes == cells
    rows.append("s3,other")
    with pytest.raises(SpecError, match="without other"):
        features(tmp_path, "slide,label", *rows, order=order)


def test_an_order_may_name_fractions_and_grades_that_nobody_has(tmp_path: Path) -> None:
    rows = ("slide,cdr", "s0,0.0", "s1,0.5", "s2,1.0", "s3,0.5")
    report = features(tmp_path, *rows, label=("cdr",), order=lowest_first("0,0.5,1,2"))
    assert report.cohort.classes == ("0", "0.5", "1", "2")
    assert labels(report.cohort)["s1"] == [0, 1, 0, 0]


# ---- rows that belong together -------------------------------------------------------------


def test_a_slide_that_stands_there_twice_counts_once(tmp_path: Path) -> None:
    report = features(
        tmp_path,
        "slide,patient,label",
        "s0,p,1",
        "s0.svs,p,1",
        "s1,p,1",
        "s2,q,0",
        patient="patient",
    )
    assert [sum(map(len, spans(case))) for case in report.cohort] == [5, 4]
    assert [(f.case, f.detail) for f in report.findings if f.kind == "repeated row"] == [
        ("p", "rows 2 and 3")
    ]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("s0,p,1,train", "s0,p,0,train"), "rows 2 and 3: expected one label for slide 's0'"),
        (("s0,p,1,train", "s0,q,1,train"), "rows 2 and 3: expected one patient for slide 's0'"),
        (("s0,p,1,train", "s1,p,0,train"), "rows 2 and 3: patient p: expected one label"),
        (("s0,p,1,train", "s1,p,1,test"), "rows 2 and 3: patient p: .*got train and test"),
        (("s0,p,1,train", "s1,,1,test"), "row 3, column 'patient'"),
        (("s0,p,1,train", ",p,1,test"), "row 3, column 'slide'"),
    ],
)  # fmt: skip
def test_rows_that_contradict_one_another_are_refused_by_number(
    rows: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=words):
        features(tmp_path, "slide,patient,label,split", *rows, patient="patient", split="split")


def test_a_slide_without_tissue_does_not_lose_its_patient(tmp_path: Path) -> None:
    h5(slides(tmp_path) / "s1.h5", np.zeros((0, 4), np.float32))
    rows = ("slide,patient,label", "s0,p,1", "s1,p,", "s2,q,0")
    report = features(tmp_path, *rows, patient="patient")
    assert report.left_out == ()
    assert [sum(map(len, spans(case))) for case in report.cohort] == [2, 4]
    assert ("p", "empty slide") in {(f.case, f.kind) for f in report.findings}


MIL_REFUSED: dict[str, tuple[tuple[str, ...], dict[str, Any], str]] = {
    "two labels": (("a,1,p,2", "a,0,p,3"), {}, "rows 2 and 3: expected one label a bag"),
    "two patients": (("a,1,p,2", "a,1,q,3"), {}, "rows 2 and 3: expected one who a bag"),
    "no bag": (("a,1,p,2", ",1,p,3"), {}, "row 3, column 'bag'"),
    "no patient": (("a,1,p,2", "b,1,NA,3"), {}, "row 3, column 'who'"),
    "no number": (("a,1,p,2", "b,1,q,"), {}, "row 3, column 'f'"),
    "too large": (("a,1,p,2", "b,0,q,1e200"), {}, "below 3e38"),
    "a soft instance": (("a,1,p,0.5", "b,0,q,1"), {"instance": "f"}, "besides"),
}  # fmt: skip


@pytest.mark.parametrize("name", MIL_REFUSED)
def test_rows_of_instances_that_contradict_are_refused_by_number(name: str, tmp_path: Path) -> None:
    rows, options, words = MIL_REFUSED[name]
    dataset = MilTable(
        table(tmp_path / "t.csv", "bag,label,who,f", *rows), patient="who", **options
    )
    with pytest.raises(DataError, match=words):
        run(dataset, tmp_path / "c", workers=1)


def test_parts_of_a_table_of_instances_are_taken_and_keep_patients_whole(tmp_path: Path) -> None:
    rows = ["a,p,1,Training,2", "a,p,1,Training,3", "b,q,0,dev,5", "c,r,0,Holdout,5"]
    path = table(tmp_path / "t.csv", "bag,who,label,part,f", *rows)
    report = run(MilTable(path, patient="who", split="part"), tmp_path / "c", workers=1)
    assert [case.split for case in report.cohort] == ["train", "val", "test"]
    assert any("dev as val" in word for word in report.words)
    path = table(tmp_path / "t.csv", "bag,who,label,part,f", *rows, "d,p,0,test,1")
    with pytest.raises(DataError, match="patient p: expected all bags in one part"):
        run(MilTable(path, patient="who", split="part"), tmp_path / "d", workers=1)


def test_a_column_that_counts_is_no_feature(tmp_path: Path) -> None:
    frame = pd.DataFrame({"bag": np.repeat(list("abcdef"), 3), "label": np.repeat([0, 1] * 3, 3)})
    frame["f"] = np.random.default_rng(0).normal(size=len(frame)).round(3)
    for column in (
        np.arange(len(frame)),
        np.random.default_rng(1).permutation(18) + 1,
        [0, 1, 2] * 6,
    ):
        frame.assign(tile=column).to_csv(tmp_path / "t.csv", index=False)
        with pytest.raises(DataError, match="column 'tile', which counts the rows"):
            run(MilTable(tmp_path / "t.csv"), tmp_path / "c", workers=1)
    cohort = run(MilTable(tmp_path / "t.csv", ignore=("tile",)), tmp_path / "c", workers=1).cohort
    assert cohort.facts["features"] == 1


@pytest.mark.parametrize("name", ["patient", "Patient_ID", "fold", "slide id", "bag_label"])
def test_what_names_people_or_parts_is_no_feature_unless_left_out(
    name: str, tmp_path: Path
) -> None:
    path = table(tmp_path / "t.csv", f"bag,label,{name},f", "a,1,7,2", "b,0,8,5")
    with pytest.raises(DataError, match=f"column '{name}', which looks like none; say --"):
        run(MilTable(path), tmp_path / "c", workers=1)
    cohort = run(MilTable(path, ignore=(name,)), tmp_path / "d", workers=1).cohort
    assert cohort.facts["features"] == 1


def test_instances_may_be_unlabelled_and_named_in_words(tmp_path: Path) -> None:
    rows = ("a,1,yes,2", "a,1,no,3", "b,0,no,5", "b,0,,7")
    dataset = MilTable(table(tmp_path / "t.csv", "bag,label,hit,f", *rows), instance="hit")
    report = run(dataset, tmp_path / "c", workers=1)
    assert not any("otherwise" in word for word in report.words)
    assert {k: v.tolist() for k, v in instance_truth(tmp_path / "c").items()} == {"a": [1, 0]}
    rows = ("a,1,yes,2", "b,0,yes,5", "c,1,no,6")
    path = table(tmp_path / "v.csv", "bag,label,hit,f", *rows)
    report = run(MilTable(path, instance="hit"), tmp_path / "e", workers=1)
    assert any("otherwise than the label of their bag: b, c" in word for word in report.words)
    rows = ("a,1,0.7,2", "b,0,no,5")
    dataset = MilTable(table(tmp_path / "u.csv", "bag,label,hit,f", *rows), instance="hit")
    with pytest.raises(LabelError, match=r"row 2, column 'hit'"):
        run(dataset, tmp_path / "d", workers=1)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"y": [1.0, 1.0, 0.37]}, "expected classes, got 0.37"),
        ({"X": [[1, 2], [np.nan, 1], [0, 1]]}, "first: row 2"),
        ({"y": [1, 0, 0]}, "expected one y a bag"),
        ({"y": [[1, 0], [1, 0], [0, 1]]}, "expected numbers X"),
        ({"bag_name": np.array(["a"])}, "count the 1 names"),
    ],
)
def test_arrays_that_are_no_bags_are_refused(
    arrays: dict[str, Any], words: str, tmp_path: Path
) -> None:
    whole = {"X": [[1.0, 2], [3, 4], [5, 6]], "y": [1, 1, 0], "bag": [0, 0, 1], **arrays}
    np.savez(tmp_path / "a.npz", **whole)
    with pytest.raises(DataError, match=words):
        run(MilTable(tmp_path / "a.npz"), tmp_path / "c", workers=1)
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:200])
    with pytest.raises(DataError, match=r"b\.npz"):
        run(MilTable(tmp_path / "b.npz"), tmp_path / "d", workers=1)


def test_labels_of_minus_one_are_absent(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.eye(4), y=[1.0, 1, -1, -1], bag=[0, 0, 1, 2])
    cohort = run(MilTable(tmp_path / "a.npz"), tmp_path / "c", workers=1).cohort
    assert labels(cohort) == {"0": [1], "1": [0], "2": [0]}


# ---- check, show, train, predict, export ---------------------------------------------------


def test_check_finds_nothing_in_healthy_bags_and_names_what_is_wrong(tmp_path: Path) -> None:
    rows = [
        "slide,label,part",
        *(f"s{i},{i // 2 % 2},{'train' if i < 4 else 'test'}" for i in range(8)),
    ]
    slides(tmp_path, 8)
    features(tmp_path, *rows, split="part")
    assert "8 cases, nothing that would spoil a training" in said("check", tmp_path / "c", code=0)
    (tmp_path / "h5" / "s5.h5").write_bytes((tmp_path / "h5" / "s1.h5").read_bytes())
    with_nan(np.nan)(tmp_path / "h5" / "s2.h5")
    h5(tmp_path / "h5" / "s3.h5", np.ones((2, 9), np.float32))
    (tmp_path / "h5" / "s6.h5").write_bytes(b"no")
    (tmp_path / "h5" / "s7.h5").unlink()
    found = json.loads(said("check", tmp_path / "c", "--json", code=1).split("\nwrote")[0])
    kinds = {(f["kind"], f["case"]) for f in found["findings"] if f["severity"] == "error"}
    assert kinds == {
        ("features not finite", "s2"), ("shape of instances", "s3"), ("unreadable features", "s6"),
        ("missing features", "s7"), ("leak", "s1"),
    }  # fmt: skip
    assert found["groups"] == [{"kind": "duplicates", "cases": ["s1", "s5"], "layout": {}}]


def test_check_names_classes_that_a_part_lacks(tmp_path: Path) -> None:
    rows = ("slide,label,part", "s0,a,train", "s1,b,train", "s2,a,val", "s3,a,test")
    features(tmp_path, *rows, split="part")
    text = said("check", tmp_path / "c", code=0)
    assert "val: no bag with 'b' among 1" in text
    assert "train:" not in text


def test_show_says_what_bags_and_their_files_are(tmp_path: Path) -> None:
    features(tmp_path, "slide,label", "s0,0", "s1,1", "s2,0", "s3,")
    text = said("show", tmp_path / "c", code=0)
    assert "bags: 2 to 5 instances, median 3, 14 in all" in text
    assert "4 features (float32) (4 bags)" in text
    assert "label in 1, 1 without a label" in text
    assert (tmp_path / "c" / "gallery.png").stat().st_size > 1000
    text = said("show", tmp_path / "h5" / "s2.h5", "--out", tmp_path / "one.png", code=0)
    assert "instances: 4 of 4 features (float32), in the dataset 'features'" in text
    assert (tmp_path / "one.png").stat().st_size > 1000
    h5(tmp_path / "x.h5", name="embeddings")
    assert "embeddings" in said("show", tmp_path / "x.h5", code=2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bags")
    vector_bags(folder / "c", 24)
    train(bag_experiment(folder / "c", 5, model__pooling="noisy_or"), folder / "run")
    predict(folder / "run", [folder / "c"], folder / "p")
    return folder


def test_export_of_bags_gives_probabilities_and_evidence(trained: Path, tmp_path: Path) -> None:
    for kind in ("csv", "json", "parquet"):
        said("export", trained / "p", "--to", kind, "--out", tmp_path / kind, code=0)
    bags = pd.read_csv(tmp_path / "csv" / "bags.csv")
    rows = pd.read_csv(tmp_path / "csv" / "instances.csv")
    record = json.loads((tmp_path / "json" / "bags.json").read_text())
    threshold = Head.read(trained / "p").thresholds[0]
    assert len(bags) == len(record["bags"]) == 24
    for k, name in enumerate(bags["case"]):
        bag = BagPrediction.read(trained / "p", name)
        assert bags["probability hit"][k] == pytest.approx(bag.probability[0], abs=1e-12)
        assert bags["called hit"][k] == (bag.probability[0] >= threshold)
        score = rows.loc[rows["case"] == name, "score hit"].to_numpy()
        assert score == pytest.approx(1 / (1 + np.exp(-bag.instances[:, 0].astype(float))))
        assert record["bags"][k]["evidence"]["score hit"] == pytest.approx(score.tolist())
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "parquet" / "bags.parquet"), bags, check_dtype=False
    )
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "parquet" / "instances.parquet"), rows, check_dtype=False
    )


@pytest.mark.parametrize("kind", ["png", "nifti", "dicom-seg", "montage", "npz"])
def test_formats_for_images_are_refused_for_bags_with_those_that_do(
    kind: str, trained: Path
) -> None:
    text = said("export", trained / "p", "--to", kind, code=2)
    assert "go to csv, json, parquet" in text
    assert "damaged" not in text


def test_a_bag_that_became_no_number_later_is_one_line_in_training(tmp_path: Path) -> None:
    slides(tmp_path, 8)
    rows = ["slide,label,part", *(f"s{i},{i % 2},{'train' if i < 6 else 'val'}" for i in range(8))]
    features(tmp_path, *rows, split="part")
    with_nan(np.nan)(tmp_path / "h5" / "s3.h5")
    with pytest.raises(DataError, match=r"s3.h5, row 4: expected finite numbers"):
        train(bag_experiment(tmp_path / "c", 5), tmp_path / "run")


def test_in_prediction_such_a_bag_fails_alone(trained: Path, tmp_path: Path) -> None:
    good, bad = h5(tmp_path / "good.h5"), with_nan(np.nan)(tmp_path / "bad.h5")
    done = predict(trained / "run", [good, bad], tmp_path / "p")
    assert done.finished == 1
    assert list(done.failed) == ["bad"]
    assert "row 4" in done.failed["bad"]


def test_a_column_to_ignore_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "bag,label,tile_id,f", "a,0,7,0.5", "b,1,8,0.25")
    words = said("import", "mil-table", path, "--ignore", "tile", "--out", tmp_path / "c", code=2)
    assert "tile_id" in words
    assert not (tmp_path / "c" / "cohort.yaml").exists()


def test_words_that_numpy_keeps_as_bytes_are_words(tmp_path: Path) -> None:
    label = np.array([b"Normal", b"Normal", b"Tumor"])
    np.savez(tmp_path / "t.npz", X=VALUES[:3], y=label, bag=np.array([b"p", b"p", b"q"]))
    said("import", "mil-table", tmp_path / "t.npz", "--out", tmp_path / "c", code=0)
    cohort = Cohort.read(tmp_path / "c")
    assert list(cohort.classes) == ["Normal", "Tumor"]
    assert [case.id for case in cohort] == ["p", "q"]


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_place_that_is_no_number_sets_its_slide_aside(tmp_path: Path, odd: float) -> None:
    coords = np.zeros((5, 2))
    coords[3, 1] = odd
    h5(slides(tmp_path) / "s1.h5", coords=coords)
    lines = [f"s{i},{i % 2}" for i in range(4)]
    found = features(tmp_path, "slide,label", *lines)
    assert [case.id for case in found.cohort] == ["s0", "s2", "s3"]
    assert "coords" in next(one.detail for one in found.findings if one.case == "s1")


def test_bytes_that_are_no_words_are_refused(tmp_path: Path) -> None:
    bag = np.array([b"p", b"p", b"\xff\xfe"])
    np.savez(tmp_path / "t.npz", X=VALUES[:3], y=np.array([0, 0, 1]), bag=bag)
    words = said("import", "mil-table", tmp_path / "t.npz", "--out", tmp_path / "c", code=2)
    assert "UTF-8" in words


def test_a_file_of_two_datasets_of_features_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["features"], file["feats"] = np.zeros((4, 3)), np.ones((4, 3))
    with pytest.raises(ReaderError, match="one dataset of features, got 'features' and 'feats'"):
        head(tmp_path / "a.h5")


@pytest.mark.parametrize("name", ["t.csv", "h5/s1.h5"])
def test_fuzzed_features_and_their_table_end_in_one_line(name: str, tmp_path: Path) -> None:
    files = slides(tmp_path)
    rows = table(tmp_path / "t.csv", "slide,label", *(f"s{i},{i % 2}" for i in range(4)))
    import_ = ("import", "features", files, rows, "--workers", 1)
    fuzz.hold(tmp_path / name, lambda out: fuzz.command(*import_, "--out", out), tmp_path)
