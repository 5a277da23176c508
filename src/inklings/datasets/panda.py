"""PANDA: prostate biopsies of two hospitals, graded, with masks whose codes differ (Kaggle 2020).

``train.csv`` has a row a slide (image_id, data_provider, isup_grade, gleason_score), 10,616 in
all: 5,456 of Karolinska, 5,160 of Radboud. The pictures are ``train_images/{id}.tiff`` with levels
of 1, 1/4 and 1/16, the masks ``train_label_masks/{id}_mask.tiff``; about a hundred have none.

Karolinska's masks hold 0 background, 1 benign tissue, 2 cancerous tissue; Radboud's 0 background, 1
stroma, 2 benign epithelium, 3 to 5 cancerous epithelium of that Gleason pattern (Bulten et al.,
Nature Medicine 2022). The same number therefore means different things, and each mask is read by
the code of the provider that its row names.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inklings.datasets.findings import Finding
from inklings.datasets.slide_cohort import Found, SlideReport, gather
from inklings.errors import DataError, SpecError
from inklings.labels.kinds import BACKGROUND, BagLabel

MASKS = "train_label_masks"
PROVIDERS = ("karolinska", "radboud")
FACTS: dict[str, Any] = {
    "licence": "CC BY-NC-SA 4.0",
    "citation": (
        "Bulten et al. Artificial intelligence for diagnosis and Gleason grading of prostate "
        "cancer: the PANDA challenge. Nature Medicine 28, 2022"
    ),
    "homepage": "https://www.kaggle.com/c/prostate-cancer-grade-assessment",
    "masks_outline_tissue": True,  # what they leave as background is glass
}
_COLUMNS = ("image_id", "data_provider", "isup_grade", "gleason_score")
_ISUP = {"3+3": 1, "3+4": 2, "4+3": 3, "0+0": 0, "negative": 0}


@dataclass(frozen=True)
class Scheme:
    """One set of classes, and what each provider's codes from 1 up mean in it."""

    classes: tuple[str, ...]
    codes: Mapping[str, tuple[str, ...]]


SCHEMES: dict[str, Scheme] = {
    "tumour": Scheme(
        ("tumour",),
        {
            "karolinska": (BACKGROUND, "tumour"),
            "radboud": (BACKGROUND, BACKGROUND, "tumour", "tumour", "tumour"),
        },
    ),
    "tissue": Scheme(
        ("benign", "tumour"),
        {
            "karolinska": ("benign", "tumour"),
            "radboud": ("benign", "benign", "tumour", "tumour", "tumour"),
        },
    ),
    "gleason": Scheme(
        ("stroma", "benign", "gleason3", "gleason4", "gleason5"),
        {"radboud": ("stroma", "benign", "gleason3", "gleason4", "gleason5")},
    ),
}
"""``tumour``: cancer or not. ``tissue``: benign tissue is a class, so that glass can be told from
it. ``gleason``: Radboud's glands by pattern, which Karolinska did not outline."""


@dataclass(frozen=True)
class Row:
    """One line of ``train.csv``."""

    id: str
    provider: str
    isup: int
    gleason: str

    @property
    def agrees(self) -> bool:
        """Whether the grade group is the one of the Gleason score."""
        expected = _ISUP.get(self.gleason)
        if expected is None:
            first, _, second = self.gleason.partition("+")
            total = int(first) + int(second) if first.isdigit() and second.isdigit() else 0
            expected = {8: 4, 9: 5, 10: 5}.get(total, -1)
        return expected == self.isup


