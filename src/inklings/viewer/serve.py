"""The server: it starts, opens the browser and answers until Ctrl-C."""

from __future__ import annotations

import dataclasses
import getpass
import socket
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from inklings.errors import SpecError
from inklings.progress import note
from inklings.viewer.app import build, guarded
from inklings.viewer.assets import Assets
from inklings.viewer.desk import Desk
from inklings.viewer.guard import Keys
from inklings.viewer.shelf import Shelf, open_shelf

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def view(
    paths: Sequence[Path],
    predictions: Sequence[Path] = (),
    cohort: Path | None = None,
    corrections: Path | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    cache_mb: int = 512,
    read_only: bool = False,
    browser: bool = True,
    author: str | None = None,
) -> None:
    """Show what lies at ``paths`` until interrupted.

    Args:
        paths: A cohort, a run, predictions or images, as `open_shelf` takes them.
        predictions: To show on the cases.
        cohort: Where the cases of predictions come from, if they do not say or it was moved.
        corrections: Where they go; None for a folder beside what is shown.
        host: As of `serve`, like all that follows.
        port: 0 takes a free one.
        cache_mb: Megabytes that rendered tiles and opened volumes may take.
        read_only: Refuse corrections.
        browser: Open the browser.
        author: Written into corrections.

    Raises:
        InklingsError: If there is nothing to look at, or the page was not built.
    """
    Assets.load()  # says what is missing before anything is read
    shelf = open_shelf(paths, predictions, cohort)
    if corrections is not None:
        shelf = dataclasses.replace(shelf, corrections=corrections)
    serve(shelf, host, port, cache_mb, read_only, browser, author)


def serve(
    shelf: Shelf,
    host: str = "127.0.0.1",
    port: int = 0,
    cache_mb: int = 512,
    read_only: bool = False,
    browser: bool = True,
    author: str | None = None,
    assets: Path | None = None,
) -> None:
    """Show a shelf until interrupted.

    Args:
        shelf: What was opened.
        host: Address to listen on; others than this machine can reach it only if it is not
            the loopback one.
        port: 0 takes a free one.
        cache_mb: Megabytes that rendered tiles and opened volumes may take.
        read_only: Refuse corrections.
        browser: Open the browser.
        author: Written into corrections; the name of the account by default.
        assets: Folder of the page, if not that of the package.

    Raises:
        MissingExtraError: If the page was not built.
        SpecError: If the address cannot be listened on.
    """
    page = Assets.load(assets)
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
    keys = Keys(lambda link: note(f"the link was used; the new one: {_link(address, link)}"))
    desk = Desk(shelf, cache_mb * 1_000_000, author or _account(), read_only)
    app = guarded(build(desk, page), keys, _names(host), port, read_only)
    link = _link(address, keys.link)
    note(f"{len(shelf.cases)} cases of {shelf.title}; corrections go to {shelf.corrections}")
    note(f"open {link} (works once; Ctrl-C ends the viewer)")
    if host not in ("127.0.0.1", "localhost", "::1"):
        note("anyone who can reach this machine and has the link can see these images, unencrypted")
    if browser:
        threading.Timer(0.3, webbrowser.open, (link,)).start()
    config = uvicorn.Config(app, log_level="error", access_log=False, server_header=False)
    uvicorn.Server(config).run([listening])


def _link(address: str, token: str) -> str:
    return f"{address}/open?token={token}"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(1024)  # before the link is shown: who is quick waits, and is not refused
    except OSError as error:
        raise SpecError(
            f"cannot listen on {host} port {port} ({error.strerror}); give another --host or --port"
        ) from None
    return listening


def _names(host: str) -> list[str]:
    """How this server may be called: by its address, and by any address if it listens on all."""
    if host in ("127.0.0.1", "localhost", "::1"):
        return list(_LOOPBACK)
    own = [*_LOOPBACK, socket.gethostname(), socket.getfqdn()]
    return (
        [*own, "*"] if host in ("0.0.0.0", "::") else [*own, f"[{host}]" if ":" in host else host]
    )


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
