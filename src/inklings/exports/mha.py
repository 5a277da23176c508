"""Masks of volumes as MetaImage, on the grid of their scan, also where its axes lean."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inklings.exports.scan import codes, scans
from inklings.exports.source import Exporter, ExportSource
from inklings.files import write_json
from inklings.readers.metaimage import write_itk


class Mha(Exporter):
    """``<case>.mha``: 0 is background, 1 the first class and so on; ``classes.json`` says which.

    Where a sample belongs to several classes, the most probable counts.
    """

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write one file a case into ``out``."""
        found, classes = scans(source), source.head.classes
        for prediction in source:
            masks = np.stack([prediction.mask(source.head, k) for k in range(len(classes))])
            path = out / f"{prediction.case}.mha"
            write_itk(path, codes(prediction, masks), found[prediction.case].geometry)
        named = {str(code): name for code, name in enumerate(classes, 1)}
        write_json(out / "classes.json", {"0": "background", **named})
        return out