def read_table(path: Path) -> list[Row]:
    """The rows of ``train.csv``, in its order.

    Raises:
        DataError: If it is not that table, or a row of it is not understood.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise DataError(f"{path}: expected a column {missing[0]!r}; give PANDA's train.csv")
            return [_row(line, number, path) for number, line in enumerate(table, 2)]
    except OSError as error:
        raise DataError(f"expected the table of slides at {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: expected a table in CSV ({error})") from None


def _row(line: Mapping[str, str], number: int, path: Path) -> Row:
    provider = (line["data_provider"] or "").strip().lower()
    if provider not in PROVIDERS:
        raise DataError(
            f"{path}, line {number}: expected a provider of {' or '.join(PROVIDERS)}, whose codes "
            f"are known, got {line['data_provider']!r}"
        )
    if line["isup_grade"] not in ("0", "1", "2", "3", "4", "5"):
        raise DataError(
            f"{path}, line {number}: expected a grade from 0 to 5, got {line['isup_grade']!r}"
        )
    return Row(line["image_id"], provider, int(line["isup_grade"]), line["gleason_score"])


def import_panda(
    root: Path,
    out: Path,
    provider: str | None = None,
    min_isup: int = 0,
    limit: int | None = None,
    scheme: str = "tumour",
    spacing_um: float | None = None,
    workers: int | None = None,
    masks: str = MASKS,
    mask_provider: str | None = None,
) -> SlideReport:
    """The slides of PANDA that lie under ``root``, as a cohort.

    Args:
        root: Holds ``train.csv``, ``train_images`` and ``train_label_masks``, or some of them.
        out: Folder of the cohort.
        provider: Only slides of this one.
        min_isup: Only slides of this grade group or worse.
        limit: At most so many, the first ones of the table that are on disk.
        scheme: A key of `SCHEMES`.
        spacing_um: Size of a pixel of level 0, which the files do not say.
        workers: Processes.
        masks: Folder of the masks under ``root``.
        mask_provider: Whose codes all masks hold, where they are not those of the dataset.

    Raises:
        SpecError: If the provider or the scheme is unknown, or does not go together.
        DataError: If there is nothing to import.
    """
    if provider is not None and provider not in PROVIDERS:
        raise SpecError(f"expected a provider of {' or '.join(PROVIDERS)}, got {provider!r}")
    if scheme not in SCHEMES:
        raise SpecError(f"expected classes of {', '.join(SCHEMES)}, got {scheme!r}")
    chosen = SCHEMES[scheme]
    rows = read_table(root / "train.csv")
    wanted = [r for r in rows if (not provider or r.provider == provider) and r.isup >= min_isup]
    unable = {mask_provider or row.provider for row in wanted} - set(chosen.codes)
    if unable:
        raise SpecError(
            f"--classes {scheme}: the masks of {unable.pop()} do not tell these classes; add "
            f"--provider {next(iter(chosen.codes))}, or take --classes tumour"
        )
    present = [row for row in wanted if _image(root, row).is_file()]
    taken = present if limit is None else present[:limit]
    words = _words(root, rows, wanted, present, taken)
    slides = [
        _found(row, _image(root, row), root / masks, mask_provider or row.provider, chosen)
        for row in taken
    ]
    return gather(
        "panda",
        chosen.classes,
        {**FACTS, "classes of": scheme},
        slides,
        out,
        spacing_um,
        workers,
        words,
        [_disagreement(row) for row in taken if not row.agrees],
    )


def _found(row: Row, image: Path, masks: Path, code: str, scheme: Scheme) -> Found:
    mask = masks / f"{row.id}_mask.tiff"
    cancer = row.isup > 0
    tumour = next((name for name in scheme.classes if name == "tumour"), None)
    return Found(
        id=row.id,
        patient=row.id,
        path=image,
        mask=mask if mask.is_file() else None,
        meaning=scheme.codes[code],
        labels=(BagLabel(tumour, cancer),) if tumour else (),
        facts={
            "provider": row.provider,
            "isup": str(row.isup),
            "gleason": row.gleason,
        },
        expected=tumour if cancer else None,
    )


def _image(root: Path, row: Row) -> Path:
    return root / "train_images" / f"{row.id}.tiff"


def _disagreement(row: Row) -> Finding:
    return Finding(row.id, "grades disagree", f"ISUP {row.isup} with a Gleason of {row.gleason}")


def _words(
    root: Path, rows: list[Row], wanted: list[Row], present: list[Row], taken: list[Row]
) -> list[str]:
    per = Counter(row.provider for row in taken)
    split = ", ".join(f"{count} {name}" for name, count in sorted(per.items()))
    words = [f"train.csv: {len(rows)} rows, {len(wanted)} of them asked for"]
    absent = len(wanted) - len(present)
    if absent:
        words.append(
            f"{absent} of these are not under {root / 'train_images'} (yet): download more and "
            "import again into the same folder"
        )
    if taken:
        words.append(f"taken: {len(taken)} ({split})")
    return words
