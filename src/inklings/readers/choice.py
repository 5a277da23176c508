"""Which of the images in one file is meant, where it holds several.

A choice is stored as text (in cohorts and predictions): ``series=T1;page=2``. Words without a key
choose a DICOM series, as they always did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from inklings.errors import ReaderError, SpecError


@dataclass(frozen=True, slots=True)
class Choice:
    """What is meant of a file that holds several images; None where nothing was chosen.

    Attributes:
        series: DICOM: words of its description, its folder, ``echo 4.6``, its UID.
        scene: Number (from 0) or name of one of several pictures in one file.
        page: Number (from 0) of a page, or of an index along the axis that is not named.
        channel: Names or numbers (from 0) of channels to keep, in this order, between commas.
        project: ``max`` or ``mean``: how planes of a stack become one.
    """

    series: str | None = None
    scene: str | None = None
    page: str | None = None
    channel: str | None = None
    project: str | None = None

    def __post_init__(self) -> None:
        if self.project not in (None, "max", "mean"):
            raise SpecError(f"--project: expected max or mean, got {self.project!r}")

    @classmethod
    def parse(cls, text: str | None) -> Choice:
        """From its text; None chooses nothing.

        Raises:
            SpecError: If a key is given twice, or there is no word behind it.
        """
        found: dict[str, str] = {}
        keys = {field.name for field in fields(cls)}
        for part in (text or "").split(";"):
            key, equals, word = part.partition("=")
            if not equals or key.strip() not in keys:
                key, word = "series", part
            if not word.strip():
                if equals:
                    raise SpecError(f"expected a word behind '{key}=', got {text!r}")
                continue
            if key.strip() in found:
                raise SpecError(f"expected one choice of {key.strip()}, got {text!r}")
            found[key.strip()] = word.strip()
        return cls(**found)

    def text(self) -> str | None:
        """As it is stored; None where nothing was chosen."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        given = {name: word for name, word in said.items() if word is not None}
        if set(given) == {"series"}:
            return self.series
        return ";".join(f"{name}={word}" for name, word in given.items()) or None

    def only(self, path: Path, *known: str) -> Choice:
        """Itself, after checking that a reader of ``path`` understands what was chosen.

        Raises:
            SpecError: If something was chosen that a file of this format does not have.
        """
        strange = [
            field.name
            for field in fields(self)
            if getattr(self, field.name) is not None and field.name not in known
        ]
        if strange:
            name = strange[0]
            raise SpecError(
                f"--{name} {getattr(self, name)}: {path.name} has no {name} to choose from; "
                "leave the option out"
            )
        return self


ANY = Choice()


def one_scene(path: Path, scenes: Sequence[tuple[str, str]], choice: Choice) -> int:
    """Number of the scene that is meant: the only one, or the one that ``choice`` names.

    Args:
        path: For messages.
        scenes: Name (may be empty) and size of each.
        choice: ``scene``: a name, or a number from 0.

    Raises:
        ReaderError: If there are several and none is chosen.
        SpecError: If there is none of the name.
    """
    if len(scenes) == 1:
        return 0
    names = [name for name, _ in scenes]
    last = len(scenes) - 1
    if choice.scene is None:
        told = [f"{name}, {size}" if name else size for name, size in scenes]
        named = ", ".join(f"{k} ({one})" for k, one in enumerate(told[:6]))
        raise ReaderError(
            f"{path}: expected one picture, got {len(scenes)}: {named}"
            f"{' ...' if len(scenes) > 6 else ''}; say which with --scene 0 to --scene {last}"
        )
    if names.count(choice.scene) == 1:
        return names.index(choice.scene)
    if choice.scene.isdigit() and int(choice.scene) <= last:
        return int(choice.scene)
    raise SpecError(
        f"--scene {choice.scene}: {path.name} has the scenes 0 to {last}"
        f"{', ' if names[0] else ''}{', '.join(name for name in names if name)}"
    )
