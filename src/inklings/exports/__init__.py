"""Predictions in the formats of other programs; one file each, one line here."""

from __future__ import annotations

from inklings.exports.source import Exporter
from inklings.registry import Registry

EXPORTS: Registry[Exporter] = Registry(
    "export",
    {
        "asap": "inklings.exports.drawings:Asap",
        "coco": "inklings.exports.drawings:Coco",
        "csv": "inklings.exports.bags:Csv",
        "cvat": "inklings.exports.drawings:Cvat",
        "dicom-ann": "inklings.exports.dicom_ann:DicomAnn",
        "dicom-labelmap": "inklings.exports.dicom_seg:DicomLabelMap",
        "dicom-seg": "inklings.exports.dicom_seg:DicomSeg",
        "dicom-sr": "inklings.applications.lung_nodules.finding_objects:DicomSr",
        "dsa": "inklings.exports.drawings:Dsa",
        "geojson": "inklings.exports.geojson:GeoJson",
        "heatmap": "inklings.exports.heatmap:Heatmap",
        "imagej": "inklings.exports.drawings:ImageJ",
        "json": "inklings.exports.bags:Json",
        "kaggle": "inklings.exports.rle:Kaggle",
        "label-studio": "inklings.exports.drawings:LabelStudio",
        "labelme": "inklings.exports.drawings:Labelme",
        "masks": "inklings.exports.masks:Masks",
        "mha": "inklings.exports.mha:Mha",
        "montage": "inklings.exports.montage:Montage",
        "nifti": "inklings.exports.nifti:Nifti",
        "nnunet": "inklings.exports.nnunet:NnUNet",
        "npz": "inklings.exports.npz:Npz",
        "nrrd": "inklings.exports.nrrd:Nrrd",
        "ome-zarr": "inklings.exports.ome_zarr:OmeZarr",
        "parquet": "inklings.exports.bags:Parquet",
        "png": "inklings.exports.png:Png",
        "rle": "inklings.exports.rle:Rle",
        "rtstruct": "inklings.exports.rtstruct:RtStruct",
        "tile-maps": "inklings.exports.bag_maps:TileMaps",
        "voc": "inklings.exports.drawings:Voc",
        "yolo": "inklings.exports.drawings:Yolo",
    },
)
