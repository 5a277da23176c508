"""COCO's JSON (Lin et al. 2014): images, annotations and categories of a whole data set.

A list of polygons is one object, their union. Run lengths count down the columns, beginning with
samples outside; compressed ones are the text of pycocotools. ``iscrowd`` marks a region of objects
that nobody told apart: it is neither for nor against anybody. Corners and boxes count from the
corner of the image, key points from the centre of its first pixel. Ids begin anywhere.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import LabelError
from inklings.labels.gathered import called, gathered
from inklings.labels.kinds import IRRELEVANT
from inklings.labels.outlines import Drawing, Outline, box, point, polygon, united
from inklings.labels.pictures import NOT_HELD, Files, Picture, bounds, dropped, rounded
from inklings.labels.rle import lengths, of_lengths
from inklings.labels.trace import polygons_of

_ANNOTATIONS = re.compile(r'"annotations"\s*:\s*\[\s*')
_GAP = re.compile(r"\s*(?:,\s*|(?=\]))")
_MOST = 2**31
"""Samples of an image whose run lengths are unfolded."""
_KNOWN = {
    "id", "image_id", "category_id", "segmentation", "area", "bbox", "iscrowd", "keypoints",
    "num_keypoints",
}  # fmt: skip


def knows(document: Any) -> bool:
    """Whether a parsed document is one of COCO's."""
    return isinstance(document, dict) and {"images", "annotations"} <= document.keys()


def split(document: Any) -> Iterator[tuple[str, bytes]]:
    """File name of every image, and a document of that image alone.

    Raises:
        LabelError: If annotations are of images that the file does not list.
    """
    yield from _parts(document, ((one, json.dumps(one)) for one in document["annotations"]))


def streamed(text: str) -> Iterator[tuple[str, bytes]] | None:
    """As `split`, of a text whose annotations are never held all at once; None if it is no COCO.

    Raises:
        LabelError: As `split`; a `ValueError` if it is damaged.
    """
    found = _ANNOTATIONS.search(text)
    if found is None:
        return None
    pairs = list(_items(text, found.end()))
    end = pairs[-1][2] if pairs else found.end()
    head = json.loads(text[: found.end()] + text[end:])
    if not knows(head) or head["annotations"]:  # an array of another level
        return None
    return _parts(head, ((said, text[a:b]) for said, a, b in pairs))


def _items(text: str, at: int) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Image and category of every item of an array that begins at a place, and where it stands."""
    decoder = json.JSONDecoder()
    while text[at] != "]":
        one, end = decoder.raw_decode(text, at)
        yield {key: one[key] for key in ("image_id", "category_id") if key in one}, at, end
        gap = _GAP.match(text, end)
        if gap is None:
            raise ValueError(f"expected a comma or the end of annotations at place {end}")
        at = gap.end()


def _parts(
    head: dict[str, Any], annotations: Iterable[tuple[dict[str, Any], str]]
) -> Iterator[tuple[str, bytes]]:
    """File name of every image, and its document, from annotations and their texts."""
    of: dict[Any, list[str]] = defaultdict(list)
    used: dict[Any, set[Any]] = defaultdict(set)
    for said, text in annotations:
        of[said["image_id"]].append(text)
        used[said["image_id"]].add(said.get("category_id"))
    categories = _categories(head)
    for image in head["images"]:
        mine = of.pop(image["id"], [])
        named = [one for key, one in categories.items() if key in used[image["id"]]]
        said = {"info": head.get("info"), "images": [image], "categories": named}
        start = json.dumps(said, separators=(",", ":"))[:-1]
        yield str(image["file_name"]), f'{start},"annotations":[{",".join(mine)}]}}'.encode()
    if of:
        raise LabelError(f"annotations of image {next(iter(of))!r}, which the file does not list")


def _categories(document: Any) -> dict[Any, dict[str, Any]]:
    """Id of every category to what is said of it.

    Raises:
        LabelError: If two have one id and other names.
    """
    found: dict[Any, dict[str, Any]] = {}
    for one in document.get("categories", ()):
        other = found.setdefault(one["id"], one)
        names = other.get("name"), one.get("name")
        if names[0] != names[1]:
            raise LabelError(
                f"expected one category of id {one['id']!r}, got {names[0]!r} and {names[1]!r}"
            )
    return found


def read(document: Any) -> Drawing:
    """What is drawn on the only image of a document.

    Raises:
        LabelError: If it is of several images.
    """
    if len(document["images"]) != 1:
        raise LabelError(f"expected annotations of one image, got {len(document['images'])} images")
    image = document["images"][0]
    categories = _categories(document)
    height, width = image.get("height"), image.get("width")
    size = (int(height), int(width)) if height and width else None
    lost = Counter[str]()

    def one(annotation: dict[str, Any]) -> list[Outline | str]:
        lost.update(key for key in annotation if key not in _KNOWN)
        category = categories.get(annotation["category_id"])
        if category is None:
            raise LabelError(
                f"a category {annotation['category_id']!r} that the file does not name"
            )
        name = called(category.get("name"))
        if annotation.get("iscrowd"):
            lost["iscrowd (a crowd counts neither for nor against)"] += 1
            return [*_region(annotation, IRRELEVANT, size)]
        return [*_region(annotation, name, size), *_keypoints(annotation, category)]

    outlines, odd = gathered(document["annotations"], one, "annotation")
    if _of_label_studio(document):
        lost["Label Studio: its COCO drops holes, lines and dots of brushes; export JSON"] += 1
    return Drawing(tuple(outlines), tuple(odd), size=size, lost=dropped(lost))


def _of_label_studio(document: dict[str, Any]) -> bool:
    """Whether Label Studio exported it, with outlines that may have been brushes."""
    info = document.get("info")
    by = str(info.get("contributor", "")) if isinstance(info, dict) else ""
    return by.startswith("Label Studio") and any(
        a.get("segmentation") for a in document["annotations"]
    )


def _region(
    annotation: dict[str, Any], name: str, size: tuple[int, int] | None
) -> Iterator[Outline | str]:
    drawn = annotation.get("segmentation")
    if isinstance(drawn, dict):
        mask = decoded(drawn)
        if size is not None and mask.shape != size:
            raise LabelError(f"run lengths of {mask.shape} samples in an image of {size}")
        outer, *parts = polygons_of(mask) or [()]
        if not outer:
            raise LabelError("run lengths without a sample")
        yield Outline(name, outer, parts=tuple(parts))
    elif drawn:
        rings = [polygon(name, [list(zip(p[::2], p[1::2], strict=True))]) for p in drawn]
        yield united(name, rings)
    elif annotation.get("bbox") and any(annotation["bbox"][2:]):
        x, y, w, h = annotation["bbox"]
        if degrees := (annotation.get("attributes") or {}).get("rotation"):
            raise LabelError(f"a box turned by {degrees:g} degrees; export it from CVAT as its XML")
        if not (w > 0 and h > 0):
            raise LabelError(f"a box of {w:g} x {h:g}, which has no inside")
        yield box(name, (x, y), (x + w, y + h))
    elif not annotation.get("keypoints"):
        yield "neither outline, box nor key points"


def _keypoints(annotation: dict[str, Any], category: dict[str, Any]) -> Iterator[Outline]:
    """Those that are labelled: their third number is 1 (hidden) or 2 (seen)."""
    names = category.get("keypoints") or []
    values = annotation.get("keypoints") or []
    for k, (x, y, seen) in enumerate(
        zip(values[::3], values[1::3], values[2::3], strict=True)
    ):  # fmt: skip
        own = f": {names[k]}" if len(names) > 1 and k < len(names) else ""
        if seen:
            yield point(f"{category['name']}{own}", (x + 0.5, y + 0.5))


def decoded(said: dict[str, Any]) -> NDArray[np.bool_]:
    """The mask ``(H, W)`` of run lengths, compressed or not.

    Raises:
        LabelError: If they are not those of an image of their size.
    """
    height, width = (int(n) for n in said["size"])
    counts = said["counts"]
    if not (0 < height * width < _MOST):
        raise LabelError(f"run lengths of an image of {height} x {width}")
    return of_lengths(_numbers(counts) if isinstance(counts, str) else counts, (height, width))


def encoded(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Compressed run lengths of one object ``(H, W)``, as pycocotools writes them."""
    return {"size": list(mask.shape), "counts": _text(lengths(mask))}


