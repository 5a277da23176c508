"""Tables as pandas, R, NumPy and spreadsheets write them; pandas is the referee."""

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import fuzz
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inklings.datasets.luna_tables import read_places
from inklings.errors import DataError
from inklings.tables import parts, read_table
from inklings.tables.parts import part_of

FRAME = pd.DataFrame(
    {
        "bag": ["007", "007", "b 1", "b 1", "Müller", "x"],
        "label": [0, 0, 1, 1, 0, 1],
        "f0": [-1.0512, 0.5, 1234.25, 3e-07, 12.0, -0.25],
        "f1": [0.125, -7.5, 6.0, 1e5, 0.0, 2.75],
    }
)
FEATURES = ["f0", "f1"]


def text(**options: object) -> str:
    return FRAME.to_csv(index=False, **options)  # type: ignore[call-overload, no-any-return]


def saved(content: str, encoding: str = "utf-8") -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content.encode(encoding))  # type: ignore[return-value]


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bags.csv", text())


GERMAN = text(sep=";", decimal=",")
R_NAMES = "bag\tlabel\tf0\tf1\n" + "".join(
    f"{i}\t{line}\n" for i, line in enumerate(text(sep="\t").splitlines()[1:], 1)
)
VARIANTS: dict[str, Callable[[Path], None]] = {
    "comma": saved(text()),
    "semicolon": saved(text(sep=";")),
    "tab": saved(text(sep="\t")),
    "bar": saved(text(sep="|")),
    "German spreadsheet": saved(GERMAN.replace("\n", "\r\n"), "utf-8-sig"),
    "German spreadsheet in Latin-1": saved(GERMAN, "cp1252"),
    "comma with quoted decimal commas": saved(text(decimal=",", quoting=1)),
    "mark of UTF-8": saved(text(), "utf-8-sig"),
    "Unicode text of Excel": saved(text(sep="\t").replace("\n", "\r\n"), "utf-16"),
    "UTF-16 without a mark": saved(text(), "utf-16-le"),
    "UTF-16, big end first": saved("\ufeff" + text(), "utf-16-be"),
    "UTF-32": saved(text(), "utf-32"),
    "Latin-1": saved(text(), "latin-1"),
    "lines of Windows": saved(text().replace("\n", "\r\n")),
    "lines of old Macs": saved(text().replace("\n", "\r")),
    "everything quoted": saved(text(quoting=1)),
    "blank lines": saved("\n" + text().replace("\n", "\n\n")),
    "no last line end": saved(text().rstrip("\n")),
    "trailing separators": saved(text().replace("\n", ",\n")),
    "trailing separators below the header": saved(text().replace("\n", ",\n").replace("f1,", "f1")),
    "empty rows of a spreadsheet": saved(text() + ",,,\n,,,\n"),
    "blanks around cells": saved(text().replace(",", " , ")),
    "sep= of Excel": saved("sep=;\r\n" + text(sep=";")),
    "comments above": saved("# exported\n# by someone, on a day\n" + text()),
    "header behind a comment sign": saved("# " + text()),
    "index of pandas": lambda path: FRAME.to_csv(path),
    "index of pandas, shuffled": lambda path: FRAME.set_axis([3, 0, 5, 1, 4, 2]).to_csv(path),
    "index of pandas, filtered": lambda path: FRAME.set_axis([3, 30, 55, 61, 74, 92]).to_csv(path),
    "index saved twice": lambda path: pd.read_csv(
        io.StringIO(FRAME.to_csv()), dtype={"bag": str}
    ).to_csv(path),
    "index called index": lambda path: FRAME.reset_index().to_csv(path, index=False),
    "names of rows of R": saved(R_NAMES),
    "gzip": lambda path: path.write_bytes(gzip.compress(text().encode())),  # type: ignore[dict-item, return-value]
    "zip": zipped,
    "parquet": lambda path: FRAME.to_parquet(path),
    "parquet with an index": lambda path: FRAME.set_axis([3, 0, 5, 1, 4, 2]).to_parquet(path),
    "parquet of single precision": lambda path: FRAME.astype({"f1": "float32"}).to_parquet(path),
    "unicode minus": saved(text().replace("-", "\u2212").replace("e\u2212", "e-")),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_table_is_the_same_however_it_was_saved(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bags.csv"
    VARIANTS[name](path)
    table = read_table(path)
    assert table.names == ("bag", "label", "f0", "f1")
    assert table.said("bag") == FRAME["bag"].tolist()
    assert np.array_equal(table.numbers(FEATURES), FRAME[FEATURES].to_numpy())
    assert table.said("label") == FRAME["label"].astype(str).tolist()


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Latin-1", "Windows-1252"),
        ("index of pandas", "counts the rows"),
        ("index of pandas, shuffled", "counts the rows"),
        ("names of rows of R", "counts the rows"),
        ("comments above", "comments"),
    ],
)
def test_what_was_guessed_or_left_out_is_noted(name: str, word: str, tmp_path: Path) -> None:
    VARIANTS[name](tmp_path / "bags.csv")
    assert any(word in note for note in read_table(tmp_path / "bags.csv").notes)


