"""Public datasets and folders of pictures: what lies on disk becomes a cohort.

One file per dataset, one line here, which is the name of its command, ``inklings import NAME``.
Each is a `Dataset`: it lists its items and converts one of them; `importing.run` does the rest.
"""

from __future__ import annotations

from inklings.datasets.dataset import Dataset
from inklings.registry import Registry

IN_MEMORY: Registry[Dataset] = Registry(
    "dataset in memory",
    {
        "arrays": "inklings.datasets.arrays:Arrays",
        "bags": "inklings.datasets.arrays:ArrayBags",
    },
)
"""What only a program can import: `inklings.library.cohorts.import_dataset`."""

DATASETS: Registry[Dataset] = Registry(
    "dataset",
    {
        "chaos": "inklings.datasets.chaos:Chaos",
        "decathlon": "inklings.datasets.decathlon:Decathlon",
        "dicom": "inklings.datasets.dicom_studies:DicomStudies",
        "dicomweb": "inklings.archives.imported:DicomWeb",
        "dsb2018": "inklings.datasets.dsb2018:Dsb2018",
        "features": "inklings.datasets.feature_bags:FeatureBags",
        "folder": "inklings.datasets.folder:Folder",
        "leaked-instances": "inklings.evaluation.leaked_instances:LeakedInstances",
        "lidc": "inklings.datasets.lidc:Lidc",
        "luna16": "inklings.datasets.luna16:Luna16",
        "mil-table": "inklings.datasets.mil_table:MilTable",
        "mnist-bags": "inklings.datasets.mnist_bags:MnistBags",
        "nifti": "inklings.datasets.volumes:VolumeFolder",
        "nnunet": "inklings.datasets.nnunet:NnUNet",
        "panda": "inklings.datasets.panda:Panda",
        "pu-patches": "inklings.datasets.pu_patches:PuPatches",
        "slides": "inklings.datasets.slides:Slides",
        "synapse": "inklings.datasets.synapse:Synapse",
        "tcga": "inklings.datasets.tcga:Tcga",
        "tiles": "inklings.datasets.tiles:Tiles",
        "totalsegmentator": "inklings.datasets.totalsegmentator:TotalSegmentator",
    },
)
