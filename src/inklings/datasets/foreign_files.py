"""Which mask of another program belongs to which case: by the id in its name, or in a folder's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.leaks import some
from inklings.cohorts.opening import labelled_image, open_case
from inklings.datasets.pairing import clean_id, is_data, stem_of, without_ending
from inklings.datasets.pictures import SUFFIXES
from inklings.errors import DataError
from inklings.labels.files import is_volume, natural
from inklings.readers.dicom_segments import read_segments

DICOM = ".dcm"


def matched(root: Path, there: Cohort) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The mask of each case that has one, a file or a folder of slices, and the masks of none.

    The slices that lie in ``root`` itself belong to the only case of a cohort of one.

    Raises:
        DataError: If a case has two masks, or none has one.
    """
    first = next(iter(there), None)
    if first is None:
        raise DataError("expected a cohort with cases, got none")
    with open_case(first, labelled_image(first)) as image:
        volumes = len(image.geometry.shape) == 3
    candidates = _candidates(root, volumes)
    ids = {_same(case.id): case.id for case in there}
    if len(ids) < len(there):
        raise DataError("ids of cases differ in leading zeros alone, so masks cannot be told apart")
    if candidates == [root] and len(there) == 1:
        return {first.id: root}, ()
    of: dict[str, Path] = {}
    strays: list[str] = []
    for mask in candidates:
        keys = [_same(key) for key in _names(mask, root)]
        case = next((ids[key] for key in keys if key in ids), None)
        if case is None:
            strays.append(mask.relative_to(root).as_posix())
        elif case in of:
            raise DataError(f"expected one mask of case {case}, got {of[case]} and {mask}")
        else:
            of[case] = mask
    if not of:
        raise DataError(
            f"{root}: expected masks called like the cases ({some([c.id for c in there])}), got "
            f"{some(strays) if strays else 'no masks'}"
        )
    return of, tuple(strays)


def _candidates(root: Path, volumes: bool) -> list[Path]:
    """Files that may be the mask of a case, and folders of slices."""
    found: set[Path] = set()
    for path in root.rglob("*"):
        if not path.is_file() or not is_data(path.relative_to(root)):
            continue
        name = path.name.lower()
        if volumes and name.endswith(SUFFIXES):
            found.add(path.parent)
        elif volumes and name.endswith(DICOM) and len([*path.parent.glob(f"*{DICOM}")]) > 1:
            segmented = _is_segmentation(path)
            found.add(path if segmented else path.parent)
        elif is_volume(path) if volumes else name.endswith(SUFFIXES):
            found.add(path)
    return sorted(found, key=lambda path: natural(path.as_posix()))


def _is_segmentation(path: Path) -> bool:
    try:
        read_segments(path)
    except DataError:
        return False
    return True


def _names(mask: Path, root: Path) -> Iterable[str]:
    """What it is called, from its own name up."""
    own = [] if mask.is_dir() else [stem_of(mask), without_ending(stem_of(mask))]
    folders: Sequence[str] = mask.relative_to(root).parts[: None if mask.is_dir() else -1]
    return [*own, *reversed(folders)]


def _same(name: str) -> str:
    """Names that mean one case: 1 and 01."""
    return str(int(name)) if name.isdecimal() else clean_id(name)
