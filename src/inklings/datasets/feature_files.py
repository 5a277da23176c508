"""Files of features in a folder, and which of them a name in a table means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inklings.datasets.findings import ImportFinding
from inklings.datasets.slide_names import bare, folders, folders_alike
from inklings.errors import DataError, ReaderError
from inklings.readers.bag_files import Span, blocks, head, is_bag_file, not_finite

_OTHERS = (".pt", ".pth", ".npy", ".npz", ".zarr", ".pkl", ".parquet", ".csv")


@dataclass(frozen=True)
class FeatureFiles:
    """Files of features by bare name.

    Attributes:
        folder: That was searched.
        by_name: Bare name to the files that bear it.
    """

    folder: Path
    by_name: Mapping[str, Sequence[Path]]

    @classmethod
    def under(cls, folder: Path) -> FeatureFiles:
        """The files in a folder; where there are none, all below it.

        Raises:
            DataError: If there are none at all; the message says what there is instead.
        """
        if not folder.is_dir():
            raise DataError(f"expected a folder with files of features at {folder}, got none")
        found = [p for p in sorted(folder.iterdir()) if _counts(p)]
        found = found or [p for p in sorted(folder.rglob("*")) if _counts(p)]
        if not found:
            raise DataError(f"expected files of features (.h5) in {folder}, got {_instead(folder)}")
        by_name: dict[str, list[Path]] = {}
        for path in found:
            by_name.setdefault(bare(path.name), []).append(path.absolute())
        return cls(folder, by_name)

    def of(self, name: str) -> Path | None:
        """The file of a slide, which the table calls by name or by path.

        Raises:
            DataError: If several have that name, and its folders do not tell which is meant.
        """
        there = self.by_name.get(bare(name), ())
        if len(there) < 2:
            return there[0] if there else None
        asked = folders(name)
        alike = [folders_alike(asked, path.parent.parts) for path in there]
        best = [p for p, n in zip(there, alike, strict=True) if n == max(alike)]
        if len(best) == 1:
            return best[0]
        raise DataError(
            f"expected one file of features for slide {name!r}, got "
            f"{' and '.join(str(p.relative_to(self.folder.absolute())) for p in best[:3])}; give "
            "the folder of one encoder, or say the folders of slides in the table"
        )

    def others(self, used: Sequence[Path]) -> list[Path]:
        """Files that no row named."""
        taken = set(used)
        return [path for there in self.by_name.values() for path in there if path not in taken]


def require_one_width(paths: Sequence[Path]) -> None:
    """Check that instances of all files that can be read have one shape.

    Raises:
        DataError: If they do not; the message names files of each shape.
    """
    shapes: dict[tuple[int, ...], list[str]] = {}
    for path in paths:
        try:
            there = head(path)
        except ReaderError:
            continue  # set aside by name later
        if there.count:
            shapes.setdefault(there.shape, []).append(path.name)
    if len(shapes) > 1:
        what = ", ".join(f"{shape} in {_some(names)}" for shape, names in shapes.items())
        raise DataError(f"expected features of one length, got {what}; use one encoder for all")


def look(case: str, path: Path) -> list[ImportFinding]:
    """What is odd about one file, which is read once, in blocks."""
    try:
        there = head(path)
    except ReaderError as error:
        return [ImportFinding(case, "unreadable features", str(error))]
    if not there.count:
        return [ImportFinding(case, "no instances", f"{path.name}: 0 instances")]
    found: list[ImportFinding] = []
    if there.form == "vector":
        detail = f"{path.name}: one vector of {there.shape[0]} numbers for the whole slide"
        found.append(ImportFinding(case, "one vector", detail))
    wrong, first, done = 0, 0, 0
    try:
        for block in blocks(Span(path, 0, there.count)):
            rows = not_finite(block)
            if len(rows) and not wrong:
                first = done + int(rows[0]) + 1
            wrong += len(rows)
            done += len(block)
    except ReaderError as error:
        return [ImportFinding(case, "unreadable features", str(error))]
    if wrong:
        detail = f"{path.name}: NaN or infinity in row {first}"
        found.append(ImportFinding(case, "features not finite", detail, wrong))
    return found


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _counts(path: Path) -> bool:
    return is_bag_file(path) and path.is_file() and not path.name.startswith((".", "~"))


def _instead(folder: Path) -> str:
    """What lies in a folder without HDF5."""
    kinds = Counter(p.suffix.lower() for p in folder.rglob("*") if p.suffix.lower() in _OTHERS)
    if not kinds:
        return "none"
    kind, count = kinds.most_common(1)[0]
    beside = folder.parent / "h5_files"
    hint = f": give {beside}" if beside.is_dir() else ""
    if kind in (".pt", ".pth"):
        return (
            f"{count} {kind} files, which hold programs of Python and are not opened; CLAM and "
            f"TRIDENT write the same features as HDF5 (h5_files/*.h5){hint}"
        )
    return f"{count} {kind} files; save each as HDF5 with a dataset 'features' (N, D)"
