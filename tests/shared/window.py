"""The viewer's page in a browser, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PATIENCE = 60_000


def until(page: Any, wanted: Callable[[], bool]) -> None:
    """Wait for what must come true; the policy of the page forbids Playwright's own way."""
    for _ in range(PATIENCE // 100):
        if wanted():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not come true in a minute")


def said(page: Any) -> str:
    """Scale bar and magnification, or the place of the cross."""
    return str(page.locator(".scale").first.inner_text())


class Window:
    """A page, and all that it complained of."""

    def __init__(self, browser: Any, running: Any, **options: Any) -> None:
        self.running = running
        self.context = browser.new_context(
            **{"viewport": {"width": 1200, "height": 800}, **options}
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda said: self.complaints.append(said.text) if said.type == "error" else None,
        )
        self.foreign: list[str] = []
        self.page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((running.address, "data:", "blob:"))
                else self.foreign.append(request.url)
            ),
        )
        self.page.goto(f"{running.address}/open?token={running.keys.link}")
        self.page.wait_for_selector("table.cases")

    def case(self, name: str) -> Any:
        self.page.goto(f"{self.running.address}/#{name}")
        self.page.wait_for_selector(f'main[data-ready="{name}"]')
        return self.page

    def pixels(self, x: float = 0.5, y: float = 0.5) -> tuple[int, int, int]:
        """Colour in the drawn image, at a share of its width and height."""
        found = self.page.evaluate(
            """([x, y]) => {
              const canvas = document.querySelector('.openseadragon-canvas canvas');
              const data = canvas.getContext('2d').getImageData(
                Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data;
              return [...data.slice(0, 3)];
            }""",
            [x, y],
        )
        return tuple(found)

    def fine(self) -> None:
        """Nothing was complained of, and nobody else was asked."""
        assert self.complaints == []
        assert self.foreign == []
        self.context.close()
