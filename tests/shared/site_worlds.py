"""What the pages of the documentation speak of, in miniature: files that their commands find."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from site_blocks import blocks
from sklearn.datasets import load_digits

from inklings.exports.dicom_seg import DicomSeg
from inklings.exports.nrrd import segments
from inklings.exports.source import ExportSource
from inklings.geometry import Geometry
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance
from inklings.readers import open_image
from inklings.readers.metaimage import write_itk
from inklings.readers.nifti import write_nifti
from inklings.simulation.phantoms.biopsy import SlidePlan
from inklings.simulation.phantoms.chaos import write_studies
from inklings.simulation.phantoms.cohort import write_dsb
from inklings.simulation.phantoms.dicom_files import SeriesText, write_series
from inklings.simulation.phantoms.luna import write_luna
from inklings.simulation.phantoms.nuclei import nuclei_field
from inklings.simulation.phantoms.slides import write_panda
from inklings.spec import Volumes
from inklings.testing.datasets import zipped
from inklings.testing.runs import blobs, untrained_run, write_pyramid

World = Callable[[Path], object]
GRID = Geometry((12, 32, 32), (3.0, 1.0, 1.0), (0.0, 0.0, 0.0))


def fields(count: int = 6) -> list[tuple[NDArray[np.uint8], NDArray[np.int32]]]:
    return [nuclei_field(k, 96)[:2] for k in range(count)]


def pictures(here: Path, images: str, masks: str, numbered: str = "") -> None:
    """Six pictures of nuclei, one a patient, with masks of 0 and 255."""
    for k, (rgb, nuclei) in enumerate(fields()):
        name = f"p{k}_a"
        _save(here / images / f"{name}.png", rgb)
        _save(here / masks / f"{name}_mask.png", np.where(nuclei > 0, 255, 0).astype(np.uint8))
        if numbered:
            _save(here / numbered / f"{name}.png", nuclei.astype(np.uint8))


def patches(here: Path, side: int = 24) -> None:
    """Patches around samples of nuclei, around others, and around any, in a folder each."""
    rng = np.random.default_rng(0)
    for k, (rgb, nuclei) in enumerate(fields(3)):
        inside = nuclei[side:-side, side:-side] > 0
        for kind, where in (("P", inside), ("N", ~inside), ("U", np.ones_like(inside))):
            for i, (y, x) in enumerate(rng.permutation(np.argwhere(where))[:8] + side // 2):
                _save(here / "patches" / kind / f"p{k}_{i}.png", rgb[y : y + side, x : x + side])


def cellpose(here: Path) -> None:
    """Two fields of two channels, with the masks that Cellpose writes beside them."""
    folder = here / "cells"
    folder.mkdir()
    for k, (rgb, nuclei) in enumerate(list(fields())[:2]):
        planes = np.moveaxis(rgb[..., :2], -1, 0).astype(np.uint16) * 16
        head = {"axes": "CYX", "Labels": ["BF", "DAPI"]}
        tifffile.imwrite(folder / f"f{k}_0000.tif", planes, imagej=True, metadata=head)
        tifffile.imwrite(folder / f"f{k}_cp_masks.tif", nuclei.astype(np.uint16))


def careful(here: Path, name: str = "exact") -> None:
    """A cohort with exact outlines, split."""
    from inklings.cohorts.split_files import split_cohort
    from inklings.cohorts.splits import SplitOptions
    from inklings.simulation.phantoms.cohort import nuclei_cohort

    nuclei_cohort(here / name, 6, 96)
    split_cohort(here / name, SplitOptions((0.5, 0.25, 0.25)))


def dsb(here: Path) -> None:
    write_dsb(here / "dsb", 6, 96)
    zipped(here / "dsb", here / "stage1_train.zip")


def panda(
    here: Path, name: str = "PANDA", slides: int = 5, size: tuple[int, int] = (640, 512)
) -> None:
    plan = SlidePlan(size=size, um=1.0, tissue=0.4, tumour=0.5)
    write_panda(here / name, slides, plan, varied=False)


def slide(path: Path, seed: int = 0) -> None:
    """A slide of two levels with something stained, in pixels of half a micrometre."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_pyramid(path, blobs((512, 448), seed), 0.5)