def _numbers(text: str) -> list[int]:
    """Six bits a letter, five of them of the number; from the third run the difference to before.

    Raises:
        LabelError: If the text ends within a number, or holds other letters.
    """
    runs: list[int] = []
    value = shift = 0
    for letter in text.encode():
        bits = letter - 48
        if not 0 <= bits < 64:
            raise LabelError(f"run lengths with the letter {chr(letter)!r}")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise LabelError("run lengths that end within a number")
    return runs


def _text(runs: Sequence[int]) -> str:
    letters = bytearray()
    for k, run in enumerate(runs):
        value = run - runs[k - 2] if k > 2 else run
        more = True
        while more:
            bits, value = value & 31, value >> 5
            more = value != (-1 if bits & 16 else 0)
            letters.append((bits | 32 if more else bits) + 48)
    return letters.decode()


def write(pictures: Sequence[Picture]) -> Files:
    """``annotations.json``: outlines as polygons where they have no holes, else as run lengths."""
    names = dict.fromkeys(one.name for p in pictures for one in p.outlines if one.kind != "choice")
    ids = {name: k for k, name in enumerate(names, 1)}
    pointed = {one.name for p in pictures for one in p.outlines if one.kind == "point"}
    lost = Counter[str]()
    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures, 1):
        for one in picture.outlines:
            lost.update(said for said in ("annotator", "time") if getattr(one, said))
            if one.kind in ("line", "choice"):
                lost[NOT_HELD[one.kind]] += 1
                continue
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": ids[one.name],
                    "iscrowd": 0,
                    **_written(one, picture),
                }
            )
    document = {
        "info": {"description": "inklings"},
        "images": [
            {"id": k, "file_name": p.file, "height": p.size[0], "width": p.size[1]}
            for k, p in enumerate(pictures, 1)
        ],
        "annotations": annotations,
        "categories": [
            {"id": k, "name": name, **({"keypoints": ["point"]} if name in pointed else {})}
            for name, k in ids.items()
        ],
    }
    return Files({"annotations.json": json.dumps(document).encode()}, dropped(lost))


def _written(one: Outline, picture: Picture) -> dict[str, Any]:
    if one.kind == "point":
        y, x = rounded(one.rings[0][0])
        return {"keypoints": [x, y, 2], "num_keypoints": 1, "bbox": [x, y, 0, 0], "area": 0}
    if one.kind == "box":
        (y0, x0), (y1, x1) = one.rings[0]
        sides = rounded((x0 + 0.5, y0 + 0.5, x1 - x0, y1 - y0))
        return {"bbox": list(sides), "area": sides[2] * sides[3]}
    x0, y0, x1, y1 = bounds(one)
    inside = picture.window(one)[1]
    simple = all(len(rings) == 1 for rings in one.polygons)
    flat = [
        [value for y, x in rings[0] for value in rounded((x + 0.5, y + 0.5))]
        for rings in one.polygons
    ]
    return {
        "segmentation": flat if simple else encoded(picture.mask(one)),
        "bbox": list(rounded((x0, y0, x1 - x0, y1 - y0))),
        "area": int(inside.sum()),
    }
