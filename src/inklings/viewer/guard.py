"""Who may ask: a token in every request, known hosts only, no foreign pages, no foreign content.

The address that is opened holds a link that works once. It is exchanged for a cookie that only
this server sees, and every request without it is refused. A page of another site can neither read
an answer nor change anything: `Origin` and `Sec-Fetch-Site` are checked, changes need a header that
foreign pages cannot send, and names other than this machine's are refused, so that a name that was
made to point here (DNS rebinding) does not help.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Content security policy. The viewers of slides and volumes make their fonts, colour tables and
workers from ``data:`` and ``blob:``, which hold nothing that the page does not hold already."""

_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
CHANGES = "x-inklings"
"""Header that must come with whatever changes something."""


class Keys:
    """The links that open the viewer, each once, and the token that they are exchanged for."""

    def __init__(self, renewed: Callable[[str], None] = lambda _: None) -> None:
        self.session = secrets.token_urlsafe(32)
        self._link = secrets.token_urlsafe(32)
        self._renewed = renewed

    @property
    def link(self) -> str:
        """The one that works at present."""
        return self._link

    def spend(self, link: str) -> bool:
        """Whether ``link`` works; it does not again. A used one makes a new one known."""
        good = secrets.compare_digest(link.encode(), self._link.encode())
        self._link = secrets.token_urlsafe(32)
        if not good:
            self._renewed(self._link)
        return good


class Guard:
    """ASGI middleware that lets through only what the page itself asks.

    Args:
        app: What answers.
        keys: Links and token.
        hosts: Names by which this server may be called, without port.
        port: Its port.
        read_only: Refuse whatever changes something.
    """

    def __init__(
        self, app: App, keys: Keys, hosts: Iterable[str], port: int, read_only: bool = False
    ) -> None:
        self._app, self._keys, self._port, self._read_only = app, keys, port, read_only
        self._hosts = {host.lower() for host in hosts}
        self.cookie = f"inklings_{port}"

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no web sockets here
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is None and scope["path"] == "/open":
            await self._open(scope, headers, sealed)
        elif refusal is None:
            await self._app(scope, receive, sealed)
        else:
            await _say(sealed, *refusal)

    def _refusal(
        self, scope: MutableMapping[str, Any], headers: dict[str, str]
    ) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._known(host):
            return 421, "This viewer answers to the address that it printed, not to this name."
        origin = headers.get("origin")
        changes = scope["method"] not in ("GET", "HEAD")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return 403, "Another page asked for this; only the viewer's own page may."
        site = headers.get("sec-fetch-site", "none")
        if scope["path"] != "/open" and site not in ("none", "same-origin"):
            return 403, "Another site asked for this; only the viewer's own page may."
        if scope["path"] == "/open":
            return None if not changes else (405, "Open this address in a browser.")
        if not self._has_token(headers):
            return 401, (
                "This page needs the link that 'inklings view' prints when it starts. It works "
                "once; use it again and the terminal prints a new one."
            )
        if changes and (origin is None or headers.get(CHANGES) != "1"):
            return 403, "Only the viewer's own page may change something."
        if changes and self._read_only and not scope["path"].endswith("/measure"):
            return 403, "The viewer was started with --read-only: nothing is saved."
        return None

    def _known(self, host: str) -> bool:
        name, _, port = host.lower().rpartition(":")
        if port != str(self._port) or not name:
            return False
        return name in self._hosts or ("*" in self._hosts and _is_address(name))

    def _has_token(self, headers: dict[str, str]) -> bool:
        pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
        token = next((value for name, _, value in pairs if name == self.cookie), "")
        return secrets.compare_digest(token.encode(), self._keys.session.encode())

    async def _open(
        self, scope: MutableMapping[str, Any], headers: dict[str, str], send: Send
    ) -> None:
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        known = self._has_token(headers)
        if not known and not self._keys.spend(asked):
            await _say(send, 401, "This link was used already. The terminal shows a new one.")
            return
        cookie = f"{self.cookie}={self._keys.session}; Path=/; HttpOnly; SameSite=Strict"
        where = [(b"location", b"/"), (b"cache-control", b"no-store")]
        if not known:
            where.append((b"set-cookie", cookie.encode()))
        await send({"type": "http.response.start", "status": 303, "headers": where})
        await send({"type": "http.response.body", "body": b""})


def _is_address(name: str) -> bool:
    """Whether a host is given by number: numbers cannot be made to point elsewhere."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


async def _say(send: Send, status: int, words: str) -> None:
    body = json.dumps({"error": words}).encode()
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