def gdc(here: Path) -> None:
    """TCGA's names, a table, and outlines of QuPath."""
    names = [f"TCGA-CR-{k}395-{'11' if k % 2 else '01'}A-01-DX1.{k}" for k in range(4)]
    for number, name in enumerate(names):
        slide(here / "GDC" / str(number) / f"{name}.svs", number)
        square = [[100, 100], [300, 100], [300, 300], [100, 300], [100, 100]]
        feature = {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [square]},
            "properties": {"classification": {"name": "Tumor"}},
        }
        path = here / "marks" / f"{name}.geojson"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps([feature]))
    rows = [f"{name.split('.')[0]},{'ab'[k % 2]}" for k, name in enumerate(names)]
    (here / "clinical.csv").write_text("\n".join(["slide,subtype", *rows]))
    listed = ["id\tfilename\tmd5\tsize\tstate"]
    for path in sorted((here / "GDC").glob("*/*.svs")):
        data = path.read_bytes()
        total = hashlib.md5(data).hexdigest()
        listed.append(f"{path.parent.name}\t{path.name}\t{total}\t{len(data)}\treleased")
    (here / "gdc_manifest.txt").write_text("\n".join(listed))


def scans(here: Path) -> None:
    """Slides with a label each."""
    rows = ["slide,tumour"]
    for number in range(8):
        slide(here / "scans" / f"p{number}.svs", number)
        rows.append(f"p{number},{number % 2}")
    (here / "labels.csv").write_text("\n".join(rows))


def chaos(here: Path, name: str = "CHAOS") -> None:
    write_studies(here / name, 5, shape=(8, 48, 48))


def luna(here: Path, name: str = "luna") -> None:
    write_luna(here / name, 6, shape=(32, 72, 72))


def volume(codes: bool = False, seed: int = 0) -> NDArray[np.int16]:
    """A ball of two halves, bright on dark; or its codes."""
    z, y, x = np.indices(GRID.shape)
    ball = (z - 6) ** 2 / 9 + (y - 16 + seed) ** 2 / 36 + (x - 16) ** 2 / 36 < 1
    return (ball * (1 + (x > 16)) * (1 if codes else 300)).astype(np.int16)


def decathlon(here: Path) -> None:
    home = here / "Task04_Hippocampus"
    for number in range(6):
        for folder, codes in (("imagesTr", False), ("labelsTr", True)):
            write_nifti(home / folder / f"h_{number:03}.nii.gz", volume(codes, number), GRID)
    labels = {"0": "background", "1": "Anterior", "2": "Posterior"}
    (home / "dataset.json").write_text(json.dumps({"name": "Hippocampus", "labels": labels}))


def nnunet(here: Path) -> None:
    home = here / "nnUNet_raw" / "Dataset001_Brain"
    for number in range(4):
        for channel in range(2):
            name = f"a_{number:03}_{channel:04}.nii.gz"
            write_nifti(home / "imagesTr" / name, volume(False, number + channel), GRID)
        write_nifti(home / "labelsTr" / f"a_{number:03}.nii.gz", volume(True, number), GRID)
    said = {
        "channel_names": {"0": "T1", "1": "T2"},
        "labels": {"background": 0, "edema": 1, "core": 2},
        "file_ending": ".nii.gz",
    }
    (home / "dataset.json").write_text(json.dumps(said))
    names = [f"a_{number:03}" for number in range(4)]
    kept = here / "nnUNet_preprocessed" / home.name / "splits_final.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps([{"train": names[:3], "val": names[3:]}]))


def contrasts(here: Path) -> None:
    for number in range(2):
        for name in ("t1", "t2"):
            write_nifti(here / "mr" / f"p{number}_{name}.nii.gz", volume(False, number), GRID)


def channels(here: Path) -> None:
    (here / "channels").mkdir()
    for number in range(2):
        for channel in range(2):
            grey = np.full((24, 32), 40 * number + 90 * channel, np.uint8)
            Image.fromarray(grey).save(here / "channels" / f"f{number}_ch{channel:02}.png")


def pairs(here: Path) -> None:
    for number in range(2):
        for folder, codes in (("ct", False), ("seg", True)):
            write_nifti(here / folder / f"v{number}.nii.gz", volume(codes, number), GRID)


