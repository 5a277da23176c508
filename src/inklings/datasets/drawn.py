"""Masks drawn beside their series: DICOM Segmentations and RT Structure Sets become class codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inklings.datasets.dataset import Mask
from inklings.datasets.findings import ImportFinding
from inklings.datasets.scans import Scan
from inklings.errors import GeometryError
from inklings.labels.kinds import Label
from inklings.readers.dicom_drawings import Drawing, apart, owners, read_drawing
from inklings.readers.dicom_series import Series
from inklings.readers.image import Image
from inklings.readers.layers import Layers, Remark
from inklings.readers.segments import Shape


@dataclass(frozen=True)
class Drawn:
    """One drawing of a scan; small, and picklable.

    Attributes:
        drawing: What it says of itself.
        sources: UIDs of the images of the scan, if the drawing names some of them.
        remark: What should be known of how it was placed.
    """

    drawing: Drawing
    sources: tuple[str, ...] = ()
    remark: str = ""

    def shapes(self, image: Image) -> Iterator[Shape | Remark]:
        """Each structure on the grid of the image, and what is to be said of the whole.

        Raises:
            ReaderError: If the file is damaged.
            GeometryError: If it lies on another grid.
        """
        path = self.drawing.path
        found = read_drawing(path, self.drawing.kind, self.sources or None)
        for note in found.notes:
            yield Remark(note.kind, f"{path.name}: {note.text}")
        yield from found.on(image.geometry)


@dataclass(frozen=True)
class DrawnScan(Scan):
    """A series with what was drawn on it.

    Attributes:
        drawn: In the order in which they count.
        classes: Of the cohort, in order.
        told: What is to be said of how they came together.
    """

    drawn: tuple[Drawn, ...] = ()
    classes: tuple[str, ...] = ()
    told: tuple[ImportFinding, ...] = ()


@dataclass(frozen=True)
class DrawnMasks:
    """Masks from drawings; see `inklings.datasets.scans.MaskSource`.

    Attributes:
        ordered: A class that is named later lies on top; else the smaller structure does.
    """

    ordered: bool

    def __call__(
        self, scan: Scan, image: Image
    ) -> tuple[tuple[Label | Mask, ...], list[ImportFinding]]:
        """Class codes on the grid of the image."""
        assert isinstance(scan, DrawnScan)
        layers, said = Layers(image.geometry.shape), list[Remark]()
        for one in scan.drawn:
            try:
                for shape in one.shapes(image):
                    if isinstance(shape, Remark):
                        said.append(shape)
                    elif shape.name in scan.classes:
                        layers.add(scan.classes.index(shape.name) + 1, shape.mask)
                        said += shape.remarks
            except GeometryError as error:
                detail = f"{one.drawing.path.name}: {error}"
                return (), [ImportFinding(scan.id, "mask shape", detail)]
        names = dict(enumerate(scan.classes, 1))
        codes, remarks = layers.laid(names, self.ordered)
        missing = [name for code, name in names.items() if code not in layers.sizes]
        if missing:
            words = f"nobody drew {', '.join(missing)} here, which others have"
            remarks.append(Remark("class not drawn", words, len(missing)))
        found = [ImportFinding(scan.id, one.kind, one.text, one.count) for one in (*said, *remarks)]
        mask = Mask(codes, "classes", scan.classes, geometry=image.geometry)
        return (mask,), found


@dataclass(frozen=True)
class Place:
    """Where a drawing belongs.

    Attributes:
        on: The volumes.
        named: Whether it names images of theirs.
        problem: Why it belongs to none, with the kind of the finding.
        remark: What should be known of how that was found.
    """

    on: tuple[Series, ...] = ()
    named: bool = False
    problem: tuple[str, str] | None = None
    remark: str = ""


def place_of(drawing: Drawing, volumes: Sequence[Series], chosen: Sequence[Series]) -> Place:
    """The volumes among ``chosen`` that a drawing lies on.

    Args:
        drawing: What it says of itself.
        volumes: All that are there.
        chosen: Those of them that are imported.
    """
    own, how = owners(drawing, volumes)
    here = [one for one in own if any(one is other for other in chosen)]
    if not own and not drawing.series and not drawing.instances:
        where = "on its grid" if how == "grid" else "in its frame of reference"
        words = f"names no series, and no volume lies {where}"
        return Place(problem=("unplaced segmentation", words))
    if not here:
        what = "is not imported" if own else "is not here as a volume"
        return Place(problem=("other series", f"drawn on a series that {what}"))
    if len(here) > 1 and not (how == "images" and drawing.by_part and apart(drawing, here)):
        listed = "; ".join(one.words() for one in here[:4])
        words = f"may lie on {len(here)} volumes ({listed}); say which with --series"
        return Place(problem=("unplaced segmentation", words))
    guessed = how in ("grid", "frame of reference")
    remark = f"names no series; its {how} fits one volume" if guessed else ""
    return Place(tuple(here), how == "images", remark=remark)


@dataclass(frozen=True)
class Rule:
    """Which of several drawings of one series count.

    Attributes:
        wanted: Words that choose some by file, reader or description; None for all.
        unite: Unite what several call alike; else the first that has a name keeps it.
        classes: Names that count; empty for all.
    """

    wanted: str | None = None
    unite: bool = False
    classes: tuple[str, ...] = ()

    def names(self, drawing: Drawing) -> tuple[str, ...]:
        """What it drew, as far as it counts."""
        return tuple(n for n in drawing.names if not self.classes or n in self.classes)

    def kept(self, drawn: Sequence[Drawn]) -> tuple[tuple[Drawn, ...], list[Remark]]:
        """Those that count, in order of their paths, and what is to be said of the others."""
        asked = [one for one in drawn if self.wanted is None or one.drawing.matches(self.wanted)]
        kept: list[Drawn] = []
        said = []
        for one in sorted(asked, key=lambda d: d.drawing.path.as_posix()):
            names = self.names(one.drawing)
            if not names:
                continue
            if any(one.drawing.uid and one.drawing.uid == k.drawing.uid for k in kept):
                said.append(Remark("copy", f"{one.drawing.path.name} is a copy of another"))
                continue
            rivals = [k for k in kept if set(self.names(k.drawing)) & set(names)]
            if rivals and not self.unite:
                first = rivals[0].drawing
                both = [name for name in names if name in first.names]
                said.append(_rival(one.drawing, first, both))
                continue
            kept.append(one)
        if self.unite and len(kept) > 1:
            words = " and ".join(one.drawing.words() for one in kept)
            said.append(Remark("united", f"{words} are united", len(kept)))
        return tuple(kept), said


def _rival(left: Drawing, first: Drawing, names: Sequence[str]) -> Remark:
    words = (
        f"{', '.join(names)} drawn in {first.words()} and in {left.words()}; the first is taken "
        "(--segmentations WORDS chooses, --unite unites)"
    )
    return Remark("several readers", words)
