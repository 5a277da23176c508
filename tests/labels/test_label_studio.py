import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import twenty

from inklings.errors import LabelError
from inklings.labels import coco, label_studio
from inklings.labels.annotations import images_in, read_outlines
from inklings.labels.outlines import Drawing, Outline


def result(kind: str, value: dict[str, Any], **more: Any) -> dict[str, Any]:
    label = {} if kind == "choices" else {kind: ["cell"]}
    size = {"original_width": 40, "original_height": 20, "image_rotation": 0}
    names = {"type": kind, "from_name": "tag", "to_name": "image"}
    return {**names, **size, "value": {**value, **label}, **more}


def task(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    annotation = {"result": list(results), "completed_by": {"email": "ann@x"},
                  "created_at": "2026-01-01T10:00:00Z", **more}  # fmt: skip
    return {"data": {"image": "/data/upload/3/0123abcd-a%20b.png"}, "annotations": [annotation]}


def read(*tasks: dict[str, Any]) -> Drawing:
    return label_studio.read({"task": tasks[0], "choices": {}})


def owners_decoder(runs: list[int], shape: tuple[int, int]) -> np.ndarray:
    """``label_studio_sdk.converter.brush.decode_rle`` (2.1.2), written down from its text."""
    bits = "".join(f"{byte:08b}" for byte in runs)
    at = 0

    def take(size: int) -> int:
        nonlocal at
        at += size
        return int(bits[at - size : at], 2)

    many, word = take(32), take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    out = np.zeros(many, np.uint8)
    i = 0
    while i < many:
        same = take(1)
        j = i + 1 + take(sizes[take(2)])
        if same:
            out[i:j] = take(word)
            i = j
        else:
            while i < j:
                out[i] = take(word)
                i += 1
    return out.reshape(*shape, 4)[..., 3]


def test_twenty_objects_come_back_and_brushes_are_the_owners(tmp_path: Path) -> None:
    choice = Outline("sick", kind="choice")
    drawing = twenty.back(label_studio.write, tmp_path, twenty.picture(choice))
    assert twenty.overlaps(drawing) == [1.0] * 20
    assert [one.name for one in drawing.outlines] == [*twenty.names(), "sick"]
    for mask in twenty.masks()[::5]:
        runs = label_studio.encoded(mask)
        assert ((owners_decoder(runs, twenty.SIZE) > 0) == mask).all()


def test_the_sdk_reads_and_writes_the_same_brushes() -> None:
    brush = pytest.importorskip("label_studio_sdk.converter.brush", reason="the SDK is absent")
    for mask in twenty.masks()[::7]:
        theirs = brush.mask2rle(mask.astype(np.uint8) * 255)
        assert (label_studio.decoded(theirs, twenty.SIZE) == mask).all()
        back = brush.decode_rle(label_studio.encoded(mask)).reshape(*twenty.SIZE, 4)
        assert ((back[..., 3] > 0) == mask).all()


def test_alpha_decides_and_any_value_above_0_is_inside() -> None:
    # 2 x 2 pixels, sizes of one bit each, one run of 16 literal values
    values = [9, 9, 9, 0, 0, 0, 0, 1, 7, 7, 7, 255, 255, 255, 255, 0]
    head = f"{16:032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    bits = head + f"0{1:02b}{15:04b}" + "".join(f"{value:08b}" for value in values)
    bits += "0" * (-len(bits) % 8)
    runs = [int(bits[k : k + 8], 2) for k in range(0, len(bits), 8)]
    assert label_studio.decoded(runs, (2, 2)).tolist() == [[False, True], [True, False]]
    with pytest.raises(LabelError, match="of 16 values, expected four for each of 2 x 3"):
        label_studio.decoded(runs, (2, 3))
    with pytest.raises(LabelError, match="end early"):
        label_studio.decoded(runs[:-3], (2, 2))


def test_percents_become_pixels_and_kinds_who_and_when_are_kept() -> None:
    drawing = read(
        task(
            result("rectanglelabels", {"x": 10, "y": 20, "width": 50, "height": 40, "rotation": 0}),
            result("rectanglelabels", {"x": 50, "y": 50, "width": 5, "height": 20, "rotation": 90}),
            result("polygonlabels", {"points": [[0, 0], [50, 0], [50, 100]]}),
            result("keypointlabels", {"x": 25, "y": 50, "width": 1}),
            result("ellipselabels", {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20}),
            result("textarea", {"text": ["hm"]}),
            result("videorectangle", {"x": 1, "y": 1}),
        )
    )
    box, turned, triangle, point, _ = drawing.outlines
    assert (box.kind, box.rings) == ("box", (((3.5, 3.5), (11.5, 23.5)),))
    assert (box.annotator, box.time) == ("ann@x", "2026-01-01T10:00:00Z")
    corners = np.array(turned.rings[0]) + 0.5  # about its first corner (20, 10), clockwise
    assert np.allclose(corners, [(10, 20), (12, 20), (12, 16), (10, 16)])
    assert triangle.rings == (((-0.5, -0.5), (-0.5, 19.5), (19.5, 19.5)),)
    assert (point.kind, point.rings) == ("point", (((9.5, 9.5),),))
    assert drawing.size == (20, 40)
    assert drawing.lost == ("textarea (1)",)
    assert "'videorectangle', which is not supported" in drawing.odd[0]


def test_what_others_chose_is_absent_where_the_question_was_answered(tmp_path: Path) -> None:
    first = task(result("choices", {"choices": ["sick"]}))
    second = task(result("choices", {"choices": ["well"]}))
    second["data"]["image"] = "/data/local-files/?d=set/b.png"
    third = {"data": {"image": "c.png"}, "annotations": []}
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([first, second, third]))
    parts = images_in(path)
    assert list(parts) == ["a b.png", "set/b.png", "c.png"]
    said = [(o.name, o.present) for o in read_outlines(path, parts["set/b.png"]).outlines]
    assert said == [("well", True), ("sick", False)]
    assert not read_outlines(path, parts["c.png"]).outlines


def test_ground_truth_goes_before_others_and_skipped_ones_do_not_count() -> None:
    one = task(result("keypointlabels", {"x": 1, "y": 1}), was_cancelled=True)
    box = result("rectanglelabels", {"x": 0, "y": 0, "width": 50, "height": 50})
    one["annotations"] += task()["annotations"] + task(box, ground_truth=True)["annotations"]
    drawing = read(one)
    assert [o.kind for o in drawing.outlines] == ["box"]
    assert drawing.lost == ("annotations of the same image, of which one is taken (2)",)


def test_turned_images_and_coco_of_label_studio_are_told() -> None:
    turned = read(task(result("keypointlabels", {"x": 1, "y": 1}, image_rotation=90)))
    assert "turned in Label Studio" in turned.odd[0]
    image = {"id": 0, "file_name": "a.png", "height": 20, "width": 30}
    annotation = {"id": 0, "image_id": 0, "category_id": 0, "segmentation": [[2, 2, 5, 2, 5, 5]]}
    document = {"info": {"contributor": "Label Studio"}, "images": [image],
                "annotations": [annotation], "categories": [{"id": 0, "name": "cell"}]}  # fmt: skip
    ((_, part),) = coco.split(document)
    assert "drops holes, lines and dots of brushes" in coco.read(json.loads(part)).lost[0]
