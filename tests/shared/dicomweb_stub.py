"""A small archive that speaks DICOMweb in this process, and fails as it is told."""

from __future__ import annotations

import contextlib
import io
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pydicom

_LEVELS = {"studies": "StudyInstanceUID", "series": "SeriesInstanceUID",
           "instances": "SOPInstanceUID"}  # fmt: skip
_FILTERS = ("Modality", "SeriesInstanceUID", "StudyInstanceUID", "PatientID")


class Stub:
    """What it holds and how it fails.

    Attributes:
        files: By SOP instance UID.
        asked: Method and path of each request.
        token: Refuse who does not know it; None for nobody.
        busy: So many of the next requests are answered with 503.
        cut: Of the next answer with files only so many bytes are sent.
        part: Refuse objects of a store, with a status of success.
        warning: Of every answer, in its header; "" for none.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.token: str | None = None
        self.busy = 0
        self.cut: int | None = None
        self.part = False
        self.warning = ""
        self.url = ""

    def put(self, *paths: Path) -> None:
        for path in paths:
            self.files[str(pydicom.dcmread(path).SOPInstanceUID)] = path.read_bytes()

    def found(self, path: str) -> list[tuple[pydicom.Dataset, bytes]]:
        wanted = re.findall("/(studies|series|instances)/([^/?]+)", path)
        read = [(pydicom.dcmread(io.BytesIO(data)), data) for data in self.files.values()]
        return [
            one for one in read if all(one[0].get(_LEVELS[name]) == uid for name, uid in wanted)
        ]


class _Handler(BaseHTTPRequestHandler):
    stub: Stub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _refused(self) -> bool:
        self.stub.asked.append(f"{self.command} {self.path}")
        wanted = self.stub.token
        if wanted and self.headers.get("Authorization") != f"Bearer {wanted}":
            self._send(401, b"", "text/plain")
            return True
        if self.stub.busy:
            self.stub.busy -= 1
            self._send(503, b"", "text/plain")
            return True
        return False

    def _send(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.stub.warning:
            self.send_header("Warning", self.stub.warning)
        self.end_headers()
        if self.stub.cut is not None and kind.startswith("multipart"):
            self.wfile.write(body[: self.stub.cut])
            self.stub.cut, self.close_connection = None, True
            return
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self._refused():
            return
        parts = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        level = parts.path.rpartition("/")[2]
        found = self.stub.found(parts.path)
        if level not in _LEVELS:
            body = b"".join(
                b"\r\n--b\r\nContent-Type: application/dicom\r\n\r\n" + data for _, data in found
            )
            self._send(200, body + b"\r\n--b--", "multipart/related; type=x; boundary=b")
            return
        keys = [key for key in query if key in _FILTERS]
        fits = [one for one, _ in found if all(str(one.get(k)) == query[k] for k in keys)]
        word = _LEVELS[level]
        once = {str(one[word].value): one for one in fits}
        names = ["StudyInstanceUID", "SeriesInstanceUID", "Modality", "InstanceCreationDate",
                 "InstanceCreationTime", "SOPInstanceUID"]  # fmt: skip
        listed = []
        for one in list(once.values())[int(query.get("offset", 0)) :]:
            said = pydicom.Dataset()
            for name in names:
                if name in one:
                    said[name] = one[name]
            listed.append(said.to_json_dict())
        self._send(200, json.dumps(listed).encode(), "application/dicom+json")

    def do_POST(self) -> None:
        body = self._body()
        if self._refused():
            return
        data = body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
        uid = str(pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID)
        said = pydicom.Dataset()
        item = pydicom.Dataset()
        item.ReferencedSOPInstanceUID = uid
        if self.stub.part:
            item.FailureReason = 0xA700
            said.FailedSOPSequence = [item]
        else:
            self.stub.files[uid] = data
            said.ReferencedSOPSequence = [item]
        self._send(202 if self.stub.part else 200, json.dumps(said.to_json_dict()).encode(),
                   "application/dicom+json")  # fmt: skip

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        out = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            out += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return out


@contextlib.contextmanager
def stub() -> Iterator[Stub]:
    """An archive for the block."""
    made = Stub()
    handler = type("Handler", (_Handler,), {"stub": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    made.url = f"http://127.0.0.1:{server.server_port}/dicom-web"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
