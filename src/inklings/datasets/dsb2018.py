"""Data Science Bowl 2018: nuclei in 2D light microscopy, one mask per nucleus.

Source: Broad Bioimage Benchmark Collection BBBC038, https://bbbc.broadinstitute.org/BBBC038, and
https://www.kaggle.com/c/data-science-bowl-2018. Licence: CC0. Caicedo et al., "Nucleus
segmentation across imaging experiments: the 2018 Data Science Bowl", Nature Methods 16 (2019).

Layouts: ``<id>/images/<id>.png`` with ``<id>/masks/*.png`` (stage1_train) or without (stage1_test,
stage2), flat ``<id>.png`` (stage2), any of them nested in a folder, in a zip, or in the zip of zips
that Kaggle delivers. Run lengths are read from ``stage1_train_labels.csv``,
``stage1_solution.csv`` and their like where they lie inside, or where ``labels`` says.
Expected: 670 images with 29,461 nuclei as first published in stage1_train, 65 in stage1_test,
3,019 in stage2.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from inklings.datasets import archive, runlengths
from inklings.datasets.archive import Entry
from inklings.datasets.dataset import IN_PLACE, Argument, Converted, Mask, Option, Plain, Stored
from inklings.datasets.findings import ImportFinding, fatal
from inklings.datasets.instances import Piece, areas, numbered, piece_of
from inklings.datasets.modality import modality
from inklings.datasets.pairing import clean_id
from inklings.datasets.pictures import SUFFIXES, decoded
from inklings.datasets.runlengths import RunLengthRows
from inklings.errors import DataError, ReaderError

CLASS = "nucleus"
_STAGE = re.compile(r"stage\d_(train|test)")


@dataclass(frozen=True)
class Field:
    """One field of view: everything that lies under its id.

    Attributes:
        stage: Of the competition, where a folder or an archive says it.
        annotated: Whether other fields of its stage have masks.
    """

    id: str
    images: tuple[Entry, ...]
    masks: tuple[Entry, ...]
    rows: tuple[RunLengthRows, ...]
    stage: str
    annotated: bool

    @property
    def stamp(self) -> str:
        """Fingerprint of the files."""
        files = [(e.name, e.size, e.stamp) for e in (*self.images, *self.masks)]
        return hashlib.sha256(repr((files, self.rows)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Dsb2018(Plain):
    """Data Science Bowl 2018: nuclei, one mask each (stage1_train, stage1_test, stage2)."""

    source: Annotated[Path, Argument("The zip, the extracted folder, or all the zips.")]
    labels: Annotated[
        Path | None, Option("Run-length table (CSV) that does not lie within SOURCE.")
    ] = None
    in_place: Annotated[bool, IN_PLACE] = False
    name: str = "dsb2018"
    classes: tuple[str, ...] = (CLASS,)
    facts: Mapping[str, Any] = field(
        default_factory=lambda: {
            "licence": "CC0-1.0",
            "citation": "Caicedo et al., Nature Methods 16, 1247-1253 (2019)",
            "homepage": "https://bbbc.broadinstitute.org/BBBC038",
        }
    )

    def items(self, scratch: Path) -> Sequence[Field]:
        """Fields of view in order of id.

        Raises:
            DataError: If nothing under ``source`` looks like this dataset.
        """
        files = _once(archive.entries(self.source, scratch))
        images, masks = _by_id(files)
        if not images:
            raise DataError(
                f"nothing in {self.source} looks like DSB2018: expected <id>/images/<id>.png, "
                f"got {len(files)} other files{_such_as(files)}"
            )
        rows = runlengths.index([self.labels] if self.labels else _tables(files, scratch))
        used = {block.path for name in images for block in rows.get(name, ())}
        described = {name for name, blocks in rows.items() if blocks[0].path in used}
        annotated = {_stage(images.get(name, ())) for name in {*masks, *described}}
        return [
            Field(
                id=clean_id(name),
                images=tuple(images.get(name, ())),
                masks=tuple(masks.get(name, ())),
                rows=rows.get(name, ()),
                stage=_stage(images.get(name) or masks.get(name) or ()),
                annotated=_stage(images.get(name, ())) in annotated,
            )
            for name in sorted({*images, *masks} | described)
        ]

    def convert(self, item: Field) -> Converted:
        """Decode one field, check what the reference only asserted, and number its nuclei."""
        findings: list[ImportFinding] = []
        data, array = _image(item, findings)
        if data is None or array is None:
            return Converted({}, findings=tuple(findings))
        if item.annotated and not item.masks and not item.rows:
            findings.append(ImportFinding(item.id, "no mask", str(item.images[0])))
        mask = _mask(item, array.shape[:2], findings)
        if fatal(findings):
            return Converted({}, findings=tuple(findings))
        facts = {
            "modality": modality(array),
            "height": str(array.shape[0]),
            "width": str(array.shape[1]),
            **({"stage": item.stage} if item.stage else {}),
            **(_sizes(mask) if mask is not None else {}),
        }
        entry = item.images[0]
        stays = self.in_place and entry.offset is None
        image = Stored(
            entry.container / entry.name if stays else data, Path(entry.name).suffix.lower()
        )
        return Converted(
            {"image": image},
            () if mask is None else (Mask(mask, "instances", self.classes),),
            facts=facts,
            findings=tuple(findings),
        )


def _once(files: Sequence[Entry]) -> list[Entry]:
    """Without archives of a stage that is there extracted, or in another archive, as well."""
    stages = [_stage([entry]) for entry in files]
    chosen: dict[str, Entry] = {}
    for entry, stage in sorted(
        zip(files, stages, strict=True), key=lambda e: e[0].offset is not None
    ):
        if stage and entry.name.lower().endswith(SUFFIXES):
            chosen.setdefault(stage, entry)
    return [
        entry
        for entry, stage in zip(files, stages, strict=True)
        if stage not in chosen
        or chosen[stage].container == entry.container
        or not entry.name.lower().endswith(SUFFIXES)
    ]


def _tables(files: Sequence[Entry], scratch: Path) -> list[Path]:
    """The tables of labels on disk, each name once."""
    named = {e.parts[-1]: e for e in reversed(files) if runlengths.is_table(e.name)}
    return [runlengths.located(entry, scratch) for _, entry in sorted(named.items())]


def _by_id(files: Iterable[Entry]) -> tuple[dict[str, list[Entry]], dict[str, list[Entry]]]:
    """Images and masks of each id; pictures without such folders are flat images."""
    images: dict[str, list[Entry]] = {}
    masks: dict[str, list[Entry]] = {}
    flat: list[Entry] = []
    nested: set[Path] = set()
    for entry in files:
        parts = entry.parts
        if not entry.name.lower().endswith(SUFFIXES):
            continue
        if len(parts) > 2 and parts[-2] in ("images", "masks"):
            nested.add(entry.container)
            (images if parts[-2] == "images" else masks).setdefault(parts[-3], []).append(entry)
        else:
            flat.append(entry)
    for entry in flat:
        if entry.container not in nested:
            images.setdefault(Path(entry.name).stem, []).append(entry)
    return images, masks


def _image(item: Field, findings: list[ImportFinding]) -> tuple[bytes | None, NDArray[Any] | None]:
    """The encoded image and its samples without the alpha plane."""
    if len(item.images) != 1:
        kind = "several images" if item.images else "no image"
        detail = ", ".join(map(str, item.images)) or f"{len(item.masks)} masks"
        findings.append(ImportFinding(item.id, kind, detail, max(1, len(item.images))))
        return None, None
    entry = item.images[0]
    try:
        data = archive.read(entry)
    except ReaderError as error:
        findings.append(ImportFinding(item.id, "unreadable image", str(error)))
        return None, None
    return data, decoded(item.id, str(entry), data, findings)


def _mask(
    item: Field, shape: tuple[int, ...], findings: list[ImportFinding]
) -> NDArray[np.uint16] | None:
    """Numbered nuclei ``(H, W)``, from the mask files or else from the run lengths."""
    height, width = shape
    pieces: list[Piece] = []
    if item.masks:
        for entry in item.masks:
            try:
                data = archive.read(entry)
            except ReaderError as error:
                findings.append(ImportFinding(item.id, "unreadable mask", str(error)))
                continue
            piece = piece_of(item.id, entry.parts[-1], data, (width, height), findings)
            pieces.extend([piece] if piece else [])
        if item.rows and not fatal(findings):
            _compare(item, pieces, (height, width), findings)
    elif item.rows:
        found = runlengths.pieces(item.id, item.rows, (height, width), findings)
        if found is None:
            return None
        pieces = found
    else:
        return None
    return None if fatal(findings) else numbered(item.id, pieces, (height, width), findings)


def _compare(
    item: Field, pieces: Sequence[Piece], shape: tuple[int, int], findings: list[ImportFinding]
) -> None:
    """Note where the table of run lengths and the masks disagree about what is nucleus."""
    noted: list[ImportFinding] = []
    others = runlengths.pieces(item.id, item.rows, shape, noted)
    if noted or others is None:
        findings.extend(ImportFinding(f.case, "labels disagree", f.detail) for f in noted)
        return
    different = int(np.count_nonzero(_union(pieces, shape) != _union(others, shape)))
    if different or len(others) != len(pieces):
        detail = f"{different} samples differ; {len(pieces)} masks, {len(others)} rows"
        findings.append(ImportFinding(item.id, "labels disagree", detail, max(1, different)))


def _union(pieces: Sequence[Piece], shape: tuple[int, int]) -> NDArray[np.bool_]:
    union = np.zeros(shape, bool)
    for piece in pieces:
        (y, x), (h, w) = piece.corner, piece.mask.shape
        union[y : y + h, x : x + w] |= piece.mask
    return union


def _sizes(labels: NDArray[np.uint16]) -> dict[str, str]:
    sizes = areas(labels)
    facts = {"nuclei": str(len(sizes))}
    return {**facts, "median_area_px": f"{np.median(sizes):g}"} if len(sizes) else facts


def _stage(files: Sequence[Entry]) -> str:
    for entry in files:
        for text in (entry.name, entry.container.stem):
            if match := _STAGE.search(text):
                return match[0]
    return ""


def _such_as(files: Sequence[Entry]) -> str:
    return f" such as {files[0].name}" if files else ""
