"""Objects as run lengths in a CSV, and the submission of the 2018 Data Science Bowl.

``ImageId,EncodedPixels``, one row an object, samples counted from one down the columns, as in
the label files of that competition (see `inklings.labels.rle`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from inklings.exports.source import Exporter, ExportSource
from inklings.files import written
from inklings.labels.rle import encode_objects


class Rle(Exporter):
    """``objects.csv``: every object of every class; images without objects have no row.

    With several classes a third column, ``Class``, names them.
    """

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write ``out/objects.csv``."""
        several = len(source.head.classes) > 1
        header = ["ImageId", "EncodedPixels", *(["Class"] if several else [])]
        return _write(out / "objects.csv", header, self._rows(source, several))

    def _rows(self, source: ExportSource, several: bool) -> Iterator[list[str]]:
        for prediction in source:
            for channel, name in enumerate(source.head.classes):
                for text in encode_objects(source.objects(prediction, channel)).values():
                    yield [prediction.case, text, *([name] if several else [])]


class Kaggle(Exporter):
    """``submission.csv``: objects of the first class; no sample belongs to two objects.

    Every image has at least one row, an empty one where nothing was found, since the
    competition refuses files in which an image is missing.
    """

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write ``out/submission.csv``."""
        return _write(out / "submission.csv", ["ImageId", "EncodedPixels"], self._rows(source))

    def _rows(self, source: ExportSource) -> Iterator[list[str]]:
        for prediction in source:
            texts = encode_objects(source.objects(prediction)).values()
            for text in texts or [""]:
                yield [prediction.case, text]


def _write(path: Path, header: list[str], rows: Iterator[list[str]]) -> Path:
    with written(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
    return path
