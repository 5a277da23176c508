"""What an import found wrong with the data: a table of kinds, and the record of one occurrence."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inklings.files import write_json, write_text
from inklings.readers.notes import NOTES

LEFT_OUT = "left out"

_OF_IMPORTS: dict[str, tuple[str, str]] = {
    "no image": (LEFT_OUT, "masks or label rows without an image"),
    "several images": (LEFT_OUT, "more than one image under one id"),
    "unreadable image": (LEFT_OUT, "the image does not decode"),
    "unreadable case": (LEFT_OUT, "a case of which a file cannot be read or used"),
    "missing image": (LEFT_OUT, "a case without one of the images that others have"),
    "no common grid": (LEFT_OUT, "images of one case that cannot be brought to one grid"),
    "grids differ": ("resampled onto the first", "images of one case on grids of their own"),
    "regions": ("innermost taken", "labels that are regions of each other"),
    "incomplete download": (LEFT_OUT, "a scan whose samples are missing or cut off"),
    "missing download": (LEFT_OUT, "a file of the manifest that is not on disk"),
    "damaged download": (LEFT_OUT, "a file that is not what the manifest says"),
    "not in the manifest": (LEFT_OUT, "a slide on disk that the manifest does not list"),
    "unreadable mask": (LEFT_OUT, "a mask does not decode"),
    "unreadable labels": (LEFT_OUT, "a label row does not decode"),
    "mask shape": (LEFT_OUT, "a mask of another size than its image"),
    "mask values": (LEFT_OUT, "a mask with more than one value besides 0"),
    "too many objects": (LEFT_OUT, "more objects than 16 bits can number"),
    "mask in the alpha": ("alpha taken", "a mask of one colour, whose object is its opacity"),
    "negative numbers": ("unlabelled", "samples below 0 in a mask of objects"),
    "strange codes": (LEFT_OUT, "a mask with codes that its provider does not use"),
    "slice count": (LEFT_OUT, "another number of mask slices than of image slices"),
    "slice direction": (LEFT_OUT, "nothing says whether mask slices count up or down"),
    "slice order": ("position taken", "names of slices in another order than their positions"),
    "strange grey": ("taken as background", "samples of a grey that stands for no organ"),
    "mask disagrees": ("kept", "a mask that shows nothing of what the table reports"),
    "grades disagree": ("kept", "a grade group that is not the one of the Gleason score"),
    "outline without plane": ("outline skipped", "outlines on planes that the series lacks"),
    "unread outlines": (LEFT_OUT, "annotations that cannot be read"),
    "mask 0 and 255": ("255 is the class", "a mask whose one code is 255 and not 1"),
    "no spacing": ("in pixels", "slides that do not say how large a pixel is"),
    "spacing disagrees": ("file taken", "a slide whose spacing is another than the given one"),
    "spacing overruled": ("given taken", "a slide that says another spacing than the given one"),
    "outlines cut": ("cut at border", "outlines that extend beyond the border of their image"),
    "odd outlines": ("outline skipped", "drawn things that have no inside, or no corners"),
    "outlines outside": ("outline skipped", "outlines that lie beyond the border of their image"),
    "no label": ("unlabelled", "an image that no table or annotation names"),
    "not kept": ("dropped", "what annotations say and labels do not hold"),
    "mask value": ("taken as 255", "a mask whose one value besides 0 is not 255"),
    "empty mask": ("mask skipped", "a mask without a single sample"),
    "open outline": ("outline skipped", "outlines that are points or lines and close nothing"),
    "outline across planes": ("outline skipped", "outlines that lie across the slices"),
    "outline between planes": ("outline skipped", "outlines between slices, others being nearer"),
    "outline moved": ("nearest slice", "planes of outlines beside a slice"),
    "outline twice": ("counted once", "outlines that are there twice"),
    "outlines cross": ("outside where both", "pairs of outlines of one structure that cross"),
    "thin outline": ("holds nothing", "outlines around the centre of no sample"),
    "unfilled planes": ("left empty", "slices between the outlines of a structure without one"),
    "unplaced segmentation": (LEFT_OUT, "a segmentation of which nothing says on which series"),
    "no volume": ("passed over", "a scout, or a series of one image"),
    "other series": ("passed over", "a segmentation of a series that is not imported"),
    "matched by place": ("kept", "a segmentation that names no series, where one volume fits"),
    "several readers": ("first taken", "structures of one series that several objects draw"),
    "copy": ("passed over", "an object that is there twice"),
    "united": ("as asked", "structures of several segmentations of one series"),
    "class not drawn": ("background there", "classes that only other cases have drawn"),
    "outside": ("cut off", "samples or outlines of a mask beyond its image"),
    "sparse planes": ("kept", "a mask of some slices only; the others are background"),
    "mask on the qform": ("taken as it fits", "a mask that lies where the qform of its image says"),
    "hidden mask": ("mask skipped", "a mask that smaller ones cover completely"),
    "labels disagree": ("masks taken", "samples where the table of run lengths says otherwise"),
    "no mask": ("unlabelled", "an image without a mask"),
    "unreadable features": (LEFT_OUT, "a file of features that is damaged or none"),
    "no instances": (LEFT_OUT, "a file of features without a single instance"),
    "features not finite": (LEFT_OUT, "features that are NaN or infinite"),
    "empty slide": ("slide skipped", "a slide of several without a single instance"),
    "one vector": ("one instance", "one vector for a whole slide"),
    "repeated row": ("counted once", "rows of a table that say the same twice"),
    "table": ("told", "what was guessed or passed over in a table"),
}
_BOTH = _OF_IMPORTS.keys() & NOTES.keys()
if _BOTH:  # the one would hide what the other does with a case
    raise ValueError(f"kinds of findings that are kinds of notes too: {sorted(_BOTH)}")
KINDS = {**_OF_IMPORTS, **NOTES}
"""Every kind, to what follows from it and what it means."""


@dataclass(frozen=True, slots=True)
class ImportFinding:
    """One thing that is not as it should be.

    Attributes:
        case: Id of the case.
        kind: A key of `KINDS`, which says what follows from it.
        detail: Which file, which numbers.
        count: How many masks, files or samples it concerns.
    """

    case: str
    kind: str
    detail: str
    count: int = 1

    @property
    def consequence(self) -> str:
        """What the import did about it."""
        return KINDS[self.kind][0]

    @property
    def is_fatal(self) -> bool:
        """Whether the case was left out of the cohort."""
        return self.consequence == LEFT_OUT

    def to_json(self) -> dict[str, Any]:
        """As a record of plain values."""
        return {**asdict(self), "consequence": self.consequence}


def fatal(findings: Iterable[ImportFinding]) -> bool:
    """Whether one of the findings keeps the case out."""
    return any(finding.is_fatal for finding in findings)


def write(findings: Sequence[ImportFinding], folder: Path) -> None:
    """Write ``import_findings.json`` and ``import_findings.csv``."""
    rows = [finding.to_json() for finding in findings]
    write_json(folder / "import_findings.json", {"summary": summary(findings), "findings": rows})
    text = io.StringIO()
    writer = csv.DictWriter(
        text, ("case", "kind", "consequence", "count", "detail"), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / "import_findings.csv", text.getvalue())


def summary(findings: Sequence[ImportFinding]) -> list[dict[str, Any]]:
    """One record per kind that occurred: in how many cases, how often, what was done."""
    rows = []
    for kind, (consequence, meaning) in KINDS.items():
        mine = [finding for finding in findings if finding.kind == kind]
        if mine:
            rows.append(
                {
                    "kind": kind,
                    "meaning": meaning,
                    "cases": len({finding.case for finding in mine}),
                    "count": sum(finding.count for finding in mine),
                    "consequence": consequence,
                }
            )
    return rows
