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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from inklings.cohorts.cohort import Cohort
from inklings.datasets.dataset import (
    OVERRULE_SPACING,
    SPACING_UM,
    Argument,
    Converted,
    Option,
    Plain,
)
from inklings.datasets.findings import ImportFinding
from inklings.datasets.slide_case import SlideItem, SlideReading, slide_case
from inklings.datasets.slide_masks import Meaning
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
class PandaRow:
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


def read_table(path: Path) -> list[PandaRow]:
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


def _row(line: Mapping[str, str], number: int, path: Path) -> PandaRow:
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
    return PandaRow(line["image_id"], provider, int(line["isup_grade"]), line["gleason_score"])


@dataclass(frozen=True)
class Panda(Plain):
    """PANDA: prostate biopsies of two providers, whose masks have codes of their own.

    Each mask is read by the code of its provider. Slides without a mask keep the label of the
    whole slide; slides that are not downloaded yet are counted and left for a later import.
    """

    source: Annotated[Path, Argument("Folder with train.csv and train_images.")]
    provider: Annotated[str | None, Option("Only slides of karolinska or of radboud.")] = None
    min_isup: Annotated[int, Option("Only this grade or worse.", least=0, most=5)] = 0
    limit: Annotated[
        int | None, Option("The first so many that are on disk.", least=1, decides=False)
    ] = None
    scheme: Annotated[
        str,
        Option(
            "tumour, tissue (benign and tumour) or gleason (of radboud only).", flag="--classes"
        ),
    ] = "tumour"
    masks: Annotated[str, Option("Folder of the masks under SOURCE, where there are others.")] = (
        MASKS
    )
    mask_provider: Annotated[
        str | None, Option("Whose codes those masks hold, if not the slide's provider.")
    ] = None
    spacing_um: Annotated[float | None, SPACING_UM] = None
    overrule_spacing: Annotated[bool, OVERRULE_SPACING] = False
    name: str = "panda"
    noun: str = "slides"
    said: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for one in (self.provider, self.mask_provider):
            if one is not None and one not in PROVIDERS:
                raise SpecError(f"expected a provider of {' or '.join(PROVIDERS)}, got {one!r}")
        if self.scheme not in SCHEMES:
            raise SpecError(f"expected classes of {', '.join(SCHEMES)}, got {self.scheme!r}")

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the scheme."""
        return SCHEMES[self.scheme].classes

    @property
    def facts(self) -> Mapping[str, Any]:
        """Licence, citation, and which classes were asked for."""
        return {**FACTS, "classes of": self.scheme}

    def items(self, scratch: Path) -> Sequence[SlideItem]:  # noqa: ARG002
        """The slides of the table that are on disk.

        Raises:
            SpecError: If the masks of a provider do not tell the classes.
            DataError: If there is none, or no folder of the masks that were asked for.
        """
        masks = self.source / self.masks
        if self.masks != MASKS and not masks.is_dir():
            raise DataError(f"expected masks in {masks}, but there is no such folder")
        rows = read_table(self.source / "train.csv")
        wanted = [
            row
            for row in rows
            if (not self.provider or row.provider == self.provider) and row.isup >= self.min_isup
        ]
        able = SCHEMES[self.scheme].codes
        unable = {self.mask_provider or row.provider for row in wanted} - set(able)
        if unable:
            raise SpecError(
                f"--classes {self.scheme}: the masks of {unable.pop()} do not tell these classes; "
                f"add --provider {next(iter(able))}, or take --classes tumour"
            )
        present = [row for row in wanted if self._image(row).is_file()]
        taken = present if self.limit is None else present[: self.limit]
        self.said[:] = _words(self.source, rows, wanted, present, taken)
        if not taken:
            raise DataError(f"expected slides of PANDA to import, got none; {' '.join(self.said)}")
        return [self._item(row) for row in taken]

    def convert(self, item: SlideItem) -> Converted:
        """Look at a slide and its mask."""
        reading = SlideReading(spacing_um=self.spacing_um, overrule=self.overrule_spacing)
        return slide_case(item, reading)

    def finish(self, cohort: Cohort, out: Path) -> tuple[Cohort, Sequence[str]]:  # noqa: ARG002
        """The cohort as it is, and how much of the table is there."""
        return cohort, tuple(self.said)

    def _item(self, row: PandaRow) -> SlideItem:
        mask = self.source / self.masks / f"{row.id}_mask.tiff"
        code = SCHEMES[self.scheme].codes[self.mask_provider or row.provider]
        cancer = row.isup > 0
        tumour = next((name for name in self.classes if name == "tumour"), None)
        return SlideItem(
            id=row.id,
            path=self._image(row),
            patient=row.id,
            mask=mask if mask.is_file() else None,
            meaning=Meaning.counted(code),
            labels=(BagLabel(tumour, cancer),) if tumour else (),
            facts={"provider": row.provider, "isup": str(row.isup), "gleason": row.gleason},
            expected=tumour if cancer else None,
            findings=() if row.agrees else (_disagreement(row),),
        )

    def _image(self, row: PandaRow) -> Path:
        return self.source / "train_images" / f"{row.id}.tiff"


def _disagreement(row: PandaRow) -> ImportFinding:
    return ImportFinding(
        row.id, "grades disagree", f"ISUP {row.isup} with a Gleason of {row.gleason}"
    )


def _words(
    root: Path,
    rows: list[PandaRow],
    wanted: list[PandaRow],
    present: list[PandaRow],
    taken: list[PandaRow],
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