def drawn_in_slicer(here: Path) -> None:
    """Scans with the segmentations that 3D Slicer saves beside them."""
    for number in range(2):
        codes = volume(True, number)
        masks = np.stack([codes == k for k in (1, 2)])
        (here / "scans").mkdir(exist_ok=True)
        write_itk(here / "scans" / f"v{number}.nrrd", volume(False, number), GRID)
        named = segments(masks, ("liver", "spleen"))
        write_itk(here / "scans" / f"v{number}.seg.nrrd", codes.astype(np.uint8), GRID, named)


def total(here: Path) -> None:
    """A folder a case, with one mask file a class."""
    for number in range(2):
        home = here / "TotalSegmentator" / f"s{number:04}"
        write_nifti(home / "ct.nii.gz", volume(False, number), GRID)
        for code, name in enumerate(("liver", "spleen"), 1):
            mask = (volume(True, number) == code).astype(np.uint8)
            write_nifti(home / "segmentations" / f"{name}.nii.gz", mask, GRID)


def strokes(here: Path) -> None:
    """Six patients, their outlines, and strokes in the middle of these with a ring around."""
    for k in range(6):
        outlined = volume(True, k).astype(np.uint8)
        drawn = np.full(outlined.shape, 4, np.uint8)
        for code in (1, 2):
            drawn[ndimage.binary_erosion(outlined == code)] = code
        away = ndimage.distance_transform_edt(outlined == 0)
        drawn[(away > 2) & (away < 4)] = 0
        name = f"patient{k}.nii.gz"
        write_nifti(here / "images" / name, volume(False, k), GRID)
        write_nifti(here / "labels" / name, outlined, GRID)
        write_nifti(here / "scribbles" / name, drawn, GRID)


def organs(here: Path) -> None:
    """Scans of two data sets that outline one organ each, and of one that outlines some."""
    for k in range(9):
        name, kept = (("livers", (1,)), ("spleens", (2,)), ("both", (1, 2)))[k % 3]
        codes = volume(True, k)
        outlined = np.where(np.isin(codes, kept), codes, 0).astype(np.uint8)
        write_nifti(here / name / "images" / f"{name}{k}.nii.gz", volume(False, k), GRID)
        write_nifti(here / name / "labels" / f"{name}{k}.nii.gz", outlined, GRID)
    (here / "looked-for.csv").write_text("case,class,annotated\nboth2,spleen,no\n")


def brains(here: Path) -> None:
    """Six patients with two images and a mask each."""
    for k in range(6):
        for number, name in enumerate(("t1", "flair")):
            seen = volume(seed=k) * (number + 1) + 5 * k
            write_nifti(here / f"brains/p{k}_{name}.nii.gz", seen.astype(np.int16), GRID)
        lesion = (volume(True, k) > 0).astype(np.uint8)
        write_nifti(here / f"brains/p{k}_mask.nii.gz", lesion, GRID)


def series(
    folder: Path, gap: bool = False, modality: str = "MR", patient: str = "p", said: str = ""
) -> None:
    stored = (volume() + 100).astype(np.uint16)
    text = SeriesText(folder.name, patient, modality, said, bits=16)
    paths = write_series(folder, stored, GRID, text, name="IM{:04d}.dcm".format)
    if gap:
        paths[4].unlink()


def studies(here: Path) -> None:
    for number in range(3):
        series(here / "studies" / f"s{number}", patient=f"p{number}")


def lidc(here: Path) -> None:
    """One CT with a nodule that three readers outlined."""
    import pydicom

    folder = here / "LIDC" / "LIDC-IDRI-0001"
    series(folder, modality="CT")
    files = [pydicom.dcmread(p, stop_before_pixels=True) for p in sorted(folder.glob("*.dcm"))]
    files.sort(key=lambda file: float(file.ImagePositionPatient[2]))
    corners = [(x, 10) for x in range(10, 20)] + [(20, y) for y in range(10, 20)]
    corners += [(x, 20) for x in range(20, 10, -1)] + [(10, y) for y in range(20, 10, -1)]
    edges = "".join(
        f"<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>" for x, y in corners
    )
    rois = "".join(
        f"<roi><imageZposition>0</imageZposition><imageSOP_UID>{files[z].SOPInstanceUID}"
        f"</imageSOP_UID><inclusion>TRUE</inclusion>{edges}</roi>"
        for z in (5, 6, 7)
    )
    sessions = "".join(
        f"<readingSession><unblindedReadNodule><noduleID>n{k}</noduleID><characteristics>"
        f"<malignancy>4</malignancy></characteristics>{rois}</unblindedReadNodule></readingSession>"
        for k in range(3)
    )
    uid = files[0].SeriesInstanceUID
    (folder / "069.xml").write_text(
        '<?xml version="1.0"?><LidcReadMessage xmlns="http://www.nih.gov"><ResponseHeader>'
        f"<SeriesInstanceUid>{uid}</SeriesInstanceUid></ResponseHeader>{sessions}"
        "</LidcReadMessage>"
    )


