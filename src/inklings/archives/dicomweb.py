"""One archive by DICOMweb: what it holds (QIDO), its files (WADO), and what is stored there (STOW).

Files are written whole, under names that are hashes of UIDs: no name of a patient gets into a path.
What is there is not asked for again, so a download goes on where it was cut. Errors name the host,
never the query, which may hold a patient's name.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pydicom
from pydicom.errors import InvalidDicomError

from inklings.archives.place import Place, hashed
from inklings.errors import DataError, MissingExtraError, SpecError
from inklings.files import sweep, written
from inklings.progress import note, track

try:
    import requests
    from dicomweb_client.web import DICOMwebClient
    from requests.auth import AuthBase, HTTPBasicAuth
    from requests.utils import get_netrc_auth
except ImportError as error:
    raise MissingExtraError(
        f"archives by DICOMweb need {error.name}: pip install inklings[dicomweb]"
    ) from None

TOKEN, USER, PASSWORD = (
    "INKLINGS_DICOMWEB_TOKEN", "INKLINGS_DICOMWEB_USER", "INKLINGS_DICOMWEB_PASSWORD",
)  # fmt: skip
"""Variables of the environment that say who asks."""

WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before an archive that did not answer is asked again."""

_PAGE = 1000
_TIMEOUT = (20.0, 120.0)  # to connect, and without a byte
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_AS_STORED = (("application/dicom", "*"),)
_OF_SERIES = frozenset({
    "Modality", "SeriesDescription", "SeriesInstanceUID", "SeriesNumber", "BodyPartExamined",
    "ProtocolName", "PerformedProcedureStepStartDate", "Manufacturer", "StationName",
})  # fmt: skip
_STUDY, _SERIES, _OBJECT, _MODALITY = "0020000D", "0020000E", "00080018", "00080060"
T = TypeVar("T")


