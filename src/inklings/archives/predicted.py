"""Studies of an archive are predicted, and what was found goes back there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from inklings.archives.answers import Answer, answer, as_of, uid_of, volumes_in
from inklings.archives.dicomweb import Archive
from inklings.archives.place import NO_IMAGES, Place
from inklings.errors import DataError, InklingsError, SpecError
from inklings.predictions.folder import PredictionFolder
from inklings.progress import note

FOLDER = "dicom"
"""Where downloads go in the folder of predictions."""


@dataclass
class Stored:
    """What came of storing.

    Attributes:
        objects: Stored now.
        before: Of which the archive had every object already.
        empty: Cases in which nothing was found.
        failed: Case to reason.
    """

    objects: int = 0
    before: int = 0
    empty: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def line(self, host: str) -> str:
        """In one line."""
        before = f", {self.before} cases were stored before" if self.before else ""
        empty = f", nothing found in {len(self.empty)}" if self.empty else ""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"{self.objects} objects stored{before}{empty}{failed} -> {host}"


def downloaded(
    urls: Sequence[str], out: Path, words: str | None = None
) -> tuple[Archive, list[Path]]:
    """The volumes of studies or series of one archive, a folder each; the name of it is the case.

    Raises:
        SpecError: If a URL names no study, or another archive.
        DataError: If the archive does not answer, or there is no volume.
    """
    places = [Place.parse(url) for url in urls]
    for place in places:
        if place.study is None:
            raise SpecError(
                f"expected the URL of a study or a series, got {place.base}; for many at once "
                "'inklings import dicomweb' with --query"
            )
        if place.base != places[0].base:
            raise SpecError(f"expected one archive, got {places[0].base} and {place.base}")
    found: list[Path] = []
    for place in places:
        archive = Archive(place)
        for one in (one for one in archive.series() if one.modality not in NO_IMAGES):
            folder = archive.fetch(one, out / FOLDER)
            try:
                fits = volumes_in(folder, words)
            except InklingsError as error:
                note(f"series {folder.name}: no volume ({error})")
                continue
            if fits:
                found.append(folder)
            else:
                note(f"series {folder.name}: no volume, or not of these words; left out")
    if not found:
        raise DataError(f"{places[0].host}: expected a volume to predict, got none in {len(urls)}")
    return Archive(places[0]), list(dict.fromkeys(found))


def store(archive: Archive, out: Path, cases: Sequence[str], to: Sequence[str]) -> Stored:
    """Store what was found in cases, unless the archive has the same result already.

    Args:
        archive: Where to.
        out: Predictions.
        cases: Those of them that shall be stored.
        to: Names of exports.
    """
    done = Stored()
    there = PredictionFolder.open(out).cases
    for case in (case for case in cases if case in there):
        try:
            made = answer(out, case, to)
            if not made.files:
                done.empty.append(case)
            elif _is_there(archive, out, made, to):
                done.before += 1
            else:
                archive.store(made.files)
                done.objects += len(made.files)
        except DataError as error:
            done.failed[case] = str(error)
    return done


def _is_there(archive: Archive, out: Path, made: Answer, to: Sequence[str]) -> bool:
    """Whether the archive has this result, of this time or of another.

    A UID is made of all that an object says, the time of its prediction too: so what an earlier
    call has stored is the same where it has the same UID once the times are the same.
    """
    there = archive.made_before(made.files[0])
    names = {uid_of(path) for path in made.files}
    if names <= there.keys():
        return True
    mine = PredictionFolder.open(out).where(made.case).stat().st_mtime
    for when in dict.fromkeys(there.values()):
        again = as_of(out, made.case, to, when)
        if {uid_of(path) for path in again.files} <= there.keys():
            return True
    if there:
        as_of(out, made.case, to, datetime.fromtimestamp(mine))
    return False
