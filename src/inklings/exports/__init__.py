"""Predictions in the formats of other programs; one file each, one line here."""

from __future__ import annotations

from inklings.exports.source import Exporter
from inklings.registry import Registry

EXPORTS: Registry[Exporter] = Registry(
    "export",
    {
        "geojson": "inklings.exports.geojson:GeoJson",
        "kaggle": "inklings.exports.rle:Kaggle",
        "npz": "inklings.exports.npz:Npz",
        "png": "inklings.exports.png:Png",
        "rle": "inklings.exports.rle:Rle",
    },
)
