"""A real Orthanc on this machine, for one test: its own ports, its own folder."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
needs_orthanc = pytest.mark.skipif(
    shutil.which("Orthanc") is None or not PLUGIN.exists(),
    reason="needs the Debian packages orthanc and orthanc-dicomweb",
)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Orthanc:
    """A server and where to reach it."""

    folder: Path
    http: int
    dicom: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}/dicom-web"

    def start(self, **settings: Any) -> None:
        """Start, or start again with what it holds."""
        record = {
            "Name": "tests", "HttpPort": self.http, "DicomPort": self.dicom,
            "DicomAet": "ORTHANC", "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
            "StorageDirectory": str(self.folder / "db"), "IndexDirectory": str(self.folder / "db"),
            "Plugins": [str(PLUGIN)], "DicomAlwaysAllowStore": True, "StableAge": 1,
            "DicomWeb": {"Enable": True}, **settings,
        }  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "orthanc.json").write_text(json.dumps(record))
        with (self.folder / "orthanc.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["Orthanc", str(self.folder / "orthanc.json")], stdout=log, stderr=log
            )
        for _ in range(200):
            with contextlib.suppress(OSError):
                self.get("/system")
                return
            time.sleep(0.05)
        pytest.fail((self.folder / "orthanc.log").read_text()[-2000:])

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, path: str, data: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    def get(self, path: str) -> Any:
        try:
            return json.loads(self.ask(path))
        except urllib.error.HTTPError as error:
            if error.code == 401:  # it is there
                return None
            raise

    def upload(self, *files: Path) -> None:
        for file in files:
            self.ask("/instances", file.read_bytes())

    def objects(self, modality: str) -> list[bytes]:
        """Files of all series of a modality."""
        found = [one for one in self.get("/series?expand") if
                 one["MainDicomTags"]["Modality"] == modality]  # fmt: skip
        return [self.ask(f"/instances/{i}/file") for one in found for i in one["Instances"]]


@contextlib.contextmanager
def orthanc(folder: Path, **settings: Any) -> Iterator[Orthanc]:
    """A server for the block."""
    server = Orthanc(folder, free_port(), free_port())
    server.start(**settings)
    try:
        yield server
    finally:
        server.stop()
