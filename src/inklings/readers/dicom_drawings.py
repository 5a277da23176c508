"""Segmentations and structure sets beside the series that they were drawn on, and which that is.

A drawing belongs to the volume whose instances it names; where it names none, to the series that
it names, or to the only volume in its frame of reference. Where that leaves several volumes, or
none, the drawing is set aside: a guess would put one patient's lesion on another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from inklings.errors import DataError, ReaderError
from inklings.geometry import Geometry
from inklings.readers.dicom_codecs import dicom_errors
from inklings.readers.dicom_files import SEGMENTATIONS, files, is_dicom
from inklings.readers.dicom_frames import image_key, image_keys
from inklings.readers.dicom_layout import laid_out
from inklings.readers.dicom_segments import read_segments, segment_names
from inklings.readers.dicom_series import Series
from inklings.readers.dicom_structures import STRUCTURES, Structures, read_structures, roi_names
from inklings.readers.placing import fits
from inklings.readers.segments import Segments
from inklings.readers.slicer_seg import is_slicer, read_slicer

Kind = Literal["SEG", "RTSTRUCT", "SLICER"]
_HEAD = 4096


@dataclass(frozen=True)
class Drawing:
    """What a segmentation or a structure set says of itself, without its samples.

    Attributes:
        path: The file.
        kind: What it is.
        names: Of its structures, in order.
        reader: Who drew it, or what else tells it from others: the words of the file.
        instances: Keys of the images that its frames or outlines lie on, else of all it names.
        by_part: Whether frames or outlines say that each for itself, so that one drawing may hold
            several time points.
        series: UIDs of the series that it names.
        frames: UIDs of the frames of reference that it lies in.
        uid: Of the object.
    """

    path: Path
    kind: Kind
    names: tuple[str, ...]
    reader: str
    # Sets have another order in every process, and stamps of imports are made of this text.
    instances: frozenset[str] = field(repr=False)
    by_part: bool
    series: frozenset[str] = field(repr=False)
    frames: frozenset[str] = field(repr=False)
    uid: str = ""

    def words(self) -> str:
        """For people: the file, and who drew it."""
        return f"{self.path.name} ({self.reader})" if self.reader else self.path.name

    def matches(self, wanted: str) -> bool:
        """Whether ``wanted`` is part of its path or of what it says of its reader."""
        text = f"{self.path.as_posix()} {self.reader} {self.kind}".lower()
        return all(term.strip().lower() in text for term in wanted.split(","))


@dataclass(frozen=True)
class Broken:
    """A file that is a drawing and cannot be read: which, and why."""

    path: Path
    words: str


def kind_of(path: Path) -> Kind | None:
    """Which kind of drawing a file is, by its first bytes; None if it is none."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if is_slicer(path, head):
        return "SLICER"
    if not is_dicom(path.name, head):
        return None
    kinds: dict[str, Kind] = {STRUCTURES: "RTSTRUCT", **dict.fromkeys(SEGMENTATIONS, "SEG")}
    there = {head.find(uid.encode()): kind for uid, kind in kinds.items() if uid.encode() in head}
    return there[min(there)] if there else None  # others are objects that it was made from


def read_drawing(
    path: Path, kind: Kind | None, sources: Collection[str] | None = None
) -> Segments | Structures:
    """All structures of a drawing.

    Args:
        path: The file.
        kind: As `kind_of` says it.
        sources: Keys of images; what was drawn on others is left out. None takes all.

    Raises:
        ReaderError: If it is damaged, or none.
    """
    if kind == "RTSTRUCT":
        return read_structures(path, sources)
    return read_slicer(path) if kind == "SLICER" else read_segments(path, sources)


def drawings(root: Path) -> Iterator[Drawing | Broken]:
    """Every segmentation and structure set under a folder, those of 3D Slicer first."""
    import pydicom

    yield from _of_slicer(root)
    classes = [uid.encode() for uid in (*SEGMENTATIONS, STRUCTURES)]
    for file in files(root):
        path = file.container / file.name
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
        if not is_dicom(file.name, head) or not any(uid in head for uid in classes):
            continue
        try:
            said = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            if str(said.get("SOPClassUID")) in (*SEGMENTATIONS, STRUCTURES):
                yield _drawing(path, said)
        except dicom_errors() as error:
            words = " ".join(str(error).split()) or type(error).__name__
            yield Broken(path, f"a damaged segmentation or structure set ({words}); copy it again")


def owners(drawing: Drawing, volumes: Sequence[Series]) -> tuple[list[Series], str]:
    """The volumes that a drawing lies on, by the surest thing that it says, and what that was."""
    if drawing.kind == "SLICER":
        own = read_slicer(drawing.path).geometry
        return [one for one in volumes if _holds(one, own)], "grid"
    met = [keys_of(one) & drawing.instances for one in volumes]
    most = max(map(len, met), default=0)
    if most:
        least = 1 if drawing.by_part and apart(drawing, volumes) else most
        return [one for one, keys in zip(volumes, met, strict=True) if len(keys) >= least], "images"
    named = [one for one in volumes if one.planes[0].about.series in drawing.series]
    if named or drawing.series or drawing.instances:
        return named, "series"
    framed = [
        one for one in volumes if one.planes[0].about.frame_of_reference in drawing.frames - {""}
    ]
    return framed, "frame of reference"


