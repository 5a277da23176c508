"""Masks of volumes as NIfTI, on the grid of their scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inklings.errors import GeometryError
from inklings.exports.scan import codes, scans
from inklings.exports.source import Exporter, ExportSource
from inklings.files import write_json
from inklings.readers.nifti import write_nifti


class Nifti(Exporter):
    """``<case>.nii.gz``: 0 is background, 1 the first class and so on; ``classes.json`` says which.

    Where a sample belongs to several classes, the most probable counts. A scan that is NIfTI itself
    gives both of its forms to the mask.
    """

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write one file a case into ``out``."""
        found = scans(source)
        leaning = [case for case, scan in found.items() if scan.geometry.leans]
        if leaning:
            raise GeometryError(
                f"case {leaning[0]}: expected axes at right angles, got those of a tilted gantry, "
                "which programs of ITK refuse in NIfTI; export to nrrd, mha or dicom-seg, which "
                "hold them"
            )
        for prediction in source:
            masks = np.stack(
                [prediction.mask(source.head, k) for k in range(len(source.head.classes))]
            )
            path = out / f"{prediction.case}.nii.gz"
            scan = found[prediction.case]
            like = scan.path if scan.path.name.lower().endswith((".nii", ".nii.gz")) else None
            write_nifti(path, codes(prediction, masks), scan.geometry, like)
        named = {str(code): name for code, name in enumerate(source.head.classes, 1)}
        write_json(out / "classes.json", {"0": "background", **named})
        return out
