"""The page itself, as the package's build left it."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from pathlib import Path

from inklings.errors import MissingExtraError

_KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Assets:
    """All files of the page, by name, in memory: a request cannot reach any other.

    Attributes:
        page: ``index.html``.
        files: Data and media type.
    """

    page: bytes
    files: dict[str, tuple[bytes, str]]

    @classmethod
    def load(cls, folder: Path | None = None) -> Assets:
        """Read the page.

        Raises:
            MissingExtraError: If it was not built.
        """
        folder = folder or Path(__file__).parent / "static"
        page = folder / "index.html"
        if not page.is_file():
            raise MissingExtraError(
                "the viewer's page was not built when inklings was installed (it needs the network "
                "once, for npm packages); install inklings again with the network: "
                "'pip install --force-reinstall --no-deps .', or '-e .' for an editable one"
            )
        files = {
            path.name: (path.read_bytes(), _kind(path))
            for path in sorted((folder / "assets").iterdir())
            if path.is_file()
        }
        return cls(page.read_bytes(), files)


def _kind(path: Path) -> str:
    return _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
