"""Label images of OME-Zarr: levels, places and names, read by zarr and by ourselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inklings.exports.export import export
from inklings.exports.ome_zarr import write_labels
from inklings.inference.predict import predict
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head
from inklings.readers import open_image
from inklings.testing.runs import pictures, untrained_run

zarr = pytest.importorskip("zarr", reason="OME-Zarr: pip install inklings[zarr]")


@pytest.mark.parametrize("shape", [(1100, 1301), (1, 3000), (3, 1030, 700)])
def test_each_level_holds_the_number_at_the_place_that_it_says(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    labels = np.random.default_rng(0).integers(0, 5, shape, dtype=np.uint8)
    spacing, origin = (4.0, 0.5, 0.25)[-len(shape) :], (10.0, 20.0, 30.0)[: len(shape)]
    write_labels(tmp_path / "l.zarr", "l", labels, spacing, origin, ["a", "b", "c", "d"])
    group = zarr.open_group(str(tmp_path / "l.zarr"), mode="r")
    (scale,) = group.attrs["multiscales"]
    assert [one["name"] for one in scale["axes"]] == list("zyx"[-len(shape) :])
    assert len(scale["datasets"]) == {1301: 3, 3000: 4, 700: 3}[shape[-1]]
    for one in scale["datasets"]:
        level = group[one["path"]][:]
        assert level.size
        steps, first = (t[t["type"]] for t in one["coordinateTransformations"])
        points = np.stack(np.meshgrid(*map(np.arange, level.shape), indexing="ij"), -1)
        mm = points * steps + first
        index = np.rint((mm - np.array(origin)[::-1]) / spacing).astype(int)
        np.testing.assert_allclose(index * spacing + np.array(origin)[::-1], mm)
        np.testing.assert_array_equal(level, labels[tuple(np.moveaxis(index, -1, 0))])
    with open_image(tmp_path / "l.zarr") as image:
        assert image.geometry.spacing == pytest.approx(spacing)
        np.testing.assert_array_equal(image.read(image.geometry.full)[0], labels)


def test_predictions_of_an_image_in_ome_zarr_go_out_as_its_labels(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (3, 40, 52), dtype=np.uint8)
    group = zarr.open_group(str(tmp_path / "cells.zarr"), mode="w", zarr_format=2)
    group.create_array("0", shape=rgb.shape, dtype=rgb.dtype, chunks=rgb.shape)[:] = rgb
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": a, "type": "space", "unit": "micrometer"} for a in "yx"]
    steps = [{"type": "scale", "scale": [1.0, 0.5, 0.5]}]
    dataset = {"path": "0", "coordinateTransformations": steps}
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [dataset]}]
    run = untrained_run(tmp_path / "run", inference={"window": 64, "threshold": 0.5})
    predict(run, [tmp_path / "cells.zarr"], tmp_path / "p")
    (case,) = [file.stem for file in (tmp_path / "p" / "cases").glob("*.npz")]
    export(tmp_path / "p", "ome-zarr", tmp_path / "out")
    export(tmp_path / "p", "ome-zarr", tmp_path / "out")
    path = tmp_path / "out" / f"{case}.ome.zarr"
    assert sorted(p.name for p in (tmp_path / "out").glob("[!.]*")) == [path.name]
    said = dict(zarr.open_group(str(path), mode="r").attrs)
    assert said["multiscales"][0]["name"] == case  # and nothing of this machine
    assert said["image-label"]["properties"] == [{"label-value": 1, "class": "nucleus"}]
    mask = DensePrediction.read(tmp_path / "p", case).mask(Head.read(tmp_path / "p"), 0)
    with open_image(path) as image:
        assert image.geometry.spacing == pytest.approx((5e-4, 5e-4))
        np.testing.assert_array_equal(image.read(image.geometry.full)[0], mask)


def test_pictures_without_a_known_spacing_have_no_unit(tmp_path: Path) -> None:
    run = untrained_run(tmp_path / "run")
    predict(run, [pictures(tmp_path / "images", 1)], tmp_path / "p")
    export(tmp_path / "p", "ome-zarr", tmp_path / "out")
    group = zarr.open_group(str(tmp_path / "out" / "p000.ome.zarr"), mode="r")
    assert group.attrs["multiscales"][0]["axes"] == [
        {"name": "y", "type": "space"}, {"name": "x", "type": "space"},
    ]  # fmt: skip


def test_the_library_of_the_format_reads_every_level_name_and_place(tmp_path: Path) -> None:
    reader = pytest.importorskip("ome_zarr.reader", reason="pip install ome-zarr")
    location = pytest.importorskip("ome_zarr.io", reason="pip install ome-zarr")
    for number, shape in enumerate([(900, 701), (3, 600, 1020)]):
        labels = np.random.default_rng(number).integers(0, 3, shape, dtype=np.uint8)
        spacing, origin = (4.0, 0.5, 0.25)[-len(shape) :], (10.0, 20.0, 30.0)[: len(shape)]
        path = tmp_path / f"{number}.zarr"
        write_labels(path, "l", labels, spacing, origin, ["gland", "Gefäß"])
        (node,) = reader.Reader(location.parse_url(str(path)))()
        levels = [np.asarray(level) for level in node.data]
        np.testing.assert_array_equal(levels[0], labels)
        assert [axis["unit"] for axis in node.metadata["axes"]] == ["millimeter"] * len(shape)
        assert {k: v["class"] for k, v in node.metadata["properties"].items()} == {
            1: "gland", 2: "Gefäß"
        }  # fmt: skip
        assert {1, 2} <= set(node.metadata["color"])
        steps = node.metadata["coordinateTransformations"]
        assert len(levels) == len(steps) == 2
        scale, translation = (one[one["type"]] for one in steps[1])
        assert scale == pytest.approx([*spacing[:-2], *(2 * mm for mm in spacing[-2:])])
        corner = np.rint((np.array(translation) - origin[::-1]) / spacing).astype(int)
        assert levels[1].flat[0] == labels[tuple(corner)]
