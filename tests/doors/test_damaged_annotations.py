"""Damaged annotations of every format through the public import: told in a line, or set aside."""

from __future__ import annotations

import json
import re
import resource
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import damage
import numpy as np
import pytest
import segmentation_files
import slide_files
import twenty
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.rasterise import annotate
from inklings.errors import LabelError
from inklings.exports.dicom_ann import DicomAnn
from inklings.labels import asap, coco, cvat, dsa, imagej, label_studio, labelme, qupath, voc, yolo
from inklings.labels.outlines import Outline
from inklings.labels.pictures import Picture, Writer
from inklings.readers import open_image
from inklings.testing.datasets import write_png

MARKS = (
    *twenty.outlines()[:3],
    Outline("cell", (((3.5, 4.25),),), "point"),
    Outline("cell", (((1.5, 2.0), (7.0, 9.5)),), "box"),
    Outline("duct", (((1.0, 2.0), (7.0, 9.5)),), "line"),
    Outline("sick", kind="choice"),
)
WORD = re.compile(r'"[^"]*"|-?\d+\.?\d*|(?<=[</])\w+')
VALUES = (
    "null", "NaN", "nan", "Infinity", "1e308", "-1e308", "9" * 30, "9" * 5000, "2147483648",
    "1000000000", "-1", "0", "1e-300", '"x"', '""', "x", "[]", "{}", "[[1, [2]]]", "true", "",
)  # fmt: skip


@dataclass(frozen=True)
class Sound:
    """What is imported before anything is damaged.

    Attributes:
        path: The file that is damaged.
        arguments: Of the import, without where it goes.
    """

    path: Path
    arguments: Sequence[str]


def beside_a_picture(folder: Path, content: dict[str, bytes]) -> Sound:
    write_png(folder / "images" / "p1.png", np.full(twenty.SIZE, 99, np.uint8))
    for name, data in content.items():
        (folder / "drawn" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "drawn" / name).write_bytes(data)
    first = max(content, key=lambda one: one.endswith((".txt", ".json", ".xml", ".zip", ".dcm")))
    options = ["--images", f"{folder}/images/*.png", "--annotations", f"{folder}/drawn"]
    return Sound(folder / "drawn" / first, ["folder", *options])


def of(write: Writer) -> Callable[[Path], Sound]:
    content = lambda: dict(write([Picture("p1", "p1.png", twenty.SIZE, MARKS)]).content)  # noqa: E731
    return lambda folder: beside_a_picture(folder, content())


def cytomine(folder: Path) -> Sound:
    shapes = (
        "POLYGON ((2 5, 8 5, 8 9, 2 9, 2 5), (3 6, 4 6, 4 7, 3 7, 3 6))",
        "MULTIPOLYGON (((2 5, 8 5, 8 9, 2 5)), ((12 5, 18 5, 18 9, 12 5)))",
        "POINT (2.5 5.5)", "LINESTRING (1 1, 2.5 3)",
    )  # fmt: skip
    items = [{"location": text, "term": [7], "user": 3, "created": "1"} for text in shapes]
    return beside_a_picture(folder, {"p1.json": json.dumps({"collection": items}).encode()})


def layers(kinds: Sequence[str], tag: str) -> Callable[[Path], Sound]:
    corners = "".join(f'<{tag} X="{x}" Y="{y}"/>' for x, y in ((1, 2), (30, 4), (9, 40)))
    regions = "".join(
        f'<Region Type="{kind}" NegativeROA="{int(kind == kinds[1])}">'
        f"<Vertices>{corners}</Vertices></Region>"
        for kind in kinds
    )
    layer = f'<Annotation Name="t"><Regions>{regions}</Regions></Annotation>'
    content = {"p1.xml": f"<Annotations>{layer}</Annotations>".encode()}
    return lambda folder: beside_a_picture(folder, content)


def bulk_annotations(folder: Path) -> Sound:
    pixels = slide_files.picture(*twenty.SIZE)
    slide = slide_files.described(slide_files.dicom_level(folder / "s.dcm", pixels, "1.2.3"))
    DicomAnn().drawn([Picture("p1", "s.dcm", twenty.SIZE, MARKS[:5], slide)], folder / "ann")
    return beside_a_picture(folder, {"p1.dcm": (folder / "ann" / "p1.dcm").read_bytes()})


