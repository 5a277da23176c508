from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import twenty

from inklings.errors import LabelError
from inklings.labels import cvat
from inklings.labels.annotations import images_in, read_outlines
from inklings.labels.outlines import Outline

DOCUMENT = """<annotations><version>1.1</version><meta/>
<image id="0" name="sub/a.png" width="30" height="20">
 <box label="cell" xtl="2" ytl="3" xbr="8" ybr="7.5" occluded="1" z_order="0"/>
 <box label="cell" xtl="4" ytl="4" xbr="12" ybr="8" rotation="90.0"/>
 <polygon label="cell" points="2,2;8,2;8,8"><attribute name="grade">3</attribute></polygon>
 <polyline label="duct" points="1,1;5,5"/>
 <points label="cell" points="4.5,6.5;7,8"/>
 <ellipse label="cell" cx="10" cy="10" rx="6" ry="2" rotation="90"/>
 <mask label="cell" rle="1, 2, 3" left="4" top="5" width="3" height="2"/>
 <tag label="blurred"/><cuboid label="cell"/>
</image>
<image id="1" name="b.png" width="30" height="20"/></annotations>"""


def test_twenty_objects_come_back(tmp_path: Path) -> None:
    drawing = twenty.back(cvat.write, tmp_path, twenty.picture(Outline("sick", kind="choice")))
    assert twenty.overlaps(drawing) == [1.0] * 20
    assert [one.name for one in drawing.outlines] == [*twenty.names(), "sick"]
    for mask in ElementTree.parse(tmp_path / "annotations.xml").getroot().iter("mask"):
        runs = [int(run) for run in mask.get("rle", "").split(",")]  # as CVAT unfolds them
        flat = [value for k, run in enumerate(runs) for value in [k % 2] * run]
        assert len(flat) == int(mask.get("width", 0)) * int(mask.get("height", 0))


def test_every_shape_is_kept_as_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    path.write_text(DOCUMENT)
    parts = images_in(path)
    assert list(parts) == ["sub/a.png", "b.png"]
    assert not read_outlines(path, parts["b.png"]).outlines
    drawing = read_outlines(path, parts["sub/a.png"])
    kinds = [one.kind for one in drawing.outlines]
    assert kinds == ["box", "polygon", "polygon", "line", "point", "point", "polygon", "polygon",
                     "choice"]  # fmt: skip
    turned = np.array(drawing.outlines[1].rings[0]) + 0.5  # about (8, 6), clockwise
    assert np.allclose(turned[0], (2, 10))
    upright = np.array(drawing.outlines[6].rings[0])
    assert np.allclose(np.ptp(upright, axis=0), (12, 4))
    mask = twenty.Picture("a", "a", (20, 30), ()).mask(drawing.outlines[7])
    assert np.argwhere(mask).tolist() == [[5, 5], [5, 6]]
    assert drawing.lost == ("occluded (1)", "attribute grade (1)")
    assert drawing.odd == ("shape 9: a cuboid, which is no shape of a plane",)


def test_tracks_of_videos_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    path.write_text('<annotations><track id="0" label="cell"/></annotations>')
    with pytest.raises(LabelError, match="tracks of a video"):
        images_in(path)


def test_run_lengths_of_another_box_are_told() -> None:
    text = '<mask label="cell" rle="1,2" left="4" top="5" width="3" height="2"/>'
    root = ElementTree.fromstring(
        f'<annotations><image name="a" width="9" height="9">{text}</image></annotations>'
    )
    assert cvat.read(root).odd == ("shape 1: run lengths of 3 samples for a mask of 3 x 2",)
