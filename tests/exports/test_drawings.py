"""Slides of which a part was scanned: programs count from there, or from the slide's corner."""

from pathlib import Path

import numpy as np
import pytest
from slide_files import leica, picture

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import SLIDE
from inklings.datasets.importing import run
from inklings.datasets.slides import Slides
from inklings.exports import EXPORTS
from inklings.exports.export import export
from inklings.exports.source import ExportSource
from inklings.inference.predict import predict
from inklings.labels.annotations import images_in, read_outlines
from inklings.labels.kinds import BoxLabel, Label, PointLabel, PolygonLabel
from inklings.predictions.heatmaps.features import Features
from inklings.predictions.heatmaps.outlines import RegionOutline
from inklings.predictions.slides import OUTLINES, folder_of
from inklings.spec import Component
from inklings.testing.runs import untrained_run

CORNER, GLASS = (100, 40), (400, 360)
LABELS: tuple[Label, ...] = (
    PolygonLabel(SLIDE, "gland", ((150.5, 90.5), (150.5, 120.5), (170.5, 120.5))),
    BoxLabel(SLIDE, "gland", (160.0, 60.0), (180.0, 75.0)),
    PointLabel(SLIDE, "cell", (200.25, 150.5)),
)


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    path = tmp_path / "images" / "s.scn"
    path.parent.mkdir()
    return leica(path, picture(256, 256), CORNER, GLASS)


@pytest.mark.parametrize(
    ("to", "origin"),
    [("geojson", "bounds"), ("geojson", "slide"), ("dsa", None), ("asap", None), ("imagej", None),
     ("coco", None), ("cvat", None), ("labelme", None), ("label-studio", None)],
)  # fmt: skip
def test_labels_of_a_slide_come_back_to_where_they_were(
    slide: Path, tmp_path: Path, to: str, origin: str | None
) -> None:
    case = Case("s", "s", {SLIDE: slide}, LABELS)
    Cohort("c", (case,), ("gland", "cell")).write(tmp_path / "cohort")
    done = export(tmp_path / "cohort", to, tmp_path / "out", options={"origin": origin})
    again = run(Slides(str(slide), annotations=str(done.path)), tmp_path / "again", workers=1)
    for label, back in zip(LABELS, again.cohort.cases[0].labels, strict=True):
        assert type(back) is type(label)
        assert np.allclose(_places(back), _places(label), atol=1e-3)


def test_what_was_predicted_lies_at_one_place_in_every_format(slide: Path, tmp_path: Path) -> None:
    model = untrained_run(tmp_path / "run", intensity=Component(name="half"), spacing_um=1.0)
    predict(model, [slide], tmp_path / "p", threshold=0.01)
    with (folder_of(tmp_path / "p", "s") / OUTLINES).open("w", encoding="utf-8") as file:
        features = Features(file, ["gland"], (1.0, 1.0), GLASS, None, CORNER)
        ring = np.array([(150, 90), (150, 120), (170, 120), (150, 90)])
        features.add(RegionOutline(1, 300, (ring,)))
        features.close()
    source = ExportSource.open(tmp_path / "p")
    for to, options in (("geojson", {"origin": "slide"}), ("dsa", {}), ("coco", {})):
        (path,) = EXPORTS.build(to, options)(source, tmp_path / to).iterdir()
        part = next(iter(images_in(path).values()), None)
        (outline,) = read_outlines(path, part).outlines
        assert set(outline.rings[0]) == {(149.5, 89.5), (149.5, 119.5), (169.5, 119.5)}


def _places(label: Label) -> object:
    if isinstance(label, PolygonLabel):
        return label.vertices
    return (label.start, label.stop) if isinstance(label, BoxLabel) else label.point
