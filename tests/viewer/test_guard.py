from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from inklings.viewer.shelf import Shelf, open_shelf


def raw(port: int, request: bytes) -> bytes:
    """Exactly these bytes, as no well-behaved client would send them."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def test_the_link_works_once_and_the_cookie_keeps_the_door_open(start: Any, shelf: Shelf) -> None:
    running = start(shelf)
    link = running.keys.link
    assert running.ask("/").status == 401
    first = running.ask(f"/open?token={link}")
    assert first.status == 303
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert running.ask(f"/open?token={link}").status == 401
    running.cookie = cookie.split(";")[0]
    assert running.ask("/").status == 200
    assert running.ask(f"/open?token={link}").status == 303


def test_a_guess_uses_up_the_link_and_the_terminal_learns_the_next(
    start: Any, shelf: Shelf
) -> None:
    running = start(shelf)
    before = running.keys.link
    assert running.ask("/open?token=guess").status == 401
    assert running.ask("/open").status == 401
    assert running.keys.link != before
    assert running.ask(f"/open?token={before}").status == 401


@pytest.mark.parametrize(
    "path", ["/", "/api/shelf", "/api/cases", "/api/cases/case3/tile/6/0/0", "/assets/x.js"]
)
def test_nothing_answers_without_the_token(viewer: Any, path: str) -> None:
    for cookie in ("", "inklings=1", f"inklings_{viewer.port}=wrong", "x" * 3000, ";;=;\x80"):
        assert viewer.ask(path, cookie=cookie).status == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "", "[::]:{port}"]
)
def test_other_names_of_this_machine_are_refused(viewer: Any, host: str) -> None:
    assert viewer.ask("/api/cases", host=host.format(port=viewer.port)).status == 421
    assert viewer.ask("/api/cases", host=f"localhost:{viewer.port}").status == 200


def test_pages_of_other_sites_can_neither_read_nor_write(viewer: Any) -> None:
    assert viewer.ask("/api/cases", origin="http://evil.example").status == 403
    assert viewer.ask("/api/cases", origin="null").status == 403
    assert viewer.ask("/api/cases", sec_fetch_site="cross-site").status == 403
    assert viewer.ask("/api/cases", sec_fetch_site="same-origin").status == 200
    good = {"action": "bag", "name": "nucleus", "present": True}
    path = "/api/cases/case3/corrections"
    assert viewer.ask(path, "POST", good, origin="http://evil.example").status == 403
    assert viewer.ask(path, "POST", good, origin=None).status == 403
    assert viewer.ask(path, "POST", good, x_inklings=None).status == 403
    assert viewer.ask(path).json == []
    assert viewer.ask(path, "POST", good).status == 200


def test_every_answer_carries_the_policy_and_refusals_too(viewer: Any) -> None:
    for path, cookie in (("/", viewer.cookie), ("/", ""), ("/api/nothing", viewer.cookie)):
        headers = viewer.ask(path, cookie=cookie).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


SECRET = b"nobody may read this"
ESCAPES = [
    "/api/cases/../../secret.txt",
    "/api/cases/..%2f..%2fsecret.txt/thumbnail",
    "/api/cases/%2e%2e/%2e%2e/secret.txt",
    "/api/cases/..%252f..%252fsecret.txt",
    "/api/cases/..%c0%af..%c0%afsecret.txt/thumbnail",
    "/api/cases/%00/thumbnail",
    "/api/cases/case3%00.png/thumbnail",
    "/api/cases/..\\..\\secret.txt/thumbnail",
    "/api/cases/%uff0e%uff0e/thumbnail",
    "/api/cases//etc/passwd/thumbnail",
    "/api/cases/file:%2f%2f%2fetc%2fpasswd/thumbnail",
    "/api/cases/case3/layers/..%2f..%2fsecret/contours",
    "/api/cases/case3/layers/labels/tile/6/0/..%2f..",
    "/api/cases/case3/images/..%2f..%2fsecret.txt/volume.nii.gz",
    "/assets/../../../../secret.txt",
    "/assets/..%2f..%2fsecret.txt",
    "/assets/%2e%2e%2f%2e%2e%2fsecret.txt",
    "/static/../secret.txt",
    "/secret.txt",
    "/api/cases/case3/corrections/..%2f..%2fsecret.txt/undo",
]


@pytest.mark.parametrize("path", ESCAPES)
def test_no_spelling_of_a_path_leaves_the_shelf(viewer: Any, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_bytes(SECRET)
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{viewer.port}\r\nCookie: {viewer.cookie}\r\n"
        "Connection: close\r\n\r\n"
    )
    answer = raw(viewer.port, request.encode("utf-8"))
    status = int(answer.split(b" ", 2)[1])
    assert status in (400, 404, 405, 422)
    assert SECRET not in answer
    assert b"root:" not in answer


def test_links_out_of_an_opened_folder_are_not_followed(start: Any, tmp_path: Path) -> None:
    from PIL import Image

    outside = tmp_path / "outside"
    inside = tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    for folder in (outside, inside):
        Image.new("RGB", (20, 20), (9, 9, 9)).save(folder / "picture.png")
    (inside / "link.png").symlink_to(outside / "picture.png")
    (inside / "deeper").symlink_to(outside)
    running = start(open_shelf([inside]))
    running.enter()
    assert [row["id"] for row in running.ask("/api/cases").json] == ["picture"]
    assert running.ask("/api/cases/link/thumbnail").status == 404


def test_links_out_of_predictions_are_not_followed(tmp_path: Path, shelf: Shelf) -> None:
    folder = shelf.predictions[0].folder
    away = tmp_path / "away.npz"
    (folder / "cases" / "case3.npz").rename(away)
    (folder / "cases" / "case3.npz").symlink_to(away)
    (folder / "cases" / "case9.npz").symlink_to("/etc/passwd")
    again = open_shelf([folder], cohort=shelf.cohort)
    assert sorted(again.predictions[0].cases) == ["case4", "case5"]


def test_read_only_saves_nothing(start: Any, shelf: Shelf) -> None:
    running = start(shelf, read_only=True)
    running.enter()
    made = {"action": "bag", "name": "nucleus", "present": True}
    answer = running.ask("/api/cases/case3/corrections", "POST", made)
    assert answer.status == 403
    assert "--read-only" in answer.json["error"]
    assert not shelf.corrections.exists()


def test_methods_and_sockets_that_nobody_asks_for_are_refused(viewer: Any) -> None:
    assert viewer.ask("/api/cases", "DELETE", origin=viewer.address, x_inklings="1").status == 405
    upgrade = (
        f"GET /api/cases HTTP/1.1\r\nHost: 127.0.0.1:{viewer.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    )
    assert b" 101 " not in raw(viewer.port, upgrade.encode())[:20]