def test_cells_hold_separators_quotes_and_lines(tmp_path: Path) -> None:
    frame = FRAME.assign(note=["a, b", 'said "x"', "two\nlines", "; | \t x", "", "1,5"])
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = read_table(tmp_path / "t.csv")
    assert table.columns["note"] == frame["note"].tolist()
    assert table.rows == [2, 3, 4, 6, 7, 8]  # the third record has two lines


@pytest.mark.parametrize(
    "cell",
    ["", "NA", "NaN", "nan", "None", "null", "NULL", "N/A", "n/a", "-", "#N/A", "<NA>", "'--", "?"],
)
def test_what_says_nothing_is_missing(cell: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"slide,label\ns0,1\ns1,{cell}\n")
    assert read_table(tmp_path / "t.csv").said("label") == ["1", ""]
    with pytest.raises(DataError, match=r"row 3, column 'label'"):
        read_table(tmp_path / "t.csv").stated("label")


@pytest.mark.parametrize("cell", ["none", "0", "no", "nano", "N", "."][:5])
def test_what_says_something_is_not_missing(cell: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"slide,label\ns1,{cell}\n")
    assert read_table(tmp_path / "t.csv").said("label") == [cell]


WRITTEN: dict[str, Callable[[Path], None]] = {
    "bags.csv": saved(text()),
    "bags.tsv": saved(GERMAN),
    "bags.zip": zipped,
    "bags.csv.gz": lambda path: path.write_bytes(gzip.compress(text().encode())) and None,
    "bags.parquet": FRAME.to_parquet,
    "bags.npz": lambda path: np.savez(
        path, X=FRAME[FEATURES].to_numpy(), y=FRAME["label"].to_numpy(), bag=[1, 1, 2, 2, 3, 4]
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_fuzzed_tables_are_imported_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    WRITTEN[name](path)
    fuzz.hold(path, lambda out: fuzz.command("import", "mil-table", path, "--out", out), tmp_path)


NO_NUMBERS = {
    "a word": "red",
    "nothing": "",
    "not a number": "NaN",
    "infinity": "inf",
    "beyond double precision": "1e999",
    "a date": "2021-01-05",
    "a German date": "05.01.2021",
    "a share": "50%",
    "a unit": "5 mm",
    "an underscore": "1_000",
    "a thousand and a fraction": '"1,234.5"',
    "a German thousand and a fraction": '"1.234,5"',
    "two thousands": '"1,234,567"',
    "an apostrophe": "1'000",
    "a blank": "1 000",
    "hexadecimal": "0x10",
    "digits of another script": "\u0661\u0662",
    "true": "True",
}


@pytest.mark.parametrize("what", NO_NUMBERS)
def test_what_is_no_number_is_refused_with_row_and_column(what: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"bag,f0,f1\na,1.5,2\na,2.5,{NO_NUMBERS[what]}\n", "utf-8")
    with pytest.raises(DataError, match=r"t\.csv, row 3, column 'f1': expected a") as caught:
        read_table(tmp_path / "t.csv").numbers(FEATURES)
    assert "\n" not in str(caught.value)


def test_a_thousand_that_may_be_a_fraction_is_refused_unless_another_cell_tells(
    tmp_path: Path,
) -> None:
    (tmp_path / "t.csv").write_text("bag;f0\na;1,234\nb;2,345\n")
    with pytest.raises(DataError, match="a thousand or a fraction"):
        read_table(tmp_path / "t.csv").numbers(["f0"])
    (tmp_path / "t.csv").write_text("bag;f0\na;1,234\nb;0,345\n")
    assert read_table(tmp_path / "t.csv").numbers(["f0"])[:, 0].tolist() == [1.234, 0.345]
    (tmp_path / "t.csv").write_text("bag;f0\na;1,25\nb;0.5\n")
    with pytest.raises(DataError, match=r"row 3, column 'f0': .* decimal comma, got '0.5'"):
        read_table(tmp_path / "t.csv").numbers(["f0"])


def damaged_parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"bag": ["a"] * 50}), file)
    return file.getvalue()[:-20]


def workbook() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