def _of_slicer(root: Path) -> Iterator[Drawing | Broken]:
    """Segmentations of 3D Slicer, which name no series and belong to the one whose grid fits."""
    nothing: frozenset[str] = frozenset()
    for path in sorted(root.rglob("*.seg.nrrd")):
        if path.name.startswith("."):
            continue
        try:
            names = tuple(dict.fromkeys(read_slicer(path).names.values()))
            yield Drawing(path, "SLICER", names, "", nothing, False, nothing, nothing)
        except ReaderError as error:
            yield Broken(path, str(error))


def keys_of(volume: Series) -> set[str]:
    """What may name an image of a volume: its instances, and its frames in files of many."""
    keys = {plane.sop for plane in volume.planes}
    return keys | {image_key(p.sop, p.frame + 1) for p in volume.planes if p.coding.frames > 1}


def _holds(volume: Series, own: Geometry) -> bool:
    try:
        return fits(own, laid_out(volume.planes, volume.words()).geometry)
    except DataError:
        return False


def apart(drawing: Drawing, volumes: Sequence[Series]) -> bool:
    """Whether each image that a drawing names is one of a single volume.

    A file of many frames may hold several volumes, and a name of the file alone is that of all.
    """
    met = [keys_of(one) & drawing.instances for one in volumes]
    return sum(map(len, met)) == len(set[str]().union(*met))


def _drawing(path: Path, said: Any) -> Drawing:
    structures = str(said.SOPClassUID) == STRUCTURES
    if ("StructureSetROISequence" if structures else "SegmentSequence") not in said:
        raise ValueError("it ends before it says what it shows")
    if structures:
        instances, all_of, series, frames = _of_structures(said)
        names = tuple(roi_names(said).values())
    else:
        instances, all_of, series, frames = _of_segments(said)
        names = tuple(name for number, name in segment_names(said).items() if number)
    return Drawing(
        path,
        "RTSTRUCT" if structures else "SEG",
        tuple(dict.fromkeys(names)),
        _reader(said),
        frozenset(instances or all_of),
        bool(instances),
        frozenset(series),
        frozenset(frames),
        str(said.get("SOPInstanceUID") or ""),
    )


def _reader(said: Any) -> str:
    words = [
        said.get(word)
        for word in (
            "ContentCreatorName", "OperatorsName", "SeriesDescription", "StructureSetLabel",
        )
    ]  # fmt: skip
    shown = [str(word).strip("^ ").replace("^", " ") for word in words if word]
    return ", ".join(dict.fromkeys(word for word in shown if word))


Names = tuple[set[str], set[str], set[str], set[str]]
"""Instances by frame or outline, all instances, series, frames of reference."""


def _of_segments(said: Any) -> Names:
    by_frame, every, series = set[str](), set[str](), set[str]()
    groups = [
        *(said.get("PerFrameFunctionalGroupsSequence") or ()),
        *(said.get("SharedFunctionalGroupsSequence") or ()),
    ]
    for group in groups:
        for one in group.get("DerivationImageSequence") or ():
            by_frame |= _instances(one.get("SourceImageSequence"))
    for one in said.get("ReferencedSeriesSequence") or ():
        series.add(str(one.get("SeriesInstanceUID") or ""))
        every |= _instances(one.get("ReferencedInstanceSequence"))
        every |= _instances(one.get("ReferencedImageSequence"))
    every |= _instances(said.get("SourceImageSequence"))
    every |= _instances(said.get("ReferencedImageSequence"))
    return by_frame, every, series - {""}, {str(said.get("FrameOfReferenceUID") or "")}


def _of_structures(said: Any) -> Names:
    by_outline, every, series = set[str](), set[str](), set[str]()
    frames = {str(said.get("FrameOfReferenceUID") or "")}
    for frame in said.get("ReferencedFrameOfReferenceSequence") or ():
        frames.add(str(frame.get("FrameOfReferenceUID") or ""))
        for study in frame.get("RTReferencedStudySequence") or ():
            for one in study.get("RTReferencedSeriesSequence") or ():
                series.add(str(one.get("SeriesInstanceUID") or ""))
                every |= _instances(one.get("ContourImageSequence"))
    for roi in said.get("StructureSetROISequence") or ():
        frames.add(str(roi.get("ReferencedFrameOfReferenceUID") or ""))
    for roi in said.get("ROIContourSequence") or ():
        for contour in roi.get("ContourSequence") or ():
            by_outline |= _instances(contour.get("ContourImageSequence"))
    return by_outline, every, series - {""}, frames


def _instances(sequence: Any) -> set[str]:
    return {key for one in sequence or () for key in image_keys(one)}
