"""Images come in by C-STORE, objects go out by C-STORE."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import (
    AllTransferSyntaxes,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from inklings.archives.place import NO_IMAGES
from inklings.archives.queue import Full, Queue
from inklings.errors import DataError, MissingExtraError, SpecError
from inklings.files import forbids_writing

try:
    from pynetdicom import AE, AllStoragePresentationContexts, build_context, evt
    from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
except ImportError as error:
    raise MissingExtraError(
        f"a listener for archives needs {error.name}: pip install inklings[dimse]"
    ) from None

_STORED, _FULL, _MISMATCH, _FAILED = 0x0000, 0xA700, 0xA900, 0xC000
_TAGS = ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "Modality", "Rows"]
_SYNTAXES = [
    ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    *(one for one in AllTransferSyntaxes if one.is_compressed and "MPEG" not in one.name),
]  # fmt: skip


@dataclass(frozen=True)
class Node:
    """Who gets the answers.

    Attributes:
        ae: Its title.
        host: Machine.
        port: Where it listens.
    """

    ae: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Node:
        """From its text, ``AE@host:port``.

        Raises:
            SpecError: If it is none.
        """
        ae, _, rest = text.partition("@")
        host, _, port = rest.rpartition(":")
        host = host.strip("[]")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise SpecError(f"expected AE@HOST:PORT, got {text!r}")
        return cls(title(ae), host, int(port))

    def send(self, files: Sequence[Path], calling: str) -> None:
        """Send objects, in one association.

        Raises:
            DataError: If it does not take them all; once more stores nothing twice.
        """
        read = [pydicom.dcmread(path) for path in files]
        kinds = {(one.SOPClassUID, one.file_meta.TransferSyntaxUID) for one in read}
        ae = AE(calling)
        ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = 30, 120, 120
        ae.connection_timeout = 10
        to = ae.associate(
            self.host, self.port, [build_context(*kind) for kind in sorted(kinds)], self.ae
        )
        if not to.is_established:
            how = "refused the association" if to.is_rejected else "cannot be reached"
            raise DataError(f"{self.ae} at {self.host}:{self.port} {how}")
        try:
            for one in read:
                status = to.send_c_store(one).get("Status")
                if status is None:
                    raise DataError(f"{self.ae}: the connection was lost")
                if status != _STORED and status >> 12 != 0xB:  # B...: stored, with a warning
                    raise DataError(f"{self.ae}: did not store an object (status {status:#06x})")
        except ValueError:  # no context of this class was accepted
            raise DataError(f"{self.ae}: takes no {read[0].Modality} of this kind") from None
        finally:
            to.release() if to.is_established else to.abort()


def title(text: str) -> str:
    """A title of an application entity.

    Raises:
        SpecError: If it is none.
    """
    text = text.strip()
    if not 0 < len(text) <= 16 or not text.isascii() or not text.isprintable() or "\\" in text:
        raise SpecError(f"expected a title of 1 to 16 characters of ASCII, got {text!r}")
    return text


@dataclass
class Listener:
    """Takes images from those on a list, and puts them into a queue.

    Attributes:
        queue: Where they go.
        ae: Our title, by which we must be called.
        allowed: Titles of those who may call.
        host: Address to listen at.
        port: Port; 0 for any that is free.
        most: Associations at once.
        say: Called with a line where something was refused; never with anything of a patient.
    """

    queue: Queue
    ae: str
    allowed: Sequence[str]
    host: str
    port: int
    most: int
    say: Callable[[str], None]
    _of: dict[Any, dict[str, str]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _server: Any = None

    def start(self) -> None:
        """Listen, in threads.

        Raises:
            SpecError: If nobody may call, or the port cannot be had.
        """
        if not self.allowed:
            raise SpecError("--allow: expected the titles of those who may send, got none")
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # it would say what it received
        logging.getLogger("pydicom").setLevel(logging.CRITICAL)
        entity = AE(title(self.ae))
        entity.require_called_aet = True
        entity.require_calling_aet = [title(one) for one in self.allowed]
        entity.maximum_associations = self.most
        entity.acse_timeout, entity.dimse_timeout, entity.network_timeout = 30, 60, 60
        entity.add_supported_context(Verification)
        for one in AllStoragePresentationContexts:
            entity.add_supported_context(str(one.abstract_syntax), _SYNTAXES)
        handlers: list[Any] = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_RELEASED, self._ended, [True]),
            (evt.EVT_ABORTED, self._ended, [False]),
            (evt.EVT_CONN_CLOSE, self._ended, [False]),
            (evt.EVT_REJECTED, self._rejected),
        ]
        address = (self.host, self.port)
        try:
            self._server = entity.start_server(address, block=False, evt_handlers=handlers)
        except OSError as error:
            raise SpecError(
                f"cannot listen at {self.host}:{self.port} ({error.strerror}); choose another port"
            ) from None
        self.port = int(self._server.server_address[1])

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    def _store(self, event: Any) -> int:
        try:
            data = event.encoded_dataset()
            said = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=_TAGS)
            study, series, uid = (str(said.get(tag, "")) for tag in _TAGS[:3])
            if not (study and series) or uid != str(event.request.AffectedSOPInstanceUID):
                return _MISMATCH
            if said.get("Modality") in NO_IMAGES or "Rows" not in said:
                return _STORED  # also our own answers, where an archive sends on what it gets
            self.queue.put(self._key(event.assoc, study), series, uid, data)
        except Full as error:
            self.say(str(error))
            return _FULL
        except OSError as error:
            self.say(f"an image could not be kept: {error.strerror}")
            return _FAILED if forbids_writing(error) else _FULL
        except Exception as error:  # of what was sent: its text may hold what it says
            self.say(f"an image could not be read: {type(error).__name__}")
            return _FAILED
        return _STORED

    def _key(self, assoc: Any, study: str) -> str:
        """The key of a study, which this association sends from now on."""
        with self._guard:
            keys = self._of.setdefault(assoc, {})
            if study not in keys:
                keys[study] = self.queue.begin(study)
            return keys[study]

    def _ended(self, event: Any, released: bool) -> None:
        with self._guard:
            keys = self._of.pop(event.assoc, {})
        for key in keys.values():
            self.queue.end(key, released)

    def _rejected(self, event: Any) -> None:
        caller = str(event.assoc.requestor.ae_title).strip()
        self.say(f"refused {caller!r} from {event.assoc.requestor.address}")
