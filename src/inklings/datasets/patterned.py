"""What datasets have in common whose files are found by patterns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inklings.datasets import several
from inklings.datasets.dataset import Plain
from inklings.datasets.values import classes_of


class FromPatterns(Plain):
    """What datasets have in common whose files are found by patterns; they are dataclasses."""

    images: several.Patterns
    masks: several.Patterns | None
    meaning: Mapping[int, str]
    instances: bool
    class_name: str

    @property
    def source(self) -> Path:
        """The folder above the first wildcard of the images."""
        return several.root_of(self.images)

    @property
    def classes(self) -> tuple[str, ...]:
        """As the value map names them."""
        return (self.class_name,) if self.instances else classes_of(self.meaning)

    def options(self) -> dict[str, Any]:
        """Everything that was given, patterns as whole paths."""
        return {
            **super().options(),
            "images": several.absolute(self.images),
            "masks": several.absolute(self.masks),
        }
