"""Where something lies in an archive: the URL of its DICOMweb service, a study, a series."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from inklings.errors import SpecError

_BELOW = re.compile(
    r"(?P<base>.*?)(?:/studies(?:/(?P<study>[0-9.]{1,64})(?:/series/(?P<series>[0-9.]{1,64}))?)?)?/?"
)

NO_IMAGES = frozenset(
    {"SEG", "SR", "RTSTRUCT", "RTPLAN", "RTDOSE", "PR", "KO", "REG", "DOC", "ANN"}
)
"""Modalities of what stands beside images; also of our own answers."""


@dataclass(frozen=True)
class Place:
    """What a URL of DICOMweb names.

    Attributes:
        base: URL of the service, without a slash at its end.
        study: UID of a study; None for all that there are.
        series: UID of a series; None for all of the study.
    """

    base: str
    study: str | None = None
    series: str | None = None

    @classmethod
    def parse(cls, url: str) -> Place:
        """From its text, ``https://host/dicom-web/studies/UID/series/UID``.

        Raises:
            SpecError: If it is none, or holds a password.
        """
        expected = "expected https://HOST/PATH[/studies/UID[/series/UID]]"
        try:
            parts = urlsplit(url)
            whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # of hosts in brackets, of ports; its words may hold a password
            raise SpecError(f"{expected}, got a URL whose host or port is none") from None
        if parts.username is not None or parts.password is not None:
            raise SpecError(
                f"{expected}, got a URL with a user or a password, which others would read in the "
                "list of processes; set INKLINGS_DICOMWEB_USER and _PASSWORD, or use ~/.netrc"
            )
        found = _BELOW.fullmatch(parts.path)
        whole = whole and not parts.query and not parts.fragment
        if not whole or not found or re.search(r"/(studies|series)(/|$)", found["base"]):
            said = re.split(r"[?#]", url)[0].rpartition("@")[2]
            raise SpecError(f"{expected}, got {said!r}")
        return cls(
            f"{parts.scheme}://{parts.netloc}{found['base']}", found["study"], found["series"]
        )

    @property
    def host(self) -> str:
        """Name of the machine."""
        return urlsplit(self.base).hostname or ""

    @property
    def is_private(self) -> bool:
        """Whether nobody on the way can read along: TLS, or this machine itself."""
        if urlsplit(self.base).scheme == "https" or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def hashed(uid: str) -> str:
    """A UID, or whatever somebody takes for one, as a name of a file."""
    return hashlib.sha256(uid.encode()).hexdigest()[:24]


def is_url(text: str) -> bool:
    """Whether an input is asked of an archive, and not of the disk."""
    return re.match(r"https?:/", text) is not None
