#!/usr/bin/env bash
# dicomweb-client sends an empty body when it repeats a store of more than a chunk: an archive that was busy once gets nothing.
#
# Seen with dicomweb-client 0.61.2, requests 2.34.2, pydicom 3.0.2. Objects of more than chunk_size (1 MB by default) are posted by a
# generator. Where the archive answers 503 the client posts again, as is its default, with the same generator, which is used up. One
# would expect the object the second time, as it is with objects of less than a chunk.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    dicomweb-client==0.61.2 requests==2.34.2 pydicom==3.0.2 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pydicom
from dicomweb_client import DICOMwebClient
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

bodies: list[int] = []


class Busy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        size = 0
        if self.headers.get("Transfer-Encoding") == "chunked":
            while part := int(self.rfile.readline(), 16):
                size += len(self.rfile.read(part))
                self.rfile.readline()
            self.rfile.readline()
        else:
            size = len(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        bodies.append(size)
        self.send_response(503 if len(bodies) == 1 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def store(size):
    image = pydicom.Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
    image.add_new("PixelData", "OB", bytes(size))
    bodies.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    DICOMwebClient(f"http://127.0.0.1:{server.server_port}").store_instances([image])
    return list(bodies)


small, large = store(1000), store(3_000_000)
print(f"bytes received at the first and the second try: {small} of a small object, {large} of a large one")
assert small[0] == small[1] > 1000
assert large[0] > 3_000_000 and large[1] == 0
PYTHON