def musk(here: Path, name: str = "musk1.npz") -> None:
    rng = np.random.default_rng(0)
    bag = np.repeat(np.arange(12), 4)
    np.savez(here / name, X=rng.normal(size=(48, 5)), y=(bag % 2), bag=bag)


def cells(here: Path) -> None:
    rng = np.random.default_rng(0)
    rows = ["bag,patient,label,f1,f2"]
    for bag in range(12):
        for _ in range(3):
            a, b = rng.normal(size=2)
            rows.append(f"b{bag},p{bag // 2},{bag % 2},{a:.3f},{b:.3f}")
    (here / "cells.csv").write_text("\n".join(rows))


def features(here: Path) -> None:
    rng = np.random.default_rng(0)
    (here / "features").mkdir()
    rows = ["slide,patient,label"]
    for number in range(12):
        with h5py.File(here / "features" / f"s{number}.h5", "w") as file:
            file["features"] = rng.normal(size=(6, 16)).astype(np.float32)
            file["coords"] = rng.integers(0, 4096, (6, 2))
        rows.append(f"s{number},p{number},{number % 2}")
    (here / "labels.csv").write_text("\n".join(rows))


def patients(here: Path) -> None:
    """Features, with a value and a time of each in a table."""
    features(here)
    rows = [f"s{n},{40 + 3 * n},{5 + 7 * n},{int(n % 3 > 0)}" for n in range(12)]
    (here / "table.csv").write_text("\n".join(("slide,age,os_months,dead", *rows)))