class _Bearer(AuthBase):
    """A token; `requests` would put what ~/.netrc says over a header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers["Authorization"] = f"Bearer {self._token}"
        return r


@dataclass(frozen=True)
class ArchivedSeries:
    """A series in an archive.

    Attributes:
        study: UID of its study.
        uid: Its own.
        modality: As the archive says it; empty where it does not.
    """

    study: str
    uid: str
    modality: str = ""

    @property
    def folder(self) -> str:
        """Where its files go below a folder of downloads."""
        return f"{hashed(self.study)}/{hashed(self.uid)}"


class Archive:
    """A service of DICOMweb.

    Args:
        place: Where it is, and which part of it is meant.

    Raises:
        SpecError: If a password would travel in the clear.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        # It would repeat what servers warn of, which may hold a query.
        logging.getLogger("dicomweb_client").setLevel(logging.CRITICAL)
        session = requests.Session()
        session.auth = _who(place)
        self._client = DICOMwebClient(place.base, session, permissive_uid=True, timeout=_TIMEOUT)
        # It would send an empty body the second time (findings/dicomweb-client-retried-store.sh).
        self._client.set_http_retry_params(retry=False)

    def series(self, query: Mapping[str, str] | None = None) -> list[ArchivedSeries]:
        """The series of the place that fit.

        Args:
            query: Keyword of DICOM to what its value should be, ``*`` and ``?`` for anything.

        Raises:
            DataError: If there is none, or the archive does not answer.
        """
        asked = {key: value for key, value in (query or {}).items() if key in _OF_SERIES}
        whole = {key: value for key, value in (query or {}).items() if key not in _OF_SERIES}
        if self.place.study:
            whole["StudyInstanceUID"] = self.place.study
        if self.place.series:
            asked["SeriesInstanceUID"] = self.place.series
        if "Modality" in asked:
            whole["ModalitiesInStudy"] = asked["Modality"]
        studies = self._all(_STUDY, self._client.search_for_studies, search_filters=whole)
        search = self._client.search_for_series
        found = [
            ArchivedSeries(study, uid, _word(said, _MODALITY))
            for study in studies
            if self.place.study in (None, study)  # servers ignore what they do not know
            for uid, said in self._all(_SERIES, search, study, search_filters=asked).items()
            if self.place.series in (None, uid)
        ]
        if not found:
            raise DataError(
                f"{self.place.host}: expected series that fit, got none in {len(studies)} studies"
            )
        return found

    def fetch(self, one: ArchivedSeries, folder: Path) -> Path:
        """The files of a series below ``folder``, each whole or not there.

        Raises:
            DataError: If the archive stops answering, or does not give what it lists; what came
                stays for the next time.
        """
        place = folder / one.folder
        listed = [*self._all(_OBJECT, self._client.search_for_instances, one.study, one.uid)]
        if not listed:
            raise DataError(f"{self.place.host}: expected files of series {one.uid}, got none")
        sweep(place)
        if len(self._missing(place, listed)) == len(listed):
            try:
                self._asked(lambda: self._stream(one, place), waits=())
            except DataError as error:
                note(f"{error}; received files are kept, the rest is requested file by file")
        for uid in self._missing(place, listed):
            self._asked(partial(self._single, one, uid, place))
        return place

    def store(self, files: Sequence[Path]) -> None:
        """Store objects, each in a request of its own; once more stores nothing twice.

        Raises:
            DataError: If the archive does not take one.
        """
        for path in files:
            made_object = pydicom.dcmread(path)
            said = self._asked(partial(self._client.store_instances, [made_object]))
            lost = said.get("FailedSOPSequence") or ()
            for item in lost:  # a part that is refused comes with a status of success
                reason = int(item.get("FailureReason", 0))
                raise DataError(
                    f"{self.place.host}: did not store {path.name} (failure reason {reason:#06x})"
                )

    def made_before(self, path: Path) -> dict[str, datetime]:
        """UIDs of the objects that a program derived in the study of a file, and when.

        Raises:
            DataError: If the archive does not answer.
        """
        study = str(pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID)
        found: dict[str, datetime] = {}
        search, ask = self._client.search_for_series, self._client.search_for_instances
        fields = ["InstanceCreationDate", "InstanceCreationTime"]
        for modality in ("SEG", "SR", "RTSTRUCT", "DOC"):
            for one in self._all(_SERIES, search, study, search_filters={"Modality": modality}):
                for uid, said in self._all(_OBJECT, ask, study, one, fields=fields).items():
                    clock = _word(said, "00080012") + _word(said, "00080013")[:6]
                    if uid.startswith("2.25."):  # as ours are
                        with contextlib.suppress(ValueError):  # of another program
                            found[uid] = datetime.strptime(clock, "%Y%m%d%H%M%S")
        return found

    def _stream(self, one: ArchivedSeries, place: Path) -> None:
        """All files of a series in one answer."""
        for file in track(
            self._client.iter_series(one.study, one.uid, media_types=_AS_STORED), "download"
        ):
            _keep(file, place)

    def _single(self, one: ArchivedSeries, uid: str, place: Path) -> None:
        file = self._client.retrieve_instance(one.study, one.uid, uid, media_types=_AS_STORED)
        if file.SOPInstanceUID != uid:
            raise DataError(f"{self.place.host}: expected the file {uid}, got another")
        _keep(file, place)

    @staticmethod
    def _missing(place: Path, listed: Sequence[str]) -> list[str]:
        return [uid for uid in listed if not (place / f"{hashed(uid)}.dcm").is_file()]

    def _all(
        self, tag: str, search: Callable[..., Any], *which: str, **how: Any
    ) -> dict[str, Mapping[str, Any]]:
        """What is said of all UIDs, page by page; a server without pages gives the first again."""
        found: dict[str, Mapping[str, Any]] = {}
        while True:
            page = self._asked(lambda: search(*which, limit=_PAGE, offset=len(found), **how))
            before = len(found)
            found.update({uid: one for one in page if (uid := _word(one, tag))})
            if len(found) == before or len(page) == 0:
                return found

    def _asked(self, call: Callable[[], T], waits: Sequence[float] | None = None) -> T:
        """What the archive answers, asked again where it may be for a while only.

        Raises:
            DataError: If it does not answer, or refuses.
        """
        left = list(WAITS if waits is None else waits)
        while True:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of values in files, which may be names
                    return call()
            except (requests.RequestException, InvalidDicomError, EOFError, ValueError) as error:
                if not _may_pass(error) or not left:
                    raise DataError(f"{self.place.host}: {_words(error)}") from None
            time.sleep(left.pop(0))


