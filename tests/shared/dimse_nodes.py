"""Nodes of a hospital's network in this process: one that sends, one that keeps what it gets."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pydicom
from pynetdicom import AE, AllStoragePresentationContexts, build_context, evt

SENDER = "SCANNER"


def send(
    port: int,
    files: Sequence[Path],
    ae: str = SENDER,
    called: str = "INKLINGS",
    cut: int | None = None,
) -> list[int | None]:
    """Status of each file; None where the association is refused or lost.

    Args:
        port: Of the listener.
        files: To send.
        ae: Our title.
        called: That of the listener.
        cut: Abort after so many files.
    """
    read = [pydicom.dcmread(path) for path in files]
    kinds = sorted({(one.SOPClassUID, one.file_meta.TransferSyntaxUID) for one in read})
    entity = AE(ae)
    entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = 20
    to = entity.associate("127.0.0.1", port, [build_context(*kind) for kind in kinds], called)
    if not to.is_established:
        return [None] * len(read)
    found: list[int | None] = []
    for number, one in enumerate(read):
        if number == cut:
            to.abort()
            return [*found, *[None] * (len(read) - number)]
        try:
            found.append(to.send_c_store(one).get("Status"))
        except (RuntimeError, ValueError):
            found.append(None)
    with contextlib.suppress(RuntimeError):
        to.release()
    return found


class Receiver:
    """Keeps what it gets, and fails as it is told.

    Attributes:
        files: By SOP instance UID, each as it came first.
        stores: How many objects came in all.
        status: Answered to the next objects, one each, instead of success.
        abort: Of so many of the next objects the association is aborted.
        slow_s: Seconds before an answer.
    """

    def __init__(self) -> None:
        self.files: dict[str, pydicom.Dataset] = {}
        self.stores = 0
        self.status: list[int] = []
        self.abort = 0
        self.slow_s = 0.0
        self.port = 0

    def store(self, event: Any) -> int:
        time.sleep(self.slow_s)
        if self.abort:
            self.abort -= 1
            event.assoc.abort()
            return 0xC000
        if self.status:
            return self.status.pop(0)
        self.stores += 1
        read = pydicom.dcmread(io.BytesIO(event.encoded_dataset()))
        self.files.setdefault(str(read.SOPInstanceUID), read)
        return 0x0000

    def of(self, modality: str) -> list[pydicom.Dataset]:
        return [one for one in self.files.values() if one.Modality == modality]


@contextlib.contextmanager
def receiver(port: int = 0, made: Receiver | None = None) -> Iterator[Receiver]:
    """A node for the block."""
    made = made or Receiver()
    entity = AE("ARCHIVE")
    for one in AllStoragePresentationContexts:
        entity.add_supported_context(one.abstract_syntax, list(one.transfer_syntax or ()))
    handlers = [(evt.EVT_C_STORE, made.store)]
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    assert server is not None
    made.port = int(server.server_address[1])
    try:
        yield made
    finally:
        server.shutdown()