REFUSED: dict[str, tuple[bytes, str]] = {
    "too few cells": (b"bag,label,f0\na,1,2\nb,0\n", r"row 3: expected 3 cells .*, got 2"),
    "too many cells": (b"bag,label,f0\na,1,2\nb,0,3,4\n", r"row 3: expected 3 cells .*, got 4"),
    "decimal commas between commas": (
        b"bag,label,f0\na,1,0,5\nb,0,0,7\n",
        r"row 2: expected 3 cells .*, got 4",
    ),
    "a column twice": (b"bag,f0,f0\na,1,2\n", r"'f0' as columns 2 and 3"),
    "a column of names without a name": (b",label\ns0,1\ns1,0\n", r"column 1 .*'s0'"),
    "two columns without a name": (b",,f0\n1,x,2\n2,y,3\n", r"as columns 1 and 2"),
    "an open quote": (b'bag,label\na,"1\nb,0\n', r"row 2: expected quotes"),
    "text behind a quote": (b'bag,label\na,"1"x\n', r"row 2: expected quotes"),
    "two separators": (b"a,b;c\n1,2;3\n2,3;4\n", r"comma and semicolon part alike"),
    "nothing": (b"", r"expected names of columns"),
    "blank lines only": (b"\n\n\n", r"expected names of columns"),
    "a workbook": (workbook(), r"save the sheet as CSV"),
    "an old workbook": (b"\xd0\xcf\x11\xe0" + bytes(600), r"Excel workbook \(.xls\)"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(60), r"HDF5"),
    "bytes": (bytes(range(256)) * 4, r"expected"),
    "a cut gzip": (gzip.compress(b"bag,label\n" * 99)[:-9], r"damaged gzip"),
    "a cut parquet": (damaged_parquet(), r"damaged parquet"),
    "a broken byte of UTF-8": (
        "slide,label\nMüller,1\n".encode() + b"b\xfc,0\n",
        r"row 3: expected text in UTF-8, got byte 0xfc",
    ),
    "cut UTF-16": (b"\xff\xfea\x00b", r"broken utf-16"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_table_is_refused_in_one_line(what: str, tmp_path: Path) -> None:
    content, expected = REFUSED[what]
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=expected) as caught:
        read_table(tmp_path / "t.csv")
    assert str(caught.value).startswith(str(tmp_path / "t.csv"))
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_refused_with_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Slide,grade\ns0,1\n")
    with pytest.raises(DataError, match="got Slide, grade; did you mean 'Slide' by 'slide'"):
        read_table(tmp_path / "t.csv").require(["slide", "grade"])
    (tmp_path / "t.csv").write_text("slide,label\n")
    with pytest.raises(DataError, match="expected rows below"):
        read_table(tmp_path / "t.csv").require(["slide", "label"])


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("train", "train Train TRAIN training Training train_set train-set trn"),
        ("val", "val valid Valid validation Validation VALID dev development tune tuning val_set"),
        ("test", "test Test testing Testing holdout hold-out held_out test-set Test\u00a0set"),
    ],
)
def test_words_for_the_parts_of_a_split(part: str, words: str) -> None:
    assert {part_of(word) for word in words.split(" ")} == {part}


def test_other_words_for_a_part_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("slide,fold\na,train\nb,\nc,3\nd,external\n")
    with pytest.raises(DataError, match=r"row 4, column 'fold': .*got '3', 'external'"):
        parts(read_table(tmp_path / "t.csv"), "fold")
    (tmp_path / "t.csv").write_text("slide,fold\na,Training\nb,\nc,dev\n")
    assert parts(read_table(tmp_path / "t.csv"), "fold") == ["train", None, "val"]


def test_places_of_nodules_are_read_by_the_same_rules(tmp_path: Path) -> None:
    frame = pd.DataFrame({
        "seriesuid": ["1.2.3", "1.2.4"], "coordX": [-1.5, 2.25], "coordY": [0.5, 3.0],
        "coordZ": [4.125, -9.5], "diameter_mm": [6.5, 12.25],
    })  # fmt: skip
    plain, german, index = (tmp_path / f"{name}.csv" for name in "abc")
    frame.to_csv(plain, index=False)
    frame.to_csv(german, index=False, sep=";", decimal=",", encoding="utf-16")
    frame.to_csv(index)
    for path in (plain, german, index):
        found = read_places(path, ("diameter_mm",))
        assert found.cases.tolist() == ["1.2.3", "1.2.4"]
        assert found.points.tolist() == frame[["coordX", "coordY", "coordZ"]].to_numpy().tolist()
        assert found.values["diameter_mm"].tolist() == [6.5, 12.25]
    frame.assign(diameter_mm=["6.5", "NaN"]).to_csv(plain, index=False)
    with pytest.raises(DataError, match=r"row 3, column 'diameter_mm'"):
        read_places(plain, ("diameter_mm",))
