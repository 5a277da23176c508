"""Label Studio's JSON: tasks with an image, annotations of it, and results in percent of its sides.

Brushes are run lengths of the bits of red, green, blue and alpha, row by row
(``label_studio_sdk.converter.brush``): alpha decides, any value above 0. A turned rectangle turns
about its first corner, an ellipse about its centre, clockwise by degrees. Of several annotations of
one image the one that is called ground truth counts, else the first that was not skipped. What a
question offered and nobody chose is known to be absent where the question was answered.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from inklings.errors import LabelError
from inklings.labels.gathered import gathered
from inklings.labels.outlines import Drawing, Outline, box, point, polygon
from inklings.labels.pictures import NOT_HELD, Files, Picture, bounds, dropped
from inklings.labels.shapes import ellipse, turned
from inklings.labels.trace import polygons_of

_PICTURE = re.compile(r"\.(png|jpe?g|tiff?|bmp|gif|webp|svs|ndpi)$", re.I)
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")
_SIZES = (3, 4, 8, 16)
"""Bits of the lengths of runs that are written."""
_KEYS = ("image", "img", "picture", "slide")


def knows(document: Any) -> bool:
    """Whether a parsed document is an export of tasks, or one of them as `split` gives it."""
    if isinstance(document, dict):
        return {"task", "choices"} == document.keys()
    return isinstance(document, list) and all(
        isinstance(task, dict) and {"data", "annotations"} <= task.keys() for task in document[:1]
    )


def split(document: Any) -> Iterator[tuple[str, bytes]]:
    """File name of every image, and a document of its task alone."""
    offered: dict[str, dict[str, None]] = defaultdict(dict)
    for task in document:
        for annotation in task["annotations"]:
            for result in annotation.get("result") or ():
                if result.get("type") == "choices":
                    offered[result["from_name"]].update(dict.fromkeys(result["value"]["choices"]))
    choices = {name: list(values) for name, values in offered.items()}
    for task in document:
        yield _image(task["data"]), json.dumps({"task": task, "choices": choices}).encode()


def _image(data: dict[str, Any]) -> str:
    """The name of the image of a task, as it was before it was uploaded."""
    texts = [data[key] for key in _KEYS if isinstance(data.get(key), str)]
    texts += [value for value in data.values() if isinstance(value, str)]
    names = [unquote(text).partition("?d=")[2] or unquote(text).partition("?")[0] for text in texts]
    name = next((one for one in names if _PICTURE.search(one)), names[0] if names else "")
    folder, _, last = name.rpartition("/")
    return _UPLOAD.sub("", last) if "upload" in folder else name


def read(document: Any) -> Drawing:
    """What is drawn on the image of a task.

    Raises:
        LabelError: If the document holds several tasks.
    """
    if isinstance(document, list):
        if len(document) != 1:
            raise LabelError(f"expected annotations of one image, got {len(document)} tasks")
        document = {"task": document[0], "choices": {}}
    there = [one for one in document["task"]["annotations"] if not one.get("was_cancelled")]
    if not there:
        guesses = len(document["task"].get("predictions") or ())
        said = f"{guesses} predictions, which nobody has made an annotation of"
        return Drawing((), (said,) * bool(guesses))
    taken = next((one for one in there if one.get("ground_truth")), there[0])
    lost = Counter[str]()
    if len(there) > 1:
        lost["annotations of the same image, of which one is taken"] = len(there)
    who, when = _who(taken.get("completed_by")), str(taken.get("created_at") or "")
    results = taken.get("result") or []
    targets = {str(r["to_name"]) for r in results if "original_width" in r and "to_name" in r}
    if len(targets) > 1:
        raise LabelError(
            f"results on {len(targets)} images of one task ({', '.join(sorted(targets))}); make a "
            "task of each"
        )
    offered: dict[str, list[str]] = document["choices"]

    def one(result: dict[str, Any]) -> list[Outline | str]:
        return list(_result(result, {"by": who, "at": when}, offered, lost))

    outlines, odd = gathered(results, one, "result")
    sizes = {
        (int(r["original_height"]), int(r["original_width"]))
        for r in results
        if r.get("original_width") and r.get("original_height")
    }
    if len(sizes) > 1:
        raise LabelError(f"expected results of one image, got sizes {sorted(sizes)}")
    return Drawing(tuple(outlines), tuple(odd), size=next(iter(sizes), None), lost=dropped(lost))


def _who(said: Any) -> str:
    return str(said.get("email") or said.get("id") or "") if isinstance(said, dict) else str(
        "" if said is None else said
    )  # fmt: skip


def _result(
    result: dict[str, Any], by: dict[str, str], offered: dict[str, list[str]], lost: Counter[str]
) -> Iterator[Outline | str]:
    kind, value = str(result["type"]), result["value"]
    if kind == "choices":
        chosen = value["choices"]
        for name in dict.fromkeys([*chosen, *offered.get(result["from_name"], ())]):
            yield Outline(str(name), (), "choice", (), by["by"], by["at"], present=name in chosen)
        return
    if kind in ("textarea", "number", "rating", "taxonomy", "relation", "pairwise"):
        lost[kind] += 1
        return
    if result.get("item_index"):
        raise LabelError(f"on image {result['item_index'] + 1} of its task; make a task of each")
    if result.get("image_rotation"):
        raise LabelError("drawn on an image that was turned in Label Studio; turn the file instead")
    names = value.get(kind) or value.get("labels")
    if not names:
        raise LabelError(f"a {kind} without a label")
    if len(names) > 1:
        lost["second labels of one region"] += 1
    name, size = str(names[0]), (result["original_width"], result["original_height"])
    yield _region(kind.removesuffix("labels"), name, value, size, by)


def _region(
    kind: str, name: str, value: dict[str, Any], size: tuple[int, int], by: dict[str, str]
) -> Outline:
    w, h = size[0] / 100, size[1] / 100
    if kind == "brush":
        mask = decoded(value["rle"], (size[1], size[0]))
        outer, *parts = polygons_of(mask) or [()]
        if not outer:
            raise LabelError("a brush without a sample")
        return Outline(name, outer, parts=tuple(parts), annotator=by["by"], time=by["at"])
    if kind == "polygon":
        return polygon(name, [[(x * w, y * h) for x, y in value["points"]]], **by)
    x, y, degrees = value["x"] * w, value["y"] * h, value.get("rotation") or 0
    if kind == "keypoint":
        return point(name, (x, y), **by)
    if kind == "rectangle":
        a, b = x + value["width"] * w, y + value["height"] * h
        upright = box(name, (x, y), (a, b), **by)
        corners = [(x, y), (a, y), (a, b), (x, b)]
        return polygon(name, [turned(corners, (x, y), degrees)], **by) if degrees else upright
    if kind == "ellipse":
        a, b = value["radiusX"] * w, value["radiusY"] * h
        around = ellipse([(x - a, y - b), (x + a, y + b)])
        return polygon(name, [turned(around, (x, y), degrees)], **by)
    raise LabelError(f"a region of type {kind!r}, which is not supported")


class _Bits:
    """A stream of bits, most significant first."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def read(self, size: int) -> int:
        """The next number of so many bits.

        Raises:
            LabelError: If the stream ends before.
        """
        end = self.at + size
        last = (end + 7) // 8
        if last > len(self.data):
            raise LabelError("a brush whose run lengths end early")
        found = int.from_bytes(self.data[self.at // 8 : last], "big") >> (last * 8 - end)
        self.at = end
        return found & ((1 << size) - 1)


def decoded(runs: Sequence[int], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask ``(H, W)`` of a brush: where alpha is above 0.

    Raises:
        LabelError: If the stream is not that of red, green, blue and alpha of such an image.
    """
    bits = _Bits(bytes(runs))
    many = bits.read(32)
    if many != shape[0] * shape[1] * 4:
        raise LabelError(
            f"a brush of {many} values, expected four for each of {shape[0]} x {shape[1]} pixels"
        )
    word = bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    values = np.zeros(many, np.uint8)
    at = 0
    while at < many:
        same = bits.read(1)
        length = 1 + bits.read(sizes[bits.read(2)])
        if at + length > many:
            raise LabelError("a brush whose run lengths extend beyond the image")
        if same:
            values[at : at + length] = bits.read(word) > 0
        else:
            values[at : at + length] = [bits.read(word) > 0 for _ in range(length)]
        at += length
    return values[3::4].reshape(shape) > 0


def encoded(mask: NDArray[np.bool_]) -> list[int]:
    """Run lengths of a mask ``(H, W)``, with all four channels 0 or 255."""
    flat = np.repeat(mask.ravel(), 4)
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.concatenate([[0], ends]).astype(np.int64)
    text = [f"{flat.size:032b}", f"{7:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    for start, length in zip(starts, np.diff(starts, append=flat.size), strict=True):
        value, left = 255 * int(flat[start]), int(length)
        while left:
            run = min(left, 2 ** _SIZES[-1])
            k = next(k for k, size in enumerate(_SIZES) if run <= 2**size)
            text.append(f"1{k:02b}{run - 1:0{_SIZES[k]}b}{value:08b}")
            left -= run
    bits = np.frombuffer("".join(text).encode(), np.uint8) - ord("0")
    return np.packbits(bits).tolist()


def write(pictures: Sequence[Picture]) -> Files:
    """``tasks.json``: outlines with holes or of several parts as brushes."""
    lost = Counter[str]()
    tasks = []
    for picture in pictures:
        held = [one for one in picture.outlines if one.kind != "line" and one.present]
        lost.update(NOT_HELD["line"] for one in picture.outlines if one.kind == "line")
        by = {(one.annotator, one.time) for one in picture.outlines}
        who, when = next(iter(by)) if len(by) == 1 else ("", "")
        if len(by) > 1:
            lost["who drew what, and when, where that differs within an image"] += 1
        annotation = {
            "result": [_written(one, picture, k) for k, one in enumerate(held)],
            **({"completed_by": {"email": who}} if who else {}),
            **({"created_at": when} if when else {}),
        }
        tasks.append({"data": {"image": picture.file}, "annotations": [annotation]})
    return Files({"tasks.json": json.dumps(tasks).encode()}, dropped(lost))


def _written(one: Outline, picture: Picture, number: int) -> dict[str, Any]:
    height, width = picture.size
    said = {
        "id": f"r{number}", "from_name": "label", "to_name": "image", "image_rotation": 0,
        "original_width": width, "original_height": height,
    }  # fmt: skip
    if one.kind == "choice":
        chosen = {"choices": [one.name]}
        return {**said, "from_name": f"choice_{one.name}", "type": "choices", "value": chosen}
    if one.kind == "polygon" and not one.parts and len(one.rings) == 1:
        kind = "polygonlabels"
        places = [[(x + 0.5) / width * 100, (y + 0.5) / height * 100] for y, x in one.rings[0]]
        value: dict[str, Any] = {"points": places, "closed": True}
    elif one.kind == "polygon":
        kind, value = "brushlabels", {"format": "rle", "rle": encoded(picture.mask(one))}
    else:
        x0, y0, x1, y1 = bounds(one)
        kind = "keypointlabels" if one.kind == "point" else "rectanglelabels"
        sides = {} if one.kind == "point" else {"height": (y1 - y0) / height * 100, "rotation": 0}
        across = 0.5 if one.kind == "point" else (x1 - x0) / width * 100
        value = {"x": x0 / width * 100, "y": y0 / height * 100, "width": across, **sides}
    return {**said, "type": kind, "value": {**value, kind: [one.name]}}
