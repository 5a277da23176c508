"""The answers to the page: cases, tiles, volumes, findings, bags, corrections."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from inklings import __version__
from inklings.errors import InklingsError
from inklings.files import parse_json
from inklings.labels.corrections import Correction
from inklings.viewer.asked import refused
from inklings.viewer.assets import Assets
from inklings.viewer.desk import Desk
from inklings.viewer.guard import App, Guard, Keys

_THREADS = 6
_DRAWING = anyio.CapacityLimiter(max(2, (os.cpu_count() or 2) // 2))
"""Of tiles: many are asked for at once, and more threads than this only wait for each other."""
_KEPT = "private, max-age=3600"
_FRESH = "no-store"


def build(desk: Desk, assets: Assets) -> FastAPI:
    """All routes. A path names a case, a layer or a number; none names a file."""
    app = FastAPI(
        title="inklings", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_few_threads
    )
    _errors(app)
    _pages(app, assets)
    _cases(app, desk)
    _images(app, desk)
    _corrections(app, desk)
    return app


@asynccontextmanager
async def _few_threads(_: FastAPI) -> AsyncIterator[None]:
    """More threads than this only get in each other's way."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
    yield


def guarded(app: FastAPI, keys: Keys, hosts: list[str], port: int, read_only: bool) -> App:
    """The same, answering only the page that was opened with the link."""
    return Guard(app, keys, hosts, port, read_only)


def _errors(app: FastAPI) -> None:
    async def explained(_: Request, error: Exception) -> Response:
        return _refused(422, str(error))

    async def invalid(_: Request, error: Exception) -> Response:  # noqa: ARG001
        return _refused(422, "The request has a number or word that the viewer does not know.")

    async def missing(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        words = error.detail if isinstance(error, HTTPException) else ""
        return _refused(status, str(words))

    async def broken(_: Request, error: Exception) -> Response:
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return _refused(500, f"unexpected {what}")

    app.add_exception_handler(InklingsError, explained)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, missing)
    app.add_exception_handler(Exception, broken)


def _pages(app: FastAPI, assets: Assets) -> None:
    @app.get("/")
    def page() -> Response:
        return Response(assets.page, media_type="text/html", headers={"cache-control": _FRESH})

    @app.get("/assets/{name}")
    def asset(name: str) -> Response:
        found = assets.files.get(name)
        if found is None:
            raise HTTPException(404, "The page asked for a part of itself that is not there.")
        data, kind = found
        return Response(data, media_type=kind, headers={"cache-control": "private, max-age=86400"})


def _cases(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/shelf")
    def shelf() -> Response:
        return _json({**desk.describe(), "version": __version__})

    @app.get("/api/cases")
    def cases() -> Response:
        return _json(desk.table())

    @app.get("/api/cases/{case}")
    def case(case: str) -> Response:
        return _json(desk.about(desk.case(case)))

    @app.get("/api/cases/{case}/findings/{source}")
    def findings(case: str, source: str) -> Response:
        return _json(desk.finds(desk.case(case), source).record())

    @app.get("/api/cases/{case}/bag")
    def bag(case: str) -> Response:
        return _json(desk.bag(desk.case(case)))


def _images(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/cases/{case}/thumbnail")
    def thumbnail(case: str) -> Response:
        return _data(desk.thumbnail(desk.case(case)), "image/jpeg")

    @app.get("/api/cases/{case}/tile/{level}/{x}/{y}")
    async def tile(case: str, level: int, x: int, y: int, image: str | None = None) -> Response:
        at = desk.case(case), level, x, y, image
        return _data(await _drawn(desk.pictures.tile, *at), "image/jpeg")

    @app.get("/api/cases/{case}/layers/{layer}/tile/{level}/{x}/{y}")
    async def layer_tile(case: str, layer: str, level: int, x: int, y: int) -> Response:
        at = desk.case(case), layer, level, x, y
        return _data(await _drawn(desk.layers.tile, *at), "image/png")

    @app.get("/api/cases/{case}/layers/{layer}/contours")
    def outlines(case: str, layer: str) -> Response:
        return _data(desk.contours(desk.case(case), layer), "application/geo+json")

    @app.get("/api/cases/{case}/instances/{index}")
    def instance(case: str, index: int) -> Response:
        return _data(desk.instance(desk.case(case), index), "image/jpeg")

    @app.get("/api/cases/{case}/images/{image}/volume.nii.gz")
    def volume(case: str, image: str, coarse: bool = False) -> Response:
        return _data(desk.volume(desk.case(case), image, coarse), "application/octet-stream")

    @app.get("/api/cases/{case}/layers/{layer}/volume.nii.gz")
    def layer_volume(case: str, layer: str, coarse: bool = False) -> Response:
        return _data(desk.layer_volume(desk.case(case), layer, coarse), "application/octet-stream")


async def _drawn(draw: Callable[..., bytes], *at: Any) -> bytes:
    return await anyio.to_thread.run_sync(draw, *at, limiter=_DRAWING)


def _corrections(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/cases/{case}/corrections")
    def corrections(case: str) -> Response:
        return _json([_shown(c) for c in desk.corrections(desk.case(case))])

    @app.post("/api/cases/{case}/corrections")
    async def correct(case: str, request: Request) -> Response:
        body = await _body(request)
        made = await anyio.to_thread.run_sync(desk.correct, desk.case(case), body)
        return _json(_shown(made))

    @app.post("/api/cases/{case}/corrections/{number}/undo")
    def take_back(case: str, number: str) -> Response:
        desk.undo(desk.case(case), number)
        return _json({"undone": True})

    @app.post("/api/cases/{case}/corrections/{number}/redo")
    def redo(case: str, number: str) -> Response:
        return _json(_shown(desk.redo(desk.case(case), number)))

    @app.post("/api/cases/{case}/change")
    async def change(case: str, request: Request) -> Response:
        body = await _body(request)
        made, undone = await anyio.to_thread.run_sync(desk.change, desk.case(case), body)
        return _json({"made": [_shown(one) for one in made], "undone": undone})

    @app.post("/api/cases/{case}/measure")
    async def measure(case: str, request: Request) -> Response:
        body = await _body(request)
        return _json(await anyio.to_thread.run_sync(desk.measured, desk.case(case), body))


def _shown(correction: Correction) -> dict[str, Any]:
    """A correction as the page draws it: with the region it states something of."""
    region = correction.region
    return {
        **dataclasses.asdict(correction),
        "shape": None if region is None else dataclasses.asdict(region),
    }


async def _body(request: Request) -> Any:
    """The JSON that was sent; a megabyte at most."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > 1_000_000:
            raise HTTPException(413, "This region has too many points; draw it in parts.")
    try:
        return parse_json(bytes(data))
    except ValueError as error:
        raise refused(f"it is not JSON ({error})") from None


def _json(value: Any) -> Response:
    return JSONResponse(value, headers={"cache-control": _FRESH})


def _data(data: bytes, kind: str) -> Response:
    return Response(data, media_type=kind, headers={"cache-control": _KEPT})


def _refused(status: int, words: str) -> Response:
    return JSONResponse({"error": words}, status, headers={"cache-control": _FRESH})
