"""YOLO's text (Ultralytics): a line an object, its class and shares of the image's sides.

Five numbers are a box (class, centre, sides); more are a class and the corners of an outline. As
Ultralytics has it, one line of more than six numbers makes every line of the file an outline.
``data.yaml`` or ``classes.txt`` beside the files, or above them, names the classes from 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from inklings.errors import LabelError
from inklings.labels.gathered import gathered
from inklings.labels.outlines import Drawing, Outline
from inklings.labels.pictures import NOT_HELD, Files, Picture, bounds, dropped

_LISTS = ("classes.txt", "obj.names", "_darknet.labels")
_YAML = ("data.yaml", "data.yml", "dataset.yaml")
_ABOVE = 3
"""Folders above the files in which names of classes are looked for."""


def is_side_file(path: Path) -> bool:
    """Whether a file names classes, and annotates nothing."""
    return path.name in (*_LISTS, *_YAML)


def read(text: str, names: Mapping[int, str]) -> Drawing:
    """What is drawn on the image that a file is named after.

    Raises:
        LabelError: If a line is no list of numbers.
    """
    rows = [line.split() for line in text.splitlines() if line.strip()]
    try:
        numbers = [[float(value) for value in row] for row in rows]
    except ValueError as error:
        raise LabelError(f"expected lines of numbers, as YOLO has them ({error})") from None
    outlined = any(len(row) > 6 for row in numbers)
    unnamed = Counter[str]()

    def one(row: list[float]) -> list[Outline | str]:
        if row[0] != int(row[0]) or row[0] < 0:
            raise LabelError(f"a class {row[0]:g}, which is no whole number from 0")
        if int(row[0]) not in names:
            unnamed["classes without a name, called by their numbers"] += 1
        name = names.get(int(row[0]), str(int(row[0])))
        if not all(-0.01 <= value <= 1.01 for value in row[1:]):
            raise LabelError("shares outside of 0 to 1; these are no numbers of YOLO")
        if outlined:
            corners = tuple(zip(row[2::2], row[1::2], strict=True))
            if len(corners) < 3:
                raise LabelError(f"an outline of {len(corners)} corners, in a file of outlines")
            return [Outline(name, (corners,))]
        if len(row) != 5:
            raise LabelError(f"expected a class and four numbers, got {len(row)} numbers")
        _, x, y, w, h = row
        if w <= 0 or h <= 0:
            raise LabelError(f"a box of {w:g} x {h:g}, which has no inside")
        return [Outline(name, (((y - h / 2, x - w / 2), (y + h / 2, x + w / 2)),), "box")]

    outlines, odd = gathered(numbers, one, "line")
    return Drawing(tuple(outlines), tuple(odd), lost=dropped(unnamed), relative=True)


def names_beside(path: Path) -> dict[int, str]:
    """Names of the classes from 0, of the nearest file that says them; empty if none does.

    Raises:
        LabelError: If a description does not parse, or has key points, whose lines are others.
    """
    for folder in (path.parent, *path.absolute().parent.parents[:_ABOVE]):
        for name in _LISTS:
            if (folder / name).is_file():
                lines = (folder / name).read_text(encoding="utf-8-sig").splitlines()
                return {k: line.strip() for k, line in enumerate(lines) if line.strip()}
        for name in _YAML:
            if (folder / name).is_file():
                return _described(folder / name)
    return {}


def _described(path: Path) -> dict[int, str]:
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
        if said.get("kpt_shape"):
            raise LabelError(f"{path}: expected boxes or outlines, got key points (kpt_shape)")
        names = said["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(number): str(name) for number, name in pairs}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise LabelError(f"{path}: expected names of classes ({reason})") from None


def write(pictures: Sequence[Picture]) -> Files:
    """``labels/<image>.txt`` and ``data.yaml``; outlines in all lines where there are some."""
    lost = Counter[str]()
    kept = ("polygon", "box")
    names = list(dict.fromkeys(o.name for p in pictures for o in p.outlines if o.kind in kept))
    outlined = any(one.kind == "polygon" for p in pictures for one in p.outlines)
    content = {}
    for picture in pictures:
        lines = []
        for one in picture.outlines:
            lost.update(said for said in ("annotator", "time") if getattr(one, said))
            if one.kind not in kept:
                lost[NOT_HELD[one.kind]] += 1
                continue
            if one.parts or len(one.rings) > 1:
                lost["holes and further parts of objects, of which the outer ring is written"] += 1
            lines.append(f"{names.index(one.name)} " + _shares(one, picture.size, outlined))
        stem = Path(picture.file).stem
        content[f"labels/{stem}.txt"] = "".join(f"{line}\n" for line in lines).encode()
    head = {"path": ".", "train": "images", "val": "images", "names": dict(enumerate(names))}
    content["data.yaml"] = yaml.safe_dump(head, sort_keys=False, allow_unicode=True).encode()
    return Files(content, dropped(lost))


def _shares(one: Outline, size: tuple[int, int], outlined: bool) -> str:
    height, width = size
    x0, y0, x1, y1 = bounds(one)
    if not outlined:
        values = [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height,
                  (x1 - x0) / width, (y1 - y0) / height]  # fmt: skip
    elif one.kind == "box":
        corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
        values = [share for x, y in corners for share in (x / width, y / height)]
    else:
        values = [
            share for y, x in one.rings[0] for share in ((x + 0.5) / width, (y + 0.5) / height)
        ]
    return " ".join(f"{value:.9g}" for value in values)
