from pathlib import Path
from xml.etree import ElementTree

import twenty

from inklings.labels import voc
from inklings.labels.annotations import images_in, read_outlines
from inklings.labels.outlines import Outline

DOCUMENT = """<annotation><folder>x</folder><filename>../../etc/a.png</filename>
<size><width>30</width><height>20</height><depth>3</depth></size>
<object><name>cell</name><difficult>1</difficult>
 <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>30</xmax><ymax>20</ymax></bndbox></object>
<object><name>cell</name><bndbox><xmin>3</xmin><ymin>4</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>
 <part><name>nucleus</name></part></object>
<object><name>cell</name></object></annotation>"""


def test_pixels_are_numbered_from_one_and_the_last_belongs_to_the_box(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(DOCUMENT)
    drawing = read_outlines(path)
    whole, pixel = drawing.outlines
    assert whole.rings == (((-0.5, -0.5), (19.5, 29.5)),)  # all of 20 x 30, as detectron2 has it
    assert pixel.rings == (((2.5, 1.5), (3.5, 2.5)),)
    assert drawing.size == (20, 30)
    assert drawing.lost == ("difficult (1)", "parts of objects (1)")
    assert drawing.odd[0].startswith("object 3: not as the format has it")
    assert list(images_in(path)) == ["../../etc/a.png"]


def test_twenty_boxes_come_back(tmp_path: Path) -> None:
    boxes = []
    for mask, name in zip(twenty.masks(), twenty.names(), strict=True):
        rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
        corners = ((rows[0] - 0.5, columns[0] - 0.5), (rows[-1] + 0.5, columns[-1] + 0.5))
        boxes.append(Outline(name, (corners,), "box"))
    picture = twenty.Picture("p1", "p1.png", twenty.SIZE, tuple(boxes))
    drawing = twenty.back(voc.write, tmp_path, picture)
    full = [picture.mask(box) for box in boxes]
    assert twenty.overlaps(drawing, full) == [1.0] * 20
    assert [one.name for one in drawing.outlines] == twenty.names()


def test_outlines_become_boxes_and_that_is_told() -> None:
    files = voc.write([twenty.picture(Outline("gland", (((1.0, 1.0),),), "point"))])
    root = ElementTree.fromstring(files.content["p1.xml"])
    first, mask = root.find("object/bndbox"), twenty.masks()[0]
    assert first is not None
    assert int(first.findtext("xmin") or 0) == mask.any(0).nonzero()[0][0] + 1
    assert int(first.findtext("ymax") or 0) == mask.any(1).nonzero()[0][-1] + 1
    assert files.lost == (
        "outlines, of which the boxes are written (20)",
        "points, which the format does not hold (1)",
    )
