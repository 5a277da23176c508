"""Damaged annotations of every format through the public import: told in a line, or set aside."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import fuzz
import numpy as np
import pytest
import segmentation_files
import slide_files
import twenty

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


def drawn(cohort: Path) -> None:
    """Draw all labels that an import kept; without any there is a word of that."""
    said = Cohort.read(cohort)
    for case in said.cases:
        for name, path in case.images.items():
            with open_image(path) as image, suppress(LabelError):
                annotate(case, name, image.geometry, said.classes)


@pytest.mark.parametrize("name", FORMATS)
def test_fuzzed_annotations_are_told_in_one_line_or_set_aside(name: str, tmp_path: Path) -> None:
    sound = FORMATS[name](tmp_path)

    def imported(out: Path) -> fuzz.Told:
        code, told = fuzz.command("import", *sound.arguments, "--out", out, "--workers", 1)
        if code != 2:
            drawn(out)
        return code, told

    fuzz.hold(sound.path, imported, tmp_path / "out")
