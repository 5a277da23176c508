"""A viewer that answers on a real port, for tests that ask as a browser, or an attacker, would."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from chromium import launched

from inklings.bags.places import SLIDES
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import MissingExtraError
from inklings.evaluation.evaluate import evaluate
from inklings.geometry import Geometry
from inklings.labels.files import write_mask
from inklings.labels.kinds import BagLabel, MaskLabel
from inklings.predictions.bags import BagPrediction
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance
from inklings.readers.bag_files import write as write_bag
from inklings.readers.nifti import write_nifti
from inklings.testing.folders import write_cohort, write_predictions
from inklings.testing.runs import write_pyramid
from inklings.viewer.app import build, guarded
from inklings.viewer.assets import Assets
from inklings.viewer.desk import Desk
from inklings.viewer.guard import Keys
from inklings.viewer.shelf import Shelf, open_shelf


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    port: int
    keys: Keys
    desk: Desk
    cookie: str = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, path: str, method: str = "GET", body: Any = None, /, **headers: str | None
    ) -> Answer:
        """One request with the cookie; headers have ``_`` for ``-``, and None leaves one out."""
        given: dict[str, str | None] = {"host": f"127.0.0.1:{self.port}", "cookie": self.cookie}
        if method == "POST":
            given |= {"origin": self.address, "x-inklings": "1"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        data = b"" if body is None else json.dumps(body).encode()
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        connection.putheader("content-length", str(len(data)))
        connection.endheaders(data)
        answer = connection.getresponse()
        found = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        connection.close()
        return found

    def enter(self) -> None:
        """Exchange the link for the cookie."""
        answer = self.ask(f"/open?token={self.keys.link}")
        self.cookie = answer.headers["set-cookie"].split(";")[0]


PLACED = Geometry(
    (6, 20, 24), (3.0, 0.8, 0.7), (-10.0, 5.0, 40.0), ((-1, 0, 0), (0, 1, 0), (0, 0, 1))
)

Start = Callable[..., Running]


@pytest.fixture
def start() -> Iterator[Start]:
    """A function that starts a viewer on a shelf; all stop when the test ends."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def run(
        shelf: Shelf, page: Assets | None = None, read_only: bool = False, budget: int = 50_000_000
    ) -> Running:
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        desk, keys = Desk(shelf, budget, "tester", read_only), Keys()
        assets = page or Assets(b"<!doctype html><title>page</title>", {})
        app = guarded(build(desk, assets), keys, ["127.0.0.1", "localhost"], port, read_only)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return Running(port, keys, desk)

    yield run
    for server, thread in servers:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def assets() -> Assets:
    """The page, if it was built."""
    try:
        return Assets.load()
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    with launched() as running:
        yield running


@pytest.fixture(scope="session")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort of discs; three cases predicted one sample too low, and scored."""
    folder = tmp_path_factory.mktemp("scored")
    cohort = write_cohort(folder / "cohort")
    predictions = write_predictions(folder / "predictions", cohort)
    evaluate(predictions, cohort).write(predictions)
    return folder


@pytest.fixture
def shelf(tmp_path: Path, scored: Path) -> Shelf:
    """What `scored` holds, opened from a copy."""
    for name in ("cohort", "predictions"):
        shutil.copytree(scored / name, tmp_path / name)
    return open_shelf([tmp_path / "cohort"], [tmp_path / "predictions"])


@pytest.fixture
def viewer(start: Start, shelf: Shelf) -> Running:
    """A viewer of `shelf`, entered."""
    running = start(shelf)
    running.enter()
    return running


@pytest.fixture
def placed(tmp_path: Path) -> Shelf:
    """A slide of 512 x 768 pixels of 1 um in a bag of its 24 tiles of 64 x 64 at 2 um.

    Tile ``(1, 2)`` is dark and the only one with evidence.
    """
    picture = np.full((512, 768, 3), (230, 200, 215), np.uint8)
    picture[128:256, 256:384] = (90, 40, 110)
    write_pyramid(tmp_path / "s.tif", picture, um=1.0)
    Cohort("s", (Case("s", "p", {"slide": tmp_path / "s.tif"}),), ("tumour",)).write(
        tmp_path / "slides"
    )
    coords = np.array([(y, x) for y in range(0, 256, 64) for x in range(0, 384, 64)])
    origin = {"size": 64, "spacing_mm": 0.002, "factor": 0.0}
    bag = tmp_path / "bags" / "s.h5"
    bag.parent.mkdir()
    write_bag(bag, np.zeros((len(coords), 4), np.float16), coords, origin)
    label = BagLabel("tumour", present=True)
    Cohort(
        "bags", (Case("s", "p", {"slide": bag}, (label,)),), ("tumour",), {SLIDES: "../slides"}
    ).write(tmp_path / "bags")
    out = tmp_path / "predictions"
    said = np.where((coords == (64, 128)).all(1), 3.0, -3.0).astype(np.float32)
    BagPrediction("s", bag, np.array([0.9]), np.array([2.2]), said[:, None], coords=coords).write(
        out
    )
    Head(("tumour",), (0.5,), Provenance("", "", None, ""), kind="bags").write(out)
    return open_shelf([out], cohort=tmp_path / "bags")


@pytest.fixture
def scans(tmp_path: Path) -> Shelf:
    """A volume with a bright box, labelled and predicted."""
    rng = np.random.default_rng(0)
    samples = rng.normal(-950, 20, PLACED.shape).astype(np.int16)
    box = np.zeros(PLACED.shape, np.uint8)
    box[2:5, 6:12, 8:16] = 1
    samples[box > 0] = 30
    write_nifti(tmp_path / "ct.nii.gz", samples, PLACED)
    write_mask(tmp_path / "m.npy", box)
    label = MaskLabel(tmp_path / "m.npy", "ct", "classes", ("lesion",))
    Cohort("ct", (Case("a", "p", {"ct": tmp_path / "ct.nii.gz"}, (label,)),), ("lesion",)).write(
        tmp_path
    )
    out = tmp_path / "predictions"
    DensePrediction("a", tmp_path / "ct.nii.gz", box[None] * np.uint8(240), None, PLACED).write(out)
    Head(("lesion",), (0.5,), Provenance("", "", None, "")).write(out)
    return open_shelf([tmp_path], [out])