def mnist(here: Path) -> None:
    """The digits of scikit-learn in the files of MNIST."""
    import struct

    found = load_digits()
    images = np.kron(found.images, np.full((1, 3, 3), 15))
    images = np.pad(images, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
    (here / "mnist").mkdir()
    for name, data in (("images-idx3", images), ("labels-idx1", found.target.astype(np.uint8))):
        head = struct.pack(">HBB", 0, 8, data.ndim) + struct.pack(f">{data.ndim}I", *data.shape)
        (here / "mnist" / f"train-{name}-ubyte").write_bytes(head + data.tobytes())


def marks(here: Path) -> None:
    """A submission to LUNA16, a rival, and the tables that score them."""
    head = "seriesuid,coordX,coordY,coordZ"
    (here / "seriesuids.csv").write_text("s1\ns2\ns3")
    (here / "annotations.csv").write_text(f"{head},diameter_mm\ns1,0,0,0,10\ns2,9,9,9,8")
    (here / "annotations_excluded.csv").write_text(f"{head},diameter_mm\ns1,50,50,50,-1")
    rows = [f"{head},probability", "s1,1,1,1,0.9", "s2,40,0,0,0.5", "s3,0,0,0,0.2"]
    (here / "submission.csv").write_text("\n".join(rows))
    (here / "rival.csv").write_text("\n".join([rows[0], "s1,1,1,1,0.4", "s3,5,5,5,0.6"]))


def colour_run(here: Path, name: str = "run") -> None:
    """A run on colour pictures that has learnt nothing."""
    untrained_run(here / name)


def grey_run(here: Path, name: str) -> None:
    """A run on planes of volumes that has learnt nothing."""
    untrained_run(
        here / name, in_channels=1, channels=("liver",), classes=("liver",), volumes=Volumes()
    )


def tiff_slide(here: Path, name: str = "slide.tiff") -> None:
    slide(here / name)


def tumour_run(here: Path) -> None:
    """A run on slides that has learnt nothing."""
    untrained_run(here / "run", channels=("tumour",), classes=("tumour",))


def many_slides(here: Path) -> None:
    """All kinds of slides that the page about them names."""
    panda(here)
    table = here / "PANDA" / "train.csv"
    table.write_text(re.sub(r"karolinska,.*", "karolinska,4,4+4", table.read_text()))
    gdc(here)
    slide(here / "slide.svs")
    for path in sorted((here / "GDC").rglob("*.svs")):
        copy = here / "scans" / path.parent.name / f"{path.stem}.ndpi"
        copy.parent.mkdir(parents=True)
        shutil.copy(path, copy)
    tumour_run(here)


def segmented(here: Path) -> None:
    """Studies of MR with DICOM Segmentations of liver and spleen among them."""
    for number in range(2):
        folder = here / "studies" / f"t1-{number}"
        series(folder, patient=f"p{number}", said="t1")
        masks = np.stack([(volume(True) == k).astype(np.uint8) * 255 for k in (1, 2)])
        made = here / "made" / str(number)
        Head(("liver", "spleen"), (0.5, 0.5), Provenance("r", "0" * 64, None, "0")).write(made)
        DensePrediction("seg", folder, masks).write(made)
        DicomSeg()(ExportSource.open(made), folder / "masks")


def chaos_predictions(here: Path) -> None:
    """A cohort of livers, and predictions of it."""
    from inklings.datasets.chaos import Chaos
    from inklings.datasets.importing import run
    from inklings.inference.predict import predict

    chaos(here)
    run(Chaos(here / "CHAOS", "mr-t1-inphase", ("liver",)), here / "cohorts" / "chaos", workers=1)
    grey_run(here, "runs/untrained")
    predict(here / "runs/untrained", [here / "cohorts/chaos"], here / "predictions/liver")


def liver_file(here: Path) -> None:
    """The experiment that the page about volumes shows."""
    (text,) = [b.text for b in blocks("docs/volumes.md") if b.language == "yaml"]
    (here / "liver.yaml").write_text(text)


def hippocampus_zip(here: Path) -> None:
    decathlon(here)
    zipped(here / "Task04_Hippocampus", here / "msd_hippocampus.zip")


def chest(here: Path) -> None:
    """A CT with a nodule, alone and as an archive of DICOM."""
    luna(here, "one")
    scan = sorted((here / "one").glob("subset*/*.mhd"))[0]
    (here / "CT").mkdir()
    for path in scan.parent.glob(f"{scan.stem}.*"):
        shutil.copy(path, here / "CT")
    shutil.copy(here / "one" / "annotations_with_malignancy.csv", here)
    with open_image(scan) as image:
        write_series(
            here / "lidc" / "LIDC-IDRI-0001",
            (image.read(image.geometry.full)[0] + 1024).astype(np.uint16),
            Geometry(image.geometry.shape, image.geometry.spacing, (0.0, 0.0, 0.0)),
            SeriesText("ct", "p", "CT", slope=1.0, intercept=-1024.0, bits=16),
        )
    zipped(here / "lidc", here / "lidc_idri_0001.zip")


def finds(here: Path) -> None:
    """The files of a real submission in small."""
    marks(here)
    for new, old in (
        ("dpn26bs32", "submission"),
        ("newannotations", "annotations"),
        ("newannotations_excluded", "annotations_excluded"),
        ("newseriesuids", "seriesuids"),
    ):
        shutil.copy(here / f"{old}.csv", here / f"{new}.csv")
    ids = [path.stem for path in (here / "one").glob("subset*/*.mhd")]  # the page draws the same
    rows = ["seriesuid,coordX,coordY,coordZ,probability", *(f"{one},0,0,0,0.5" for one in ids)]
    (here / "rival.csv").write_text("\n".join(rows))


def detector(here: Path) -> None:
    """A cohort of chests, and a detector of two steps."""
    from inklings.cohorts.split_files import split_cohort
    from inklings.cohorts.splits import SplitOptions
    from inklings.datasets.importing import run
    from inklings.datasets.luna16 import Luna16
    from inklings.spec import Experiment
    from inklings.tasks.train import train

    luna(here)
    run(Luna16(here / "luna"), here / "cohort", workers=1)
    split_cohort(here / "cohort", SplitOptions((0.5, 0.25, 0.25)))
    changes = ["cohort=cohort", "training.steps=2", "training.batch_size=2"]
    spec = Experiment.load("detector", changes)
    train(spec, here / "detector")


def several(*worlds: World) -> World:
    """One after the other."""

    def furnish(here: Path) -> None:
        for world in worlds:
            world(here)

    return furnish


def _save(path: Path, array: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