def _who(place: Place) -> AuthBase | None:
    """Who asks, by the environment or ~/.netrc.

    Raises:
        SpecError: If half of it is said, or it would travel in the clear.
    """
    token, user, word = (os.environ.get(name) or None for name in (TOKEN, USER, PASSWORD))
    if (user is None) != (word is None):
        raise SpecError(f"expected both {USER} and {PASSWORD} in the environment, got one")
    if not place.is_private and (token or user or get_netrc_auth(place.base)):
        raise SpecError(
            f"{place.base}: a token or password would travel in the clear; use https://, or unset "
            "it where the archive asks for none"
        )
    if token:
        return _Bearer(token)
    return HTTPBasicAuth(user, word) if user and word else None


def _word(said: Mapping[str, Any], tag: str) -> str:
    values = said.get(tag, {}).get("Value") or [""]
    return str(values[0])


def _keep(file: pydicom.Dataset, place: Path) -> None:
    """Write a file as it came, whole.

    Raises:
        ValueError: If its pixels were cut off on the way.
    """
    if not _is_whole(file):
        raise ValueError("a file was cut off")
    with written(place / f"{hashed(str(file.SOPInstanceUID))}.dcm", durable=False) as temporary:
        file.save_as(temporary, enforce_file_format=True)


def _is_whole(file: pydicom.Dataset) -> bool:
    """Whether uncompressed pixels are all there; pydicom refuses compressed ones that are cut."""
    if "PixelData" not in file or file.file_meta.TransferSyntaxUID.is_compressed:
        return True
    try:
        bits = int(file.Rows) * int(file.Columns) * int(file.get("SamplesPerPixel", 1))
        bits *= int(file.get("NumberOfFrames") or 1) * int(file.BitsAllocated)
    except (AttributeError, TypeError, ValueError):
        return True  # no picture of any known size: readers will say what is wrong
    halved = str(file.get("PhotometricInterpretation", "")).endswith(("_422", "_420"))
    return halved or 8 * len(file.PixelData) >= bits


def _may_pass(error: Exception) -> bool:
    if isinstance(error, requests.HTTPError):
        return error.response.status_code in _LATER
    return not isinstance(error, requests.exceptions.SSLError)


def _words(error: Exception) -> str:
    """What went wrong, without the URL, which may hold a name."""
    if isinstance(error, requests.exceptions.SSLError):
        return (
            "its certificate could not be verified; name that of your hospital in "
            "REQUESTS_CA_BUNDLE"
        )
    if isinstance(error, requests.HTTPError):
        code = error.response.status_code
        hint = {
            401: f"; set {TOKEN}, or {USER} and {PASSWORD}, or ~/.netrc",
            403: "; this user may not do that",
            404: "; there is no such study, or no DICOMweb at this URL",
        }
        return f"answered {code} {error.response.reason}{hint.get(code, '')}"
    if isinstance(error, requests.Timeout):
        return "did not answer in time; run again to resume"
    if isinstance(error, requests.RequestException):
        return f"the connection failed ({type(error).__name__}); run again to resume"
    return f"its answer is not a complete DICOM file ({type(error).__name__}); run again to resume"