def segments(folder: Path) -> Sound:
    files = segmentation_files.series(folder / "s" / "mr")
    masks = np.zeros((1, *segmentation_files.GRID.shape), bool)
    masks[0, 2:5, 3:9, 4:9] = True
    path = segmentation_files.seg(folder / "s" / "z.dcm", files, masks, ("liver",))
    return Sound(path, ["dicom", str(folder / "s")])


def structures(folder: Path) -> Sound:
    files = segmentation_files.series(folder / "s" / "mr")
    places = [(2.5, 2.5), (2.5, 9.5), (9.5, 9.5), (9.5, 2.5)]
    points = segmentation_files.on_plane(segmentation_files.GRID, 3, places)
    path = folder / "s" / "z.dcm"
    segmentation_files.structures(path, files, [("liver", [("CLOSED_PLANAR", points)] * 3)])
    return Sound(path, ["dicom", str(folder / "s")])


FORMATS = {
    "coco": of(coco.write), "yolo": of(yolo.write), "voc": of(voc.write),
    "labelme": of(labelme.write), "label-studio": of(label_studio.write), "cvat": of(cvat.write),
    "imagej": of(imagej.write), "dsa": of(dsa.write), "geojson": of(qupath.write),
    "asap": of(asap.write), "cytomine": cytomine, "dicom-ann": bulk_annotations,
    "imagescope": layers(("0", "0", "1", "2", "5"), "Vertex"),
    "halo": layers(("Polygon", "Polygon", "Rectangle", "Ellipse", "Pin"), "V"),
    "dicom-seg": segments, "rtstruct": structures,
}  # fmt: skip


def damaged(data: bytes) -> Iterator[tuple[str, bytes]]:
    for seed in range(4):
        yield from damage.of_bytes(data, seed=seed)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    words = list(WORD.finditer(text))
    rng = np.random.default_rng(len(data))
    for _ in range(200):
        word, value = words[rng.integers(len(words))], VALUES[rng.integers(len(VALUES))]
        start, end = word.span()
        if rng.random() < 0.3:  # part of the document is gone, or there twice
            end = min(len(text), end + int(rng.integers(1, 60)))
            value = text[start:end] * int(rng.integers(0, 3) * 2)
        told = f"{text[start:end][:40]!r} at {start} is {value[:40]!r}"
        yield told, (text[:start] + value + text[end:]).encode()


def drawn(cohort: Path) -> None:
    """Draw all labels that an import kept; without any there is a word of that."""
    said = Cohort.read(cohort)
    for case in said.cases:
        for name, path in case.images.items():
            with open_image(path) as image, suppress(LabelError):
                annotate(case, name, image.geometry, said.classes)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("count", [9, pytest.param(300, marks=pytest.mark.slow)])
def test_damage_is_told_in_one_line_or_set_aside(name: str, count: int, tmp_path: Path) -> None:
    sound = FORMATS[name](tmp_path)
    whole = sound.path.read_bytes()
    cases = list(damaged(whole))
    order = np.random.default_rng(len(whole)).permutation(len(cases))[:count]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for k, (what, data) in enumerate([("nothing", whole), *(cases[k] for k in order)]):
        sound.path.write_bytes(data)
        start, out = time.perf_counter(), tmp_path / f"out{k}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # pydicom's, of values that are damaged
            ran = CliRunner().invoke(
                app, ["import", *sound.arguments, "--out", str(out), "--workers", "1", "--quiet"]
            )
        assert ran.exit_code in ((0,) if what == "nothing" else (0, 2, 3)), (what, ran.output)
        assert "Traceback" not in ran.output, what
        assert "unreadable case" not in ran.output, (what, ran.output)  # so is any error called
        if ran.exit_code == 2:
            assert ran.stderr.strip().count("\n") == 0, (what, ran.stderr)
        else:
            drawn(out)
        assert time.perf_counter() - start < 20, what
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert used < 2e6  # kB
